#include <kith/crypto/hash.hpp>
#include <kith/ledger/chain/blob_fee.hpp>
#include <kith/ledger/chain/dao.hpp>
#include <kith/ledger/chain/processor.hpp>
#include <kith/ledger/chain/transition.hpp>
#include <kith/ledger/state/trie_root.hpp>

namespace kith::ledger {
namespace {

constexpr std::int64_t system_call_gas = 30'000'000;
constexpr std::uint64_t gwei = 1'000'000'000;

const Hash deposit_event =
    *Hash::parse("0x649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5");

/// What a block is worth to who made it, in wei (Yellow Paper, 11.3; EIP-649, 1234).
U256 block_reward(Revision revision) {
  std::uint64_t ether = 5;
  if (revision >= Revision::constantinople) {
    ether = 2;
  } else if (revision >= Revision::byzantium) {
    ether = 3;
  }
  return U256(ether) * gwei * gwei;
}

/// The five parts of a deposit's event, one after the other (EIP-6110). Each stands where an offset
/// says, behind its length. False if it is laid out otherwise.
bool append_deposit(const LogEntry& entry, Bytes& out) {
  constexpr std::size_t sizes[] = {48, 32, 8, 96, 8};
  constexpr std::size_t places[] = {160, 256, 320, 384, 512};
  constexpr std::size_t whole = 576;
  const ByteView data = entry.data;
  if (data.size() != whole) return false;
  for (std::size_t i = 0; i < std::size(sizes); ++i) {
    const bool there = U256::from_be(data.subspan(32 * i, 32)) == U256(places[i]) &&
                       U256::from_be(data.subspan(places[i], 32)) == U256(sizes[i]);
    if (!there) return false;
    append(out, data.subspan(places[i] + 32, sizes[i]));
  }
  return true;
}

/// EIP-7685: of those that ask for anything.
Hash hash_of_requests(std::span<const Bytes> requests) {
  Bytes digests;
  for (const Bytes& one : requests) {
    if (one.size() > 1) append(digests, crypto::sha256(one));
  }
  return {crypto::sha256(digests)};
}

}  // namespace

const Address beacon_roots_address = *Address::parse("0x000f3df6d732807ef1319fb7b8bb8522d0beac02");
const Address block_hashes_address = *Address::parse("0x0000f90827f1c53a10cb7a02335b175320002935");
const Address withdrawal_requests_address =
    *Address::parse("0x00000961ef480eb55e80d19ad83579a64c007002");
const Address consolidation_requests_address =
    *Address::parse("0x0000bbddc7ce488642fb579f8b00f3a590007251");

Processor::Processor(const ForkSchedule& schedule, World& world,
                     std::function<Result<Hash>(std::uint64_t number)> hash_of)
    : schedule_(schedule), world_(world), machine_(world), hash_of_(std::move(hash_of)) {}

BlockContext block_context(const Header& header, const ForkSchedule& schedule, Revision revision,
                           std::function<Result<Hash>(std::uint64_t number)> hash_of) {
  BlockContext context{
      .number = header.number,
      .timestamp = header.timestamp,
      .gas_limit = header.gas_limit,
      .coinbase = header.coinbase,
      .prev_randao = revision >= Revision::paris ? header.mix_hash.to_word() : header.difficulty,
      .base_fee = header.base_fee.value_or(0),
      .blob_base_fee = 0,
      .chain_id = schedule.chain_id,
      .fee_collector = std::nullopt,
      .block_hash = std::move(hash_of)};
  if (revision >= Revision::cancun) {
    const BlobSchedule blobs = schedule.blob_schedule_at(header.timestamp, revision);
    context.blob_base_fee =
        blob_base_fee(header.excess_blob_gas.value_or(0), blobs.update_fraction);
  }
  return context;
}

/// A call of the protocol's: nobody pays for it, and it counts in no block's gas. What the contract
/// answers, which is nothing if there is none; no answer if it failed.
Result<std::optional<Bytes>> Processor::call_system(const Address& contract, ByteView input) {
  world_.begin_transaction();
  std::optional<Bytes> output = Bytes();
  if (world_.account(contract).has_code()) {
    Message message;
    message.gas = system_call_gas;
    message.sender = system_address;
    message.recipient = message.code_from = contract;
    message.input = input;
    const TransactionContext nobody{.origin = system_address, .gas_price = 0, .blob_hashes = {}};
    Outcome outcome = machine_.execute(context_, nobody, message);
    if (outcome.halt == Halt::stop) {
      output = std::move(outcome.output);
    } else {
      output.reset();
    }
  }
  world_.finish_transaction();
  if (world_.fault()) return std::unexpected(*world_.fault());
  return output;
}

Result<void> Processor::begin(const Header& header) {
  done_ = {};
  context_ = block_context(header, schedule_, world_.revision(), hash_of_);
  blobs_ = {schedule_.blob_schedule_at(header.timestamp, world_.revision()).transaction_max};
  if (schedule_.dao_block == header.number) drain_dao(world_);
  if (world_.revision() >= Revision::cancun && header.number > 0) {
    KITH_CHECK(
        call_system(beacon_roots_address, header.parent_beacon_root.value_or(Hash()).view()));
  }
  if (world_.revision() >= Revision::prague && header.number > 0)
    KITH_CHECK(call_system(block_hashes_address, header.parent.view()));
  return {};
}

Result<BlockValid> Processor::after_transactions(const Block& block) {
  world_.begin_transaction();
  if (block.withdrawals) {
    for (const Withdrawal& one : *block.withdrawals)
      world_.add_balance(world_.account(one.address), U256(one.amount) * gwei);
  }
  reward(block);
  world_.finish_transaction();
  if (world_.fault()) return std::unexpected(*world_.fault());
  if (world_.revision() < Revision::prague) return BlockValid();
  std::vector<Bytes> requests(3);
  for (std::uint8_t type = 0; type < requests.size(); ++type)
    requests[type].push_back(type);
  for (const Receipt& receipt : done_.receipts) {
    for (const LogEntry& entry : receipt.logs) {
      const bool asks = schedule_.deposit_contract == entry.address && !entry.topics.empty() &&
                        entry.topics[0] == deposit_event;
      if (asks && !append_deposit(entry, requests[0]))
        return BlockValid(std::unexpect, InvalidBlock::system_contract_failed);
    }
  }
  for (std::uint8_t type = 1; type < requests.size(); ++type) {
    // A chain of ours needn't have these contracts.
    KITH_TRY(
        const auto asked,
        call_system(type == 1 ? withdrawal_requests_address : consolidation_requests_address, {}));
    if (!asked) return BlockValid(std::unexpect, InvalidBlock::system_contract_failed);
    append(requests[type], *asked);
  }
  done_.requests_hash = hash_of_requests(requests);
  return BlockValid();
}

void Processor::reward(const Block& block) {
  if (schedule_.difficulty == DifficultyRule::free) {
    if (!schedule_.block_reward.is_zero())
      world_.add_balance(world_.account(block.header.coinbase), schedule_.block_reward);
    return;
  }
  if (world_.revision() >= Revision::paris) return;
  const U256 whole = block_reward(world_.revision());
  U256 mine = whole;
  for (const Header& ommer : block.ommers) {
    mine += whole / 32;
    const std::uint64_t age = block.header.number - ommer.number;
    world_.add_balance(world_.account(ommer.coinbase), whole * (8 - age) / 8);
  }
  world_.add_balance(world_.account(block.header.coinbase), mine);
}

Result<std::expected<void, Error>> Processor::apply(const Transaction& transaction,
                                                    const Address& sender) {
  using Judged = std::expected<void, Error>;
  const Revision revision = world_.revision();
  if (transaction.chain_id &&
      (*transaction.chain_id != schedule_.chain_id || revision < Revision::spurious_dragon)) {
    return Judged(std::unexpect, TransactionError::foreign_chain);
  }
  KITH_TRY(auto applied, apply_transaction(world_, machine_, context_, blobs_, transaction, sender,
                                           context_.gas_limit - done_.gas_used, rules_));
  if (!applied) return Judged(std::unexpect, applied.error());
  last_ = *std::move(applied);
  done_.gas_used += last_.gas_used;
  done_.blob_gas_used += blob_gas * transaction.blob_hashes.size();
  Receipt& receipt = done_.receipts.emplace_back();
  receipt.type = transaction.type;
  receipt.succeeded = last_.succeeded();
  if (revision < Revision::byzantium && root_of_state_) {
    KITH_TRY(receipt.root, root_of_state_());
  }
  receipt.cumulative_gas = done_.gas_used;
  receipt.logs = std::move(last_.logs);
  for (const LogEntry& entry : receipt.logs)
    receipt.bloom.add(entry);
  done_.bloom.add(receipt.bloom);
  return Judged();
}

Result<std::expected<ProcessedBlock, BlockRefusal>> Processor::finish(const Block& block) {
  using Judged = std::expected<ProcessedBlock, BlockRefusal>;
  KITH_TRY(const BlockValid after, after_transactions(block));
  if (!after) return Judged(std::unexpect, BlockRefusal{after.error(), std::nullopt, 0});
  std::vector<Bytes> encoded;
  for (const Receipt& receipt : done_.receipts)
    encoded.push_back(receipt.encode());
  done_.receipts_root = list_root(encoded);
  return Judged(std::move(done_));
}

Result<std::expected<ProcessedBlock, BlockRefusal>> Processor::run(
    const Block& block, std::span<const Address> senders) {
  using Judged = std::expected<ProcessedBlock, BlockRefusal>;
  KITH_CHECK(begin(block.header));
  for (std::size_t i = 0; i < block.transactions.size(); ++i) {
    const Transaction& one = block.transactions[i];
    const auto refuse = [&](Error cause) {
      return Judged(std::unexpect,
                    BlockRefusal{InvalidBlock::bad_transaction, std::move(cause), i});
    };
    Address sender;
    if (i < senders.size()) {
      sender = senders[i];
    } else {
      const auto signer = one.sender(world_.revision() < Revision::homestead);
      if (!signer) return refuse(signer.error());
      sender = *signer;
    }
    KITH_TRY(auto applied, apply(one, sender));
    if (!applied) return refuse(std::move(applied).error());
  }
  return finish(block);
}

BlockValid Processor::compare(const ProcessedBlock& processed, const Header& header) {
  if (processed.gas_used != header.gas_used) return std::unexpected(InvalidBlock::wrong_gas_used);
  if (processed.blob_gas_used != header.blob_gas_used.value_or(0))
    return std::unexpected(InvalidBlock::wrong_blob_gas_used);
  if (processed.bloom != header.bloom) return std::unexpected(InvalidBlock::wrong_bloom);
  if (processed.receipts_root != header.receipts_root)
    return std::unexpected(InvalidBlock::wrong_receipts_root);
  if (header.requests_hash && processed.requests_hash != *header.requests_hash)
    return std::unexpected(InvalidBlock::wrong_requests_hash);
  return {};
}

}  // namespace kith::ledger
