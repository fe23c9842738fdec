#include <algorithm>
#include <array>
#include <charconv>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/detail/ethereum_node.hpp>
#include <kith/api/detail/sentence.hpp>
#include <kith/api/detail/text.hpp>
#include <kith/http/error.hpp>
#include <kith/http/uri.hpp>
#include <kith/port/ip.hpp>
#include <kith/port/stream.hpp>

namespace kith::api {

using ledger::Address;
using ledger::Hash;
using ledger::U256;

namespace {

/// A call's trace would be deeper; nothing that a wallet asks for is.
constexpr std::size_t answer_depth_max = 16;

Error bad(std::string text) {
  return {Errc::invalid_argument, std::move(text)};
}

/// Splits "host:port", whose port may be missing. Nothing for what is none.
bool read_authority(std::string_view authority, NodeAddress& into) {
  const bool bracketed = authority.starts_with('[');
  const std::size_t end = authority.find(bracketed ? ']' : ':');
  if (bracketed && end == std::string_view::npos) return false;
  into.host = authority.substr(bracketed ? 1 : 0, bracketed ? end - 1 : end);
  if (into.host.empty() || (bracketed && !port::IpAddress::parse(into.host))) return false;
  std::string_view port;
  if (end != std::string_view::npos) port = authority.substr(end + (bracketed ? 1 : 0));
  if (port.empty()) return true;
  const auto [stop, failure] =
      std::from_chars(port.data() + 1, port.data() + port.size(), into.port);
  return port.front() == ':' && failure == std::errc{} && stop == port.data() + port.size() &&
         into.port > 0;
}

/// What a node's sentence is explained by: those of geth, which others imitate.
struct Explanation {
  std::string_view words;
  std::string_view help;
};

constexpr std::array<Explanation, 15> explanations{{
    {"nonce too low",
     "a transaction of that number is in the chain already: leave --nonce away for the next one"},
    {"nonce too high", "the ones before it are missing: leave --nonce away for the next one"},
    {"replacement transaction underpriced",
     "one of that number waits already: to take its place, both --gas-price and "
     "--priority-gas-price must be at least a tenth higher than its own"},
    {"insufficient funds", "the account's balance must cover the amount and the highest fee"},
    {"already known", "just this transaction has been sent before, and waits for a block"},
    {"max fee per gas less than block base fee", "--gas-price is below what the chain takes now"},
    {"max priority fee per gas higher than max fee per gas",
     "--priority-gas-price is a part of --gas-price"},
    {"transaction underpriced", "the node wants more: raise --priority-gas-price"},
    {"gas price below minimum", "the node wants more: raise --priority-gas-price"},
    {"intrinsic gas too low", "raise --gas-limit, or leave it away to have it estimated"},
    {"exceeds block gas limit", "--gas-limit is more than a block may use"},
    {"gas required exceeds allowance",
     "what the account can pay for isn't enough, or the contract refuses the call"},
    {"execution reverted", "the contract refuses the call"},
    {"txpool is full", "the node has no room for more: try again later, or pay more"},
    {"invalid sender", "the chain takes no such signature: is it of another chain id?"},
}};

NodeRefusal refusal_of(const json::value& error) {
  NodeRefusal refusal;
  const auto* object = error.if_object();
  if (object == nullptr) {
    refusal.words = "an error without words";
    return refusal;
  }
  if (const json::value* code = object->if_contains("code"); code != nullptr && code->is_int64())
    refusal.code = code->get_int64();
  const json::value* message = object->if_contains("message");
  std::string_view words;
  if (message != nullptr && message->is_string()) words = message->get_string();
  refusal.words = printable(words.substr(0, node_words_max));
  if (words.size() > node_words_max) refusal.words += "...";
  if (words.empty()) refusal.words = fmt::format("error {}", refusal.code);
  return refusal;
}

/// A "result" or an "error". Nothing if it is no answer.
std::optional<NodeAnswer> answer_of(json::object& object) {
  if (const json::value* error = object.if_contains("error"); error != nullptr && !error->is_null())
    return NodeAnswer(std::unexpect, refusal_of(*error));
  json::value* result = object.if_contains("result");
  if (result == nullptr) return std::nullopt;
  return NodeAnswer(std::move(*result));
}

std::string request_text(const std::vector<NodeCall>& calls) {
  json::array list;
  for (const NodeCall& call : calls) {
    list.push_back(json::object{
        {"jsonrpc", "2.0"}, {"id", list.size()}, {"method", call.method}, {"params", call.params}});
  }
  return calls.size() == 1 ? json::serialize(list.front()) : json::serialize(list);
}

const json::value* text_member(const json::value& object, std::string_view key) {
  const auto* members = object.if_object();
  const json::value* value = members != nullptr ? members->if_contains(key) : nullptr;
  return value != nullptr && value->is_string() ? value : nullptr;
}

}  // namespace

Result<NodeAddress> NodeAddress::parse(std::string_view url) {
  if (url.starts_with("https://")) {
    return std::unexpected(
        bad("https:// isn't spoken here: use a node of your own, or a proxy at http://127.0.0.1"));
  }
  const auto wrong = [&] {
    return std::unexpected(
        bad(fmt::format("\"{}\" isn't the address of a node, such as "
                        "http://127.0.0.1:8545",
                        printable(url))));
  };
  const bool is_plain = std::ranges::all_of(url, [](char c) { return c > ' ' && c < '\x7f'; });
  const auto target = http::parse_target("POST", url);
  if (!url.starts_with("http://") || !is_plain || !target) return wrong();
  NodeAddress address;
  if (!read_authority(target->authority, address)) return wrong();
  address.target = target->raw_path;
  if (!target->raw_query.empty()) address.target += "?" + target->raw_query;
  return address;
}

std::string NodeAddress::authority() const {
  return http::authority_of(host, port);
}

std::string NodeRefusal::explained() const {
  if (knows_no_such_method()) return fmt::format("{} (the node doesn't offer this)", words);
  for (const Explanation& one : explanations) {
    if (words.find(one.words) != std::string::npos) return fmt::format("{} ({})", words, one.help);
  }
  return words;
}

Result<std::vector<NodeAnswer>> parse_node_answers(std::string_view text, std::size_t count) {
  json::parse_options options;
  options.max_depth = answer_depth_max;
  options.allow_invalid_utf8 = true;
  boost::system::error_code failure;
  json::value document = json::parse({text.data(), text.size()}, failure, {}, options);
  if (failure) return std::unexpected(Errc::corrupt);
  std::vector<std::optional<NodeAnswer>> found(count);
  if (auto* object = document.if_object()) {
    auto answer = answer_of(*object);
    if (!answer || (count > 1 && *answer)) return std::unexpected(Errc::corrupt);
    std::ranges::fill(found, answer);
  }
  if (auto* list = document.if_array()) {
    for (json::value& one : *list) {
      auto* object = one.if_object();
      const json::value* id = object != nullptr ? object->if_contains("id") : nullptr;
      boost::system::error_code no_number;
      const auto index = id != nullptr ? id->to_number<std::size_t>(no_number) : count;
      if (no_number || index >= count || found[index]) return std::unexpected(Errc::corrupt);
      found[index] = answer_of(*object);
    }
  }
  std::vector<NodeAnswer> answers;
  answers.reserve(count);
  for (auto& one : found) {
    if (!one) return std::unexpected(Errc::corrupt);
    answers.push_back(*std::move(one));
  }
  return answers;
}

std::optional<U256> quantity_of(const json::value& value) {
  if (!value.is_string()) return std::nullopt;
  const std::string_view text = value.get_string();
  return text.starts_with("0x") ? U256::parse(text) : std::nullopt;
}

std::optional<U256> quantity_in(const json::value& object, std::string_view key) {
  const json::value* value = text_member(object, key);
  return value != nullptr ? quantity_of(*value) : std::nullopt;
}

std::optional<Address> address_in(const json::value& object, std::string_view key) {
  const json::value* value = text_member(object, key);
  return value != nullptr ? Address::parse(value->get_string()) : std::nullopt;
}

std::optional<Hash> hash_in(const json::value& object, std::string_view key) {
  const json::value* value = text_member(object, key);
  return value != nullptr ? Hash::parse(value->get_string()) : std::nullopt;
}

namespace {

http::ClientOptions client_options(std::string hint) {
  http::ClientOptions options;
  options.unreachable_hint = std::move(hint);
  return options;
}

}  // namespace

EthereumNode::EthereumNode(port::Env& env, NodeAddress address, std::string hint)
    : env_(env), address_(std::move(address)), client_(env, client_options(std::move(hint))) {}

Error EthereumNode::nonsense(std::string_view what) const {
  return say(
      fmt::format("the node at {} answers with nonsense: {}; is it a node of Ethereum's kind?",
                  address_.authority(), what));
}

Task<void> EthereumNode::close() {
  return client_.close();
}

Task<std::string> EthereumNode::post(std::string body, std::size_t bytes_max) {
  const Instant deadline = env_.clock.now() + node_patience;
  http::ClientRequest request;
  request.host = address_.host;
  request.port = address_.port;
  request.target = address_.target;
  request.headers.set("Content-Type", "application/json");
  request.body_bytes = body.size();
  request.body = std::make_unique<http::MemoryBody>(Buffer::copy_of(as_bytes(body)));
  auto response = co_await client_.send(std::move(request), deadline);
  Result<Bytes> read = std::unexpected(Errc::closed);
  int status = 0;
  if (response) {
    status = (*response)->status;
    read = co_await http::read_all(**response, bytes_max, deadline);
  } else {
    read = std::unexpected(response.error());
  }
  const std::string at = address_.authority();
  if (!read) {
    const Error& why = read.error();
    if (why.is(http::HttpError::body_too_large)) {
      co_return std::unexpected(
          Error(Errc::limit_exceeded,
                fmt::format("the node at {} answers with more than {} MiB, which is too much", at,
                            bytes_max >> 20)));
    }
    if (why.is(Errc::timed_out)) {
      co_return std::unexpected(
          say(fmt::format("the node at {} gives no answer: try again, or another one", at)));
    }
    if (port::ended_by_peer(why)) {
      co_return std::unexpected(
          say(fmt::format("the node at {} ended the connection within its answer ({}): try again",
                          at, why.domain().message(why.code()))));
    }
    co_return std::unexpected(why);
  }
  const bool is_json = read->size() > 1 && (read->front() == '{' || read->front() == '[');
  // Some tell their errors in JSON beside a status of HTTP.
  if (status != 200 && !is_json) {
    const std::string_view words = as_text(*read).substr(0, node_words_max);
    co_return std::unexpected(
        say(fmt::format("the node at {} answers {}: {}", at, status, printable(words))));
  }
  co_return std::string(as_text(*read));
}

Task<std::vector<NodeAnswer>> EthereumNode::call_all(std::vector<NodeCall> calls,
                                                     std::size_t bytes_max) {
  KITH_CO_TRY(const std::string text, co_await post(request_text(calls), bytes_max));
  auto answers = parse_node_answers(text, calls.size());
  if (!answers) co_return std::unexpected(nonsense("no JSON-RPC"));
  co_return *std::move(answers);
}

Task<json::value> EthereumNode::call(std::string method, json::array params) {
  std::vector<NodeCall> one;
  one.push_back({std::move(method), std::move(params)});
  const std::string name = one.front().method;
  KITH_CO_TRY(std::vector<NodeAnswer> answers, co_await call_all(std::move(one)));
  if (answers.front()) co_return *std::move(answers.front());
  co_return std::unexpected(say(fmt::format("the node at {} refuses {}: {}", address_.authority(),
                                            name, answers.front().error().explained())));
}

}  // namespace kith::api
