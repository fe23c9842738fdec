// Who may use the RPC: API.Authorizations of the configuration, as Kubo has them. A secret is
//
//   bearer:TOKEN, or TOKEN alone      Authorization: Bearer TOKEN
//   basic:USER:PASSWORD               Authorization: Basic <base64 of USER:PASSWORD>
//   basic:<that in base64>            the same
//
// and opens the paths that begin with one of its own, "/api/v0/version" besides. Where there are
// any, a request without one is refused, whatever it asks; a secret of another kind opens nothing.
// How long a comparison takes tells nothing of a secret but its length.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <kith/http/server.hpp>
#include <kith/node/config.hpp>

namespace kith::api {

/// What the Authorization header says for a secret. Nothing for one of an unknown kind.
std::optional<std::string> authorization_header(std::string_view secret);

class Authorizations {
 public:
  /// Everybody may do everything.
  Authorizations() = default;
  explicit Authorizations(const std::vector<node::RpcAuthorization>& all);

  bool allow(const http::Request& request) const;

 private:
  struct Scope {
    std::string header;
    std::vector<std::string> allowed_paths;
  };
  bool guarded_ = false;
  std::vector<Scope> scopes_;
};

/// The answer to who isn't allowed, in Kubo's words: 403.
Task<void> deny(http::ResponseWriter& response);

}  // namespace kith::api
