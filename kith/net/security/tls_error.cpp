#include <kith/net/security/tls_error.hpp>

namespace kith::net {
namespace {

class Domain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "tls peer"; }
  std::string message(int code) const override {
    switch (static_cast<TlsPeerError>(code)) {
      case TlsPeerError::unexpected_peer:
        return "another peer answered than the one that was dialed";
      case TlsPeerError::handshake_cut:
        return "the peer cut the connection in the middle of the TLS handshake";
    }
    return "unknown error";
  }
};
constinit const Domain domain;

}  // namespace

const ErrorDomain& error_domain(TlsPeerError) noexcept {
  return domain;
}

}  // namespace kith::net
