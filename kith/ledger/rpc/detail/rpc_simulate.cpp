#include <algorithm>

#include <kith/ledger/chain/blob_fee.hpp>
#include <kith/ledger/evm/tracer.hpp>
#include <kith/ledger/rpc/detail/rpc_call.hpp>
#include <kith/ledger/rpc/detail/rpc_simulate.hpp>
#include <kith/ledger/rpc/detail/rpc_values.hpp>

namespace kith::ledger::detail {
namespace {

constexpr std::uint64_t blocks_max = 256;
/// Between two blocks whose times aren't given, in seconds.
constexpr std::uint64_t time_step = 12;
/// Where a transfer of the chain's own coin is logged, as an ERC-20's (ERC-7528).
constexpr Address coin_address{{0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee,
                                0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee}};
/// Transfer(address,address,uint256)
const Hash transfer_event =
    *Hash::parse("0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");
constexpr int vm_error_code = -32015;

struct NumberedLog {
  LogEntry entry;
  std::uint64_t index;
};

/// The logs of a call, with transfers of coins between them if that is wanted. Those of frames that
/// failed are dropped, but their numbers aren't given again (geth's way).
class LogTracer final : public Tracer {
 public:
  LogTracer(World& world, bool with_transfers, std::uint64_t& next_index)
      : world_(world), with_transfers_(with_transfers), next_index_(next_index) {}

  void on_begin(const Message& message, std::size_t /*depth*/,
                std::int64_t /*caller_gas*/) override {
    frames_.push_back(logs_.size());
    if (message.kind != Message::Kind::delegate_call && !message.value.is_zero())
      add_transfer(message.sender, message.recipient, message.value);
  }
  void on_end(Halt halt, std::int64_t /*gas_left*/, ByteView /*output*/,
              std::size_t /*depth*/) override {
    if (halt != Halt::stop) logs_.resize(frames_.back());
    frames_.pop_back();
  }
  void on_step(const Step& step) override {
    const auto item = [&](std::size_t depth) {
      return step.stack.size() > depth ? step.stack[step.stack.size() - 1 - depth] : U256();
    };
    if (step.opcode == Opcode::SELFDESTRUCT) {
      const Address& from = step.message.recipient;
      const U256 balance = world_.account(from).balance;
      if (!balance.is_zero()) add_transfer(from, Address::from_word(item(0)), balance);
    }
    if (step.opcode < Opcode::LOG0 || step.opcode > Opcode::LOG4) return;
    LogEntry entry;
    entry.address = step.message.recipient;
    const auto topics =
        static_cast<std::size_t>(step.opcode) - static_cast<std::size_t>(Opcode::LOG0);
    // One that can't be paid for fails, and its frame's logs are dropped.
    const U256 at = item(0);
    const U256 size = item(1);
    const std::uint64_t payable = static_cast<std::uint64_t>(std::max<std::int64_t>(step.gas, 0));
    if (!at.fits_64() || !size.fits_64() || size.low() > payable) return;
    entry.data.resize(size.low());
    if (at.low() < step.memory.size()) {
      const ByteView there = step.memory.subspan(at.low());
      std::copy_n(there.begin(), std::min(there.size(), entry.data.size()), entry.data.begin());
    }
    for (std::size_t i = 0; i < topics; ++i)
      entry.topics.push_back(Hash::from_word(item(2 + i)));
    logs_.push_back({std::move(entry), next_index_++});
  }

  std::vector<NumberedLog> take() { return std::exchange(logs_, {}); }

 private:
  void add_transfer(const Address& from, const Address& to, const U256& amount) {
    if (!with_transfers_) return;
    LogEntry entry;
    entry.address = coin_address;
    entry.topics = {transfer_event, Hash::from_word(from.to_word()), Hash::from_word(to.to_word())};
    entry.data = to_bytes(amount.to_be());
    logs_.push_back({std::move(entry), next_index_++});
  }

