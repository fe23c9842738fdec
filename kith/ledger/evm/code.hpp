// A contract's code, ready to be run: its bytes, and where a jump may land. Thread: any; nothing
// about it changes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include <kith/base/bytes.hpp>
#include <kith/ledger/primitives/types.hpp>

namespace kith::ledger {

class Code {
 public:
  /// Takes time in proportion to the code: to be kept by its hash.
  explicit Code(ByteView bytes);

  ByteView bytes() const noexcept { return ByteView(padded_).first(size_); }
  std::size_t size() const noexcept { return size_; }

  /// The first byte; behind the last one are zeros (STOP), enough for the operand of any PUSH.
  const std::uint8_t* begin() const noexcept { return padded_.data(); }

  /// A JUMPDEST that isn't part of a PUSH's operand (Yellow Paper, 9.4.3).
  bool is_jump_destination(std::uint64_t at) const noexcept {
    return at < size_ && ((destinations_[at / 64] >> (at % 64)) & 1) != 0;
  }

  /// Whose code runs in this one's place: it is 0xef0100 and an address (EIP-7702).
  std::optional<Address> delegate() const noexcept;

  /// What delegates to that address.
  static Bytes delegating_to(const Address& address);

 private:
  Bytes padded_;
  std::size_t size_;
  std::vector<std::uint64_t> destinations_;
};

using CodePointer = std::shared_ptr<const Code>;

}  // namespace kith::ledger
