#include <algorithm>

#include <kith/api/detail/authorization.hpp>
#include <kith/crypto/secret.hpp>
#include <kith/multiformats/multibase.hpp>

namespace kith::api {
namespace {

/// So that a client finds out whether it fits the daemon.
constexpr std::string_view always_allowed = "/api/v0/version";
constexpr std::string_view denied =
    "Kubo RPC Access Denied: Please provide a valid authorization token as defined in the "
    "API.Authorizations configuration.\n";

}  // namespace

std::optional<std::string> authorization_header(std::string_view secret) {
  if (secret.empty()) return std::nullopt;
  const std::size_t colon = secret.find(':');
  if (colon == std::string_view::npos) return "Bearer " + std::string(secret);
  const std::string_view kind = secret.substr(0, colon);
  const std::string_view value = secret.substr(colon + 1);
  if (kind == "bearer") return "Bearer " + std::string(value);
  if (kind != "basic") return std::nullopt;
  // Without a password it has been encoded already.
  if (value.find(':') == std::string_view::npos) return "Basic " + std::string(value);
  auto encoded = multiformats::base_encode(multiformats::Base::base64pad, as_bytes(value));
  return "Basic " + encoded.value_or("");
}

Authorizations::Authorizations(const std::vector<node::RpcAuthorization>& all)
    : guarded_(!all.empty()) {
  for (const node::RpcAuthorization& one : all) {
    if (auto header = authorization_header(one.secret))
      scopes_.push_back({*std::move(header), one.allowed_paths});
  }
}

bool Authorizations::allow(const http::Request& request) const {
  if (!guarded_) return true;
  const std::string_view given = request.headers.get("Authorization").value_or("");
  bool allowed = false;
  // Each is compared, so that the time doesn't tell which one it was.
  for (const Scope& scope : scopes_) {
    const bool known = crypto::equal_constant_time(as_bytes(given), as_bytes(scope.header));
    const bool within = request.path == always_allowed ||
                        std::ranges::any_of(scope.allowed_paths, [&](const std::string& prefix) {
                          return request.path.starts_with(prefix);
                        });
    allowed |= known && within;
  }
  return allowed;
}

Task<void> deny(http::ResponseWriter& response) {
  response.headers.set("X-Content-Type-Options", "nosniff");
  co_return co_await response.send(403, "text/plain; charset=utf-8", as_bytes(denied));
}

}  // namespace kith::api
