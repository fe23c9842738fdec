#include <algorithm>
#include <array>

#include <kith/ledger/chain/detail/json_node.hpp>
#include <kith/ledger/chain/genesis.hpp>
#include <kith/ledger/chain/header_rules.hpp>
#include <kith/ledger/state/trie_root.hpp>

namespace kith::ledger {
namespace {

using detail::JsonFault;
using detail::JsonNode;

struct ForkKey {
  std::string_view key;
  Revision revision;
};

constexpr std::array by_number{
    ForkKey{"homesteadBlock", Revision::homestead},
    ForkKey{"eip150Block", Revision::tangerine_whistle},
    ForkKey{"eip158Block", Revision::spurious_dragon},
    ForkKey{"byzantiumBlock", Revision::byzantium},
    ForkKey{"constantinopleBlock", Revision::constantinople},
    ForkKey{"petersburgBlock", Revision::petersburg},
    ForkKey{"istanbulBlock", Revision::istanbul},
    ForkKey{"berlinBlock", Revision::berlin},
    ForkKey{"londonBlock", Revision::london},
};
constexpr std::array by_time{
    ForkKey{"shanghaiTime", Revision::shanghai},
    ForkKey{"cancunTime", Revision::cancun},
    ForkKey{"pragueTime", Revision::prague},
    ForkKey{"osakaTime", Revision::osaka},
};
struct BombKey {
  std::string_view key;
  std::uint64_t blocks;
};
constexpr std::array bombs{
    BombKey{"byzantiumBlock", 3'000'000},     BombKey{"constantinopleBlock", 5'000'000},
    BombKey{"muirGlacierBlock", 9'000'000},   BombKey{"londonBlock", 9'700'000},
    BombKey{"arrowGlacierBlock", 10'700'000}, BombKey{"grayGlacierBlock", 11'400'000},
};
/// Forks of blobs' parameters alone (EIP-7892), and those that brought parameters.
constexpr std::array blob_forks{
    std::pair{"cancun", "cancunTime"}, std::pair{"prague", "pragueTime"},
    std::pair{"osaka", "osakaTime"},   std::pair{"bpo1", "bpo1Time"},
    std::pair{"bpo2", "bpo2Time"},     std::pair{"bpo3", "bpo3Time"},
    std::pair{"bpo4", "bpo4Time"},     std::pair{"bpo5", "bpo5Time"},
};
/// All that changes the rules at a block, for the fork's identifier.
constexpr std::array changes_by_number{
    "homesteadBlock",    "daoForkBlock",     "eip150Block",         "eip155Block",
    "eip158Block",       "byzantiumBlock",   "constantinopleBlock", "petersburgBlock",
    "istanbulBlock",     "muirGlacierBlock", "berlinBlock",         "londonBlock",
    "arrowGlacierBlock", "grayGlacierBlock", "mergeNetsplitBlock"};

/// Rules that a chain would need and that aren't here.
constexpr std::array unknown_forks{"amsterdamTime", "verkleTime", "ubtTime"};

void read_forks(const JsonNode& config, ForkSchedule& into) {
  into.forks.push_back({.revision = Revision::frontier});
  for (const ForkKey& fork : by_number) {
    if (const JsonNode at = config[fork.key]; at.there())
      into.forks.push_back({.revision = fork.revision, .from_number = at.small_number()});
  }
  if (const JsonNode total = config["terminalTotalDifficulty"]; total.there()) {
    into.terminal_total_difficulty = total.number();
    into.forks.push_back({.revision = Revision::paris});
  }
  for (const ForkKey& fork : by_time) {
    if (const JsonNode at = config[fork.key]; at.there())
      into.forks.push_back({.revision = fork.revision, .from_timestamp = at.small_number()});
  }
  for (const char* key : unknown_forks) {
    if (config[key].there()) config[key].bad("a fork that is known");
  }
}

void read_config(const JsonNode& config, ForkSchedule& into) {
  into.chain_id = config["chainId"].small_number();
  read_forks(config, into);
  const JsonNode dao = config["daoForkBlock"];
  if (dao.there() && config["daoForkSupport"].truth()) into.dao_block = dao.small_number();
  if (const JsonNode deposits = config["depositContractAddress"]; deposits.there())
    into.deposit_contract = deposits.address();
  for (const BombKey& bomb : bombs) {
    if (const JsonNode at = config[bomb.key]; at.there())
      into.bomb_delays.push_back({at.small_number(), bomb.blocks});
  }
  for (const auto& [name, when] : blob_forks) {
    const JsonNode of = config["blobSchedule"][name];
    const JsonNode at = config[when];
    if (!of.there() || !at.there()) continue;
    into.blobs.push_back({at.small_number(),
                          {.target = of["target"].small_number(),
                           .max = of["max"].small_number(),
                           .update_fraction = of["baseFeeUpdateFraction"].small_number()}});
    if (into.blobs.back().schedule.update_fraction == 0) of.bad("a fraction above zero");
  }
  for (const char* key : changes_by_number) {
    if (const JsonNode at = config[key]; at.there())
      into.change_numbers.push_back(at.small_number());
  }
  for (const ForkKey& fork : by_time) {
    if (const JsonNode at = config[fork.key]; at.there())
      into.change_times.push_back(at.small_number());
  }
  for (const auto& [name, when] : blob_forks) {
    if (const JsonNode at = config[when]; at.there())
      into.change_times.push_back(at.small_number());
  }
  if (config["ethash"].there()) into.difficulty = DifficultyRule::ethash;
  // Besu's two names for chains without a market for gas.
  if (config["zeroBaseFee"].truth() || config["fixedBaseFee"].truth())
    into.base_fee = BaseFeeRule::fixed;
  for (const char* consensus : {"pow", "bft"}) {
    if (const JsonNode reward = config[consensus]["blockReward"]; reward.there())
      into.block_reward = reward.number();
  }
}

MemoryState read_alloc(const JsonNode& alloc) {
  MemoryState state;
  alloc.for_each([&](std::string_view address, const JsonNode& from) {
    const auto bytes = from_hex(address.starts_with("0x") ? address.substr(2) : address);
    const auto read = Address::from_bytes(bytes.value_or(Bytes()));
    if (!read) return alloc.bad("an address", address);
    MemoryState::Account account;
    if (const JsonNode balance = from["balance"]; balance.there())
      account.balance = balance.number();
    if (const JsonNode nonce = from["nonce"]; nonce.there()) account.nonce = nonce.small_number();
    if (const JsonNode code = from["code"]; code.there()) account.code = code.bytes();
    from["storage"].for_each([&](std::string_view key, const JsonNode& value) {
      const auto slot = U256::parse(key);
      if (!slot) return from.bad("a storage key", key);
      account.storage[*slot] = value.number();
    });
    state.set(*read, std::move(account));
  });
  return state;
}

void read_header(const JsonNode& from, const ForkSchedule& schedule, Header& into) {
  const auto number = [&](std::string_view key, std::uint64_t otherwise) {
    const JsonNode field = from[key];
    return field.there() ? field.small_number() : otherwise;
  };
  into.ommers = Block().ommers_hash();
  into.transactions_root = into.receipts_root = empty_trie_root;
  into.gas_limit = number("gasLimit", 4'712'388);
  into.gas_used = number("gasUsed", 0);
  into.number = number("number", 0);
  into.timestamp = number("timestamp", 0);
  store_be(into.nonce.data(), number("nonce", 0));
  if (const JsonNode field = from["coinbase"]; field.there()) into.coinbase = field.address();
  if (const JsonNode field = from["parentHash"]; field.there()) into.parent = field.hash();
  if (const JsonNode field = from["mixHash"]; field.there()) into.mix_hash = field.hash();
  if (const JsonNode field = from["extraData"]; field.there()) into.extra_data = field.bytes();
  if (const JsonNode field = from["difficulty"]; field.there()) into.difficulty = field.number();
  const bool merged =
      schedule.terminal_total_difficulty && into.difficulty >= *schedule.terminal_total_difficulty;
  const Revision revision = schedule.revision_at(into.number, into.timestamp, merged);
  if (revision >= Revision::london) {
    const JsonNode fee = from["baseFeePerGas"];
    into.base_fee = fee.there()                             ? fee.number()
                    : from["config"]["zeroBaseFee"].truth() ? U256(0)
                                                            : U256(1'000'000'000);
  }
  if (from["config"]["zeroBaseFee"].truth() && into.base_fee.value_or(0) != U256(0))
    from["baseFeePerGas"].bad("zero, as config.zeroBaseFee asks,");
  add_fork_fields(into, revision);
  if (revision >= Revision::cancun) {
    into.blob_gas_used = number("blobGasUsed", 0);
    into.excess_blob_gas = number("excessBlobGas", 0);
  }
}

}  // namespace

Genesis Genesis::of(Beginning beginning) {
  Genesis genesis;
  genesis.schedule.chain_id = beginning.chain_id;
  genesis.state = std::move(beginning.state);
  Header& header = genesis.block.header;
  header.ommers = Block().ommers_hash();
  header.transactions_root = header.receipts_root = empty_trie_root;
  header.state_root = genesis.state.root();
  header.gas_limit = beginning.gas_limit;
  header.timestamp = beginning.timestamp;
  header.difficulty = beginning.difficulty;
  header.base_fee = beginning.base_fee;
  add_fork_fields(header, newest_revision);
  genesis.block.withdrawals.emplace();
  return genesis;
}

Result<Genesis> Genesis::parse(std::string_view json) {
  boost::system::error_code failed;
  const boost::json::value document = boost::json::parse(json, failed);
  if (failed) return std::unexpected(Error(Errc::invalid_argument, failed.message()));
  JsonFault fault;
  const JsonNode root(&document, fault, "genesis");
  Genesis genesis;
  if (!root["config"].there()) root["config"].bad("an object");
  read_config(root["config"], genesis.schedule);
  genesis.state = read_alloc(root["alloc"]);
  read_header(root, genesis.schedule, genesis.block.header);
  if (!fault.what.empty()) return std::unexpected(Error(Errc::invalid_argument, fault.what));
  genesis.block.header.state_root = genesis.state.root();
  const auto sort_out = [](std::vector<std::uint64_t>& changes, std::uint64_t beginning) {
    std::ranges::sort(changes);
    const auto again = std::ranges::unique(changes);
    changes.erase(again.begin(), again.end());
    std::erase_if(changes, [&](std::uint64_t at) { return at <= beginning; });
  };
  sort_out(genesis.schedule.change_numbers, 0);
  sort_out(genesis.schedule.change_times, genesis.block.header.timestamp);
  if (genesis.block.header.withdrawals_root) genesis.block.withdrawals.emplace();
  return genesis;
}

}  // namespace kith::ledger
