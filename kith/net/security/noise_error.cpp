#include <kith/net/security/noise_error.hpp>

namespace kith::net {
namespace {

class Domain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "noise"; }
  std::string message(int code) const override {
    switch (static_cast<NoiseError>(code)) {
      case NoiseError::message_too_short:
        return "a Noise message is too short";
      case NoiseError::message_too_long:
        return "a message of the Noise handshake is too long";
      case NoiseError::bad_key_share:
        return "the peer's key share is unsafe";
      case NoiseError::decryption_failed:
        return "a Noise message can't be decrypted";
      case NoiseError::bad_payload:
        return "the payload of the Noise handshake is malformed";
      case NoiseError::missing_identity:
        return "the peer didn't say who it is";
      case NoiseError::bad_identity_key:
        return "the peer's identity key isn't valid";
      case NoiseError::bad_signature:
        return "the peer couldn't prove its identity";
      case NoiseError::unexpected_peer:
        return "another peer answered than the one that was dialed";
      case NoiseError::no_common_muxer:
        return "the peer speaks none of our stream multiplexers";
      case NoiseError::nonces_exhausted:
        return "the Noise channel has carried all the messages that it can";
      case NoiseError::handshake_cut:
        return "the peer cut the connection in the middle of the Noise handshake";
    }
    return "unknown error";
  }
};
constinit const Domain domain;

}  // namespace

const ErrorDomain& error_domain(NoiseError) noexcept {
  return domain;
}

}  // namespace kith::net
