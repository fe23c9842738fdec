#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/base/protobuf_reader.hpp>
#include <kith/net/security/noise_handshake.hpp>
#include <kith/net/security/noise_transport.hpp>

namespace kith::fuzz {
namespace {

using namespace net;

}  // namespace

Kinds kinds_noise_handshake{"first message", "second message", "third message", "rsa",
                            "ed25519",       "ecdsa",          "secp256k1",     "muxers agreed",
                            "muxers left",   "refused",        "certhashes"};

namespace {

/// Whether a payload that was accepted has extensions, and in them hashes of certificates (field
/// 1).
bool has_certhashes(ByteView payload) {
  constexpr auto bytes = protozero::pbf_wire_type::length_delimited;
  ProtobufReader reader(payload);
  while (reader.next(4, bytes)) {
    ProtobufReader extensions = reader.get_message();
    if (extensions.next(1, bytes)) return true;
  }
  return false;
}

void tell(NoiseHandshake& machine) {
  const NoiseOutcome outcome = machine.take_outcome();
  kinds_noise_handshake.reached(to_string(outcome.remote_key.type()));
  kinds_noise_handshake.reached(outcome.muxer.empty() ? "muxers left" : "muxers agreed");
}

NoiseConfig config_of(bool initiator) {
  std::array<std::uint8_t, 32> seed{};
  seed.fill(initiator ? 1 : 2);
  NoiseConfig config{.initiator = initiator,
                     .identity = crypto::PrivateKey::from_ed25519_seed(seed)};
  config.static_key = crypto::X25519Secret(seed);
  seed.fill(initiator ? 3 : 4);
  config.ephemeral_key = crypto::X25519Secret(seed);
  config.muxers = {"/yamux/1.0.0"};
  return config;
}

/// The payload of the second message is `payload`, correctly encrypted: so the fuzzer gets behind
/// the cryptography.
void initiator_reads_payload(ByteView payload) {
  if (payload.size() > 60'000) return;
  auto near = NoiseHandshake::start(config_of(true)).value();
  const NoiseConfig config = config_of(false);
  NoiseXX far(false, config.static_key, config.ephemeral_key);
  const Bytes first = near.take_output();
  ASSERT(far.read(ByteView(first).subspan(noise_length_bytes)).has_value());
  Bytes message;
  ASSERT(far.write(payload, message).has_value());
  Bytes framed(noise_length_bytes);
  store_be(framed.data(), static_cast<std::uint16_t>(message.size()));
  append(framed, message);
  auto taken = near.feed(framed);
  ASSERT(taken.has_value() == near.finished());
  kinds_noise_handshake.reached_if(!taken, "refused");
  if (!taken) return;
  tell(near);
  kinds_noise_handshake.reached_if(has_certhashes(payload), "certhashes");
}

void reads_bytes(bool initiator, ByteView input, std::size_t step) {
  auto machine = NoiseHandshake::start(config_of(initiator)).value();
  while (!input.empty() && !machine.finished()) {
    auto taken = machine.feed(input.first(std::min(step, input.size())));
    if (!taken) return;
    input = input.subspan(*taken);
    kinds_noise_handshake.reached_if(!machine.take_output().empty() && !initiator, "first message");
  }
  if (!machine.finished()) return;
  kinds_noise_handshake.reached(initiator ? "second message" : "third message");
  tell(machine);
}

}  // namespace

// The first byte says who reads the rest: a payload behind the encryption, or either side its wire.
void fuzz_noise_handshake(ByteView input) {
  if (input.empty()) return;
  const std::uint8_t mode = input.front();
  input = input.subspan(1);
  switch (mode % 4) {
    case 0:
    case 1:
      return initiator_reads_payload(input);
    case 2:
      return reads_bytes(true, input, mode / 4 + 1U);
    case 3:
      return reads_bytes(false, input, mode / 4 + 1U);
  }
}

}  // namespace kith::fuzz
