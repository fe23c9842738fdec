// chain new, join, invite, ls, status, peers, import, export, rpc, and mine: the ledgers that this
// node takes part in.
#include <algorithm>
#include <array>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/command.hpp>
#include <kith/api/detail/text.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/ledger/consensus/staking/staking.hpp>
#include <kith/ledger/network/bft_streams.hpp>
#include <kith/ledger/network/invite.hpp>
#include <kith/ledger/network/limits.hpp>
#include <kith/ledger/network/new_chain.hpp>
#include <kith/net/address_scope.hpp>
#include <kith/node/chains.hpp>
#include <kith/node/node.hpp>
#include <kith/unixfs/importer.hpp>
#include <kith/unixfs/reader.hpp>

namespace kith::api {
namespace {

using namespace ledger;
using multiformats::Cid;
using multiformats::Multiaddr;

constexpr std::uint64_t wei_per_ether = 1'000'000'000'000'000'000;
constexpr std::size_t invited_peers_max = 4;
constexpr Duration fetch_time = 60s;
constexpr Duration rate_time = 200ms;
constexpr std::size_t import_at_once = 256;
constexpr std::uint64_t export_at_once = 64;

Error bad(std::string text) {
  return {Errc::invalid_argument, std::move(text)};
}

// Amounts.

/// Ether with up to 18 decimals, as people write it, in wei.
Result<U256> wei_of(std::string_view text, std::string_view what) {
  const std::size_t point = std::min(text.find('.'), text.size());
  std::string digits(text.substr(0, point));
  std::string decimals(text.substr(std::min(point + 1, text.size())));
  const auto is_number = [](std::string_view some) {
    return std::ranges::all_of(some, [](char c) { return c >= '0' && c <= '9'; });
  };
  if (digits.empty() || digits.size() > 40 || decimals.size() > 18 || !is_number(digits) ||
      !is_number(decimals)) {
    return std::unexpected(bad(fmt::format(
        "{}: \"{}\" isn't an amount of ether, such as 100 or 0.25", what, printable(text))));
  }
  decimals.resize(18, '0');
  const auto whole = U256::parse(digits);
  // Leading zeros are no octal number.
  decimals.erase(0, std::min(decimals.find_first_not_of('0'), decimals.size() - 1));
  const auto part = U256::parse(decimals);
  return *whole * wei_per_ether + *part;
}

Result<std::uint64_t> number_option(const Request& request, std::string_view option,
                                    std::int64_t least, std::int64_t most) {
  const std::int64_t value = request.integer(option).value_or(least);
  if (value >= least && value <= most) return static_cast<std::uint64_t>(value);
  return std::unexpected(bad(fmt::format("--{} is from {} to {}", option, least, most)));
}

// The genesis.

Result<Address> address_of_text(std::string_view text, std::string_view what) {
  const auto address = Address::parse(text);
  if (address) return *address;
  return std::unexpected(
      bad(fmt::format("{}: {} isn't an address: 40 hexadecimal digits behind 0x, and if some are "
                      "capital letters, just those that its checksum wants",
                      what, printable(text))));
}

Result<void> add_allocations(const Request& request, MemoryState& state) {
  for (const std::string& one : request.texts("alloc")) {
    const std::size_t mark = one.find('=');
    if (mark == std::string::npos) return std::unexpected(bad("--alloc is ADDRESS=ETHER"));
    KITH_TRY(const Address address,
             address_of_text(std::string_view(one).substr(0, mark), "--alloc"));
    KITH_TRY(const U256 amount, wei_of(std::string_view(one).substr(mark + 1), "--alloc"));
    MemoryState::Account account;
    if (const auto* there = state.find(address)) account = *there;
    account.balance += amount;
    state.set(address, std::move(account));
  }
  return {};
}

Result<PowParameters> pow_parameters_of(const Request& request) {
  PowParameters parameters;
  const std::string algorithm = request.text("algorithm");
  if (algorithm == "randomx") {
    parameters.algorithm = WorkAlgorithm::randomx;
  } else if (algorithm != "sha256d") {
    return std::unexpected(bad("--algorithm is sha256d or randomx"));
  }
  parameters.asert.target_spacing_s = 10;
  if (request.given("block-time")) {
    KITH_TRY(parameters.asert.target_spacing_s, number_option(request, "block-time", 2, 86'400));
  }
  parameters.asert.half_life_s =
      pow_limits::spacings_in_half_life * parameters.asert.target_spacing_s;
  const std::uint64_t half_life_min =
      pow_limits::futures_in_half_life * parameters.future_limit_s();
  parameters.asert.half_life_s = std::max(parameters.asert.half_life_s, half_life_min);
  KITH_CHECK(parameters.check());
  return parameters;
}

/// What one core of this machine finds in a block's time: where a new chain may begin.
Result<U256> measured_difficulty(port::Env& env, const PowParameters& parameters) {
  const auto work = make_work_hash(parameters.algorithm);
  const Hash key = keccak256(as_bytes("a key to measure with"));
  KITH_TRY(const auto searcher, work->searcher(key));
  std::uint64_t tried = 0;
  const Instant begin = env.clock.now();
  // Nothing meets a target of zero.
  while (env.clock.now() - begin < rate_time) {
    static_cast<void>(searcher->search(key, 0, tried, searcher->slice()));
    tried += searcher->slice();
  }
  const std::chrono::duration<double> passed = env.clock.now() - begin;
  const double rate = static_cast<double>(tried) / passed.count();
  const double difficulty = rate * static_cast<double>(parameters.asert.target_spacing_s);
  return U256(std::max<std::uint64_t>(static_cast<std::uint64_t>(difficulty), 16));
}

/// PEER,ADDRESS or PEER,ADDRESS,ETHER.
Result<staking::InitialValidator> validator_of(std::string_view text) {
  const std::vector<std::string> parts = comma_separated(text);
  if (parts.size() < 2 || parts.size() > 3)
    return std::unexpected(bad("--validator is PEER,ADDRESS or PEER,ADDRESS,ETHER"));
  KITH_TRY(const multiformats::PeerId peer, parse_peer(parts[0]));
  const auto key = validator_key_of(peer);
  if (!key) {
    return std::unexpected(
        bad(fmt::format("--validator: the identity of {} isn't an Ed25519 key", parts[0])));
  }
  staking::InitialValidator validator{.account = {}, .key = *key, .stake = 0};
  KITH_TRY(validator.account, address_of_text(parts[1], "--validator"));
  KITH_TRY(const U256 stake, wei_of(parts.size() == 3 ? parts[2] : "1000", "--validator"));
  const U256 units = stake / staking::wei_per_unit;
  if (!units.fits_64() || units * staking::wei_per_unit != stake) {
    return std::unexpected(
        bad("--validator: a stake has three decimals at most, and isn't larger "
            "than all there may be"));
  }
  validator.stake = units.low();
  return validator;
}

/// The first validators: this node alone, if nobody is named.
Result<std::vector<staking::InitialValidator>> validators_of(Context& context,
                                                             const Request& request) {
  std::vector<staking::InitialValidator> validators;
  for (const std::string& one : request.texts("validator")) {
    KITH_TRY(staking::InitialValidator validator, validator_of(one));
    validators.push_back(validator);
  }
  if (!validators.empty()) return validators;
  const std::string coinbase = request.text("coinbase");
  if (coinbase.empty()) {
    return std::unexpected(
        bad("who validates? --coinbase ADDRESS makes this node the one, for that account; or say "
            "--validator PEER,ADDRESS for each"));
  }
  KITH_TRY(staking::InitialValidator validator,
           validator_of(context.node->peer().to_string() + "," + coinbase));
  validators.push_back(validator);
  return validators;
}

Result<void> add_bft(Context& context, const Request& request, NewChain& chain) {
  BftParameters parameters;
  KITH_TRY(parameters.epoch_length, number_option(request, "epoch-length", 2, 1'000'000));
  parameters.block_time_s = 1;
  if (request.given("block-time")) {
    KITH_TRY(parameters.block_time_s, number_option(request, "block-time", 1, 3'600));
  }
  parameters.empty_blocks = !request.flag("no-empty-blocks");
  parameters.contract = staking::staking_address;
  KITH_TRY(const auto validators, validators_of(context, request));
  std::vector<bft::Validator> of_set;
  for (const staking::InitialValidator& one : validators) {
    parameters.validators.push_back({one.key, one.stake, one.account});
    of_set.push_back({one.key, one.stake});
  }
  staking::StakingParameters of_contract{.epoch_blocks = parameters.epoch_length};
  std::array<std::uint8_t, 32> salt;
  context.env.random.fill(salt);
  of_contract.salt = *Hash::from_bytes(salt);
  KITH_CHECK(staking::staking_genesis(chain.state, of_contract, validators));
  const auto set = bft::ValidatorSet::make(std::move(of_set));
  if (!set) return std::unexpected(Error(set.error()));
  chain.extra_data = to_bytes(set->hash().view());
  KITH_TRY(const U256 reward, wei_of(request.text("block-reward"), "--block-reward"));
  chain.consensus = "bft";
  chain.parameters = bft_config(parameters, reward);
  return {};
}

Result<void> add_pow(Context& context, const Request& request, NewChain& chain) {
  KITH_TRY(const PowParameters parameters, pow_parameters_of(request));
  const std::string reward_text =
      request.given("block-reward") ? request.text("block-reward") : "2";
  KITH_TRY(const U256 reward, wei_of(reward_text, "--block-reward"));
  chain.consensus = "pow";
  chain.parameters = pow_config(parameters, reward);
  if (!request.given("difficulty")) {
    KITH_TRY(chain.difficulty, measured_difficulty(context.env, parameters));
    return {};
  }
  const auto difficulty = U256::parse(request.text("difficulty"));
  if (!difficulty || difficulty->is_zero())
    return std::unexpected(bad("--difficulty is a number of hashes"));
  chain.difficulty = *difficulty;
  return {};
}

/// On a worker.
Result<std::string> new_genesis(Context& context, const Request& request) {
  NewChain chain;
  std::array<std::uint8_t, 8> random;
  context.env.random.fill(random);
  // Wallets keep it in a number of 53 bits, and tell small ones from one another.
  chain.chain_id = 1'000'000 + load_be<std::uint64_t>(random.data()) % 2'000'000'000;
  if (request.given("chain-id")) {
    KITH_TRY(chain.chain_id, number_option(request, "chain-id", 1, INT64_C(4503599627370476)));
  }
  const auto since =
      std::chrono::floor<std::chrono::seconds>(context.env.wall.now().time_since_epoch());
  chain.timestamp = static_cast<std::uint64_t>(since.count());
  KITH_TRY(chain.gas_limit, number_option(request, "gas-limit", 21'000, INT64_MAX));
  const auto base_fee = U256::parse(request.text("base-fee"));
  if (!base_fee || *base_fee > U256::power_of_two(96))
    return std::unexpected(bad("--base-fee is a number of wei"));
  chain.base_fee = *base_fee;
  chain.base_fee_is_fixed = request.flag("fixed-base-fee") || base_fee->is_zero();
  KITH_CHECK(add_allocations(request, chain.state));
  const std::string consensus = request.text("consensus");
  if (consensus == "pow") {
    KITH_CHECK(add_pow(context, request, chain));
  } else if (consensus == "bft") {
    KITH_CHECK(add_bft(context, request, chain));
  } else {
    return std::unexpected(bad("--consensus is pow or bft"));
  }
  return genesis_text(chain);
}

/// The genesis as a file that others can have.
Task<Cid> store_genesis(Context& context, const std::string& text) {
  unixfs::MemorySource source(Buffer::copy_of(as_bytes(text)));
  KITH_CO_TRY(const unixfs::ImportedFile file,
              co_await unixfs::import_file(context.env, &context.node->store(), {}, source));
  KITH_CO_CHECK(co_await context.node->store().flush());
  context.node->provide(file.cid);
  co_return file.cid;
}

Task<std::string> fetch_genesis(Context& context, const Invite& invite) {
  node::Node& node = *context.node;
  const Instant deadline = context.env.clock.now() + fetch_time;
  for (const Multiaddr& peer : invite.peers) {
    // Who can't be reached is passed over: others may have the file, too.
    auto connected = co_await node.swarm().connect(*peer.peer_id(), {peer.without_peer_id()},
                                                   context.env.clock.now() + 10s);
    if (!connected && connected.error().is(Errc::cancelled))
      co_return std::unexpected(connected.error());
  }
  const auto source = node.open_source({.fetch = true, .id = {}, .what = "chain join"});
  std::string text;
  auto reads = [&]() -> Task<void> {
    KITH_CO_TRY(unixfs::FileReader reader, co_await unixfs::FileReader::open(*source, invite.file));
    if (reader.size() > genesis_bytes_max)
      co_return std::unexpected(bad("what the invitation names is too large for a genesis"));
    for (;;) {
      KITH_CO_TRY(const Buffer bytes, co_await reader.next());
      if (bytes.empty()) co_return Result<void>{};
      text += as_text(bytes);
    }
  };
  port::TaskGroup reading(context.env.executor, context.env.clock, 1);
  Result<void> outcome = std::unexpected(Errc::cancelled);
  auto runs = [&]() -> Task<void> {
    outcome = co_await reads();
    co_return Result<void>{};
  };
  reading.spawn(runs());
  auto joined = co_await reading.join(deadline);
  reading.cancel();
  co_await reading.join_shielded();
  if (!joined && joined.error().is(Errc::timed_out)) {
    co_return std::unexpected(Error(
        Errc::timed_out, "nobody has sent the genesis: is one of those who invite you online?"));
  }
  KITH_CO_CHECK(std::move(joined));
  KITH_CO_CHECK(std::move(outcome));
  co_return text;
}

// Which chain.

Result<ChainNode*> chain_named(Context& context, const std::string& name) {
  node::Chains& chains = context.node->chains();
  if (!name.empty()) {
    if (ChainNode* found = chains.find(name)) return found;
    const auto failure = chains.failures().find(name);
    if (failure != chains.failures().end()) {
      return std::unexpected(
          Error(Errc::refused, fmt::format("chain {} can't be opened: {}", name, failure->second)));
    }
    return std::unexpected(
        Error(Errc::not_found, fmt::format("there is no chain {} here: `{} chain ls` lists them",
                                           printable(name), context.program)));
  }
  const std::vector<ChainNode*> all = chains.all();
  if (all.size() == 1) return all.front();
  return std::unexpected(
      bad(all.empty() ? fmt::format("no chain is here: `{0} chain new` begins one, `{0} chain "
                                    "join` joins one",
                                    context.program)
                      : fmt::format("which chain? `{} chain ls` lists them", context.program)));
}

/// Those that others may reach first; loopback only where there is nothing else.
std::vector<Multiaddr> inviting_addresses(node::Node& node) {
  std::vector<Multiaddr> all = node.swarm().announced_addresses();
  std::ranges::stable_sort(all, [](const Multiaddr& a, const Multiaddr& b) {
    return net::scope_of(a) > net::scope_of(b);
  });
  std::vector<Multiaddr> chosen;
  for (const Multiaddr& address : all) {
    const auto whole = address.with_peer_id(node.peer());
    if (whole && chosen.size() < invited_peers_max) chosen.push_back(*whole);
  }
  return chosen;
}

json::object joined_value(Context& context, ChainNode& chain, const Cid& file) {
  const Invite invite{.genesis = chain.chain().genesis(),
                      .file = file,
                      .name = chain.name(),
                      .peers = inviting_addresses(*context.node)};
  json::object value;
  value["Name"] = chain.name();
  value["ChainID"] = chain.chain().schedule().chain_id;
  value["Genesis"] = chain.chain().genesis().to_hex();
  value["File"] = file.to_string();
  value["Invite"] = invite.to_string();
  return value;
}

Task<void> run_new(Context& context, const Request& request, Output& output) {
  auto makes = [&context, &request] { return new_genesis(context, request); };
  KITH_CO_TRY(const std::string text, co_await port::run_on(context.env.pool, std::move(makes)));
  KITH_CO_TRY(const Cid file, co_await store_genesis(context, text));
  node::ChainSettings settings;
  settings.archive = request.flag("archive");
  settings.genesis = file;
  if (request.given("coinbase")) {
    KITH_CO_TRY(settings.coinbase, address_of_text(request.text("coinbase"), "--coinbase"));
  }
  KITH_CO_TRY(ChainNode* const chain, co_await context.node->chains().create(
                                          request.argument(0), text, std::move(settings)));
  co_return co_await output.value(joined_value(context, *chain, file));
}

Task<void> run_join(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(const Invite invite, Invite::parse(request.argument(0)));
  KITH_CO_TRY(const std::string text, co_await fetch_genesis(context, invite));
  KITH_CO_TRY(const Genesis genesis, Genesis::parse(text));
  const Hash hash = genesis.block.header.hash();
  if (hash != invite.genesis) {
    co_return std::unexpected(
        Error(Errc::refused,
              fmt::format("the genesis differs: the invitation is to {}, and its file begins {}",
                          invite.genesis.to_hex(), hash.to_hex())));
  }
  node::ChainSettings settings;
  settings.archive = request.flag("archive");
  settings.genesis = invite.file;
  settings.peers = invite.peers;
  if (request.given("coinbase")) {
    KITH_CO_TRY(settings.coinbase, address_of_text(request.text("coinbase"), "--coinbase"));
  }
  const std::string name = request.given("name") ? request.text("name") : invite.name;
  KITH_CO_TRY(ChainNode* const chain,
              co_await context.node->chains().create(name, text, std::move(settings)));
  context.node->provide(invite.file);
  co_return co_await output.value(joined_value(context, *chain, invite.file));
}

Task<void> run_invite(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(ChainNode* const chain, chain_named(context, request.argument(0)));
  const node::ChainSettings* settings = context.node->chains().settings_of(chain->name());
  co_return co_await output.value(joined_value(context, *chain, settings->genesis));
}

// What there is.

json::object block_value(const BlockName& block) {
  json::object value;
  value["Number"] = block.number;
  value["Hash"] = block.hash.to_hex();
  return value;
}

json::object validation_value(const BftStatus& status) {
  json::object value;
  value["Running"] = status.running;
  value["Epoch"] = status.epoch;
  value["View"] = status.view;
  value["Leader"] = peer_of(status.leader).to_string();
  value["Votes"] = status.votes;
  value["WhyNot"] = status.why_not;
  value["Trouble"] = status.trouble;
  value["Rests"] = status.rests;
  json::array validators;
  for (const BftStatus::Voter& one : status.validators) {
    json::object validator;
    validator["Peer"] = peer_of(one.key).to_string();
    validator["Stake"] = one.stake;
    validator["Heard"] = one.heard;
    validators.emplace_back(std::move(validator));
  }
  value["Validators"] = std::move(validators);
  return value;
}

json::object status_value(const ChainReport& status) {
  json::object value;
  value["Name"] = status.name;
  value["Consensus"] = name_of(status.consensus);
  value["ChainID"] = status.chain_id;
  value["Genesis"] = status.genesis.to_hex();
  value["Head"] = block_value(status.head);
  value["HeadTime"] = status.head_time;
  value["Finalized"] = block_value(status.finalized);
  value["Work"] = status.total_weight.to_decimal();
  value["Peers"] = status.peers;
  value["Pending"] = status.pool.pending;
  value["Queued"] = status.pool.queued;
  if (status.syncing_to) value["SyncingTo"] = block_value(*status.syncing_to);
  if (status.validation) value["Validation"] = validation_value(*status.validation);
  if (status.mining_for) {
    json::object mining;
    mining["Coinbase"] = status.mining_for->to_checksum();
    mining["HashesPerSecond"] = status.hashes_per_second;
    mining["Blocks"] = status.blocks_mined;
    value["Mining"] = std::move(mining);
  }
  return value;
}

Task<void> run_ls(Context& context, const Request&, Output& output) {
  json::array all;
  for (ChainNode* chain : context.node->chains().all()) {
    KITH_CO_TRY(const ChainReport status, co_await chain->status());
    all.emplace_back(status_value(status));
  }
  for (const auto& [name, why] : context.node->chains().failures()) {
    json::object value;
    value["Name"] = name;
    value["Error"] = why;
    all.emplace_back(std::move(value));
  }
  json::object value;
  value["Chains"] = std::move(all);
  co_return co_await output.value(std::move(value));
}

Task<void> run_status(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(ChainNode* const chain, chain_named(context, request.argument(0)));
  KITH_CO_TRY(const ChainReport status, co_await chain->status());
  co_return co_await output.value(status_value(status));
}

Task<void> run_validators(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(ChainNode* const chain, chain_named(context, request.argument(0)));
  KITH_CO_TRY(const ChainReport status, co_await chain->status());
  if (!status.validation) {
    co_return std::unexpected(
        Error(Errc::unsupported,
              fmt::format("{} is a chain of proof of work: nobody validates, see `{} mine`",
                          chain->name(), context.program)));
  }
  co_return co_await output.value(validation_value(*status.validation));
}

Task<void> run_proof(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(ChainNode* const chain, chain_named(context, request.text("chain")));
  KITH_CO_TRY(const Address account, address_of_text(request.argument(0), "account"));
  KITH_CO_TRY(const ChainNode::KeyProof proof, chain->prove_key(account));
  json::object value;
  value["Account"] = account.to_checksum();
  value["Key"] = "0x" + to_hex(proof.key);
  value["Proof"] = "0x" + to_hex(proof.proof);
  value["Contract"] = staking::staking_address.to_hex();
  co_return co_await output.value(std::move(value));
}

Task<void> run_peers(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(ChainNode* const chain, chain_named(context, request.argument(0)));
  json::array peers;
  for (const ChainPeers::Peer& peer : chain->peers()) {
    json::object one;
    one["Peer"] = peer.id.to_string();
    for (const net::ConnectionInfo& connection : context.node->swarm().connections_of(peer.id)) {
      one["Addr"] = connection.remote_address.to_string();
      break;
    }
    if (peer.head) one["Head"] = block_value(*peer.head);
    peers.emplace_back(std::move(one));
  }
  json::object value;
  value["Peers"] = std::move(peers);
  co_return co_await output.value(std::move(value));
}

// Files of blocks: one behind the other in RLP, as geth's export has them.

Task<void> run_export(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(ChainNode* const chain, chain_named(context, request.argument(0)));
  const Chain& blocks = chain->chain();
  KITH_CO_TRY(const std::uint64_t first, number_option(request, "first", 0, INT64_MAX));
  std::uint64_t last = blocks.head().number;
  if (request.given("last")) {
    KITH_CO_TRY(const std::uint64_t wanted, number_option(request, "last", 0, INT64_MAX));
    last = std::min(last, wanted);
  }
  for (std::uint64_t next = first; next <= last; next += export_at_once) {
    const std::uint64_t end = std::min(last, next + export_at_once - 1);
    auto reads = [&blocks, next, end]() -> Result<Bytes> {
      Bytes all;
      for (std::uint64_t number = next; number <= end; ++number) {
        KITH_TRY(const Hash hash, blocks.hash_at(number));
        KITH_TRY(const Block block, blocks.block(hash));
        append(all, block.encode());
      }
      return all;
    };
    KITH_CO_TRY(const Bytes bytes, co_await port::run_on(context.env.pool, std::move(reads)));
    KITH_CO_CHECK(co_await output.bytes(bytes));
  }
  co_return Result<void>{};
}

/// Blocks out of a stream of them.
class BlockFileReader {
 public:
  explicit BlockFileReader(InputTree& files) : files_(files) {}

  /// The next ones; none at the end.
  Task<std::vector<Block>> next() {
    std::vector<Block> blocks;
    while (blocks.size() < import_at_once) {
      RlpReader reader(ByteView(held_).subspan(at_));
      const auto item = held_.size() > at_
                            ? reader.item()
                            : RlpResult<RlpReader::Item>(std::unexpect, RlpError::trailing_bytes);
      if (item) {
        auto block = Block::decode(item->whole);
        if (!block) {
          co_return std::unexpected(bad(fmt::format("the file's block {} is none: {}", count_,
                                                    Error(block.error()).message())));
        }
        blocks.push_back(*std::move(block));
        at_ += item->whole.size();
        ++count_;
        continue;
      }
      if (held_.size() - at_ > 2 * block_bytes_max)
        co_return std::unexpected(bad("the file isn't one of blocks, as `chain export` writes it"));
      held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(at_));
      at_ = 0;
      KITH_CO_TRY(const Buffer more, co_await files_.read(1 << 20));
      if (more.empty()) {
        if (held_.empty()) break;
        co_return std::unexpected(bad(fmt::format("the file ends within its block {}", count_)));
      }
      append(held_, more);
    }
    co_return blocks;
  }

 private:
  InputTree& files_;
  Bytes held_;
  std::size_t at_ = 0;
  std::uint64_t count_ = 0;
};

Task<void> run_import(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(ChainNode* const chain, chain_named(context, request.text("chain")));
  if (!request.files) co_return std::unexpected(bad("a file of blocks is missing"));
  KITH_CO_TRY(const auto entry, co_await request.files->next());
  if (!entry) co_return std::unexpected(bad("a file of blocks is missing"));
  BlockFileReader reader(*request.files);
  std::uint64_t taken = 0;
  for (;;) {
    KITH_CO_TRY(std::vector<Block> blocks, co_await reader.next());
    if (blocks.empty()) break;
    // The genesis is here.
    if (blocks.front().header.number == 0) {
      if (blocks.front().header.hash() != chain->chain().genesis()) {
        co_return std::unexpected(
            Error(Errc::refused, "the genesis differs: these blocks are another chain's"));
      }
      blocks.erase(blocks.begin());
      if (blocks.empty()) continue;
    }
    const std::size_t count = blocks.size();
    KITH_CO_TRY(const Taking taking, co_await chain->import(std::move(blocks)));
    if (taking.why) {
      co_return std::unexpected(Error(
          Errc::refused,
          fmt::format("block {} {}: {}", taking.why->block.number, taking.why->block.hash.to_hex(),
                      Error(taking.why->why.reason).message())));
    }
    if (taking.obstacle) co_return std::unexpected(*taking.obstacle);
    if (taking.verdict == Taking::Verdict::unknown_parent) {
      co_return std::unexpected(
          Error(Errc::refused, "blocks are missing before those of the file"));
    }
    taken += count;
  }
  json::object value;
  value["Blocks"] = taken;
  value["Head"] = block_value(chain->chain().head());
  co_return co_await output.value(std::move(value));
}

// JSON-RPC and mining.

Task<void> run_rpc(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(ChainNode* const chain, chain_named(context, request.text("chain")));
  json::array parameters;
  for (std::size_t i = 1; i < request.arguments().size(); ++i) {
    const std::string& text = request.arguments()[i];
    boost::system::error_code failed;
    json::value value = json::parse(text, failed);
    // What isn't JSON is text, so that nobody has to quote addresses twice.
    parameters.push_back(failed ? json::value(text) : std::move(value));
  }
  json::object call;
  call["jsonrpc"] = "2.0";
  call["id"] = 1;
  call["method"] = request.argument(0);
  call["params"] = std::move(parameters);
  const std::string asked = json::serialize(call);
  auto asks = [chain, &asked] { return Result<std::string>(chain->handle(asked)); };
  KITH_CO_TRY(const std::string answer, co_await port::run_on(context.env.pool, std::move(asks)));
  boost::system::error_code failed;
  const json::value whole = json::parse(answer, failed);
  const auto* object = failed ? nullptr : whole.if_object();
  if (object == nullptr) co_return std::unexpected(Error(Errc::corrupt, "no answer"));
  if (const json::value* error = object->if_contains("error")) {
    co_return std::unexpected(Error(Errc::refused, text_of(*error, "message")));
  }
  const json::value* result = object->if_contains("result");
  co_return co_await output.value(result != nullptr ? *result : json::value());
}

Result<Address> coinbase_of(const Request& request) {
  const std::string text = request.text("coinbase");
  if (!text.empty()) return address_of_text(text, "--coinbase");
  return std::unexpected(
      bad("who gets what is mined? Say --coinbase ADDRESS (`wallet ls` lists yours)"));
}

Task<void> run_mine(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(ChainNode* const chain, chain_named(context, request.argument(0)));
  if (request.flag("stop")) {
    chain->stop_mining();
  } else {
    MiningOptions options;
    KITH_CO_TRY(options.coinbase, coinbase_of(request));
    KITH_CO_TRY(options.threads, number_option(request, "threads", 0, 1'024));
    KITH_CO_CHECK(chain->mine(std::move(options)));
  }
  KITH_CO_TRY(const ChainReport status, co_await chain->status());
  co_return co_await output.value(status_value(status));
}

// For people.

Result<void> show_joined(const json::value& value, const RenderContext& context) {
  return context.terminal.out(
      fmt::format("chain {} (chain id {})\ngenesis {}\n\nOthers join it by\n  {} chain join '{}'\n",
                  printable(text_of(value, "Name")), number_of(value, "ChainID"),
                  text_of(value, "Genesis"), context.program, text_of(value, "Invite")));
}

Result<void> show_invite(const json::value& value, const RenderContext& context) {
  return context.terminal.out(text_of(value, "Invite") + "\n");
}

std::string rate_text(double rate) {
  if (rate >= 1e6) return fmt::format("{:.1f} MH/s", rate / 1e6);
  if (rate >= 1e3) return fmt::format("{:.1f} kH/s", rate / 1e3);
  return fmt::format("{:.0f} H/s", rate);
}

Result<void> show_list(const json::value& value, const RenderContext& context) {
  const json::array& all = list_of(value, "Chains");
  if (all.empty()) {
    return context.terminal.out(
        fmt::format("No chain is here. `{0} chain new` begins one, `{0} chain join` joins one.\n",
                    context.program));
  }
  std::string text;
  for (const json::value& one : all) {
    const std::string name = printable(text_of(one, "Name"));
    const std::string why = text_of(one, "Error");
    if (!why.empty()) {
      text += fmt::format("{}  can't be opened: {}\n", name, printable(why));
      continue;
    }
    text += fmt::format("{}  {}  block {}  {} peer{}{}{}\n", name, text_of(one, "Consensus"),
                        number_of(member(one, "Head"), "Number"), number_of(one, "Peers"),
                        number_of(one, "Peers") == 1 ? "" : "s",
                        member(one, "SyncingTo").is_null() ? "" : "  syncing",
                        member(one, "Mining").is_null() ? "" : "  mining");
  }
  return context.terminal.out(text);
}

Result<void> show_status(const json::value& value, const RenderContext& context) {
  const json::value& head = member(value, "Head");
  const auto now =
      std::chrono::floor<std::chrono::seconds>(context.env.wall.now().time_since_epoch()).count();
  const std::int64_t age = std::max<std::int64_t>(now - number_of(value, "HeadTime"), 0);
  std::string text = fmt::format(
      "chain       {}\nconsensus   {}\nchain id    {}\ngenesis     {}\nblock       {} {}, {} ago\n",
      printable(text_of(value, "Name")), text_of(value, "Consensus"), number_of(value, "ChainID"),
      text_of(value, "Genesis"), number_of(head, "Number"), text_of(head, "Hash"),
      how_long(std::chrono::seconds(age)));
  const json::value& target = member(value, "SyncingTo");
  if (!target.is_null()) {
    const std::int64_t number = number_of(target, "Number");
    text += fmt::format("syncing     to block {}, {} to go\n", number,
                        number - number_of(head, "Number"));
  }
  text += fmt::format(
      "peers       {}\nwaiting     {} transactions, {} more for a nonce before them\n",
      number_of(value, "Peers"), number_of(value, "Pending"), number_of(value, "Queued"));
  const json::value& validation = member(value, "Validation");
  if (!validation.is_null()) {
    text += fmt::format("final       block {} {}\nvalidators  {}, {}\n",
                        number_of(member(value, "Finalized"), "Number"),
                        text_of(member(value, "Finalized"), "Hash"),
                        list_of(validation, "Validators").size(),
                        flag_of(validation, "Votes") ? "this node is one" : "this node is none");
  }
  const json::value& mining = member(value, "Mining");
  if (!mining.is_null()) {
    text += fmt::format("mining      for {}, {}, {} blocks so far\n", text_of(mining, "Coinbase"),
                        rate_text(real_of(mining, "HashesPerSecond")), number_of(mining, "Blocks"));
  }
  return context.terminal.out(text);
}

std::string stake_text(std::int64_t units) {
  const std::int64_t part = units % 1000;
  return part == 0 ? fmt::format("{}", units / 1000) : fmt::format("{}.{:03}", units / 1000, part);
}

Result<void> show_validators(const json::value& value, const RenderContext& context) {
  std::string text =
      fmt::format("epoch {}, view {}\n", number_of(value, "Epoch"), number_of(value, "View"));
  const std::string leader = text_of(value, "Leader");
  for (const json::value& one : list_of(value, "Validators")) {
    const std::string peer = printable(text_of(one, "Peer"));
    const std::int64_t heard = number_of(one, "Heard");
    text += fmt::format(
        "{}  stake {}  {}{}\n", peer, stake_text(number_of(one, "Stake")),
        heard == 0 ? std::string("not heard yet") : fmt::format("heard in view {}", heard),
        peer == leader ? "  leads" : "");
  }
  const std::string why = text_of(value, "WhyNot");
  if (!flag_of(value, "Votes") && !why.empty())
    text += fmt::format("This node doesn't vote: {}\n", printable(why));
  const std::string trouble = text_of(value, "Trouble");
  if (!trouble.empty()) text += fmt::format("In trouble: {}\n", printable(trouble));
  return context.terminal.out(text);
}

Result<void> show_peers(const json::value& value, const RenderContext& context) {
  std::string text;
  for (const json::value& peer : list_of(value, "Peers")) {
    text +=
        fmt::format("{}  block {}  {}\n", printable(text_of(peer, "Peer")),
                    number_of(member(peer, "Head"), "Number"), printable(text_of(peer, "Addr")));
  }
  return context.terminal.out(text);
}

Result<void> show_imported(const json::value& value, const RenderContext& context) {
  const json::value& head = member(value, "Head");
  return context.terminal.out(fmt::format("{} blocks taken; the head is block {} {}\n",
                                          number_of(value, "Blocks"), number_of(head, "Number"),
                                          text_of(head, "Hash")));
}

ArgumentSpec name_argument(bool required) {
  return {
      .name = "name",
      .required = required,
      .help = required ? "What to call it here." : "Which chain; not needed if it's the only one."};
}

template <ValueText show>
std::unique_ptr<Renderer> render_with(const RenderContext& context) {
  return text_renderer(context, show);
}

void add_membership_commands(CommandTable& table) {
  using enum OptionKind;
  const OptionSpec archive{"archive", 0, flag, "Keep the states of all blocks.", ""};
  table.add(
      {.path = "chain new",
       .tagline = "Begin a ledger of your own, and be invited to it.",
       .description =
           "Makes a genesis of geth's format with the newest rules (Osaka), opens the chain and "
           "prints an invitation by which others join it. Blocks come when somebody mines: see "
           "`mine`; the difficulty begins at what one core of this machine finds in a block's "
           "time, and follows those who mine (aserti3-2d). Or, with --consensus bft, validators "
           "with a stake vote on them, and a block is final within a second or two.",
       .arguments = {name_argument(true)},
       .options = {{"consensus", 0, text, "How blocks are agreed on: pow or bft.", "pow"},
                   {"chain-id", 0, integer, "Its number for wallets; else one is drawn.", ""},
                   {"algorithm", 0, text, "What is hashed: sha256d or randomx.", "sha256d"},
                   {"block-time", 0, integer,
                    "Seconds from block to block: of pow 10 by default, of bft 1.", ""},
                   {"difficulty", 0, text, "How many hashes the first block takes.", ""},
                   {"block-reward", 0, text,
                    "Ether for who makes a block: of pow 2 by default, of bft 0.", "0"},
                   {"validator", 0, texts,
                    "Of bft: PEER,ADDRESS[,ETHER], a node that validates, its account and its "
                    "stake (1000).",
                    ""},
                   {"coinbase", 0, text,
                    "Of bft: this node's account; without --validator it is the only one.", ""},
                   {"epoch-length", 0, integer, "Of bft: blocks until validators change.", "600"},
                   {"no-empty-blocks", 0, flag, "Of bft: no blocks while nothing waits.", ""},
                   {"alloc", 0, texts, "ADDRESS=ETHER that somebody has from the beginning.", ""},
                   {"gas-limit", 0, integer, "Of a block.", "60000000"},
                   {"base-fee", 0, text, "Of the first block, in wei; 0: gas is free.",
                    "1000000000"},
                   {"fixed-base-fee", 0, flag, "The base fee stays what it is.", ""},
                   archive},
       .examples = {{"chain new town --alloc 0x70997970C51812dc3A010C7d01b50e0d17dc79C8=1000",
                     "A chain of proof of work."},
                    {"chain new club --consensus bft --coinbase 0x7099...79C8",
                     "One whose only validator is this node; others may stake, and join it."},
                    {"chain new free --base-fee 0", "One on which gas is free."}},
       .where = Where::network,
       .run = run_new,
       .renderer = render_with<show_joined>});
  table.add(
      {.path = "chain join",
       .tagline = "Take part in a ledger.",
       .description = "Fetches the genesis that the invitation names from whoever has it, "
                      "and then all blocks, each of which is checked and run.",
       .arguments = {{.name = "invitation", .help = "kith://chain/..."}},
       .options = {{"name", 0, text, "What to call it here, if not as it is called there.", ""},
                   archive},
       .where = Where::network,
       .run = run_join,
       .renderer = render_with<show_joined>});
  table.add({.path = "chain invite",
             .tagline = "Print an invitation to a ledger.",
             .arguments = {name_argument(false)},
             .where = Where::network,
             .run = run_invite,
             .renderer = render_with<show_invite>});
}

void add_question_commands(CommandTable& table) {
  table.add({.path = "chain ls",
             .tagline = "List the ledgers that this node takes part in.",
             .where = Where::network,
             .run = run_ls,
             .renderer = render_with<show_list>});
  table.add({.path = "chain status",
             .tagline = "Show how far a ledger is.",
             .arguments = {name_argument(false)},
             .where = Where::network,
             .run = run_status,
             .renderer = render_with<show_status>});
  table.add({.path = "chain validators",
             .tagline = "List who votes on a ledger's blocks, and when each was heard.",
             .arguments = {name_argument(false)},
             .where = Where::network,
             .run = run_validators,
             .renderer = render_with<show_validators>});
  table.add({.path = "chain proof",
             .tagline = "Prove that this node may validate for an account.",
             .description = "Signs, by the node's key, what the staking contract wants to see when "
                            "that account stakes on it (docs/guide/staking.md).",
             .arguments = {{.name = "account", .help = "Its address."}},
             .options = {{"chain", 0, OptionKind::text,
                          "Which chain; not needed if it's the only one.", ""}},
             .where = Where::network,
             .run = run_proof});
  table.add({.path = "chain peers",
             .tagline = "List the peers that hold a ledger, too.",
             .arguments = {name_argument(false)},
             .where = Where::network,
             .run = run_peers,
             .renderer = render_with<show_peers>});
}

void add_block_file_commands(CommandTable& table) {
  using enum OptionKind;
  const OptionSpec chain{"chain", 0, text, "Which chain; not needed if it's the only one.", ""};
  table.add({.path = "chain export",
             .tagline = "Write a ledger's blocks, as geth's export does.",
             .arguments = {name_argument(false)},
             .options = {{"first", 0, integer, "The first block.", "0"},
                         {"last", 0, integer, "The last one; else the head.", ""}},
             .examples = {{"chain export town > town.rlp", ""}},
             .where = Where::network,
             .output = OutputKind::bytes,
             .run = run_export});
  table.add({.path = "chain import",
             .tagline = "Take blocks out of a file, as `chain export` writes it.",
             .arguments = {{.name = "file", .kind = ArgumentKind::file}},
             .options = {chain},
             .where = Where::network,
             .run = run_import,
             .renderer = render_with<show_imported>});
  table.add({.path = "chain rpc",
             .tagline = "Ask a ledger by Ethereum's JSON-RPC.",
             .arguments = {{.name = "method", .help = "eth_blockNumber, ..."},
                           {.name = "parameter",
                            .required = false,
                            .variadic = true,
                            .help = "JSON, or text as it is."}},
             .options = {chain},
             .examples = {{"chain rpc eth_getBalance 0x7099...79C8 latest", ""}},
             .where = Where::network,
             .run = run_rpc});
  table.add({.path = "mine",
             .tagline = "Find blocks of a ledger of proof of work.",
             .description = "Goes on until the daemon ends, or --stop.",
             .arguments = {name_argument(false)},
             .options = {{"coinbase", 0, text, "Who gets what is mined.", ""},
                         {"threads", 0, integer, "On so many; 0: all but one.", "0"},
                         {"stop", 0, flag, "Mine no more.", ""}},
             .where = Where::network,
             .run = run_mine,
             .renderer = render_with<show_status>});
}

}  // namespace

void add_chains_commands(CommandTable& table) {
  add_membership_commands(table);
  add_question_commands(table);
  add_block_file_commands(table);
}

}  // namespace kith::api
