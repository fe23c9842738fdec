#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include <boost/json.hpp>

#include <kith/ledger/chain/block_builder.hpp>
#include <kith/ledger/dev/dev_chain.hpp>
#include <kith/ledger/rpc/detail/rpc_call.hpp>
#include <kith/ledger/rpc/detail/rpc_fees.hpp>
#include <kith/ledger/rpc/rpc.hpp>
#include <kith/ledger/txpool/tx_pool.hpp>
#include <kith/ledger/wallet/signing.hpp>
#include <kith/ledger/wallet/typed_data.hpp>
#include <kith/port/memory_key_value.hpp>

namespace kith::ledger {
namespace {

using namespace detail;
using Answer = RpcResult<json::value>;

constexpr std::uint64_t mined_at_once_max = 100'000;
constexpr std::size_t snapshots_max = 10'000;
constexpr std::uint64_t gwei = 1'000'000'000;

RpcError refused(std::string text) {
  return {RpcCode::server_error, std::move(text)};
}

RpcError no_key(const Address& address) {
  return refused("no key of " + address.to_checksum() +
                 " is here; anvil_impersonateAccount lets you send without");
}

/// A transaction of an account whose key nobody has: the sender stands in r, and s is a 1, which no
/// signature has.
Signature marked(const Address& sender) {
  return {.r = sender.to_word(), .s = 1, .is_odd = false};
}

std::optional<Address> marked_sender(const Transaction& transaction) {
  const Signature& signature = transaction.signature;
  const bool is_marked = signature.s == U256(1) && (signature.r >> 160).is_zero();
  return is_marked ? std::optional(Address::from_word(signature.r)) : std::nullopt;
}

/// Both are hexadecimal or plain numbers: tools send either.
RpcResult<std::uint64_t> amount_of(const Param& param) {
  if (param.is_text() && !param.text()->starts_with("0x")) {
    const auto read = U256::parse(*param.text());
    if (!read || !read->fits_64()) return std::unexpected(param.bad("a number expected"));
    return read->low();
  }
  return param.small_number();
}

}  // namespace

class DevChain::State final : public PendingTransactions {
 public:
  State(DevOptions options, Clock clock) : options_(std::move(options)), clock_(std::move(clock)) {}

  Result<void> begin();
  std::string handle(std::string_view request) {
    const std::lock_guard lock(mutex_);
    return rpc_->handle(request);
  }
  Result<void> on_interval();

  // Of the pool, for ChainRpc; who calls holds the lock.
  RpcResult<Hash> send(const Transaction& transaction) override;
  std::optional<Waiting> find(const Hash& hash) const override;
  std::uint64_t next_nonce(const Address& address, std::uint64_t nonce) const override;
  Content content() const override;

  mutable std::recursive_mutex mutex_;
  DevOptions options_;
  Listener listener_;
  std::optional<Duration> block_time_;
  std::unique_ptr<Chain> chain_;
  std::unique_ptr<ChainRpc> rpc_;

 private:
  struct Snapshot {
    std::uint64_t id;
    BlockName head;
    std::optional<StateTree::Prepared> state;  ///< nothing if the head is the genesis
    MemoryState genesis;
    std::int64_t time_offset;
    std::optional<std::uint64_t> next_timestamp;
    std::vector<Transaction> waiting;
  };

  Result<void> reopen();
  Result<void> empty_pool();
  void add_mining_methods();
  void add_state_methods();
  void add_account_methods();
  /// Under each of the names that tools call it by.
  void add(std::initializer_list<const char*> names, Answer (State::*method)(const Params&));

  // Mining.
  std::uint64_t coming_timestamp(const Header& head) const;
  RpcResult<Hash> mine();
  Result<void> fill(BlockBuilder& builder);
  Result<void> tell_pool(const Block& block);
  RpcResult<void> mine_waiting();
  Answer evm_mine(const Params& params);
  Answer mine_many(const Params& params);
  Answer set_automine(const Params& params);
  Answer get_automine(const Params& params);
  Answer set_interval(const Params& params);
  Answer set_interval_seconds(const Params& params);
  Answer mine_each(Duration interval);
  Answer increase_time(const Params& params);
  Answer set_next_timestamp(const Params& params);
  Answer set_time(const Params& params);
  Answer set_timestamp_interval(const Params& params);
  Answer set_next_base_fee(const Params& params);
  Answer set_randao(const Params& params);
  Answer set_coinbase(const Params& params);
  Answer set_gas_limit(const Params& params);
  Answer coinbase(const Params& params);
  Answer mining(const Params& params);

  // State.
  RpcResult<void> alter(const std::function<RpcResult<void>(World& world)>& change);
  Answer set_balance(const Params& params);
  Answer set_code(const Params& params);
  Answer set_nonce(const Params& params);
  Answer set_storage(const Params& params);
  Answer drop_transaction(const Params& params);
  Answer drop_all(const Params& params);
  Answer snapshot(const Params& params);
  Answer revert(const Params& params);
  Answer reset(const Params& params);
  Answer node_info(const Params& params);
  Answer metadata(const Params& params);
  Answer nothing(const Params& params);

