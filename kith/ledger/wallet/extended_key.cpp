#include <algorithm>
#include <charconv>

#include <kith/base/assert.hpp>
#include <kith/crypto/hash.hpp>
#include <kith/crypto/hkdf.hpp>
#include <kith/ledger/wallet/extended_key.hpp>
#include <kith/multiformats/multibase.hpp>

namespace kith::ledger {
namespace {

using crypto::SecretArray;
using multiformats::Base;

constexpr std::size_t body_bytes = 78;
constexpr std::size_t checksum_bytes = 4;
constexpr std::size_t text_bytes_max = 112;
constexpr std::size_t depth_at = 4;
constexpr std::size_t parent_at = 5;
constexpr std::size_t number_at = 9;
constexpr std::size_t chain_code_at = 13;
constexpr std::size_t key_at = 45;
constexpr std::uint8_t depth_max = 255;

struct Version {
  std::uint32_t number;
  bool is_private;
  bool is_testnet;
};
constexpr std::array versions{Version{0x0488ADE4, true, false}, Version{0x0488B21E, false, false},
                              Version{0x04358394, true, true}, Version{0x043587CF, false, true}};

using Body = SecretArray<body_bytes>;

std::array<std::uint8_t, checksum_bytes> checksum_of(ByteView body) {
  const auto twice = crypto::sha256(crypto::sha256(body));
  std::array<std::uint8_t, checksum_bytes> checksum;
  std::copy_n(twice.begin(), checksum_bytes, checksum.begin());
  return checksum;
}

std::string text_of(const Body& body) {
  SecretArray<body_bytes + checksum_bytes> whole;
  std::ranges::copy(body.view(), whole.data());
  std::ranges::copy(checksum_of(body), whole.data() + body_bytes);
  return multiformats::base_encode(Base::base58btc, whole).value();
}

/// The two halves of an HMAC that keys are made of.
struct Halves {
  explicit Halves(ByteView key, ByteView data) {
    crypto::Sha512Digest code = crypto::hmac_sha512(key, data);
    std::copy_n(code.begin(), 32, left.data());
    std::copy_n(code.begin() + 32, 32, right.data());
    crypto::wipe(code);
  }

  SecretArray<32> left;
  SecretArray<32> right;
};

}  // namespace

Result<KeyPath> KeyPath::parse(std::string_view text) {
  if (text != "m" && !text.starts_with("m/")) return std::unexpected(WalletError::bad_path);
  KeyPath path;
  text.remove_prefix(1);
  while (!text.empty()) {
    text.remove_prefix(1);
    std::string_view step = text.substr(0, text.find('/'));
    text.remove_prefix(step.size());
    const bool is_hardened = step.ends_with('\'') || step.ends_with('h') || step.ends_with('H');
    if (is_hardened) step.remove_suffix(1);
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), number);
    if (step.empty() || error != std::errc() || end != step.data() + step.size() ||
        number >= hardened || path.steps.size() == steps_max) {
      return std::unexpected(WalletError::bad_path);
    }
    path.steps.push_back(is_hardened ? number | hardened : number);
  }
  return path;
}

std::string KeyPath::to_string() const {
  std::string text = "m";
  for (const std::uint32_t step : steps) {
    text += '/' + std::to_string(step & ~hardened);
    if ((step & hardened) != 0) text += '\'';
  }
  return text;
}

Result<ExtendedKey> ExtendedKey::master(ByteView seed) {
  if (seed.size() < 16 || seed.size() > 64) return std::unexpected(Errc::invalid_argument);
  const Halves halves(as_bytes("Bitcoin seed"), seed);
  const auto point = crypto::secp256k1_public_point(halves.left);
  if (!point) return std::unexpected(WalletError::bad_key);
  ExtendedKey key;
  key.secret_ = halves.left;
  key.point_ = *point;
  key.chain_code_ = halves.right;
  return key;
}

