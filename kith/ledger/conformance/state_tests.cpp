#include <kith/ledger/chain/blob_fee.hpp>
#include <kith/ledger/chain/detail/json_node.hpp>
#include <kith/ledger/chain/receipt.hpp>
#include <kith/ledger/chain/transition.hpp>
#include <kith/ledger/conformance/detail/test_state.hpp>
#include <kith/ledger/conformance/state_tests.hpp>
#include <kith/ledger/state/memory_state.hpp>

namespace kith::ledger {
namespace {

using detail::JsonFault;
using detail::JsonNode;

BlockContext block_of(const JsonNode& test, Revision revision, std::string_view fork,
                      const StateTestOptions& options) {
  const JsonNode env = test["env"];
  BlockContext block;
  block.chain_id = options.chain_id;
  block.fee_collector = options.fee_collector;
  block.number = env["currentNumber"].small_number();
  block.timestamp = env["currentTimestamp"].small_number();
  block.gas_limit = env["currentGasLimit"].number().saturated();
  block.coinbase = env["currentCoinbase"].address();
  block.prev_randao =
      env[revision >= Revision::paris ? "currentRandom" : "currentDifficulty"].number();
  if (revision >= Revision::london) {
    const JsonNode fee = env["currentBaseFee"];
    block.base_fee = fee.there() ? fee.number() : U256(10);
  }
  if (revision >= Revision::cancun) {
    const JsonNode excess = env["currentExcessBlobGas"];
    const JsonNode schedule = test["config"]["blobSchedule"][fork]["baseFeeUpdateFraction"];
    block.blob_base_fee = blob_base_fee(
        excess.there() ? excess.small_number() : 0,
        schedule.there() ? schedule.small_number() : blob_schedule(revision).update_fraction);
  }
  if (const JsonNode chain = test["config"]["chainid"]; chain.there())
    block.chain_id = chain.number();
  // What the tests agree on, there being no chain.
  block.block_hash = [](std::uint64_t number) -> Result<Hash> {
    return keccak256(as_bytes(std::to_string(number)));
  };
  return block;
}

std::vector<AccessListEntry> access_list_of(const JsonNode& list) {
  std::vector<AccessListEntry> entries;
  for (std::size_t i = 0; i < list.size(); ++i) {
    AccessListEntry& entry = entries.emplace_back();
    entry.address = list[i]["address"].address();
    const JsonNode keys = list[i]["storageKeys"];
    for (std::size_t k = 0; k < keys.size(); ++k)
      entry.keys.push_back(keys[k].number());
  }
  return entries;
}

std::vector<Authorization> authorizations_of(const JsonNode& list) {
  std::vector<Authorization> all;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const JsonNode from = list[i];
    Authorization& one = all.emplace_back();
    one.chain_id = from["chainId"].number();
    one.address = from["address"].address();
    one.nonce = from["nonce"].small_number();
    one.parity = from[from["yParity"].there() ? "yParity" : "v"].number();
    one.r = from["r"].number();
    one.s = from["s"].number();
  }
  return all;
}

/// Nothing if there can be no such transaction.
std::optional<Transaction> transaction_of(const JsonNode& from, const StateTestOutcome& index) {
  if (from["value"][index.value].is_too_large()) return std::nullopt;
  Transaction made;
  made.nonce = from["nonce"].small_number();
  made.gas_limit = from["gasLimit"][index.gas].small_number();
  made.value = from["value"][index.value].number();
  made.data = from["data"][index.data].bytes();
  if (const JsonNode to = from["to"]; to.there() && !to.text().empty()) made.to = to.address();
  if (const JsonNode list = from["accessLists"][index.data]; list.there()) {
    made.type = Transaction::Type::access_list;
    made.access_list = access_list_of(list);
  }
  if (const JsonNode price = from["gasPrice"]; price.there()) {
    made.max_fee = made.max_priority_fee = price.number();
  } else {
    made.type = Transaction::Type::dynamic_fee;
    made.max_fee = from["maxFeePerGas"].number();
    made.max_priority_fee = from["maxPriorityFeePerGas"].number();
  }
  if (const JsonNode hashes = from["blobVersionedHashes"]; hashes.there()) {
    made.type = Transaction::Type::blob;
    made.max_blob_fee = from["maxFeePerBlobGas"].number();
    for (std::size_t i = 0; i < hashes.size(); ++i)
      made.blob_hashes.push_back(hashes[i].hash());
  }
  if (const JsonNode list = from["authorizationList"]; list.there()) {
    made.type = Transaction::Type::set_code;
    made.authorizations = authorizations_of(list);
  }
  return made;
}

std::optional<Address> sender_of(const JsonNode& from) {
  if (const JsonNode sender = from["sender"]; sender.there()) return sender.address();
  crypto::SecretArray<32> secret;
  std::ranges::copy(from["secretKey"].hash().bytes, secret.mutable_bytes().begin());
  return address_of(secret);
}

Hash hash_of(const std::vector<LogEntry>& logs) {
  Bytes encoded;
  RlpWriter writer(encoded);
  write_logs(writer, logs);
  return keccak256(encoded);
}

/// One case: what is left behind must be as `post` says.
void run_case(const JsonNode& test, const JsonNode& post, std::string_view fork,
              const StateTestOptions& options, StateTestOutcome& outcome) {
  MemoryState state = detail::state_of(test["pre"]);
  const BlockContext block = block_of(test, outcome.revision, fork, options);
  World world(state, outcome.revision, 0);
  Machine machine(world);
  machine.set_tracer(options.tracer);
  Hash logs = hash_of({});
  std::string refused;
  const auto sender = sender_of(test["transaction"]);
  if (const auto transaction = transaction_of(test["transaction"], outcome)) {
    auto applied =
        apply_transaction(world, machine, block, {blob_schedule(outcome.revision).transaction_max},
                          *transaction, sender.value_or(Address()), block.gas_limit);
    if (!applied) {
      outcome.fault = applied.error().message();
      return;
    }
    if (*applied) {
      logs = hash_of((**applied).logs);
    } else {
      refused = Error(applied->error()).message();
    }
  } else {
    refused = "a number is too large";
  }
  if (outcome.revision < Revision::paris) {
    // The tests were made with a reward of nothing for the block.
    world.begin_transaction();
    world.touch(world.account(block.coinbase));
    world.finish_transaction();
  }
  state.apply(world);
  outcome.root = state.root();
  const JsonNode exception = post["expectException"];
  if (exception.there() && refused.empty()) {
    outcome.fault = "it ran, but should be refused: " + std::string(exception.text());
  } else if (!exception.there() && !refused.empty()) {
    outcome.fault = "refused: " + refused;
  } else if (outcome.root != post["hash"].hash()) {
    outcome.fault = "the state's root is " + outcome.root.to_hex();
  } else if (logs != post["logs"].hash()) {
    outcome.fault = "the logs' hash is " + logs.to_hex();
  } else {
    outcome.passed = true;
  }
}

}  // namespace

