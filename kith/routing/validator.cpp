#include <kith/crypto/keys.hpp>
#include <kith/multiformats/peer_id.hpp>
#include <kith/routing/limits.hpp>
#include <kith/routing/routing.hpp>
#include <kith/routing/validator.hpp>

namespace kith::routing {

using multiformats::PeerId;

Result<void> PublicKeyValidator::check_name(ByteView name) const {
  if (!PeerId::from_bytes(name)) return std::unexpected(RoutingError::bad_key);
  return {};
}

Result<void> PublicKeyValidator::check(ByteView name, ByteView value, WallTime) const {
  auto peer = PeerId::from_bytes(name);
  if (!peer) return std::unexpected(RoutingError::bad_key);
  auto key = crypto::PublicKey::decode(value);
  if (!key || PeerId::from_public_key(*key) != *peer) {
    return std::unexpected(RoutingError::bad_value);
  }
  return {};
}

Validators::Validators() {
  add("pk", std::make_shared<PublicKeyValidator>());
}

void Validators::add(std::string name_space, std::shared_ptr<const Validator> validator) {
  validators_.insert_or_assign(std::move(name_space), std::move(validator));
}

Result<Validators::Found> Validators::find(ByteView key) const {
  if (key.size() > key_bytes_max) return std::unexpected(RoutingError::too_long);
  if (key.empty() || key[0] != '/') return std::unexpected(RoutingError::bad_key);
  std::string_view text = as_text(key.subspan(1));
  std::size_t end = text.find('/');
  if (end == std::string_view::npos || end == 0) return std::unexpected(RoutingError::bad_key);
  auto found = validators_.find(text.substr(0, end));
  if (found == validators_.end()) return std::unexpected(RoutingError::unknown_kind);
  return Found{found->second.get(), key.subspan(end + 2)};
}

Result<void> Validators::check_key(ByteView key) const {
  KITH_TRY(Found found, find(key));
  return found.validator->check_name(found.name);
}

Result<void> Validators::check(ByteView key, ByteView value, WallTime now) const {
  KITH_TRY(Found found, find(key));
  if (value.size() > value_bytes_max) return std::unexpected(RoutingError::too_long);
  return found.validator->check(found.name, value, now);
}

bool Validators::expired(ByteView key, ByteView value, WallTime now) const {
  auto found = find(key);
  return !found || found->validator->expired(found->name, value, now);
}

bool Validators::better(ByteView key, ByteView a, ByteView b) const {
  auto found = find(key);
  return found && found->validator->better(found->name, a, b);
}

}  // namespace kith::routing
