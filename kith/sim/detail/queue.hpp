// Queue<T>: first in, first out, in one ring of memory that is not there while the queue has never
// held anything. (std::deque takes 600 bytes when empty, which thousands of pipes would feel.)
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include <kith/base/assert.hpp>

namespace kith::sim {

template <class T>
class Queue {
 public:
  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }

  T& front() noexcept { return (*this)[0]; }
  T& back() noexcept { return (*this)[size_ - 1]; }
  T& operator[](std::size_t index) noexcept {
    ASSERT(index < size_);
    return ring_[(first_ + index) & (ring_.size() - 1)];
  }

  void push(T value) {
    if (size_ == ring_.size()) grow();
    ring_[(first_ + size_) & (ring_.size() - 1)] = std::move(value);
    ++size_;
  }

  T pop() {
    T value = std::exchange(front(), T());
    first_ = (first_ + 1) & (ring_.size() - 1);
    --size_;
    return value;
  }

  void pop_back() {
    back() = T();
    --size_;
  }

  void clear() {
    while (!empty())
      pop();
  }

 private:
  void grow() {
    std::vector<T> larger(ring_.empty() ? 4 : 2 * ring_.size());
    for (std::size_t i = 0; i < size_; ++i)
      larger[i] = std::move((*this)[i]);
    ring_ = std::move(larger);
    first_ = 0;
  }

  std::vector<T> ring_;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace kith::sim