Result<void> run_state_tests(std::string_view text, const StateTestOptions& options,
                             const std::function<void(const StateTestOutcome&)>& tell) {
  boost::system::error_code failed;
  const boost::json::value document = boost::json::parse(text, failed);
  if (failed) return std::unexpected(Error(Errc::invalid_argument, failed.message()));
  JsonFault fault;
  JsonNode(&document, fault, "").for_each([&](std::string_view name, const JsonNode& test) {
    if (!options.name.empty() && options.name != name) return;
    test["post"].for_each([&](std::string_view fork, const JsonNode& cases) {
      const auto revision = revision_named(fork);
      if (!revision || (options.only && *options.only != *revision)) return;
      for (std::size_t i = 0; i < cases.size() && fault.what.empty(); ++i) {
        const JsonNode index = cases[i]["indexes"];
        StateTestOutcome outcome;
        outcome.name = name;
        outcome.revision = *revision;
        outcome.data = index["data"].small_number();
        outcome.gas = index["gas"].small_number();
        outcome.value = index["value"].small_number();
        run_case(test, cases[i], fork, options, outcome);
        if (fault.what.empty()) tell(outcome);
      }
    });
  });
  if (!fault.what.empty()) return std::unexpected(Error(Errc::invalid_argument, fault.what));
  return {};
}

}  // namespace kith::ledger
