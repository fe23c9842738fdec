// What the two halves of QuicSession share and others need not see: ngtcp2.
#pragma once

#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>

#include <kith/net/transports/quic/detail/quic_session.hpp>

namespace kith::net::detail {

/// An endpoint as the system's libraries want it.
struct QuicSocketAddress {
  explicit QuicSocketAddress(const port::Endpoint& endpoint) noexcept;
  ngtcp2_addr view() noexcept { return {&storage.sa, size}; }

  ngtcp2_sockaddr_union storage{};
  ngtcp2_socklen size = 0;
};
port::Endpoint quic_endpoint_of(const ngtcp2_addr& address) noexcept;

inline ngtcp2_cid quic_cid(const QuicId& id) noexcept {
  ngtcp2_cid cid;
  ngtcp2_cid_init(&cid, id.bytes.data(), id.size);
  return cid;
}
inline QuicId quic_id_of(const ngtcp2_cid& cid) noexcept {
  return QuicId::of({cid.data, cid.datalen});
}
inline ngtcp2_tstamp quic_time(Instant at) noexcept {
  return static_cast<ngtcp2_tstamp>(at.time_since_epoch().count());
}

struct QuicSession::Connection {
  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    if (conn != nullptr) ngtcp2_conn_del(conn);
  }

  ngtcp2_conn* conn = nullptr;
  ngtcp2_crypto_conn_ref reference{};      ///< by which TLS finds it
  ngtcp2_connection_close_error reason{};  ///< what the goodbye says
};

}  // namespace kith::net::detail
