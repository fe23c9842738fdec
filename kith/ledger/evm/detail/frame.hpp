// A message that is being run: its memory, where its stack begins, and where it goes on when it
// runs again.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include <kith/base/assert.hpp>
#include <kith/ledger/evm/machine.hpp>

namespace kith::ledger::detail {

inline constexpr std::size_t stack_items_max = 1024;
inline constexpr std::size_t call_depth_max = 1024;
/// What a frame's memory may keep for the next one at its depth.
inline constexpr std::size_t memory_kept_bytes_max = 1 << 16;
/// Memory beyond costs more gas than there can be: 2^32 bytes take more than 2^45.
inline constexpr std::uint64_t memory_bytes_max = 0xffff'ffff;

/// Bytes that grow by words and are zero at first.
class Memory {
 public:
  Memory() = default;
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() { std::free(bytes_); }

  std::size_t size() const noexcept { return size_; }
  std::uint8_t* data() noexcept { return bytes_; }
  const std::uint8_t* data() const noexcept { return bytes_; }

  void grow(std::size_t size) {
    if (size > capacity_) {
      capacity_ = std::max({size, 2 * capacity_, std::size_t{4096}});
      bytes_ = static_cast<std::uint8_t*>(std::realloc(bytes_, capacity_));
      ASSERT(bytes_ != nullptr);
    }
    std::memset(bytes_ + size_, 0, size - size_);
    size_ = size;
  }

  void clear() noexcept {
    size_ = 0;
    if (capacity_ <= memory_kept_bytes_max) return;
    std::free(bytes_);
    bytes_ = nullptr;
    capacity_ = 0;
  }

 private:
  std::uint8_t* bytes_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

struct Frame {
  Message message;
  World::Checkpoint checkpoint{};
  World::Account* self = nullptr;
  CodePointer code;
  Memory memory;
  ByteView return_data;          ///< of the last call: in that frame's memory, or of a precompile
  bool awaits_creation = false;  ///< rather than a call
  // Where what the called one returns goes.
  std::uint64_t output_at = 0;
  std::uint64_t output_bytes = 0;
  // While it doesn't run.
  U256* bottom = nullptr;  ///< of the stack: the item before the first
  U256* top = nullptr;
  const std::uint8_t* next = nullptr;
  std::int64_t gas = 0;
  // What it returns, in its memory.
  std::uint64_t result_at = 0;
  std::uint64_t result_bytes = 0;

  ByteView result() const noexcept { return {memory.data() + result_at, result_bytes}; }
};

/// What a running frame changes with each instruction, kept in the processor's registers.
struct Registers {
  U256* top;                 ///< the item at the top
  const std::uint8_t* next;  ///< the instruction that runs
  std::int64_t gas;
};

}  // namespace kith::ledger::detail
