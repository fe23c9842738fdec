// libp2p's Noise handshake: Noise XX with payloads that prove who the peers are.
// Specification: libp2p/specs noise/README.md; extensions:
// connections/inlined-muxer-negotiation.md.
//
//   frame     2 bytes length, big-endian, then a Noise message (noise_xx.hpp)
//   payload   of the 2nd and 3rd message, protobuf: 1 identity key   2 signature   4 extensions
//             extensions: 1 webtransport certhashes (skipped)   2 stream muxers, best first
//
// The signature is the identity key's over "noise-libp2p-static-key:" and the Noise static key. The
// muxer is the first of the initiator's list that the responder lists too; if one side lists none,
// it is negotiated afterwards. If both list some and have none in common the handshake fails.
//
// Pure state machine: feed() takes the bytes of the handshake and leaves what follows it;
// take_output() gives what is to be sent. After an error it is of no more use. Thread: any.
// Limits: limits.hpp. Errors: NoiseError.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/crypto/keys.hpp>
#include <kith/multiformats/peer_id.hpp>
#include <kith/net/security/limits.hpp>
#include <kith/net/security/noise_xx.hpp>

namespace kith::net {

inline constexpr std::string_view noise_protocol = "/noise";

struct NoiseConfig {
  bool initiator = false;
  crypto::PrivateKey identity;
  /// Fresh randomness, both.
  crypto::X25519Secret static_key;
  crypto::X25519Secret ephemeral_key;
  /// Any other peer is refused.
  std::optional<multiformats::PeerId> expected_peer;
  /// Ours, best first; empty to leave them to multistream-select.
  std::vector<std::string> muxers;
};

/// What a finished handshake leaves.
struct NoiseOutcome {
  crypto::PublicKey remote_key;
  multiformats::PeerId remote_peer;
  /// Empty if it has to be negotiated.
  std::string muxer;
  NoiseKeys keys;
};

class NoiseHandshake {
 public:
  /// An error if the identity can't sign.
  static Result<NoiseHandshake> start(NoiseConfig config);

  /// Takes bytes until the handshake is finished; returns how many.
  Result<std::size_t> feed(ByteView in);
  Bytes take_output() noexcept { return std::exchange(output_, {}); }

  bool finished() const noexcept { return outcome_.has_value(); }
  /// Of a finished handshake (asserted), once.
  NoiseOutcome take_outcome();

 private:
  struct Payload;
  NoiseHandshake(NoiseConfig config, Bytes signature);

  Result<void> write_message(bool with_identity);
  Result<void> read_message(ByteView message);
  Result<void> accept_payload(ByteView encoded);
  Bytes own_payload() const;
  Result<std::string> choose_muxer() const;
  void finish(std::string muxer);

  NoiseConfig config_;
  Bytes signature_;
  NoiseXX noise_;
  Bytes held_;  ///< a frame that isn't complete
  Bytes output_;
  std::optional<crypto::PublicKey> remote_key_;
  multiformats::PeerId remote_peer_;
  std::vector<std::string> remote_muxers_;
  std::optional<NoiseOutcome> outcome_;
};

}  // namespace kith::net
