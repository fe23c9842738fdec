// Multiaddr: a network address that names each protocol it passes through
// (github.com/multiformats/multiaddr): "/ip4/127.0.0.1/tcp/4001/p2p/12D3KooW...".
//
//   address   = component*
//   component = +----------------+-----------------------------+---------+
//               | varint code    | varint length, unless fixed | value   |
//               +----------------+-----------------------------+---------+
//
// Holds the binary form, which is always valid: every protocol is one of protocol.hpp, every value
// one that its protocol allows, a path (unix) is the last component. Values are checked as
// go-multiaddr does, and a little harder: text in a value is UTF-8 without control characters,
// an /ip4 isn't read from an IPv6 text nor the other way round, base32 bits left over are zero, and
// a p2p value is always a PeerId. Texts that differ (".../", "/ipfs/", another multibase) give the
// same value and one canonical text.
// A default constructed one is empty; no decoder gives it, cutting may.
// Limits: multiaddr_bytes_max, multiaddr_text_bytes_max, multiaddr_components_max. Errors:
// MultiformatsError. Thread: any.
#pragma once

#include <array>
#include <compare>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <kith/multiformats/error.hpp>
#include <kith/multiformats/limits.hpp>
#include <kith/multiformats/peer_id.hpp>
#include <kith/multiformats/protocol.hpp>

namespace kith::multiformats {

/// One step of an address; it points into the Multiaddr that it came from.
struct Component {
  Protocol protocol{};
  ByteView value;  ///< without code and length
  ByteView bytes;  ///< with them

  /// The value as text; empty if the protocol has none.
  std::string value_text() const;
};

/// Walks over the components of a valid binary form.
class ComponentIterator {
 public:
  using value_type = Component;
  using difference_type = std::ptrdiff_t;

  ComponentIterator() = default;
  explicit ComponentIterator(ByteView valid) noexcept : rest_(valid) { read(); }

  const Component& operator*() const noexcept { return current_; }
  const Component* operator->() const noexcept { return &current_; }
  ComponentIterator& operator++() noexcept {
    rest_ = rest_.subspan(current_.bytes.size());
    read();
    return *this;
  }
  ComponentIterator operator++(int) noexcept {
    ComponentIterator before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const ComponentIterator& a, const ComponentIterator& b) noexcept {
    return a.rest_.size() == b.rest_.size();
  }
  friend bool operator==(const ComponentIterator& a, std::default_sentinel_t) noexcept {
    return a.rest_.empty();
  }

 private:
  void read() noexcept;

  ByteView rest_;
  Component current_;
};

struct Components {
  ByteView valid;

  ComponentIterator begin() const noexcept { return ComponentIterator(valid); }
  std::default_sentinel_t end() const noexcept { return {}; }
};

/// The start of an address that a socket can use.
struct IpAndPort {
  std::array<std::uint8_t, 16> storage{};
  std::size_t address_bytes = 0;  ///< 4 or 16
  std::uint16_t port = 0;
  Protocol transport{};  ///< tcp or udp
  std::string zone;      ///< of an IPv6 address; empty if none

  /// In network order.
  ByteView address() const noexcept { return {storage.data(), address_bytes}; }
};

class Multiaddr {
 public:
  Multiaddr() noexcept = default;

  /// Reads the text form. Slashes at the end are dropped.
  static Decoded<Multiaddr> parse(std::string_view text);
  /// Reads the binary form, all of it.
  static Decoded<Multiaddr> from_bytes(ByteView whole);
  /// "/ip4/A/tcp/P" and the like: `address` has 4 or 16 bytes (asserted), `transport` is one whose
  /// value is a port.
  static Multiaddr of_ip(ByteView address, Protocol transport, std::uint16_t port);

  bool empty() const noexcept { return bytes_.empty(); }
  ByteView bytes() const noexcept { return bytes_; }
  /// The canonical text; empty for an empty value.
  std::string to_string() const;

  /// The components in order. They live as long as this value and only while it isn't assigned to.
  Components components() const& noexcept { return {bytes_}; }
  Components components() const&& = delete;
  std::vector<Protocol> protocols() const;
  /// The first component of a protocol.
  std::optional<Component> find(Protocol protocol) const& noexcept;
  std::optional<Component> find(Protocol protocol) const&& = delete;
  bool has(Protocol protocol) const noexcept { return find(protocol).has_value(); }

  /// This and then `inner`; an error if that breaks a limit or follows a path.
  Decoded<Multiaddr> encapsulate(const Multiaddr& inner) const;
  /// This and then one component, its value as text.
  Decoded<Multiaddr> with(Protocol protocol, std::string_view value = {}) const;
  /// What stands before the last occurrence of `outer_end`; this itself if there is none.
  Multiaddr decapsulate(const Multiaddr& outer_end) const;
  /// What stands before the last component of `protocol`; this itself if there is none.
  Multiaddr decapsulate(Protocol protocol) const;

  /// The peer that the address leads to: its last component, if that is a p2p.
  std::optional<PeerId> peer_id() const;
  /// Without the p2p at the end, if there is one.
  Multiaddr without_peer_id() const;
  /// With this p2p at the end, in place of the one that may be there.
  Decoded<Multiaddr> with_peer_id(const PeerId& id) const;

  /// Address and port, if it begins with ip4 or ip6 (or ip6zone, ip6) and then tcp or udp.
  std::optional<IpAndPort> ip_and_port() const;
  /// The address alone, 4 or 16 bytes, if it begins with ip4 or ip6 (or ip6zone, ip6).
  std::optional<ByteView> ip() const& noexcept;
  std::optional<ByteView> ip() const&& = delete;
  /// The first component, if it is dns, dns4, dns6 or dnsaddr.
  std::optional<Component> dns_name() const& noexcept;
  std::optional<Component> dns_name() const&& = delete;
  /// With ip4 or ip6 in place of the first component: what a resolved name becomes. `address` has
  /// 4 or 16 bytes (asserted).
  Decoded<Multiaddr> with_ip(ByteView address) const;

  /// True if its IP address is 127/8, ::1 or the former mapped into IPv6.
  bool is_loopback() const noexcept;
  /// True if its IP address is 0.0.0.0 or ::, which a listener may have and nobody can dial.
  bool is_unspecified() const noexcept;
  bool is_relayed() const noexcept { return has(Protocol::p2p_circuit); }
  /// The relay's address and what stands behind the last p2p-circuit (empty if nothing).
  std::optional<std::pair<Multiaddr, Multiaddr>> split_relay() const;

  friend bool operator==(const Multiaddr&, const Multiaddr&) noexcept = default;
  friend std::strong_ordering operator<=>(const Multiaddr&, const Multiaddr&) noexcept = default;

 private:
  explicit Multiaddr(Bytes valid) noexcept : bytes_(std::move(valid)) {}
  Multiaddr before(const std::uint8_t* place) const;

  Bytes bytes_;
};

}  // namespace kith::multiformats

template <>
struct std::hash<kith::multiformats::Multiaddr> {
  std::size_t operator()(const kith::multiformats::Multiaddr& value) const noexcept {
    return kith::multiformats::detail::hash_bytes(value.bytes());
  }
};
