#include <kith/ledger/rpc/detail/rpc_request.hpp>

namespace kith::ledger::detail {
namespace {

std::string answer_text(const json::value& id, const char* key, json::value value) {
  json::object out{{"jsonrpc", "2.0"}, {"id", id}};
  out[key] = std::move(value);
  return json::serialize(out);
}

}  // namespace

std::optional<RpcRequest> read_request(const json::value& request) {
  static const json::array none;
  const auto* object = request.if_object();
  if (object == nullptr) return std::nullopt;
  const json::value* id = object->if_contains("id");
  const json::value* method = object->if_contains("method");
  const json::value* params = object->if_contains("params");
  const bool fits = method != nullptr && method->is_string() &&
                    (params == nullptr || params->is_array() || params->is_null()) &&
                    (id == nullptr || id->is_string() || id->is_number() || id->is_null());
  if (!fits) return std::nullopt;
  const bool has_list = params != nullptr && params->is_array();
  return RpcRequest{id, std::string_view(method->get_string()),
                    has_list ? &params->get_array() : &none};
}

std::string result_text(const json::value& id, json::value result) {
  return answer_text(id, "result", std::move(result));
}

std::string error_text(const json::value& id, const RpcError& error) {
  return answer_text(id, "error", error_object(error));
}

std::string refusal_text(const json::value& request) {
  const auto* object = request.if_object();
  const json::value* id = object != nullptr ? object->if_contains("id") : nullptr;
  const bool tellable = id != nullptr && !id->is_structured();
  return error_text(tellable ? *id : json::value(nullptr),
                    {RpcCode::invalid_request, "invalid request"});
}

}  // namespace kith::ledger::detail
