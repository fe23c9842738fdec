// A request's envelope (JSON-RPC 2.0, sections 4 and 5), and an answer's. For .cpp files of rpc/
// alone.
#pragma once

#include <kith/ledger/rpc/detail/rpc_params.hpp>

namespace kith::ledger::detail {

/// The values live in the request.
struct RpcRequest {
  const json::value* id = nullptr;  ///< none: a notification, which nobody answers
  std::string_view method;
  const json::array* params = nullptr;  ///< never null
};

/// Nothing if it isn't of that form.
std::optional<RpcRequest> read_request(const json::value& request);

std::string result_text(const json::value& id, json::value result);
std::string error_text(const json::value& id, const RpcError& error);
/// To what isn't a request; with its id, if it has one.
std::string refusal_text(const json::value& request);

}  // namespace kith::ledger::detail
