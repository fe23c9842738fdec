#include <algorithm>

#include <kith/ledger/chain/blob_fee.hpp>
#include <kith/ledger/chain/transition.hpp>

namespace kith::ledger {
namespace {

constexpr std::uint64_t transaction_gas = 21'000;
constexpr std::uint64_t creation_gas = 32'000;
constexpr std::uint64_t zero_byte_gas = 4;
constexpr std::uint64_t access_address_gas = 2'400;
constexpr std::uint64_t access_key_gas = 1'900;
constexpr std::uint64_t init_code_word_gas = 2;
constexpr std::uint64_t floor_token_gas = 10;
constexpr std::uint64_t tokens_of_nonzero = 4;
constexpr std::uint64_t new_authority_gas = 25'000;
constexpr std::uint64_t known_authority_gas = 12'500;
constexpr std::uint8_t blob_version = 0x01;

class InvalidDomain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "invalid transaction"; }
  std::string message(int code) const override {
    switch (static_cast<InvalidTransaction>(code)) {
      case InvalidTransaction::type_not_supported:
        return "transactions of this type aren't there yet in this fork";
      case InvalidTransaction::nonce_too_low:
        return "nonce too low: the account has sent a transaction with it already";
      case InvalidTransaction::nonce_too_high:
        return "nonce too high: transactions before this one are missing";
      case InvalidTransaction::nonce_overflow:
        return "the account's nonce can't grow any more";
      case InvalidTransaction::sender_has_code:
        return "the sender is a contract";
      case InvalidTransaction::insufficient_funds:
        return "insufficient funds for gas * price + value";
      case InvalidTransaction::intrinsic_gas_too_low:
        return "the gas limit is below what the transaction costs before it runs";
      case InvalidTransaction::floor_gas_too_low:
        return "the gas limit is below what the transaction's data cost";
      case InvalidTransaction::gas_limit_too_high:
        return "the gas limit is above 2^24";
      case InvalidTransaction::block_gas_exceeded:
        return "the block has less gas left than the transaction may use";
      case InvalidTransaction::fee_below_base_fee:
        return "the highest fee is below the block's base fee";
      case InvalidTransaction::tip_above_fee:
        return "the priority fee is above the highest fee";
      case InvalidTransaction::init_code_too_large:
        return "the code that creates the contract is too large";
      case InvalidTransaction::no_blobs:
        return "a blob transaction without blobs";
      case InvalidTransaction::too_many_blobs:
        return "the transaction has more blobs than may be";
      case InvalidTransaction::bad_blob_version:
        return "a blob's hash of an unknown version";
      case InvalidTransaction::blob_fee_too_low:
        return "the highest fee for blobs is below the block's";
      case InvalidTransaction::no_authorizations:
        return "a set-code transaction without authorizations";
      case InvalidTransaction::missing_recipient:
        return "a transaction of this type needs a recipient";
      case InvalidTransaction::cost_overflow:
        return "gas times the highest fee is beyond 2^256";
    }
    return "unknown reason";
  }
};

using Valid = std::expected<void, InvalidTransaction>;

constexpr Revision first_with(Transaction::Type type) noexcept {
  switch (type) {
    case Transaction::Type::legacy:
      return Revision::frontier;
    case Transaction::Type::access_list:
      return Revision::berlin;
    case Transaction::Type::dynamic_fee:
      return Revision::london;
    case Transaction::Type::blob:
      return Revision::cancun;
    case Transaction::Type::set_code:
      return Revision::prague;
  }
  return newest_revision;
}

/// One transaction of one block.
class Transition {
 public:
  Transition(World& world, Machine& machine, const BlockContext& block, const BlobLimits& blobs,
             const Transaction& transaction, const Address& sender, const CallRules& rules)
      : rules_(rules),
        world_(world),
        machine_(machine),
        block_(block),
        blobs_(blobs),
        transaction_(transaction),
        revision_(world.revision()),
        sender_(world.account(sender)) {}

  Valid check(std::uint64_t gas_available);
  TransactionResult run();

 private:
  Valid check_fees() const;
  Valid check_blobs() const;
  Valid check_sender();
  bool can_pay() const;
  U256 gas_price() const;
  U256 blob_fee() const;
  std::uint64_t blob_gas_used() const { return blob_gas * transaction_.blob_hashes.size(); }
  void warm_up();
  void authorize(const Authorization& one);
  Message message();
  void settle(const Outcome& outcome, TransactionResult& result);

  const CallRules& rules_;
  World& world_;
  Machine& machine_;
  const BlockContext& block_;
  const BlobLimits& blobs_;
  const Transaction& transaction_;
  Revision revision_;
  World::Account& sender_;
  IntrinsicGas gas_{};
};

Valid Transition::check(std::uint64_t gas_available) {
  KITH_CHECK(check_transaction(transaction_, revision_, rules_));
  if (transaction_.gas_limit > gas_available)
    return std::unexpected(InvalidTransaction::block_gas_exceeded);
  KITH_CHECK(check_fees());
  KITH_CHECK(check_blobs());
  gas_ = intrinsic_gas(transaction_, revision_);
  return check_sender();
}

