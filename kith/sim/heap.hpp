// heap: how much memory each simulated node holds, to the byte, where the program counts it.
//
// A program that wants to know brings a counting malloc (tests/sim/counting_malloc.cpp), which says
// allocated() and freed() for every piece and keeps in it whose it is: the node whose code ran when
// it was taken, whoever gives it back. The world sets that owner around a node's handlers and its
// workers' jobs; what it does itself (the wires, the disks' contents, the clock) belongs to nobody,
// 0, and so does what tests take. Counting changes nothing that a simulation can see. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace kith::sim::heap {

/// A node's number, as in net.hpp; 0 is nobody.
using Owner = std::uint16_t;
/// Nodes of larger numbers aren't counted.
inline constexpr std::size_t owners_max = 4096;

inline constinit thread_local Owner owner = 0;

class Scope {
 public:
  explicit Scope(std::uint32_t node) noexcept
      : before_(std::exchange(owner, static_cast<Owner>(node < owners_max ? node : 0))) {}
  ~Scope() { owner = before_; }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  Owner before_;
};

struct Use {
  std::uint64_t bytes = 0;
  std::uint64_t bytes_max = 0;  ///< ever, since begin()
};

/// Zeros if the program doesn't count.
Use use_of(std::uint32_t node) noexcept;
bool counted() noexcept;
/// A new world: what was taken before belongs to nobody any more.
void begin() noexcept;

// For the counting malloc.

struct Mark {
  Owner owner = 0;
  std::uint16_t world = 0;
};
Mark allocated(std::size_t bytes) noexcept;
void freed(Mark mark, std::size_t bytes) noexcept;

}  // namespace kith::sim::heap
