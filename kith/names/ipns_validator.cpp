#include <algorithm>
#include <tuple>

#include <kith/multiformats/peer_id.hpp>
#include <kith/names/ipns_record.hpp>
#include <kith/names/ipns_validator.hpp>
#include <kith/routing/routing.hpp>

namespace kith::names {

using multiformats::PeerId;
using routing::RoutingError;

Result<void> IpnsValidator::check_name(ByteView name) const {
  if (!PeerId::from_bytes(name)) return std::unexpected(RoutingError::bad_key);
  return {};
}

Result<void> IpnsValidator::check(ByteView name, ByteView value, WallTime now) const {
  auto peer = PeerId::from_bytes(name);
  if (!peer) return std::unexpected(RoutingError::bad_key);
  auto record = decode_ipns_record(value);
  // The end first: a signature costs more.
  const bool good = record && record->content.end > EndOfLife::at(now) &&
                    verify_ipns_record(*record, *peer).has_value();
  if (!good) return std::unexpected(RoutingError::bad_value);
  return {};
}

bool IpnsValidator::expired(ByteView, ByteView value, WallTime now) const {
  auto record = decode_ipns_record(value);
  return !record || record->content.end <= EndOfLife::at(now);
}

bool IpnsValidator::better(ByteView, ByteView a, ByteView b) const {
  auto one = decode_ipns_record(a);
  auto other = decode_ipns_record(b);
  if (!one || !other) return one.has_value() && !other.has_value();
  auto rank = [](const IpnsContent& content) { return std::tie(content.sequence, content.end); };
  const auto order = rank(one->content) <=> rank(other->content);
  return order != 0 ? order > 0 : std::ranges::lexicographical_compare(b, a);
}

}  // namespace kith::names
