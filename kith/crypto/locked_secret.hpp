// LockedSecret: a secret that is kept for long. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <kith/base/bytes.hpp>

namespace kith::crypto {

/// Bytes in pages of their own which aren't swapped out and aren't in core dumps, between pages
/// that can't be touched; wiped in the end. Where the system's limit of such memory
/// (RLIMIT_MEMLOCK) is used up, they may be swapped out as any others. Costs four pages.
class LockedSecret {
 public:
  /// A copy of the bytes. Ends the process if there is no memory.
  explicit LockedSecret(ByteView bytes);

  std::size_t size() const noexcept { return size_; }
  ByteView view() const noexcept { return {bytes_.get(), size_}; }
  operator ByteView() const noexcept { return view(); }

 private:
  struct Free {
    void operator()(std::uint8_t* bytes) const noexcept;
  };
  std::unique_ptr<std::uint8_t, Free> bytes_;
  std::size_t size_;
};

}  // namespace kith::crypto
