#include <kith/ledger/wallet/signing.hpp>

namespace kith::ledger {
namespace {

constexpr std::uint8_t v_base = 27;
constexpr std::size_t compact_bytes = 64;

}  // namespace

Hash personal_message_hash(ByteView message) {
  Bytes text = to_bytes(
      "\x19"
      "Ethereum Signed Message:\n" +
      std::to_string(message.size()));
  append(text, message);
  return keccak256(text);
}

std::string signature_text(const Signature& signature) {
  Bytes bytes = to_bytes(signature.r.to_be());
  append(bytes, signature.s.to_be());
  bytes.push_back(static_cast<std::uint8_t>(v_base + (signature.is_odd ? 1 : 0)));
  return "0x" + kith::to_hex(bytes);
}

Result<Signature> parse_signature(std::string_view text) {
  const auto bad = std::unexpected(WalletError::bad_signature_text);
  if (text.starts_with("0x")) text.remove_prefix(2);
  if (text.size() > 2 * (compact_bytes + 1)) return bad;
  const auto bytes = from_hex(text);
  if (!bytes || bytes->size() < compact_bytes) return bad;
  Signature read{U256::from_be(bytes->data()), U256::from_be(bytes->data() + 32), false};
  if (bytes->size() == compact_bytes) {
    read.is_odd = read.s.bit(255);
    read.s = read.s & ~U256::power_of_two(255);
    return read;
  }
  const std::uint8_t v = bytes->back();
  if (v != 0 && v != 1 && v != v_base && v != v_base + 1) return bad;
  read.is_odd = v == 1 || v == v_base + 1;
  return read;
}

std::optional<Address> strict_signer_of(const Hash& hash, const Signature& signature) {
  if (!signature.is_low()) return std::nullopt;
  return signer_of(hash, signature);
}

}  // namespace kith::ledger
