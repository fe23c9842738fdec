#include <array>

#include <kith/base/varint.hpp>
#include <kith/crypto/detail/key_state.hpp>
#include <kith/crypto/keys.hpp>

namespace kith::crypto {
namespace {

constexpr std::uint8_t type_tag = 0x08;  // field 1, varint
constexpr std::uint8_t data_tag = 0x12;  // field 2, bytes

constexpr std::array<std::string_view, 4> type_names = {"rsa", "ed25519", "secp256k1", "ecdsa"};

/// The bytes before Data in the protobuf.
struct Header {
  std::array<std::uint8_t, 3 + varint_bytes_max> bytes;
  std::size_t size;
};

Header header_of(KeyType type, std::size_t data_size) noexcept {
  Header header{{type_tag, static_cast<std::uint8_t>(type), data_tag}, 3};
  header.size += write_varint(header.bytes.data() + header.size, data_size);
  return header;
}

struct Fields {
  KeyType type;
  ByteView data;
};

/// The two fields of PublicKey and PrivateKey, which are encoded alike. Only the one form that the
/// specification allows passes, so a decoded key encodes to the same bytes.
Result<Fields> decode_fields(ByteView in) {
  if (in.empty() || in[0] != type_tag) return std::unexpected(CryptoError::bad_encoding);
  in = in.subspan(1);
  auto type = take_varint(in);
  if (!type) return std::unexpected(CryptoError::bad_encoding);
  if (in.empty() || in[0] != data_tag) return std::unexpected(CryptoError::bad_encoding);
  in = in.subspan(1);
  auto size = take_varint(in);
  if (!size || *size != in.size()) return std::unexpected(CryptoError::bad_encoding);
  if (*type >= type_names.size()) return std::unexpected(CryptoError::unsupported_key);
  return Fields{static_cast<KeyType>(*type), in};
}

}  // namespace

namespace detail {

PublicKeyState::PublicKeyState(KeyType type, ByteView data) : type_(type) {
  const Header header = header_of(type, data.size());
  data_offset_ = header.size;
  encoded_.reserve(header.size + data.size());
  append(encoded_, ByteView(header.bytes).first(header.size));
  append(encoded_, data);
}

PrivateKeyState::PrivateKeyState(PublicState public_state, ByteView data)
    : public_key_(std::move(public_state)) {
  const Header header = header_of(public_key_.type(), data.size());
  data_offset_ = header.size;
  encoded_ = Secret(header.size + data.size());
  std::copy_n(header.bytes.data(), header.size, encoded_.mutable_bytes().data());
  std::ranges::copy(data, encoded_.mutable_bytes().data() + header.size);
}

}  // namespace detail

std::string_view to_string(KeyType type) noexcept {
  return type_names[static_cast<std::size_t>(type)];
}

std::optional<KeyType> key_type_from(std::string_view name) noexcept {
  for (std::size_t i = 0; i < type_names.size(); ++i) {
    if (type_names[i] == name) return static_cast<KeyType>(i);
  }
  return std::nullopt;
}

Result<PublicKey> PublicKey::decode(ByteView encoded) {
  if (encoded.size() > public_key_bytes_max) return std::unexpected(CryptoError::key_too_long);
  KITH_TRY(const Fields fields, decode_fields(encoded));
  return from_data(fields.type, fields.data);
}

Result<PublicKey> PublicKey::from_data(KeyType type, ByteView data) {
  if (data.size() > public_key_bytes_max) return std::unexpected(CryptoError::key_too_long);
  Result<detail::PublicState> state = std::unexpected(CryptoError::unsupported_key);
  switch (type) {
    case KeyType::rsa:
      state = detail::rsa_public(data);
      break;
    case KeyType::ed25519:
      state = detail::ed25519_public(data);
      break;
    case KeyType::secp256k1:
      state = detail::secp256k1_public(data);
      break;
    case KeyType::ecdsa:
      state = detail::ecdsa_public(data);
      break;
  }
  if (!state) return std::unexpected(std::move(state).error());
  return PublicKey(*std::move(state));
}

KeyType PublicKey::type() const noexcept {
  return state_->type();
}
ByteView PublicKey::encoded() const& noexcept {
  return state_->encoded();
}
ByteView PublicKey::data() const& noexcept {
  return state_->data();
}
bool PublicKey::verify(ByteView message, ByteView signature) const noexcept {
  return signature.size() <= signature_bytes_max && state_->verify(message, signature);
}

Result<PrivateKey> PrivateKey::generate(KeyType type, const RandomFill& random) {
  Result<detail::PrivateState> state = std::unexpected(CryptoError::unsupported_key);
  switch (type) {
    case KeyType::rsa:
      state = detail::rsa_generate(rsa_bits_default);
      break;
    case KeyType::ed25519: {
      SecretArray<32> seed;
      random(seed.mutable_bytes());
      state = detail::ed25519_from_seed(seed.view());
      break;
    }
    case KeyType::secp256k1:
      state = detail::secp256k1_generate(random);
      break;
    case KeyType::ecdsa:
      state = detail::ecdsa_generate(random);
      break;
  }
  if (!state) return std::unexpected(std::move(state).error());
  return PrivateKey(*std::move(state));
}

Result<PrivateKey> PrivateKey::generate_rsa(std::size_t bits) {
  KITH_TRY(auto state, detail::rsa_generate(bits));
  return PrivateKey(std::move(state));
}

PrivateKey PrivateKey::from_ed25519_seed(std::span<const std::uint8_t, 32> seed) {
  return PrivateKey(detail::ed25519_from_seed(seed));
}

Result<PrivateKey> PrivateKey::decode(ByteView encoded) {
  if (encoded.size() > private_key_bytes_max) return std::unexpected(CryptoError::key_too_long);
  KITH_TRY(const Fields fields, decode_fields(encoded));
  return from_data(fields.type, fields.data);
}

Result<PrivateKey> PrivateKey::from_data(KeyType type, ByteView data) {
  if (data.size() > private_key_bytes_max) return std::unexpected(CryptoError::key_too_long);
  Result<detail::PrivateState> state = std::unexpected(CryptoError::unsupported_key);
  switch (type) {
    case KeyType::rsa:
      state = detail::rsa_private(data);
      break;
    case KeyType::ed25519:
      state = detail::ed25519_private(data);
      break;
    case KeyType::secp256k1:
      state = detail::secp256k1_private(data);
      break;
    case KeyType::ecdsa:
      state = detail::ecdsa_private(data);
      break;
  }
  if (!state) return std::unexpected(std::move(state).error());
  return PrivateKey(*std::move(state));
}

const PublicKey& PrivateKey::public_key() const noexcept {
  return state_->public_key();
}
ByteView PrivateKey::encoded() const& noexcept {
  return state_->encoded();
}
ByteView PrivateKey::data() const& noexcept {
  return state_->data();
}
Result<Bytes> PrivateKey::sign(ByteView message) const {
  return state_->sign(message);
}

}  // namespace kith::crypto
