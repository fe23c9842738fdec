// EthereumNode: Ethereum's JSON-RPC 2.0 over HTTP, of any node that speaks it, as a wallet asks it.
//
//   EthereumNode node(env, address, "is it running?");
//   KITH_CO_TRY(const json::value id, co_await node.call("eth_chainId", {}));
//   ...
//   co_await node.close();
//
// A node may be anybody's: its answers are bounded in size, depth and time, what it says in words
// is made printable, and nothing of it is taken for a number or an address that isn't one. TLS
// isn't spoken. Loop thread only; reading answers: any.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include <kith/base/result.hpp>
#include <kith/http/client.hpp>
#include <kith/ledger/primitives/types.hpp>
#include <kith/ledger/primitives/u256.hpp>
#include <kith/port/env.hpp>

namespace kith::api {

namespace json = boost::json;

/// An answer, of one question or of some about state.
inline constexpr std::size_t node_answer_bytes_max = 4 << 20;
/// An answer with whole blocks. Geth's stops at 25 MB.
inline constexpr std::size_t node_blocks_bytes_max = 32 << 20;
/// From a question to the end of its answer.
inline constexpr Duration node_patience = 60s;
/// Questions in one request. Geth takes 1,000, others fewer.
inline constexpr std::size_t node_batch_max = 100;
/// Of what a node says is wrong; the rest is cut off.
inline constexpr std::size_t node_words_max = 300;

struct NodeAddress {
  std::string host;
  std::uint16_t port = 80;
  std::string target = "/";  ///< path and query

  /// Of "http://HOST:PORT/PATH". Errc::invalid_argument with a sentence.
  static Result<NodeAddress> parse(std::string_view url);
  /// "127.0.0.1:8545"
  std::string authority() const;
};

/// What a node says is wrong (JSON-RPC's error object).
struct NodeRefusal {
  std::int64_t code = 0;
  std::string words;  ///< printable, of at most node_words_max bytes and a few

  bool knows_no_such_method() const noexcept { return code == -32601; }
  /// In one clause, with what may help: "nonce too low ... (leave --nonce away ...)".
  std::string explained() const;
};

struct NodeCall {
  std::string method;
  json::array params;
};

using NodeAnswer = std::expected<json::value, NodeRefusal>;

/// The answers to the calls 0 ... count - 1, in that order, whatever order they come in; an error
/// in place of a list is the answer to all of them. Errc::corrupt for what isn't JSON-RPC or leaves
/// a call without its one answer.
Result<std::vector<NodeAnswer>> parse_node_answers(std::string_view text, std::size_t count);

/// "0x1f": a JSON-RPC quantity. Nothing for anything else.
std::optional<ledger::U256> quantity_of(const json::value& value);
/// A member of an object as such; nothing if there is none.
std::optional<ledger::U256> quantity_in(const json::value& object, std::string_view key);
std::optional<ledger::Address> address_in(const json::value& object, std::string_view key);
std::optional<ledger::Hash> hash_in(const json::value& object, std::string_view key);

class EthereumNode {
 public:
  /// `hint` is what to try when nobody answers.
  EthereumNode(port::Env& env, NodeAddress address, std::string hint);

  const NodeAddress& address() const noexcept { return address_; }

  /// Answers in the order of the calls. Errc::limit_exceeded beyond `bytes_max`; Errc::timed_out,
  /// Errc::corrupt, and what http::Client says, each with a sentence that names the node.
  Task<std::vector<NodeAnswer>> call_all(std::vector<NodeCall> calls,
                                         std::size_t bytes_max = node_answer_bytes_max);
  /// The answer; a refusal is an error whose sentence it is.
  Task<json::value> call(std::string method, json::array params);
  /// Before it dies.
  Task<void> close();

  /// What is said of an answer that isn't what it should be.
  Error nonsense(std::string_view what) const;

 private:
  Task<std::string> post(std::string body, std::size_t bytes_max);

  port::Env& env_;
  NodeAddress address_;
  http::Client client_;
};

}  // namespace kith::api