Valid Transition::check_fees() const {
  if (rules_.base_fee && revision_ >= Revision::london && transaction_.max_fee < block_.base_fee)
    return std::unexpected(InvalidTransaction::fee_below_base_fee);
  return {};
}

Valid Transition::check_blobs() const {
  if (transaction_.type != Transaction::Type::blob) return {};
  if (transaction_.blob_hashes.size() > blobs_.transaction_max)
    return std::unexpected(InvalidTransaction::too_many_blobs);
  if (transaction_.max_blob_fee < block_.blob_base_fee)
    return std::unexpected(InvalidTransaction::blob_fee_too_low);
  return {};
}

Valid Transition::check_sender() {
  if (rules_.nonce && transaction_.nonce < sender_.nonce)
    return std::unexpected(InvalidTransaction::nonce_too_low);
  if (rules_.nonce && transaction_.nonce > sender_.nonce)
    return std::unexpected(InvalidTransaction::nonce_too_high);
  if (rules_.no_code && sender_.has_code() && !world_.code_of(sender_)->delegate())
    return std::unexpected(InvalidTransaction::sender_has_code);
  if (!can_pay()) return std::unexpected(InvalidTransaction::insufficient_funds);
  return {};
}

/// Of the highest fees, whose products may be beyond 2^256.
bool Transition::can_pay() const {
  U256 left = sender_.balance;
  const auto pay = [&](const U256& price, std::uint64_t amount) {
    if (amount == 0) return true;
    if (price > left / amount) return false;
    left -= price * amount;
    return true;
  };
  return pay(transaction_.value, 1) && pay(transaction_.max_fee, transaction_.gas_limit) &&
         pay(transaction_.max_blob_fee, blob_gas_used());
}

U256 Transition::gas_price() const {
  if (revision_ < Revision::london) return transaction_.max_fee;
  return std::min(transaction_.max_fee, block_.base_fee + transaction_.max_priority_fee);
}

U256 Transition::blob_fee() const {
  return block_.blob_base_fee * blob_gas_used();
}

void Transition::warm_up() {
  if (revision_ < Revision::berlin) return;
  world_.warm(sender_);
  if (transaction_.to) world_.warm(world_.account(*transaction_.to));
  if (revision_ >= Revision::shanghai) world_.warm(world_.account(block_.coinbase));
  for (const AccessListEntry& entry : transaction_.access_list) {
    World::Account& account = world_.account(entry.address);
    world_.warm(account);
    for (const U256& key : entry.keys)
      world_.warm(account, world_.slot(account, key));
  }
}

/// One that isn't valid is passed over (EIP-7702, "Behavior").
void Transition::authorize(const Authorization& one) {
  if (!one.chain_id.is_zero() && one.chain_id != block_.chain_id) return;
  if (one.nonce == ~0ULL) return;
  const auto signer = one.authority();
  if (!signer) return;
  World::Account& authority = world_.account(*signer);
  world_.warm(authority);
  if (authority.has_code() && !world_.code_of(authority)->delegate()) return;
  if (authority.nonce != one.nonce) return;
  if (!world_.is_dead(authority))
    world_.add_refund(static_cast<std::int64_t>(new_authority_gas - known_authority_gas));
  if (one.address.is_zero()) {
    world_.set_code(authority, nullptr, empty_code_hash);
  } else {
    auto code = std::make_shared<const Code>(Code::delegating_to(one.address));
    const Hash hash = keccak256(code->bytes());
    world_.set_code(authority, std::move(code), hash);
  }
  world_.set_nonce(authority, authority.nonce + 1);
}

Message Transition::message() {
  Message message;
  message.gas = static_cast<std::int64_t>(transaction_.gas_limit - gas_.before);
  message.sender = sender_.address;
  message.value = transaction_.value;
  message.input = transaction_.data;
  if (!transaction_.to) {
    message.kind = Message::Kind::create;
    return message;
  }
  message.recipient = message.code_from = *transaction_.to;
  if (revision_ >= Revision::prague) {
    if (const auto delegate = world_.code_of(world_.account(*transaction_.to))->delegate()) {
      message.code_from = *delegate;
      message.is_delegated = true;
      world_.warm(world_.account(*delegate));
    }
  }
  return message;
}

TransactionResult Transition::run() {
  TransactionResult result;
  result.effective_gas_price = gas_price();
  world_.subtract_balance(sender_,
                          result.effective_gas_price * transaction_.gas_limit + blob_fee());
  // A creation's counts when it begins.
  if (transaction_.to) world_.set_nonce(sender_, sender_.nonce + 1);
  warm_up();
  for (const Authorization& one : transaction_.authorizations)
    authorize(one);
  const TransactionContext context{.origin = sender_.address,
                                   .gas_price = result.effective_gas_price,
                                   .blob_hashes = transaction_.blob_hashes};
  Outcome outcome = machine_.execute(block_, context, message());
  settle(outcome, result);
  result.halt = outcome.halt;
  result.created = outcome.created;
  result.output = std::move(outcome.output);
  result.logs = world_.finish_transaction();
  return result;
}