Result<ExtendedKey> ExtendedKey::parse(std::string_view text) {
  const auto bad = std::unexpected(WalletError::bad_extended_key);
  if (text.size() > text_bytes_max) return bad;
  auto decoded = multiformats::base_decode(Base::base58btc, text);
  if (!decoded) return bad;
  const crypto::Secret whole(*std::move(decoded));
  if (whole.size() != body_bytes + checksum_bytes) return bad;
  const ByteView body = whole.view().first(body_bytes);
  if (!equal(checksum_of(body), whole.view().subspan(body_bytes))) return bad;
  const auto version =
      std::ranges::find(versions, load_be<std::uint32_t>(body.data()), &Version::number);
  if (version == versions.end()) return bad;
  ExtendedKey key;
  key.is_testnet_ = version->is_testnet;
  key.depth_ = body[depth_at];
  std::copy_n(body.begin() + parent_at, key.parent_.size(), key.parent_.begin());
  key.number_ = load_be<std::uint32_t>(body.data() + number_at);
  key.chain_code_ = SecretArray<32>(body.subspan<chain_code_at, 32>());
  if (key.depth_ == 0 && (key.number_ != 0 || key.parent_ != decltype(key.parent_){})) return bad;
  std::optional<crypto::Secp256k1Point> point;
  if (version->is_private) {
    if (body[key_at] != 0) return bad;
    key.secret_.emplace(body.subspan<key_at + 1, 32>());
    point = crypto::secp256k1_public_point(*key.secret_);
  } else {
    crypto::Secp256k1Compressed form;
    std::copy_n(body.begin() + key_at, form.size(), form.begin());
    point = crypto::secp256k1_decompress(form);
  }
  if (!point) return bad;
  key.point_ = *point;
  return key;
}

namespace {

struct Fields {
  std::uint8_t depth;
  const std::array<std::uint8_t, 4>& parent;
  std::uint32_t number;
  const SecretArray<32>& chain_code;
};

std::string serialised(const Fields& fields, bool is_private, bool is_testnet, ByteView key) {
  Body body;
  const auto version = std::ranges::find_if(versions, [&](const Version& one) {
    return one.is_private == is_private && one.is_testnet == is_testnet;
  });
  store_be(body.data(), version->number);
  body.data()[depth_at] = fields.depth;
  std::ranges::copy(fields.parent, body.data() + parent_at);
  store_be(body.data() + number_at, fields.number);
  std::ranges::copy(fields.chain_code.view(), body.data() + chain_code_at);
  // A secret takes 32 bytes of 33, after a zero.
  std::ranges::copy(key, body.data() + body_bytes - key.size());
  return text_of(body);
}

}  // namespace

std::optional<crypto::Secret> ExtendedKey::private_text() const {
  if (!secret_) return std::nullopt;
  std::string text =
      serialised({depth_, parent_, number_, chain_code_}, true, is_testnet_, *secret_);
  crypto::Secret copy(as_bytes(text));
  crypto::wipe(text);
  return copy;
}

std::string ExtendedKey::public_text() const {
  return serialised({depth_, parent_, number_, chain_code_}, false, is_testnet_,
                    crypto::secp256k1_compress(point_));
}

Result<ExtendedKey> ExtendedKey::child(std::uint32_t number) const {
  if (depth_ == depth_max) return std::unexpected(Errc::limit_exceeded);
  const bool is_hardened = (number & KeyPath::hardened) != 0;
  if (is_hardened && !secret_) return std::unexpected(WalletError::no_such_child);
  const crypto::Secp256k1Compressed form = crypto::secp256k1_compress(point_);
  SecretArray<37> data;
  if (is_hardened) {
    std::ranges::copy(secret_->view(), data.data() + 1);
  } else {
    std::ranges::copy(form, data.data());
  }
  store_be(data.data() + form.size(), number);
  const Halves halves(chain_code_, data);
  ExtendedKey made;
  std::optional<crypto::Secp256k1Point> point;
  if (secret_) {
    made.secret_ = crypto::secp256k1_add(*secret_, halves.left.view());
    if (made.secret_) point = crypto::secp256k1_public_point(*made.secret_);
  } else {
    point = crypto::secp256k1_add(point_, halves.left.view());
  }
  if (!point) return std::unexpected(WalletError::no_such_child);
  made.point_ = *point;
  made.chain_code_ = halves.right;
  const auto fingerprint = crypto::ripemd160(crypto::sha256(form));
  std::copy_n(fingerprint.begin(), made.parent_.size(), made.parent_.begin());
  made.number_ = number;
  made.depth_ = static_cast<std::uint8_t>(depth_ + 1);
  made.is_testnet_ = is_testnet_;
  return made;
}

Result<ExtendedKey> ExtendedKey::derive(const KeyPath& path) const {
  ExtendedKey key = *this;
  for (const std::uint32_t step : path.steps) {
    KITH_TRY(key, key.child(step));
  }
  return key;
}

ExtendedKey ExtendedKey::neutered() const {
  ExtendedKey key = *this;
  key.secret_.reset();
  return key;
}

const SecretArray<32>& ExtendedKey::secret() const {
  ASSERT(secret_.has_value());
  return *secret_;
}

Address ExtendedKey::address() const noexcept {
  return Address::from_word(keccak256(point_).to_word());
}

}  // namespace kith::ledger
