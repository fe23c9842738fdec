// An open file descriptor of the process, closed when its owner dies. Any thread.
#pragma once

#include <utility>

namespace kith::io {

class Descriptor {
 public:
  /// Takes over `number`; none is open if that is negative.
  explicit Descriptor(int number) noexcept : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor();

  int number() const noexcept { return number_; }

 private:
  int number_;
};

}  // namespace kith::io