  // Accounts.
  const DevAccount* account_of(const Address& address) const;
  bool may_pretend(const Address& address) const {
    return pretends_all_ || pretended_.contains(address);
  }
  RpcResult<CallArguments> complete(const Param& param);
  RpcResult<Transaction> sign(CallArguments call);
  Answer accounts(const Params& params);
  Answer send_transaction(const Params& params);
  Answer sign_transaction(const Params& params);
  Answer eth_sign(const Params& params);
  Answer personal_sign(const Params& params);
  Answer sign_typed_data(const Params& params);
  RpcResult<std::string> sign_message(const Address& address, ByteView message) const;
  Answer impersonate(const Params& params);
  Answer stop_impersonating(const Params& params);
  Answer impersonate_all(const Params& params);

  Instant pool_time() const { return Instant(std::chrono::seconds(clock_())); }

  Clock clock_;
  UncheckedSeals rules_;
  Genesis genesis_;
  std::unique_ptr<port::MemoryKeyValue> store_;
  std::unique_ptr<MemoryBlocks> log_;
  std::unique_ptr<TxPool> pool_;
  /// Of accounts that are pretended to be: a pool asks for signatures.
  std::vector<Waiting> pretended_waiting_;
  bool automine_ = true;
  std::int64_t time_offset_ = 0;
  std::optional<std::uint64_t> next_timestamp_;
  std::optional<std::uint64_t> timestamp_interval_;
  std::optional<U256> next_base_fee_;
  std::optional<Hash> next_randao_;
  Address coinbase_;
  std::set<Address> pretended_;
  bool pretends_all_ = false;
  std::vector<Snapshot> snapshots_;
  std::uint64_t last_snapshot_ = 0;
};

// Beginning.

Result<void> DevChain::State::begin() {
  genesis_ = options_.genesis ? *options_.genesis
                              : Genesis::of({.chain_id = options_.chain_id,
                                             .timestamp = clock_(),
                                             .gas_limit = options_.gas_limit,
                                             .base_fee = options_.base_fee,
                                             .difficulty = 0,
                                             .state = {}});
  for (const DevAccount& account : options_.accounts) {
    MemoryState::Account has;
    if (const auto* there = genesis_.state.find(account.address)) has = *there;
    has.balance += options_.balance;
    genesis_.state.set(account.address, std::move(has));
  }
  genesis_.block.header.state_root = genesis_.state.root();
  block_time_ = options_.block_time;
  automine_ = !block_time_;
  return reopen();
}

/// Nothing but the genesis.
Result<void> DevChain::State::reopen() {
  // The new one is there before the old one goes: a batch of requests may be under way.
  auto store = std::make_unique<port::MemoryKeyValue>(Chain::namespaces().size());
  auto log = std::make_unique<MemoryBlocks>();
  ChainOptions options{.seed = options_.seed};
  options.state.past_blocks = std::nullopt;
  KITH_TRY(auto chain, Chain::open(*store, 0, *log, genesis_, rules_, options));
  if (rpc_) rpc_->set_chain(*chain);
  pool_.reset();
  chain_ = std::move(chain);
  store_ = std::move(store);
  log_ = std::move(log);
  KITH_CHECK(empty_pool());
  pretended_waiting_.clear();
  if (rpc_) return {};
  RpcNode node;
  node.sender_of = marked_sender;
  node.coming_timestamp = [this] {
    const auto head = chain_->header(chain_->head().hash);
    return head ? coming_timestamp(*head) : clock_();
  };
  RpcOptions rpc_options;
  rpc_options.client_version = options_.client_version;
  rpc_ = std::make_unique<ChainRpc>(*chain_, this, std::move(node), rpc_options);
  add_mining_methods();
  add_state_methods();
  add_account_methods();
  return {};
}

void DevChain::State::add(std::initializer_list<const char*> names,
                          Answer (State::*method)(const Params&)) {
  for (const char* name : names) {
    rpc_->add(name, [this, method](const json::array& params) {
      return (this->*method)(Params(params));
    });
  }
}

void DevChain::State::add_mining_methods() {
  add({"evm_mine"}, &State::evm_mine);
  add({"anvil_mine", "hardhat_mine"}, &State::mine_many);
  add({"evm_setAutomine", "anvil_setAutomine"}, &State::set_automine);
  add({"anvil_getAutomine", "hardhat_getAutomine"}, &State::get_automine);
  add({"evm_setIntervalMining"}, &State::set_interval);
  add({"anvil_setIntervalMining"}, &State::set_interval_seconds);
  add({"evm_increaseTime", "anvil_increaseTime"}, &State::increase_time);
  add({"evm_setNextBlockTimestamp", "anvil_setNextBlockTimestamp"}, &State::set_next_timestamp);
  add({"evm_setTime", "anvil_setTime"}, &State::set_time);
  add({"anvil_setBlockTimestampInterval"}, &State::set_timestamp_interval);
  add({"anvil_setNextBlockBaseFeePerGas", "hardhat_setNextBlockBaseFeePerGas"},
      &State::set_next_base_fee);
  add({"hardhat_setPrevRandao", "anvil_setPrevRandao"}, &State::set_randao);
  add({"anvil_setCoinbase", "hardhat_setCoinbase"}, &State::set_coinbase);
  add({"evm_setBlockGasLimit", "anvil_setBlockGasLimit"}, &State::set_gas_limit);
  add({"eth_coinbase"}, &State::coinbase);
  add({"eth_mining"}, &State::mining);
}

void DevChain::State::add_state_methods() {
  add({"anvil_setBalance", "hardhat_setBalance", "evm_setAccountBalance", "tenderly_setBalance"},
      &State::set_balance);
  add({"anvil_setCode", "hardhat_setCode", "evm_setAccountCode"}, &State::set_code);
  add({"anvil_setNonce", "hardhat_setNonce", "evm_setAccountNonce"}, &State::set_nonce);
  add({"anvil_setStorageAt", "hardhat_setStorageAt", "evm_setAccountStorageAt"},
      &State::set_storage);
  add({"anvil_dropTransaction", "hardhat_dropTransaction"}, &State::drop_transaction);
  add({"anvil_dropAllTransactions"}, &State::drop_all);
  add({"evm_snapshot", "anvil_snapshot"}, &State::snapshot);
  add({"evm_revert", "anvil_revert"}, &State::revert);
  add({"anvil_reset", "hardhat_reset"}, &State::reset);
  add({"anvil_nodeInfo"}, &State::node_info);
  add({"anvil_metadata", "hardhat_metadata"}, &State::metadata);
  add({"anvil_setLoggingEnabled", "hardhat_setLoggingEnabled"}, &State::nothing);
}

void DevChain::State::add_account_methods() {
  add({"eth_accounts", "eth_requestAccounts"}, &State::accounts);
  add({"eth_sendTransaction"}, &State::send_transaction);
  add({"eth_signTransaction"}, &State::sign_transaction);
  add({"eth_sign"}, &State::eth_sign);
  add({"personal_sign"}, &State::personal_sign);
  add({"eth_signTypedData_v4", "eth_signTypedData"}, &State::sign_typed_data);
  add({"anvil_impersonateAccount", "hardhat_impersonateAccount"}, &State::impersonate);
  add({"anvil_stopImpersonatingAccount", "hardhat_stopImpersonatingAccount"},
      &State::stop_impersonating);
  add({"anvil_autoImpersonateAccount"}, &State::impersonate_all);
}

// The pool.

RpcResult<Hash> DevChain::State::send(const Transaction& transaction) {
  const auto sender = transaction.sender();
  if (!sender) return std::unexpected(RpcError(Error(sender.error())));
  PoolTransactionPointer made = PoolTransaction::make(transaction, *sender);
  const Hash hash = made->hash;
  const auto added = pool_->add(std::move(made), TransactionOrigin::local, pool_time());
  if (!added) return std::unexpected(refused(refusal_text(added.error())));
  const PoolEvents events = pool_->take_events();
  std::vector<Hash> pending;
  for (const auto& one : events.pending)
    pending.push_back(one->hash);
  if (listener_ && !pending.empty()) listener_({{}, pending});
  if (automine_) KITH_CHECK(mine_waiting());
  return hash;
}

std::optional<PendingTransactions::Waiting> DevChain::State::find(const Hash& hash) const {
  if (const auto found = pool_->find(hash)) return Waiting{found->transaction, found->sender};
  for (const Waiting& one : pretended_waiting_) {
    if (one.transaction.hash() == hash) return one;
  }
  return std::nullopt;
}

std::uint64_t DevChain::State::next_nonce(const Address& address, std::uint64_t nonce) const {
  nonce = std::max(nonce, pool_->next_nonce(address).value_or(nonce));
  for (const Waiting& one : pretended_waiting_) {
    if (one.from == address) nonce = std::max(nonce, one.transaction.nonce + 1);
  }
  return nonce;
}

PendingTransactions::Content DevChain::State::content() const {
  Content all;
  for (const AccountContent& account : pool_->content()) {
    for (const auto& one : account.pending)
      all.pending[account.address][one->transaction.nonce] = one->transaction;
    for (const auto& one : account.queued)
      all.queued[account.address][one->transaction.nonce] = one->transaction;
  }
  for (const Waiting& one : pretended_waiting_)
    all.pending[one.from][one.transaction.nonce] = one.transaction;
  return all;
}

// Mining.

std::uint64_t DevChain::State::coming_timestamp(const Header& head) const {
  if (next_timestamp_) return *next_timestamp_;
  if (timestamp_interval_) return head.timestamp + *timestamp_interval_;
  const std::uint64_t now = clock_() + static_cast<std::uint64_t>(time_offset_);
  return std::max(now, head.timestamp + 1);
}

/// What waits and fits, those who pay most first.
Result<void> DevChain::State::fill(BlockBuilder& builder) {
  std::vector<Waiting> left;
  for (Waiting& one : pretended_waiting_) {
    KITH_TRY(const auto added, builder.add(one.transaction, one.from));
    // One that doesn't fit any more waits; what can't run at all is gone.
    const bool waits = !added && added.error().is(InvalidTransaction::block_gas_exceeded);
    if (waits) left.push_back(std::move(one));
  }
  pretended_waiting_ = std::move(left);
  auto best = pool_->best(builder.header().base_fee.value_or(0));
  while (!best.empty()) {
    const PoolTransactionPointer one = best.best();
    KITH_TRY(const auto added, builder.add(one->transaction, one->sender));
    if (added) {
      best.next();
    } else {
      best.skip_account();
    }
  }
  return {};
}

Result<void> DevChain::State::tell_pool(const Block& block) {
  KITH_TRY(std::shared_ptr<StateReader> state, chain_->state(block.header.hash()));
  PoolHeadChange change;
  for (const Transaction& one : block.transactions)
    change.included.push_back(one.hash());
  KITH_CHECK(pool_->on_head(PoolHead::after(block.header, genesis_.schedule, std::move(state)),
                            change, pool_time()));
  static_cast<void>(pool_->take_events());
  return {};
}

RpcResult<Hash> DevChain::State::mine() {
  const BlockName head = chain_->head();
  KITH_TRY(const Header before, chain_->header(head.hash));
  const std::uint64_t timestamp = coming_timestamp(before);
  KITH_TRY(const auto builder,
           chain_->build({.parent = head.hash,
                          .timestamp = timestamp,
                          .gas_limit = options_.gas_limit,
                          .coinbase = coinbase_,
                          .mix_hash = next_randao_.value_or(keccak256(head.hash.view())),
                          .difficulty = 0,
                          .extra_data = {},
                          .base_fee = next_base_fee_}));
  // Contracts send, too, when somebody pretends to be them.
  builder->set_rules({.no_code = false});
  KITH_CHECK(fill(*builder));
  KITH_TRY(const auto finished, builder->finish());
  if (!finished) return std::unexpected(RpcError(Error(finished.error().reason)));
  KITH_TRY(const auto adopted, chain_->adopt(*builder, *finished));
  if (!adopted) return std::unexpected(RpcError(Error(adopted.error())));
  const Hash hash = finished->header.hash();
  KITH_TRY(const auto moved, chain_->set_head(hash));
  if (!moved) return std::unexpected(RpcError(Error(moved.error().why.reason)));
  if (next_timestamp_) {
    time_offset_ = static_cast<std::int64_t>(timestamp) - static_cast<std::int64_t>(clock_());
  }
  next_timestamp_.reset();
  next_base_fee_.reset();
  next_randao_.reset();
  KITH_CHECK(tell_pool(*finished));
  if (listener_) listener_({*moved, {}});
  return hash;
}

/// Until none is left that a block could have.
RpcResult<void> DevChain::State::mine_waiting() {
  for (;;) {
    KITH_TRY(const U256 base_fee, coming_base_fee(*chain_));
    if (pretended_waiting_.empty() && pool_->best(next_base_fee_.value_or(base_fee)).empty())
      return {};
    KITH_TRY(const Hash hash, mine());
    KITH_TRY(const Block block, chain_->block(hash));
    if (block.transactions.empty()) return {};
  }
}

Result<void> DevChain::State::on_interval() {
  const std::lock_guard lock(mutex_);
  const auto mined = mine();
  if (!mined) return std::unexpected(Error(Errc::refused, mined.error().message));
  return {};
}

Answer DevChain::State::evm_mine(const Params& params) {
  std::uint64_t blocks = 1;
  Param when = params[0];
  if (params[0].is_object()) {
    when = params[0]["timestamp"];
    if (const Param count = params[0]["blocks"]; count.there()) {
      KITH_TRY(blocks, amount_of(count));
    }
  }
  if (blocks > mined_at_once_max) return std::unexpected(params[0].bad("too many blocks at once"));
  if (when.there()) {
    KITH_TRY(next_timestamp_, amount_of(when));
    KITH_TRY(const Header head, chain_->header(chain_->head().hash));
    if (*next_timestamp_ <= head.timestamp) {
      next_timestamp_.reset();
      return std::unexpected(refused("the timestamp isn't later than the last block's, " +
                                     std::to_string(head.timestamp)));
    }
  }
  for (std::uint64_t i = 0; i < blocks; ++i)
    KITH_CHECK(mine());
  return "0x0";
}

Answer DevChain::State::mine_many(const Params& params) {
  std::uint64_t blocks = 1;
  std::optional<std::uint64_t> interval;
  if (params[0].there()) {
    KITH_TRY(blocks, amount_of(params[0]));
  }
  if (params[1].there()) {
    KITH_TRY(interval, amount_of(params[1]));
  }
  if (blocks > mined_at_once_max) {
    return std::unexpected(
        params[0].bad("at most " + std::to_string(mined_at_once_max) + " blocks at once"));
  }
  for (std::uint64_t i = 0; i < blocks; ++i) {
    // viem says 0 where it means nothing.
    if (interval.value_or(0) > 0 && i > 0) {
      KITH_TRY(const Header head, chain_->header(chain_->head().hash));
      next_timestamp_ = head.timestamp + *interval;
    }
    KITH_CHECK(mine());
  }
  return nullptr;
}

Answer DevChain::State::set_automine(const Params& params) {
  KITH_TRY(automine_, params[0].truth());
  if (automine_) KITH_CHECK(mine_waiting());
  return true;
}

Answer DevChain::State::get_automine(const Params&) {
  return automine_;
}

/// Zero: no more blocks in intervals.
Answer DevChain::State::mine_each(Duration interval) {
  constexpr Duration longest = 24h * 365;
  block_time_ = interval > 0s ? std::optional(std::min(interval, longest)) : std::nullopt;
  if (block_time_) automine_ = false;
  return true;
}

/// Hardhat's, in milliseconds.
Answer DevChain::State::set_interval(const Params& params) {
  KITH_TRY(const std::uint64_t amount, amount_of(params[0]));
  return mine_each(std::chrono::milliseconds(std::min<std::uint64_t>(amount, 1ULL << 40)));
}

Answer DevChain::State::set_interval_seconds(const Params& params) {
  KITH_TRY(const std::uint64_t amount, amount_of(params[0]));
  return mine_each(std::chrono::seconds(std::min<std::uint64_t>(amount, 1ULL << 30)));
}

Answer DevChain::State::increase_time(const Params& params) {
  KITH_TRY(const std::uint64_t seconds, amount_of(params[0]));
  time_offset_ += static_cast<std::int64_t>(std::min<std::uint64_t>(seconds, 1ULL << 40));
  return time_offset_;
}

Answer DevChain::State::set_next_timestamp(const Params& params) {
  KITH_TRY(const std::uint64_t timestamp, amount_of(params[0]));
  KITH_TRY(const Header head, chain_->header(chain_->head().hash));
  if (timestamp <= head.timestamp) {
    return std::unexpected(refused("the timestamp must be later than the last block's, " +
                                   std::to_string(head.timestamp)));
  }
  next_timestamp_ = timestamp;
  return nullptr;
}

Answer DevChain::State::set_time(const Params& params) {
  KITH_TRY(const std::uint64_t timestamp, amount_of(params[0]));
  // Some tools send milliseconds.
  const std::uint64_t seconds = timestamp > 1'000'000'000'000 ? timestamp / 1'000 : timestamp;
  time_offset_ = static_cast<std::int64_t>(seconds) - static_cast<std::int64_t>(clock_());
  return time_offset_;
}

Answer DevChain::State::set_timestamp_interval(const Params& params) {
  KITH_TRY(timestamp_interval_, amount_of(params[0]));
  return nullptr;
}

Answer DevChain::State::set_next_base_fee(const Params& params) {
  KITH_TRY(next_base_fee_, params[0].number());
  return nullptr;
}

Answer DevChain::State::set_randao(const Params& params) {
  KITH_TRY(next_randao_, params[0].hash());
  return nullptr;
}

Answer DevChain::State::set_coinbase(const Params& params) {
  KITH_TRY(coinbase_, params[0].address());
  return nullptr;
}

Answer DevChain::State::set_gas_limit(const Params& params) {
  KITH_TRY(const std::uint64_t limit, amount_of(params[0]));
  if (limit == 0) return std::unexpected(params[0].bad("a gas limit above zero expected"));
  options_.gas_limit = limit;
  return true;
}

Answer DevChain::State::coinbase(const Params&) {
  return json::value(coinbase_.to_hex());
}

Answer DevChain::State::mining(const Params&) {
  return automine_ || block_time_.has_value();
}

// State.

/// Changes the state after the head, without a block.
RpcResult<void> DevChain::State::alter(const std::function<RpcResult<void>(World& world)>& change) {
  const BlockName head = chain_->head();
  KITH_TRY(const auto reader, chain_->state(head.hash));
  KITH_TRY(const Revision revision, chain_->revision_of(head.hash));
  World world(*reader, revision, options_.seed);
  world.begin_transaction();
  KITH_CHECK(change(world));
  world.finish_transaction();
  if (world.fault()) return std::unexpected(RpcError(*world.fault()));
  if (head.number > 0) {
    KITH_CHECK(chain_->alter_state(head.hash, world));
  } else {
    // The genesis' state is on disk, so to say: the chain begins again with another one.
    const std::vector<PoolTransactionPointer> waiting = pool_->locals();
    genesis_.state.apply(world);
    KITH_CHECK(reopen());
    for (const auto& one : waiting)
      static_cast<void>(pool_->add(one, TransactionOrigin::local, pool_time()));
    return {};
  }
  KITH_TRY(const Block block, chain_->block(head.hash));
  KITH_CHECK(tell_pool(block));
  return {};
}

Answer DevChain::State::set_balance(const Params& params) {
  KITH_TRY(const Address address, params[0].address());
  KITH_TRY(const U256 amount, params[1].number());
  KITH_CHECK(alter([&](World& world) -> RpcResult<void> {
    world.set_balance(world.account(address), amount);
    return {};
  }));
  return true;
}

Answer DevChain::State::set_code(const Params& params) {
  KITH_TRY(const Address address, params[0].address());
  KITH_TRY(const Bytes bytes, params[1].bytes());
  KITH_CHECK(alter([&](World& world) -> RpcResult<void> {
    world.set_code(world.account(address), std::make_shared<const Code>(bytes),
                   bytes.empty() ? empty_code_hash : keccak256(bytes));
    return {};
  }));
  return true;
}

Answer DevChain::State::set_nonce(const Params& params) {
  KITH_TRY(const Address address, params[0].address());
  KITH_TRY(const std::uint64_t nonce, amount_of(params[1]));
  KITH_CHECK(alter([&](World& world) -> RpcResult<void> {
    world.set_nonce(world.account(address), nonce);
    return {};
  }));
  return true;
}

Answer DevChain::State::set_storage(const Params& params) {
  KITH_TRY(const Address address, params[0].address());
  KITH_TRY(const U256 key, params[1].key());
  KITH_TRY(const U256 value, params[2].key());
  KITH_CHECK(alter([&](World& world) -> RpcResult<void> {
    World::Account& account = world.account(address);
    // An account of nothing but storage is none, and would be taken away.
    if (account.is_empty()) world.set_nonce(account, 1);
    world.set_storage(account, world.slot(account, key), value);
    return {};
  }));
  return true;
}

Answer DevChain::State::drop_transaction(const Params& params) {
  KITH_TRY(const Hash hash, params[0].hash());
  const auto was = find(hash);
  if (!was) return nullptr;
  std::erase_if(pretended_waiting_,
                [&](const Waiting& one) { return one.transaction.hash() == hash; });
  // A pool lets nothing go by name: all others come back into a new one.
  const std::vector<PoolTransactionPointer> waiting = pool_->locals();
  KITH_CHECK(empty_pool());
  for (const auto& one : waiting) {
    if (one->hash != hash)
      static_cast<void>(pool_->add(one, TransactionOrigin::local, pool_time()));
  }
  return json::value(hash.to_hex());
}

Answer DevChain::State::drop_all(const Params&) {
  KITH_CHECK(empty_pool());
  return nullptr;
}

/// A new pool: the old one's transactions are gone.
Result<void> DevChain::State::empty_pool() {
  const BlockName head = chain_->head();
  KITH_TRY(const Header header, chain_->header(head.hash));
  KITH_TRY(std::shared_ptr<StateReader> state, chain_->state(head.hash));
  PoolOptions options{.chain_id = genesis_.schedule.chain_id, .price_limit = 0};
  pool_ = std::make_unique<TxPool>(
      options, PoolHead::after(header, genesis_.schedule, std::move(state)), options_.seed);
  return {};
}

Answer DevChain::State::snapshot(const Params&) {
  Snapshot taken{.id = ++last_snapshot_,
                 .head = chain_->head(),
                 .state = std::nullopt,
                 .genesis = {},
                 .time_offset = time_offset_,
                 .next_timestamp = next_timestamp_,
                 .waiting = {}};
  if (taken.head.number > 0) {
    KITH_TRY(taken.state, chain_->keep_state(taken.head.hash));
  } else {
    taken.genesis = genesis_.state;
  }
  for (const auto& one : pool_->locals())
    taken.waiting.push_back(one->transaction);
  if (snapshots_.size() >= snapshots_max) snapshots_.erase(snapshots_.begin());
  snapshots_.push_back(std::move(taken));
  return json::value(quantity(last_snapshot_));
}

Answer DevChain::State::revert(const Params& params) {
  KITH_TRY(const std::uint64_t id, amount_of(params[0]));
  const auto found = std::ranges::find(snapshots_, id, &Snapshot::id);
  if (found == snapshots_.end()) return false;
  const Snapshot back = std::move(*found);
  // Those that were taken later are of a state that is gone.
  snapshots_.erase(found, snapshots_.end());
  if (!back.state) {
    genesis_.state = back.genesis;
    KITH_CHECK(reopen());
  } else {
    KITH_TRY(const Header header, chain_->header(back.head.hash));
    HeadChange change;
    for (const Hash& step : {header.parent, back.head.hash}) {
      if (step == back.head.hash) KITH_CHECK(chain_->restore_state(step, *back.state));
      KITH_TRY(const auto moved, chain_->set_head(step));
      if (!moved) return std::unexpected(RpcError(Error(moved.error().why.reason)));
      change.removed.insert(change.removed.end(), moved->removed.begin(), moved->removed.end());
    }
    // The snapshot's own block was left and is back.
    std::erase_if(change.removed, [&](const BlockName& one) { return one.hash == back.head.hash; });
    pretended_waiting_.clear();
    KITH_CHECK(empty_pool());
    if (listener_ && !change.removed.empty()) listener_({std::move(change), {}});
  }
  time_offset_ = back.time_offset;
  next_timestamp_ = back.next_timestamp;
  for (const Transaction& one : back.waiting) {
    if (const auto sender = one.sender()) {
      static_cast<void>(
          pool_->add(PoolTransaction::make(one, *sender), TransactionOrigin::local, pool_time()));
    }
  }
  return true;
}

Answer DevChain::State::reset(const Params& params) {
  if (params[0].there() && params[0]["forking"].there())
    return std::unexpected(refused("this chain forks off no other one"));
  snapshots_.clear();
  time_offset_ = 0;
  next_timestamp_.reset();
  pretended_.clear();
  pretends_all_ = false;
  KITH_CHECK(begin());
  return nullptr;
}

Answer DevChain::State::node_info(const Params&) {
  const BlockName head = chain_->head();
  KITH_TRY(const Header header, chain_->header(head.hash));
  KITH_TRY(const U256 base_fee, coming_base_fee(*chain_));
  return json::object{{"currentBlockNumber", head.number},
                      {"currentBlockTimestamp", header.timestamp},
                      {"currentBlockHash", head.hash.to_hex()},
                      {"hardFork", std::string(name_of(*chain_->revision_of(head.hash)))},
                      {"transactionOrder", "fees"},
                      {"environment", json::object{{"baseFee", quantity(base_fee)},
                                                   {"chainId", genesis_.schedule.chain_id},
                                                   {"gasLimit", quantity(options_.gas_limit)},
                                                   {"gasPrice", quantity(base_fee + gwei)}}},
                      {"forkConfig", json::object{{"forkUrl", nullptr},
                                                  {"forkBlockNumber", nullptr},
                                                  {"forkRetryBackoff", nullptr}}}};
}

Answer DevChain::State::metadata(const Params&) {
  const BlockName head = chain_->head();
  return json::object{{"clientVersion", options_.client_version},
                      {"chainId", genesis_.schedule.chain_id},
                      {"instanceId", genesis_.block.header.hash().to_hex()},
                      {"latestBlockNumber", head.number},
                      {"latestBlockHash", head.hash.to_hex()}};
}

Answer DevChain::State::nothing(const Params&) {
  return nullptr;
}

// Accounts.

const DevAccount* DevChain::State::account_of(const Address& address) const {
  const auto found = std::ranges::find(options_.accounts, address, &DevAccount::address);
  return found == options_.accounts.end() ? nullptr : &*found;
}

Answer DevChain::State::accounts(const Params&) {
  json::array out;
  for (const DevAccount& account : options_.accounts)
    out.push_back(json::value(account.address.to_hex()));
  for (const Address& address : pretended_) {
    if (account_of(address) == nullptr) out.push_back(json::value(address.to_hex()));
  }
  return out;
}

/// Nonce, fees and gas where the caller leaves them open.
RpcResult<CallArguments> DevChain::State::complete(const Param& param) {
  KITH_TRY(CallArguments call, read_call(param, genesis_.schedule.chain_id));
  if (!param["from"].there()) {
    if (options_.accounts.empty()) return std::unexpected(param["from"].missing());
    call.from = options_.accounts.front().address;
  }
  Transaction& transaction = call.transaction;
  const BlockName head = chain_->head();
  KITH_TRY(const auto reader, chain_->state(head.hash));
  KITH_TRY(const auto account, reader->account(call.from));
  transaction.nonce = call.nonce.value_or(next_nonce(call.from, account ? account->nonce : 0));
  KITH_TRY(const U256 base_fee, coming_base_fee(*chain_));
  if (param["gasPrice"].there()) {
    // As it is.
  } else if (!param["maxFeePerGas"].there()) {
    if (!param["maxPriorityFeePerGas"].there()) transaction.max_priority_fee = gwei;
    transaction.max_fee = base_fee * 2 + transaction.max_priority_fee;
  }
  if (!param["gasPrice"].there() && transaction.type < Transaction::Type::dynamic_fee)
    transaction.type = Transaction::Type::dynamic_fee;
  if (call.gas) {
    transaction.gas_limit = *call.gas;
  } else {
    KITH_TRY(CallSite site, CallSite::at(*chain_, head.hash));
    site.block().timestamp = coming_timestamp(site.header());
    CallArguments free = call;
    free.has_fee = false;
    free.transaction.max_fee = free.transaction.max_priority_fee = 0;
    KITH_TRY(transaction.gas_limit, estimate_gas(site, free));
  }
  return call;
}

RpcResult<Transaction> DevChain::State::sign(CallArguments call) {
  const DevAccount* account = account_of(call.from);
  if (account == nullptr) return std::unexpected(no_key(call.from));
  if (!call.transaction.sign(account->secret))
    return std::unexpected(refused("the account's key is none"));
  return std::move(call.transaction);
}

Answer DevChain::State::send_transaction(const Params& params) {
  if (const Param from = params[0]["from"]; from.there()) {
    KITH_TRY(const Address address, from.address());
    if (account_of(address) == nullptr && !may_pretend(address))
      return std::unexpected(no_key(address));
  }
  KITH_TRY(CallArguments call, complete(params[0]));
  if (account_of(call.from) != nullptr) {
    KITH_TRY(const Transaction transaction, sign(std::move(call)));
    KITH_TRY(const Hash hash, send(transaction));
    return json::value(hash.to_hex());
  }
  call.transaction.signature = marked(call.from);
  const Hash hash = call.transaction.hash();
  pretended_waiting_.push_back({std::move(call.transaction), call.from});
  if (automine_) KITH_CHECK(mine_waiting());
  if (automine_ && !chain_->find_transaction(hash)) {
    return std::unexpected(
        refused("the transaction can't run: its sender hasn't the coins, or the "
                "nonce isn't its next one"));
  }
  return json::value(hash.to_hex());
}

Answer DevChain::State::sign_transaction(const Params& params) {
  KITH_TRY(CallArguments call, complete(params[0]));
  KITH_TRY(const Transaction transaction, sign(std::move(call)));
  return json::value(hex(transaction.encode()));
}

RpcResult<std::string> DevChain::State::sign_message(const Address& address,
                                                     ByteView message) const {
  const DevAccount* account = account_of(address);
  if (account == nullptr) return std::unexpected(no_key(address));
  const auto signature = ledger::sign(personal_message_hash(message), account->secret);
  if (!signature) return std::unexpected(refused("the account's key is none"));
  return signature_text(*signature);
}

Answer DevChain::State::eth_sign(const Params& params) {
  KITH_TRY(const Address address, params[0].address());
  KITH_TRY(const Bytes message, params[1].bytes());
  KITH_TRY(const std::string signature, sign_message(address, message));
  return json::value(signature);
}

Answer DevChain::State::personal_sign(const Params& params) {
  KITH_TRY(const Address address, params[1].address());
  // Text that isn't hexadecimal is signed as it is.
  Bytes message;
  if (const auto bytes = params[0].bytes()) {
    message = *bytes;
  } else {
    KITH_TRY(const std::string_view text, params[0].text());
    message = to_bytes(as_bytes(text));
  }
  KITH_TRY(const std::string signature, sign_message(address, message));
  return json::value(signature);
}

Answer DevChain::State::sign_typed_data(const Params& params) {
  KITH_TRY(const Address address, params[0].address());
  if (!params[1].there()) return std::unexpected(params[1].missing());
  const std::string text =
      params[1].is_text() ? std::string(*params[1].text()) : json::serialize(*params[1].value());
  const auto data = TypedData::parse(text);
  if (!data) return std::unexpected(params[1].bad(data.error().message()));
  const DevAccount* account = account_of(address);
  if (account == nullptr) return std::unexpected(no_key(address));
  const auto signature = ledger::sign(data->signing_hash(), account->secret);
  if (!signature) return std::unexpected(refused("the account's key is none"));
  return json::value(signature_text(*signature));
}

Answer DevChain::State::impersonate(const Params& params) {
  KITH_TRY(const Address address, params[0].address());
  pretended_.insert(address);
  return true;
}

Answer DevChain::State::stop_impersonating(const Params& params) {
  KITH_TRY(const Address address, params[0].address());
  pretended_.erase(address);
  return true;
}

Answer DevChain::State::impersonate_all(const Params& params) {
  KITH_TRY(pretends_all_, params[0].truth());
  return true;
}

// The chain.

DevChain::DevChain(std::unique_ptr<State> state) : state_(std::move(state)) {}

DevChain::~DevChain() = default;

Result<std::unique_ptr<DevChain>> DevChain::start(DevOptions options, Clock clock) {
  auto state = std::make_unique<State>(std::move(options), std::move(clock));
  KITH_CHECK(state->begin());
  return std::unique_ptr<DevChain>(new DevChain(std::move(state)));
}

std::string DevChain::handle(std::string_view request) {
  return state_->handle(request);
}

void DevChain::set_listener(Listener listener) {
  const std::lock_guard lock(state_->mutex_);
  state_->listener_ = std::move(listener);
}

Result<void> DevChain::on_interval() {
  return state_->on_interval();
}

std::optional<Duration> DevChain::block_time() const {
  const std::lock_guard lock(state_->mutex_);
  return state_->block_time_;
}

const std::vector<DevAccount>& DevChain::accounts() const {
  return state_->options_.accounts;
}

const Chain& DevChain::chain() const {
  return *state_->chain_;
}

ChainRpc& DevChain::rpc() {
  return *state_->rpc_;
}

}  // namespace kith::ledger
