#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/base/protobuf_reader.hpp>
#include <kith/base/varint.hpp>
#include <kith/net/security/noise_handshake.hpp>

namespace kith::net {
namespace {

constexpr std::string_view signature_prefix = "noise-libp2p-static-key:";

enum class PayloadField : protozero::pbf_tag_type {
  identity_key = 1,
  identity_sig = 2,
  extensions = 4
};
enum class ExtensionField : protozero::pbf_tag_type {
  webtransport_certhashes = 1,
  stream_muxers = 2,
};

template <class Field>
void append_field(Bytes& out, Field field, ByteView value) {
  out.push_back(static_cast<std::uint8_t>(static_cast<unsigned>(field) << 3 | 2));
  append_varint(out, value.size());
  append(out, value);
}

Bytes signed_text(const crypto::X25519Public& static_key) {
  Bytes text = to_bytes(signature_prefix);
  append(text, static_key);
  return text;
}

/// Goes through the fields of a message and shows `use` those that are bytes; false if the message
/// is malformed or `use` says so.
template <class Use>
bool for_each_field(ByteView encoded, Use use) {
  try {
    ProtobufReader reader(encoded);
    while (reader.next()) {
      if (reader.wire_type() != protozero::pbf_wire_type::length_delimited) {
        reader.skip();
        continue;
      }
      const auto tag = reader.tag();
      if (!use(tag, reader.get_bytes())) return false;
    }
  } catch (const protozero::exception&) {
    return false;
  }
  return true;
}

bool read_extensions(ByteView encoded, std::vector<std::string>& muxers) {
  std::size_t certhashes = 0;
  return for_each_field(encoded, [&](auto tag, ByteView value) {
    switch (static_cast<ExtensionField>(tag)) {
      case ExtensionField::webtransport_certhashes:
        return ++certhashes <= noise_certhashes_max;
      case ExtensionField::stream_muxers:
        muxers.emplace_back(as_text(value));
        return muxers.size() <= noise_muxers_max;
    }
    return true;
  });
}

}  // namespace

/// What the peer said, as it lies in its message.
struct NoiseHandshake::Payload {
  ByteView identity_key;
  ByteView identity_sig;
  std::vector<std::string> muxers;
};

Result<NoiseHandshake> NoiseHandshake::start(NoiseConfig config) {
  KITH_TRY(Bytes signature,
           config.identity.sign(signed_text(crypto::x25519_public(config.static_key))));
  NoiseHandshake handshake(std::move(config), std::move(signature));
  if (handshake.config_.initiator) KITH_CHECK(handshake.write_message(false));
  return handshake;
}

NoiseHandshake::NoiseHandshake(NoiseConfig config, Bytes signature)
    : config_(std::move(config)),
      signature_(std::move(signature)),
      noise_(config_.initiator, config_.static_key, config_.ephemeral_key) {}

Bytes NoiseHandshake::own_payload() const {
  Bytes payload;
  append_field(payload, PayloadField::identity_key, config_.identity.public_key().encoded());
  append_field(payload, PayloadField::identity_sig, signature_);
  if (!config_.muxers.empty()) {
    Bytes extensions;
    for (const std::string& muxer : config_.muxers)
      append_field(extensions, ExtensionField::stream_muxers, as_bytes(muxer));
    append_field(payload, PayloadField::extensions, extensions);
  }
  return payload;
}

Result<void> NoiseHandshake::write_message(bool with_identity) {
  Bytes message;
  KITH_CHECK(noise_.write(with_identity ? own_payload() : Bytes{}, message));
  ASSERT(message.size() <= noise_message_bytes_max);
  std::uint8_t length[noise_length_bytes];
  store_be(length, static_cast<std::uint16_t>(message.size()));
  append(output_, length);
  append(output_, message);
  return {};
}

Result<std::size_t> NoiseHandshake::feed(ByteView in) {
  std::size_t taken = 0;
  while (!finished() && taken < in.size()) {
    const bool has_length = held_.size() >= noise_length_bytes;
    const std::size_t whole =
        noise_length_bytes + (has_length ? load_be<std::uint16_t>(held_.data()) : 0);
    const std::size_t part = std::min(whole - held_.size(), in.size() - taken);
    append(held_, in.subspan(taken, part));
    taken += part;
    if (held_.size() < whole) break;
    const std::size_t length = load_be<std::uint16_t>(held_.data());
    if (length > noise_handshake_message_bytes_max) {
      return std::unexpected(NoiseError::message_too_long);
    }
    if (held_.size() < noise_length_bytes + length) continue;
    KITH_CHECK(read_message(ByteView(held_).subspan(noise_length_bytes)));
    held_.clear();
  }
  return taken;
}

Result<void> NoiseHandshake::read_message(ByteView message) {
  KITH_TRY(const Bytes payload, noise_.read(message));
  // The first message is in clear and says nothing.
  if (noise_.messages() == 1) return write_message(true);
  KITH_CHECK(accept_payload(payload));
  KITH_TRY(std::string muxer, choose_muxer());
  if (config_.initiator) KITH_CHECK(write_message(true));
  finish(std::move(muxer));
  return {};
}

Result<void> NoiseHandshake::accept_payload(ByteView encoded) {
  Payload payload;
  const bool well_formed = for_each_field(encoded, [&payload](auto tag, ByteView value) {
    switch (static_cast<PayloadField>(tag)) {
      case PayloadField::identity_key:
        payload.identity_key = value;
        return true;
      case PayloadField::identity_sig:
        payload.identity_sig = value;
        return true;
      case PayloadField::extensions:
        return read_extensions(value, payload.muxers);
    }
    return true;
  });
  if (!well_formed) return std::unexpected(NoiseError::bad_payload);
  if (payload.identity_key.empty() || payload.identity_sig.empty()) {
    return std::unexpected(NoiseError::missing_identity);
  }
  auto key = crypto::PublicKey::decode(payload.identity_key);
  if (!key) return std::unexpected(NoiseError::bad_identity_key);
  if (!key->verify(signed_text(noise_.remote_static()), payload.identity_sig)) {
    return std::unexpected(NoiseError::bad_signature);
  }
  const multiformats::PeerId peer = multiformats::PeerId::from_public_key(*key);
  if (config_.expected_peer && *config_.expected_peer != peer) {
    return std::unexpected(NoiseError::unexpected_peer);
  }
  remote_key_ = *std::move(key);
  remote_peer_ = peer;
  remote_muxers_ = std::move(payload.muxers);
  return {};
}

Result<std::string> NoiseHandshake::choose_muxer() const {
  if (config_.muxers.empty() || remote_muxers_.empty()) return std::string();
  const auto& wanted = config_.initiator ? config_.muxers : remote_muxers_;
  const auto& offered = config_.initiator ? remote_muxers_ : config_.muxers;
  for (const std::string& muxer : wanted) {
    if (std::ranges::find(offered, muxer) != offered.end()) return muxer;
  }
  return std::unexpected(NoiseError::no_common_muxer);
}

void NoiseHandshake::finish(std::string muxer) {
  outcome_.emplace(
      NoiseOutcome{*std::move(remote_key_), remote_peer_, std::move(muxer), noise_.split()});
}

NoiseOutcome NoiseHandshake::take_outcome() {
  ASSERT(finished());
  return *std::move(outcome_);
}

}  // namespace kith::net