  World& world_;
  bool with_transfers_;
  std::uint64_t& next_index_;
  std::vector<NumberedLog> logs_;
  std::vector<std::size_t> frames_;
};

RpcError refusal(InvalidTransaction reason, const CallArguments& call, const U256& base_fee,
                 std::uint64_t gas) {
  const std::string who = ": address " + call.from.to_checksum();
  const std::string supplied = " (supplied gas " + std::to_string(gas) + ")";
  switch (reason) {
    case InvalidTransaction::nonce_too_low:
      return {RpcCode::nonce_too_low, "err: nonce too low" + who + supplied};
    case InvalidTransaction::nonce_too_high:
      return {RpcCode::nonce_too_high, "err: nonce too high" + who + supplied};
    case InvalidTransaction::nonce_overflow:
      return {RpcCode::internal_error, "err: nonce has max value" + who + ", nonce: " +
                                           std::to_string(call.transaction.nonce) + supplied};
    case InvalidTransaction::fee_below_base_fee:
      return {RpcCode::fee_too_low, "err: max fee per gas less than block base fee" + who +
                                        ", maxFeePerGas: " + call.transaction.max_fee.to_decimal() +
                                        ", baseFee: " + base_fee.to_decimal() + supplied};
    case InvalidTransaction::intrinsic_gas_too_low:
    case InvalidTransaction::floor_gas_too_low:
      return {RpcCode::intrinsic_gas, "err: intrinsic gas too low" + who + supplied};
    case InvalidTransaction::insufficient_funds:
      return {RpcCode::insufficient_funds,
              "err: insufficient funds for gas * price + value" + who + supplied};
    case InvalidTransaction::block_gas_exceeded:
      return {RpcCode::block_gas_limit, "block gas limit reached"};
    case InvalidTransaction::sender_has_code:
      return {RpcCode::sender_is_contract, "err: sender not an eoa" + who + supplied};
    case InvalidTransaction::init_code_too_large:
      return {RpcCode::init_code_too_large, "err: max initcode size exceeded" + supplied};
    default:
      return {RpcCode::server_error, "err: " + Error(reason).message() + supplied};
  }
}

class Simulation {
 public:
  Simulation(const Chain& chain, const Hash& base, CallSite site)
      : chain_(chain),
        base_(base),
        reader_(site.reader()),
        site_(std::move(site)),
        parent_(site_.header()),
        parent_hash_(base) {}

  RpcResult<json::array> run(const Param& param);

 private:
  RpcResult<void> begin(const Param& param);
  RpcResult<json::object> block(const Param& param);
  RpcResult<Header> header_of(const Param& overrides) const;
  RpcResult<json::object> call(Processor& processor, Block& block, const Param& param);
  Result<Hash> hash_of(std::uint64_t number) const;

