#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/multiformats/detail/multiaddr_value.hpp>
#include <kith/multiformats/detail/read.hpp>
#include <kith/multiformats/multiaddr.hpp>

namespace kith::multiformats {
namespace {

struct Split {
  const ProtocolInfo* info;
  Component component;
};

// Reads the component at the start of `in`, without a look at its value.
Decoded<Split> split_first(ByteView in) noexcept {
  ByteView rest = in;
  KITH_TRY(std::uint64_t code, detail::read_varint(rest));
  const ProtocolInfo* info = find_protocol(code);
  if (info == nullptr) return std::unexpected(MultiformatsError::unknown_protocol);
  std::uint64_t size = 0;
  if (auto fixed = fixed_value_bytes(info->kind)) {
    size = *fixed;
  } else {
    KITH_TRY(size, detail::read_varint(rest));
  }
  if (size > rest.size()) return std::unexpected(MultiformatsError::truncated);
  ByteView value = rest.first(static_cast<std::size_t>(size));
  std::size_t whole = in.size() - rest.size() + value.size();
  return Split{info, {info->protocol, value, in.first(whole)}};
}

Decoded<void> check(ByteView whole) {
  if (whole.empty()) return std::unexpected(MultiformatsError::empty);
  if (whole.size() > multiaddr_bytes_max) return std::unexpected(MultiformatsError::too_long);
  bool path_seen = false;
  for (std::size_t count = 0; !whole.empty(); ++count) {
    if (count == multiaddr_components_max) {
      return std::unexpected(MultiformatsError::too_many_components);
    }
    if (path_seen) return std::unexpected(MultiformatsError::after_path);
    KITH_TRY(Split first, split_first(whole));
    if (!detail::is_valid_value(first.info->kind, first.component.value)) {
      return std::unexpected(MultiformatsError::bad_value);
    }
    path_seen = first.info->kind == ValueKind::path;
    whole = whole.subspan(first.component.bytes.size());
  }
  return {};
}

void append_component(Bytes& out, const ProtocolInfo& info, ByteView value) {
  append_varint(out, static_cast<std::uint64_t>(info.protocol));
  if (!fixed_value_bytes(info.kind)) append_varint(out, value.size());
  append(out, value);
}

const ProtocolInfo& info_of(Protocol protocol) noexcept {
  const ProtocolInfo* info = find_protocol(static_cast<std::uint64_t>(protocol));
  ASSERT(info != nullptr);
  return *info;
}

void append_ip(Bytes& out, ByteView address) {
  ASSERT(address.size() == 4 || address.size() == 16);
  append_component(out, info_of(address.size() == 4 ? Protocol::ip4 : Protocol::ip6), address);
}

// Takes the part of `rest` up to the next "/", and that "/".
std::string_view take_segment(std::string_view& rest) noexcept {
  std::size_t size = std::min(rest.find('/'), rest.size());
  std::string_view segment = rest.substr(0, size);
  rest.remove_prefix(std::min(size + 1, rest.size()));
  return segment;
}

bool is_mapped_ip4(ByteView address) noexcept {
  static constexpr std::uint8_t prefix[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return address.size() == 16 && equal(address.first(12), prefix);
}

}  // namespace

std::string Component::value_text() const {
  return detail::value_to_text(info_of(protocol).kind, value);
}

void ComponentIterator::read() noexcept {
  if (rest_.empty()) {
    current_ = {};
    return;
  }
  auto first = split_first(rest_);
  ASSERT(first.has_value());
  current_ = first->component;
}

Decoded<Multiaddr> Multiaddr::from_bytes(ByteView whole) {
  KITH_CHECK(check(whole));
  return Multiaddr(to_bytes(whole));
}

Decoded<Multiaddr> Multiaddr::parse(std::string_view text) {
  if (text.size() > multiaddr_text_bytes_max) return std::unexpected(MultiformatsError::too_long);
  while (text.ends_with('/'))
    text.remove_suffix(1);
  if (text.empty()) return std::unexpected(MultiformatsError::empty);
  if (!text.starts_with('/')) return std::unexpected(MultiformatsError::missing_slash);
  text.remove_prefix(1);

  Bytes out;
  while (!text.empty()) {
    const ProtocolInfo* info = find_protocol(take_segment(text));
    if (info == nullptr) return std::unexpected(MultiformatsError::unknown_protocol);
    if (info->kind == ValueKind::none) {
      append_component(out, *info, {});
      continue;
    }
    if (text.empty()) return std::unexpected(MultiformatsError::missing_value);
    std::string path;
    std::string_view segment;
    if (info->kind == ValueKind::path) {
      path = "/" + std::string(std::exchange(text, {}));
      segment = path;
    } else {
      segment = take_segment(text);
    }
    KITH_TRY(Bytes value, detail::value_from_text(info->kind, segment));
    append_component(out, *info, value);
  }
  KITH_CHECK(check(out));
  return Multiaddr(std::move(out));
}

Multiaddr Multiaddr::of_ip(ByteView address, Protocol transport, std::uint16_t port) {
  const ProtocolInfo& info = info_of(transport);
  ASSERT(info.kind == ValueKind::port);
  std::uint8_t value[2];
  store_be(value, port);
  Bytes out;
  append_ip(out, address);
  append_component(out, info, value);
  return Multiaddr(std::move(out));
}

std::string Multiaddr::to_string() const {
  std::string out;
  for (const Component& component : components()) {
    const ProtocolInfo& info = info_of(component.protocol);
    out += '/';
    out += info.name;
    if (info.kind == ValueKind::none) continue;
    if (info.kind != ValueKind::path) out += '/';
    out += detail::value_to_text(info.kind, component.value);
  }
  return out;
}

std::vector<Protocol> Multiaddr::protocols() const {
  std::vector<Protocol> out;
  for (const Component& component : components())
    out.push_back(component.protocol);
  return out;
}

std::optional<Component> Multiaddr::find(Protocol protocol) const& noexcept {
  for (const Component& component : components()) {
    if (component.protocol == protocol) return component;
  }
  return std::nullopt;
}

Decoded<Multiaddr> Multiaddr::encapsulate(const Multiaddr& inner) const {
  if (inner.empty()) return *this;
  Bytes joined = bytes_;
  append(joined, inner.bytes_);
  KITH_CHECK(check(joined));
  return Multiaddr(std::move(joined));
}

Decoded<Multiaddr> Multiaddr::with(Protocol protocol, std::string_view value) const {
  const ProtocolInfo& info = info_of(protocol);
  Bytes bytes;
  if (info.kind != ValueKind::none) {
    KITH_TRY(bytes, detail::value_from_text(info.kind, value));
  } else if (!value.empty()) {
    return std::unexpected(MultiformatsError::bad_value);
  }
  Bytes joined = bytes_;
  append_component(joined, info, bytes);
  KITH_CHECK(check(joined));
  return Multiaddr(std::move(joined));
}

Multiaddr Multiaddr::before(const std::uint8_t* place) const {
  return Multiaddr(Bytes(bytes_.data(), place));
}

Multiaddr Multiaddr::decapsulate(const Multiaddr& outer_end) const {
  // Both are whole components, so equal bytes from a component's start on are equal components.
  const std::uint8_t* last = nullptr;
  for (const Component& component : components()) {
    auto offset = static_cast<std::size_t>(component.bytes.data() - bytes_.data());
    ByteView rest = bytes().subspan(offset);
    if (outer_end.empty() || rest.size() < outer_end.bytes_.size()) break;
    if (equal(rest.first(outer_end.bytes_.size()), outer_end.bytes_)) last = rest.data();
  }
  return last == nullptr ? *this : before(last);
}

Multiaddr Multiaddr::decapsulate(Protocol protocol) const {
  const std::uint8_t* last = nullptr;
  for (const Component& component : components()) {
    if (component.protocol == protocol) last = component.bytes.data();
  }
  return last == nullptr ? *this : before(last);
}

std::optional<PeerId> Multiaddr::peer_id() const {
  Component last;
  for (const Component& component : components())
    last = component;
  if (last.protocol != Protocol::p2p) return std::nullopt;
  auto id = PeerId::from_bytes(last.value);
  ASSERT(id.has_value());
  return *std::move(id);
}

Multiaddr Multiaddr::without_peer_id() const {
  Component last;
  for (const Component& component : components())
    last = component;
  return last.protocol == Protocol::p2p ? before(last.bytes.data()) : *this;
}

Decoded<Multiaddr> Multiaddr::with_peer_id(const PeerId& id) const {
  if (id.empty()) return std::unexpected(MultiformatsError::empty);
  Bytes joined = without_peer_id().bytes_;
  append_component(joined, info_of(Protocol::p2p), id.bytes());
  KITH_CHECK(check(joined));
  return Multiaddr(std::move(joined));
}

std::optional<IpAndPort> Multiaddr::ip_and_port() const {
  IpAndPort out;
  ComponentIterator at(bytes_);
  if (at != std::default_sentinel && at->protocol == Protocol::ip6zone) {
    out.zone = as_text(at->value);
    ++at;
    if (at == std::default_sentinel || at->protocol != Protocol::ip6) return std::nullopt;
  }
  if (at == std::default_sentinel) return std::nullopt;
  if (at->protocol != Protocol::ip4 && at->protocol != Protocol::ip6) return std::nullopt;
  std::ranges::copy(at->value, out.storage.begin());
  out.address_bytes = at->value.size();
  ++at;
  if (at == std::default_sentinel) return std::nullopt;
  if (at->protocol != Protocol::tcp && at->protocol != Protocol::udp) return std::nullopt;
  out.transport = at->protocol;
  out.port = load_be<std::uint16_t>(at->value.data());
  return out;
}

std::optional<ByteView> Multiaddr::ip() const& noexcept {
  ComponentIterator at(bytes_);
  if (at != std::default_sentinel && at->protocol == Protocol::ip6zone) {
    ++at;
    if (at == std::default_sentinel || at->protocol != Protocol::ip6) return std::nullopt;
  }
  if (at == std::default_sentinel) return std::nullopt;
  if (at->protocol != Protocol::ip4 && at->protocol != Protocol::ip6) return std::nullopt;
  return at->value;
}

std::optional<Component> Multiaddr::dns_name() const& noexcept {
  if (empty()) return std::nullopt;
  Component first = *ComponentIterator(bytes_);
  switch (first.protocol) {
    case Protocol::dns:
    case Protocol::dns4:
    case Protocol::dns6:
    case Protocol::dnsaddr:
      return first;
    default:
      return std::nullopt;
  }
}

Decoded<Multiaddr> Multiaddr::with_ip(ByteView address) const {
  if (empty()) return std::unexpected(MultiformatsError::empty);
  Bytes joined;
  append_ip(joined, address);
  append(joined, bytes().subspan(ComponentIterator(bytes_)->bytes.size()));
  KITH_CHECK(check(joined));
  return Multiaddr(std::move(joined));
}

bool Multiaddr::is_loopback() const noexcept {
  auto address = ip();
  if (!address) return false;
  if (address->size() == 4) return (*address)[0] == 127;
  if (is_mapped_ip4(*address)) return (*address)[12] == 127;
  static constexpr std::uint8_t one[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return equal(*address, one);
}

bool Multiaddr::is_unspecified() const noexcept {
  auto address = ip();
  return address && std::ranges::all_of(*address, [](std::uint8_t byte) { return byte == 0; });
}

std::optional<std::pair<Multiaddr, Multiaddr>> Multiaddr::split_relay() const {
  std::optional<Component> last;
  for (const Component& component : components()) {
    if (component.protocol == Protocol::p2p_circuit) last = component;
  }
  if (!last) return std::nullopt;
  const std::uint8_t* behind = last->bytes.data() + last->bytes.size();
  return std::pair(before(last->bytes.data()),
                   Multiaddr(Bytes(behind, bytes_.data() + bytes_.size())));
}

}  // namespace kith::multiformats
