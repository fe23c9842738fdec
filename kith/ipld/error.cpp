#include <kith/ipld/error.hpp>

namespace kith::ipld {
namespace {

std::string_view meaning(IpldError code) noexcept {
  switch (code) {
    case IpldError::truncated:
      return "the data ends too early";
    case IpldError::trailing_bytes:
      return "something follows the data";
    case IpldError::malformed:
      return "the data isn't of its codec's form";
    case IpldError::not_canonical:
      return "the data isn't in its codec's canonical form";
    case IpldError::duplicate:
      return "a field or key appears twice";
    case IpldError::bad_link:
      return "a link has no valid CID";
    case IpldError::bad_text:
      return "a text isn't valid UTF-8";
    case IpldError::bad_number:
      return "a number that the data model doesn't have";
    case IpldError::reserved:
      return "a map of the form that dag-json keeps for links and bytes";
    case IpldError::unsupported:
      return "a feature or version that isn't supported";
    case IpldError::too_deep:
      return "too deep";
    case IpldError::too_many:
      return "too many values, links or blocks";
    case IpldError::too_large:
      return "too large";
    case IpldError::unknown_codec:
      return "unknown codec";
    case IpldError::not_representable:
      return "the codec can't express the value";
    case IpldError::no_such_path:
      return "no such path";
    case IpldError::hash_mismatch:
      return "the block isn't what its CID says";
  }
  return "unknown error";
}

class IpldDomain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "ipld"; }
  std::string message(int code) const override {
    return std::string(meaning(static_cast<IpldError>(code)));
  }
};

constinit const IpldDomain ipld_domain;

}  // namespace

const ErrorDomain& error_domain(IpldError) noexcept {
  return ipld_domain;
}

}  // namespace kith::ipld
