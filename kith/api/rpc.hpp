// Kubo's RPC: POST /api/v0/<command>/<subcommand>?arg=...&option=..., files as multipart/form-data
// in the body, JSON values a line each or bytes out. What docs.ipfs.tech's RPC reference and
// go-ipfs-cmds' http package do, so that kubo-rpc-client, the web UI and ipfs-cluster work against
// it:
//
//   403 for who may not use it (detail/authorization.hpp), 405 for another method than POST, 403
//   for a browser page of a foreign origin, 404 for a command that doesn't exist, 400 for arguments
//   and options that the command doesn't take, all with a line of text; 500 and
//   {"Message","Code":0,"Type":"error"} for a failure before the first output, the trailer
//   X-Stream-Error for one after it. X-Chunked-Output marks values, X-Stream-Output bytes,
//   X-Content-Length their number if known.
//
// Arguments of a command that reads them from standard input, too, may come in the body: the lines
// of its first file, after those of the query (at most rpc_body_arguments_max).
//
// Values are gathered into writes, and none waits for longer than rpc_value_delay.
//
// A browser sends Origin or Referer with what a page asks; only a page of this very address, if
// that is a number or localhost (a foreign name may lead here: DNS rebinding), and origins that the
// operator names may ask, and no browser that says neither. Who sends none and is no browser may
// come by any name. Loop thread only.
#pragma once

#include <string>
#include <vector>

#include <kith/api/command.hpp>
#include <kith/api/detail/authorization.hpp>
#include <kith/api/detail/request_log.hpp>
#include <kith/http/server.hpp>

namespace kith::api {

inline constexpr std::string_view rpc_prefix = "/api/v0/";

/// Whether a request for this path is the RPC's. Without its last slash the prefix is, too: nobody
/// else should answer what was meant for it.
constexpr bool is_rpc_path(std::string_view path) noexcept {
  return path.starts_with(rpc_prefix) || path == rpc_prefix.substr(0, rpc_prefix.size() - 1);
}

/// How long a value may wait for others that go out with it.
inline constexpr Duration rpc_value_delay = 20ms;
/// Arguments in a body, and their bytes.
inline constexpr std::size_t rpc_body_arguments_max = 1'000'000;
/// Arguments stand in the query; Go's servers, and with them Kubo's, take so much.
inline constexpr std::size_t rpc_head_bytes_max = 1024 * 1024;
inline constexpr std::size_t rpc_body_arguments_bytes_max = 64 * 1024 * 1024;

struct RpcOptions {
  /// Besides the RPC's own; "*" allows all.
  std::vector<std::string> allowed_origins;
  Authorizations authorizations{};
};

class Rpc {
 public:
  Rpc(const CommandTable& table, Context context, RpcOptions options)
      : table_(table), context_(std::move(context)), options_(std::move(options)) {
    context_.requests = &requests_;
  }
  Rpc(const Rpc&) = delete;
  Rpc& operator=(const Rpc&) = delete;

  /// Answers a request whose path is_rpc_path.
  Task<void> serve(http::Request& request, http::ResponseWriter& response);

 private:
  bool may_ask(const http::Request& request) const;
  bool origin_allowed(std::string_view origin, const std::string& host) const;
  Task<void> run(const Command& command, Request call, http::ResponseWriter& response);

  const CommandTable& table_;
  Context context_;
  RpcOptions options_;
  RequestLog requests_;
};

}  // namespace kith::api