/// What is given back and what the block's author gets.
void Transition::settle(const Outcome& outcome, TransactionResult& result) {
  const std::uint64_t limit = transaction_.gas_limit;
  std::uint64_t used = limit - static_cast<std::uint64_t>(outcome.gas_left);
  const std::uint64_t refund_part = revision_ >= Revision::london ? 5 : 2;
  const auto counted = static_cast<std::uint64_t>(std::max<std::int64_t>(world_.refund(), 0));
  result.gas_refunded = std::min(counted, used / refund_part);
  result.gas_at_most = std::max(used, gas_.floor);
  used = std::max(used - result.gas_refunded, gas_.floor);
  result.gas_used = used;
  world_.add_balance(sender_, result.effective_gas_price * (limit - used));
  const U256 burnt = revision_ >= Revision::london ? block_.base_fee : U256();
  if (block_.fee_collector)
    world_.add_balance(world_.account(*block_.fee_collector), burnt * used + blob_fee());
  world_.add_balance(world_.account(block_.coinbase), (result.effective_gas_price - burnt) * used);
}

}  // namespace

const ErrorDomain& error_domain(InvalidTransaction) noexcept {
  static constexpr InvalidDomain domain;
  return domain;
}

Valid check_transaction(const Transaction& transaction, Revision revision,
                        const CallRules& rules) noexcept {
  if (revision < first_with(transaction.type))
    return std::unexpected(InvalidTransaction::type_not_supported);
  if (rules.nonce && transaction.nonce == ~0ULL)
    return std::unexpected(InvalidTransaction::nonce_overflow);
  if (rules.gas_cap && revision >= Revision::osaka && transaction.gas_limit > transaction_gas_max)
    return std::unexpected(InvalidTransaction::gas_limit_too_high);
  if (revision >= Revision::shanghai && !transaction.to &&
      transaction.data.size() > init_code_bytes_max)
    return std::unexpected(InvalidTransaction::init_code_too_large);
  if (transaction.max_priority_fee > transaction.max_fee)
    return std::unexpected(InvalidTransaction::tip_above_fee);
  if (transaction.gas_limit != 0 && transaction.max_fee > U256::max() / transaction.gas_limit)
    return std::unexpected(InvalidTransaction::cost_overflow);
  if (transaction.type >= Transaction::Type::blob && !transaction.to)
    return std::unexpected(InvalidTransaction::missing_recipient);
  if (transaction.type == Transaction::Type::blob) {
    if (transaction.blob_hashes.empty()) return std::unexpected(InvalidTransaction::no_blobs);
    for (const Hash& hash : transaction.blob_hashes) {
      if (hash.bytes[0] != blob_version)
        return std::unexpected(InvalidTransaction::bad_blob_version);
    }
  }
  if (transaction.type == Transaction::Type::set_code && transaction.authorizations.empty())
    return std::unexpected(InvalidTransaction::no_authorizations);
  const IntrinsicGas gas = intrinsic_gas(transaction, revision);
  if (transaction.gas_limit < gas.before)
    return std::unexpected(InvalidTransaction::intrinsic_gas_too_low);
  if (transaction.gas_limit < gas.floor)
    return std::unexpected(InvalidTransaction::floor_gas_too_low);
  return {};
}

IntrinsicGas intrinsic_gas(const Transaction& transaction, Revision revision) noexcept {
  const auto zeros = static_cast<std::uint64_t>(std::ranges::count(transaction.data, 0));
  const std::uint64_t others = transaction.data.size() - zeros;
  const std::uint64_t other_byte_gas = revision >= Revision::istanbul ? 16 : 68;
  IntrinsicGas gas{.before = transaction_gas, .floor = 0};
  gas.before += zeros * zero_byte_gas + others * other_byte_gas;
  if (!transaction.to) {
    if (revision >= Revision::homestead) gas.before += creation_gas;
    if (revision >= Revision::shanghai)
      gas.before += init_code_word_gas * ((transaction.data.size() + 31) / 32);
  }
  for (const AccessListEntry& entry : transaction.access_list)
    gas.before += access_address_gas + access_key_gas * entry.keys.size();
  gas.before += new_authority_gas * transaction.authorizations.size();
  if (revision >= Revision::prague)
    gas.floor = transaction_gas + floor_token_gas * (zeros + tokens_of_nonzero * others);
  return gas;
}

Result<std::expected<TransactionResult, InvalidTransaction>> apply_transaction(
    World& world, Machine& machine, const BlockContext& block, const BlobLimits& blobs,
    const Transaction& transaction, const Address& sender, std::uint64_t gas_available,
    const CallRules& rules) {
  world.begin_transaction();
  Transition transition(world, machine, block, blobs, transaction, sender, rules);
  const Valid valid = transition.check(gas_available);
  if (world.fault()) return std::unexpected(*world.fault());
  if (!valid)
    return std::expected<TransactionResult, InvalidTransaction>(std::unexpect, valid.error());
  TransactionResult result = transition.run();
  if (world.fault()) return std::unexpected(*world.fault());
  return result;
}

}  // namespace kith::ledger