  const Chain& chain_;
  Hash base_;
  StateReader& reader_;
  CallSite site_;
  bool validates_ = false;
  bool traces_transfers_ = false;
  bool whole_transactions_ = false;
  std::unique_ptr<World> world_;
  /// The last block, simulated or the chain's.
  Header parent_;
  Hash parent_hash_;
  std::map<std::uint64_t, Hash> simulated_;
  std::uint64_t gas_left_ = call_gas_max;
  // Of the block's calls.
  std::vector<std::vector<NumberedLog>> logs_;
  std::uint64_t next_log_ = 0;
  std::vector<Address> senders_;
};

Result<Hash> Simulation::hash_of(std::uint64_t number) const {
  if (const auto found = simulated_.find(number); found != simulated_.end()) return found->second;
  return chain_.ancestor(base_, number);
}

/// The next one, as its overrides want it.
RpcResult<Header> Simulation::header_of(const Param& overrides) const {
  Header header;
  header.ommers = Block().ommers_hash();
  header.parent = parent_hash_;
  header.coinbase = parent_.coinbase;
  header.difficulty = parent_.difficulty;
  header.gas_limit = parent_.gas_limit;
  header.number = parent_.number + 1;
  header.timestamp = parent_.timestamp + time_step;
  const auto take = [&](const char* key, std::uint64_t& into) -> RpcResult<void> {
    const Param field = overrides[key];
    if (!field.there()) return {};
    KITH_TRY(into, field.small_number());
    return {};
  };
  KITH_CHECK(take("number", header.number));
  KITH_CHECK(take("time", header.timestamp));
  KITH_CHECK(take("gasLimit", header.gas_limit));
  if (const Param field = overrides["difficulty"]; field.there()) {
    KITH_TRY(header.difficulty, field.number());
  }
  if (const Param field = overrides["feeRecipient"]; field.there()) {
    KITH_TRY(header.coinbase, field.address());
  }
  if (const Param field = overrides["prevRandao"]; field.there()) {
    KITH_TRY(header.mix_hash, field.hash());
  }
  const Revision revision = world_->revision();
  if (revision >= Revision::london) {
    header.base_fee = validates_ ? next_base_fee(parent_, chain_.schedule()) : U256();
    if (const Param field = overrides["baseFeePerGas"]; field.there()) {
      KITH_TRY(header.base_fee, field.number());
    }
  }
  add_fork_fields(header, revision);
  if (revision >= Revision::cancun) {
    const BlobSchedule blobs = chain_.schedule().blob_schedule_at(header.timestamp, revision);
    header.excess_blob_gas = next_excess_blob_gas(parent_, blobs, revision);
    if (const Param field = overrides["beaconRoot"]; field.there()) {
      KITH_TRY(header.parent_beacon_root, field.hash());
    }
  }
  return header;
}

RpcResult<json::object> Simulation::call(Processor& processor, Block& block, const Param& param) {
  KITH_TRY(CallArguments call, read_call(param, chain_.schedule().chain_id));
  Transaction& transaction = call.transaction;
  transaction.nonce = call.nonce.value_or(world_->account(call.from).nonce);
  const std::uint64_t remaining = block.header.gas_limit - processor.gas_used();
  const std::uint64_t wanted = call.gas.value_or(remaining);
  if (wanted > remaining)
    return std::unexpected(refusal(InvalidTransaction::block_gas_exceeded, call, {}, wanted));
  transaction.gas_limit = std::min(wanted, gas_left_);
  // Where nothing says otherwise it is one of today's.
  if (param["gasPrice"].there()) {
    transaction.type = Transaction::Type::legacy;
    transaction.chain_id.reset();
  } else if (transaction.type < Transaction::Type::dynamic_fee) {
    transaction.type = Transaction::Type::dynamic_fee;
  }
  LogTracer tracer(*world_, traces_transfers_, next_log_);
  processor.machine().set_tracer(&tracer);
  processor.context().base_fee =
      validates_ || call.has_fee ? block.header.base_fee.value_or(0) : U256();
  const auto run = processor.apply(transaction, call.from);
  processor.machine().set_tracer(nullptr);
  KITH_TRY(const auto applied, run);
  if (!applied) {
    const Error& error = applied.error();
    if (&error.domain() != &error_domain(InvalidTransaction()))
      return std::unexpected(RpcError(RpcCode::server_error, "err: " + error.message()));
    return std::unexpected(refusal(static_cast<InvalidTransaction>(error.code()), call,
                                   block.header.base_fee.value_or(0), transaction.gas_limit));
  }
  const TransactionResult& result = processor.last();
  gas_left_ -= std::min(gas_left_, result.gas_used);
  block.transactions.push_back(transaction);
  senders_.push_back(call.from);
  logs_.push_back(tracer.take());
  json::object out{{"returnData", hex(result.output)},
                   {"gasUsed", quantity(result.gas_used)},
                   {"maxUsedGas", quantity(result.gas_at_most)},
                   {"status", quantity(result.succeeded() ? 1 : 0)}};
  if (result.succeeded()) return out;
  const RpcError error = call_error(result);
  out["error"] = error_object(error);
  out["returnData"] = "0x";
  if (result.halt != Halt::revert) out["error"].as_object()["code"] = vm_error_code;
  return out;
}

RpcResult<json::object> Simulation::block(const Param& param) {
  const Param overrides = param["blockOverrides"];
  Block block;
  KITH_TRY(block.header, header_of(overrides));
  if (block.header.withdrawals_root) block.withdrawals.emplace();
  MovedContracts moved;
  KITH_CHECK(override_state(param["stateOverrides"], *world_, moved));
  Processor processor(chain_.schedule(), *world_,
                      [this](std::uint64_t number) { return hash_of(number); });
  processor.set_rules({.nonce = validates_, .gas_cap = false, .no_code = false, .base_fee = true});
  processor.machine().set_precompiles(moved.empty() ? nullptr : &moved);
  KITH_CHECK(processor.begin(block.header));
  if (const Param field = overrides["blobBaseFee"]; field.there()) {
    KITH_TRY(processor.context().blob_base_fee, field.number());
  }
  logs_.clear();
  next_log_ = 0;
  senders_.clear();
  json::array calls;
  const Param list = param["calls"];
  for (std::size_t i = 0; i < list.size(); ++i) {
    KITH_TRY(json::object told, call(processor, block, list[i]));
    calls.push_back(std::move(told));
  }
  KITH_TRY(auto done, processor.finish(block));
  if (!done) return std::unexpected(RpcError(Error(done.error().reason)));
  Header& header = block.header;
  KITH_TRY(header.state_root, chain_.root_with(base_, *world_));
  header.transactions_root = block.transactions_root();
  header.receipts_root = done->receipts_root;
  header.bloom = done->bloom;
  header.gas_used = done->gas_used;
  if (header.blob_gas_used) header.blob_gas_used = done->blob_gas_used;
  if (header.requests_hash) header.requests_hash = done->requests_hash;
  const Hash hash = header.hash();
  json::object out = block_json(block, hash, false);
  Position position{{header.number, hash}, header.timestamp, 0};
  json::array whole;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    position.index = static_cast<std::uint32_t>(i);
    const Hash transaction = block.transactions[i].hash();
    json::array logs;
    for (const NumberedLog& log : logs_[i])
      logs.push_back(log_json(log.entry, position, transaction, log.index));
    calls[i].as_object()["logs"] = std::move(logs);
    whole.push_back(
        transaction_json(block.transactions[i], senders_[i], position, header.base_fee));
  }
  if (whole_transactions_) out["transactions"] = std::move(whole);
  out["calls"] = std::move(calls);
  simulated_[header.number] = hash;
  parent_ = header;
  parent_hash_ = hash;
  return out;
}

RpcResult<void> Simulation::begin(const Param& param) {
  if (!param.is_object()) return std::unexpected(param.bad("an object expected"));
  KITH_TRY(validates_, param["validation"].truth());
  KITH_TRY(traces_transfers_, param["traceTransfers"].truth());
  KITH_TRY(whole_transactions_, param["returnFullTransactions"].truth());
  KITH_TRY(const Revision revision, chain_.revision_after(base_, parent_.timestamp + 1));
  world_ = std::make_unique<World>(reader_, revision, 0);
  return {};
}

RpcResult<json::array> Simulation::run(const Param& param) {
  KITH_CHECK(begin(param));
  const Param list = param["blockStateCalls"];
  if (list.size() == 0) return std::unexpected(RpcError(RpcCode::invalid_params, "empty input"));
  const auto too_many = [] { return RpcError(RpcCode::too_many, "too many blocks"); };
  if (list.size() > blocks_max) return std::unexpected(too_many());
  // Numbers and times are looked at before anything is run.
  std::uint64_t number = parent_.number;
  std::uint64_t time = parent_.timestamp;
  std::vector<std::uint64_t> gaps;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Param overrides = list[i]["blockOverrides"];
    std::uint64_t next = number + 1;
    if (const Param field = overrides["number"]; field.there()) {
      KITH_TRY(next, field.small_number());
    }
    if (next <= number) {
      return std::unexpected(RpcError(RpcCode::block_number_order,
                                      "block numbers must be in order: " + std::to_string(next) +
                                          " <= " + std::to_string(number)));
    }
    if (next - site_.header().number > blocks_max) return std::unexpected(too_many());
    gaps.push_back(next - number - 1);
    time += gaps.back() * time_step;
    std::uint64_t at = time + time_step;
    if (const Param field = overrides["time"]; field.there()) {
      KITH_TRY(at, field.small_number());
    }
    if (at <= time) {
      return std::unexpected(RpcError(RpcCode::block_time_order,
                                      "block timestamps must be in order: " + std::to_string(at) +
                                          " <= " + std::to_string(time)));
    }
    number = next;
    time = at;
  }
  json::array out;
  const Param nothing(nullptr, "");
  for (std::size_t i = 0; i < list.size(); ++i) {
    for (std::uint64_t gap = 0; gap < gaps[i]; ++gap) {
      KITH_TRY(json::object told, block(nothing));
      out.push_back(std::move(told));
    }
    KITH_TRY(json::object told, block(list[i]));
    out.push_back(std::move(told));
  }
  return out;
}

}  // namespace

RpcResult<json::array> simulate(const Chain& chain, const Hash& base, const Param& param) {
  KITH_TRY(CallSite site, CallSite::at(chain, base));
  Simulation simulation(chain, base, std::move(site));
  return simulation.run(param);
}

}  // namespace kith::ledger::detail
