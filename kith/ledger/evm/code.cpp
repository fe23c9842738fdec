#include <array>

#include <kith/ledger/evm/code.hpp>

namespace kith::ledger {
namespace {

constexpr std::size_t padding_bytes = 33;
constexpr std::uint8_t jump_destination = 0x5b;
constexpr std::uint8_t first_push = 0x60;
constexpr std::uint8_t last_push = 0x7f;
constexpr std::array<std::uint8_t, 3> delegation{0xef, 0x01, 0x00};

}  // namespace

Code::Code(ByteView bytes) : size_(bytes.size()), destinations_((bytes.size() + 63) / 64) {
  padded_.reserve(size_ + padding_bytes);
  append(padded_, bytes);
  padded_.resize(size_ + padding_bytes);
  for (std::size_t at = 0; at < size_; ++at) {
    const std::uint8_t opcode = padded_[at];
    if (opcode == jump_destination) {
      destinations_[at / 64] |= 1ULL << (at % 64);
    } else if (opcode >= first_push && opcode <= last_push) {
      at += opcode - first_push + 1U;
    }
  }
}

std::optional<Address> Code::delegate() const noexcept {
  if (size_ != delegation.size() + Address::size) return std::nullopt;
  if (!equal(bytes().first(delegation.size()), delegation)) return std::nullopt;
  return Address::from_bytes(bytes().subspan(delegation.size()));
}

Bytes Code::delegating_to(const Address& address) {
  Bytes bytes = to_bytes(delegation);
  append(bytes, address.view());
  return bytes;
}

}  // namespace kith::ledger
