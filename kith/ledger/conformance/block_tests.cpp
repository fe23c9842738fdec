#include <kith/ledger/chain/detail/json_node.hpp>
#include <kith/ledger/conformance/block_tests.hpp>
#include <kith/ledger/conformance/detail/test_chain.hpp>
#include <kith/ledger/conformance/detail/test_state.hpp>

namespace kith::ledger {
namespace {

using detail::JsonFault;
using detail::JsonNode;
using detail::TestChain;

/// What a test's network has put the bomb off by.
std::uint64_t bomb_delay_of(std::string_view fork, Revision revision) {
  if (fork == "GrayGlacier" || revision >= Revision::paris) return 11'400'000;
  if (fork == "ArrowGlacier") return 10'700'000;
  if (revision >= Revision::london) return 9'700'000;
  if (fork == "MuirGlacier" || revision >= Revision::berlin) return 9'000'000;
  if (revision >= Revision::constantinople) return 5'000'000;
  if (revision >= Revision::byzantium) return 3'000'000;
  return 0;
}

/// "15k" and "5".
std::optional<std::uint64_t> amount_of(std::string_view text) {
  const bool thousands = text.ends_with('k');
  if (thousands) text.remove_suffix(1);
  const auto amount = U256::parse(text);
  if (!amount) return std::nullopt;
  return amount->low() * (thousands ? 1000 : 1);
}

std::string judge(const JsonNode& test, const ForkSchedule& schedule) {
  auto genesis = Block::decode(test["genesisRLP"].bytes());
  if (!genesis) return "the genesis can't be read";
  MemoryState state = detail::state_of(test["pre"]);
  if (state.root() != genesis->header.state_root) return "the genesis has another state's root";
  TestChain chain({.schedule = schedule, .state = std::move(state), .block = *std::move(genesis)});
  if (chain.fault()) return chain.fault()->message();
  const JsonNode blocks = test["blocks"];
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    bool refused_by_test = false;
    blocks[i].for_each([&](std::string_view key, const JsonNode&) {
      refused_by_test |= key.starts_with("expectException");
    });
    const auto refused = chain.add(blocks[i]["rlp"].bytes());
    if (refused && !refused_by_test)
      return "block " + std::to_string(i) + " was refused: " + *refused;
    if (!refused && refused_by_test) return "block " + std::to_string(i) + " should be refused";
  }
  if (chain.head() != test["lastblockhash"].hash()) return "the head is " + chain.head().to_hex();
  if (const JsonNode post = test["postState"]; post.there()) {
    if (detail::state_of(post).root() != chain.state_root()) return "another state";
  } else if (const JsonNode root = test["postStateHash"]; root.there()) {
    if (root.hash() != chain.state_root()) return "another state's root";
  }
  return {};
}

}  // namespace

std::optional<ForkSchedule> schedule_of_network(std::string_view network) {
  ForkSchedule schedule;
  schedule.difficulty = DifficultyRule::ethash;
  std::string_view first = network;
  std::string_view second;
  std::string_view when;
  if (const auto to = network.find("To"); to != std::string_view::npos) {
    const auto at = network.find("At", to);
    if (at == std::string_view::npos) return std::nullopt;
    first = network.substr(0, to);
    second = network.substr(to + 2, at - to - 2);
    when = network.substr(at + 2);
  }
  const auto from = revision_named(first);
  if (!from) return std::nullopt;
  schedule.forks.push_back({.revision = *from});
  schedule.bomb_delays.push_back({0, bomb_delay_of(first, *from)});
  if (second.empty()) return schedule;
  const auto to = revision_named(second);
  if (!to) return std::nullopt;
  ForkSchedule::Fork next{.revision = *to};
  if (when.starts_with("Diff")) {
    schedule.terminal_total_difficulty = U256::parse("0x" + std::string(when.substr(4)));
    if (!schedule.terminal_total_difficulty) return std::nullopt;
  } else {
    const bool by_time = when.starts_with("Time");
    const auto amount = amount_of(by_time ? when.substr(4) : when);
    if (!amount) return std::nullopt;
    (by_time ? next.from_timestamp : next.from_number) = *amount;
    if (second == "Dao" || second == "DAO") schedule.dao_block = *amount;
    if (!by_time) schedule.bomb_delays.push_back({*amount, bomb_delay_of(second, *to)});
  }
  schedule.forks.push_back(next);
  return schedule;
}

Result<void> run_block_tests(std::string_view text, std::string_view only_name,
                             const std::function<void(const BlockTestOutcome&)>& tell) {
  boost::system::error_code failed;
  const boost::json::value document = boost::json::parse(text, failed);
  if (failed) return std::unexpected(Error(Errc::invalid_argument, failed.message()));
  JsonFault fault;
  JsonNode(&document, fault, "").for_each([&](std::string_view name, const JsonNode& test) {
    if (!only_name.empty() && only_name != name) return;
    BlockTestOutcome outcome;
    outcome.name = name;
    outcome.network = test["network"].text();
    const auto schedule = schedule_of_network(outcome.network);
    if (!schedule) return;
    outcome.fault = judge(test, *schedule);
    outcome.passed = outcome.fault.empty();
    if (fault.what.empty()) tell(outcome);
  });
  if (!fault.what.empty()) return std::unexpected(Error(Errc::invalid_argument, fault.what));
  return {};
}

}  // namespace kith::ledger
