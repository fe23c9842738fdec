// What can be wrong with libp2p's TLS beyond TLS itself (crypto/tls/error.hpp).
#pragma once

#include <kith/base/result.hpp>

namespace kith::net {

enum class TlsPeerError {
  unexpected_peer = 1,  ///< the peer is another one than we dialed
  handshake_cut,        ///< the connection ended in the middle of the handshake
};
const ErrorDomain& error_domain(TlsPeerError) noexcept;

}  // namespace kith::net
