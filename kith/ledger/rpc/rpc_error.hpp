// What a JSON-RPC call fails with (JSON-RPC 2.0; EIP-1474; the error codes of execution-apis).
// Thread: any.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include <kith/base/result.hpp>

namespace kith::ledger {

enum class RpcCode : int {
  parse_error = -32700,
  invalid_request = -32600,
  method_not_found = -32601,
  invalid_params = -32602,
  internal_error = -32603,
  server_error = -32000,
  not_found = -32001,
  limit_exceeded = -32005,
  reverted = 3,
  // Of eth_simulateV1.
  nonce_too_low = -38010,
  nonce_too_high = -38011,
  fee_too_low = -38012,
  intrinsic_gas = -38013,
  insufficient_funds = -38014,
  block_gas_limit = -38015,
  block_number_order = -38020,
  block_time_order = -38021,
  moved_to_itself = -38022,
  moved_twice = -38023,
  sender_is_contract = -38024,
  init_code_too_large = -38025,
  too_many = -38026,
};

struct RpcError {
  RpcError(RpcCode why, std::string text) : code(why), message(std::move(text)) {}
  RpcError(RpcCode why, std::string text, std::string hex)
      : code(why), message(std::move(text)), data(std::move(hex)) {}
  /// What the node itself fails at.
  RpcError(const Error& error) : code(RpcCode::server_error), message(error.message()) {}

  RpcCode code;
  std::string message;
  std::optional<std::string> data;
};

template <class T>
using RpcResult = std::expected<T, RpcError>;

}  // namespace kith::ledger
