#include <kith/multiformats/error.hpp>

namespace kith::multiformats {
namespace {

std::string_view meaning(MultiformatsError code) noexcept {
  switch (code) {
    case MultiformatsError::empty:
      return "empty";
    case MultiformatsError::truncated:
      return "the value ends too early";
    case MultiformatsError::trailing_bytes:
      return "something follows the value";
    case MultiformatsError::too_long:
      return "too long";
    case MultiformatsError::bad_varint:
      return "not a valid varint";
    case MultiformatsError::unknown_base:
      return "unknown multibase";
    case MultiformatsError::bad_character:
      return "a character that doesn't belong to the base";
    case MultiformatsError::bad_text_length:
      return "impossible length or padding for the base";
    case MultiformatsError::not_canonical:
      return "unused bits aren't zero";
    case MultiformatsError::not_representable:
      return "bytes that the base can't express";
    case MultiformatsError::unsupported_version:
      return "unsupported CID version";
    case MultiformatsError::not_v0:
      return "no CID of version 0: that takes dag-pb and a sha2-256 digest of 32 bytes";
    case MultiformatsError::multibase_v0:
      return "a CID of version 0 can't carry a multibase prefix";
    case MultiformatsError::wrong_codec:
      return "the CID isn't one of a libp2p-key";
    case MultiformatsError::bad_peer_id_hash:
      return "a peer id is a sha2-256 digest or an inlined key";
    case MultiformatsError::missing_slash:
      return "a multiaddr begins with \"/\"";
    case MultiformatsError::unknown_protocol:
      return "unknown multiaddr protocol";
    case MultiformatsError::missing_value:
      return "a multiaddr protocol lacks its value";
    case MultiformatsError::bad_value:
      return "a multiaddr protocol has a value it can't have";
    case MultiformatsError::after_path:
      return "something follows a path in a multiaddr";
    case MultiformatsError::too_many_components:
      return "too many components in a multiaddr";
  }
  return "unknown error";
}

class MultiformatsDomain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "multiformats"; }
  std::string message(int code) const override {
    return std::string(meaning(static_cast<MultiformatsError>(code)));
  }
};

constinit const MultiformatsDomain multiformats_domain;

}  // namespace

const ErrorDomain& error_domain(MultiformatsError) noexcept {
  return multiformats_domain;
}

}  // namespace kith::multiformats
