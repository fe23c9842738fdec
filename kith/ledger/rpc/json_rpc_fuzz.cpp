// Invariants: whatever comes, a request is answered with JSON of the protocol's form, or not at all
// if it is a notification; and the chain that was asked is as it was.
#include <fuzz/kinds.hpp>

#include <boost/json.hpp>

#include <kith/base/assert.hpp>
#include <kith/ledger/rpc/rpc.hpp>
#include <kith/port/memory_key_value.hpp>

namespace kith::fuzz {

using namespace ledger;
namespace json = boost::json;

Kinds kinds_json_rpc{"error", "no such method", "result", "batch", "notification"};

namespace {

/// A chain of a genesis with a contract that stores, logs and calls itself.
struct Node {
  Node() {
    Beginning beginning{.chain_id = 1, .gas_limit = 100'000, .difficulty = 0, .state = {}};
    beginning.state.set(Address::of_number(0xc0de), {.nonce = 1,
                                                     .balance = 1'000,
                                                     .code = *from_hex("5f355f5560205fa05f5ff3"),
                                                     .storage = {{0, 1}}});
    auto opened = Chain::open(store, 0, log, Genesis::of(std::move(beginning)), rules, {});
    ASSERT(opened.has_value());
    chain = *std::move(opened);
    rpc = std::make_unique<ChainRpc>(*chain, nullptr, RpcNode{}, RpcOptions{});
  }

  UncheckedSeals rules;
  port::MemoryKeyValue store{Chain::namespaces().size()};
  MemoryBlocks log;
  std::unique_ptr<Chain> chain;
  std::unique_ptr<ChainRpc> rpc;
};

void check(const json::value& answer) {
  const auto* object = answer.if_object();
  ASSERT(object != nullptr && object->contains("id"));
  ASSERT(object->contains("result") != object->contains("error"));
  kinds_json_rpc.reached_if(object->contains("result"), "result");
  const auto* error = object->if_contains("error");
  if (error == nullptr) return;
  kinds_json_rpc.reached("error");
  kinds_json_rpc.reached_if(error->at("code") == -32601, "no such method");
}

}  // namespace

void fuzz_json_rpc(ByteView input) {
  static Node node;
  const BlockName head = node.chain->head();
  const std::string text = node.rpc->handle(as_text(input));
  ASSERT(node.chain->head() == head);
  if (text.empty()) return kinds_json_rpc.reached("notification");
  const json::value answer = json::parse(text);
  if (const auto* batch = answer.if_array()) {
    kinds_json_rpc.reached("batch");
    for (const json::value& one : *batch)
      check(one);
  } else {
    check(answer);
  }
}

}  // namespace kith::fuzz
