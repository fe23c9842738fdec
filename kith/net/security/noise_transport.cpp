#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/net/security/noise_transport.hpp>

namespace kith::net {
namespace {

// The last one is kept for rekeying (Noise, section 11.3).
constexpr std::uint64_t nonce_end = UINT64_MAX;

}  // namespace

Result<void> NoiseSealer::add(ByteView plain) {
  if (out_.capacity() == 0) out_.reserve(last_batch_bytes_);
  while (!plain.empty()) {
    if (open_ == npos) {
      open_ = out_.size();
      out_.resize(out_.size() + noise_length_bytes);
    }
    const std::size_t held = out_.size() - open_ - noise_length_bytes;
    const std::size_t part = std::min(plain.size(), noise_plaintext_bytes_max - held);
    append(out_, plain.first(part));
    plain = plain.subspan(part);
    if (held + part == noise_plaintext_bytes_max) KITH_CHECK(seal_open_message());
  }
  return {};
}

Result<void> NoiseSealer::seal_open_message() {
  if (nonce_ == nonce_end) return std::unexpected(NoiseError::nonces_exhausted);
  const std::size_t plain_bytes = out_.size() - open_ - noise_length_bytes;
  out_.resize(out_.size() + crypto::aead_tag_bytes);
  const MutableBytes message = MutableBytes(out_).subspan(open_);
  store_be(message.data(), static_cast<std::uint16_t>(plain_bytes + crypto::aead_tag_bytes));
  sealer_.seal(noise_nonce(nonce_++), {}, message.subspan(noise_length_bytes, plain_bytes),
               message.last<crypto::aead_tag_bytes>());
  open_ = npos;
  return {};
}

Result<Bytes> NoiseSealer::take() {
  if (open_ != npos) KITH_CHECK(seal_open_message());
  last_batch_bytes_ = out_.size();
  return std::exchange(out_, {});
}

std::size_t NoiseOpener::message_bytes(ByteView in) noexcept {
  if (in.size() < noise_length_bytes) return 0;
  return noise_length_bytes + load_be<std::uint16_t>(in.data());
}

Result<MutableBytes> NoiseOpener::open(MutableBytes message) {
  ASSERT(message.size() == message_bytes(message));
  if (nonce_ == nonce_end) return std::unexpected(NoiseError::nonces_exhausted);
  const MutableBytes sealed = message.subspan(noise_length_bytes);
  if (sealed.size() < crypto::aead_tag_bytes) {
    return std::unexpected(NoiseError::message_too_short);
  }
  const MutableBytes plain = sealed.first(sealed.size() - crypto::aead_tag_bytes);
  if (!opener_.open(noise_nonce(nonce_++), {}, plain, sealed.last<crypto::aead_tag_bytes>())) {
    return std::unexpected(NoiseError::decryption_failed);
  }
  return plain;
}

}  // namespace kith::net
