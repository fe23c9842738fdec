// Strategy: the first byte chooses the revision, the second how much of the rest is call data, the
// rest is code; it may call itself and a second contract that reverts. Invariants: no code throws,
// aborts, uses more gas than it has, or makes money.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/ledger/evm/machine.hpp>
#include <kith/ledger/evm/opcode.hpp>
#include <kith/ledger/evm/tracer.hpp>

namespace kith::fuzz {
namespace {

using namespace ledger;

constexpr std::int64_t gas = 200'000;
const Address contract = Address::of_number(0xc0de);
const Address reverting = Address::of_number(0xbad);
const Address caller = Address::of_number(0xca11);

/// Three accounts, and nothing in their storage.
class SmallState final : public StateReader {
 public:
  explicit SmallState(ByteView code) {
    codes_[0] = std::make_shared<const Code>(code);
    // MSTORE a word, and REVERT with it.
    codes_[1] = std::make_shared<const Code>(*from_hex("600160005260206000fd"));
  }
  Result<std::optional<AccountState>> account(const Address& address) override {
    AccountState state{
        .nonce = 1, .balance = 1'000, .code_hash = empty_code_hash, .has_storage = false};
    if (address == contract) state.code_hash = {{1}};
    if (address == reverting) state.code_hash = {{2}};
    if (address != contract && address != reverting && address != caller) return std::nullopt;
    return state;
  }
  Result<U256> storage(const Address&, const U256&) override { return U256(); }
  Result<CodePointer> code(const Hash& hash) override { return codes_[hash.bytes[0] - 1]; }

 private:
  CodePointer codes_[2];
};

class Witness final : public Tracer {
 public:
  void on_step(const Step& step) override {
    ASSERT(step.gas >= 0 && step.gas <= gas && step.stack.size() <= 1024);
    deepest = std::max(deepest, step.depth);
  }
  std::size_t deepest = 0;
};

U256 all_money(World& world) {
  U256 sum;
  for (const World::Account& account : world.accounts())
    sum += account.balance;
  return sum;
}

}  // namespace

Kinds kinds_evm_code{"stop",     "revert",   "out of gas",  "undefined", "underflow",
                     "overflow", "bad jump", "calls",       "creates",   "logs",
                     "stores",   "destroys", "returns data"};

void fuzz_evm_code(ByteView input) {
  if (input.size() < 2) return;
  const auto revision =
      static_cast<Revision>(input[0] % (static_cast<unsigned>(newest_revision) + 1));
  const std::size_t data_bytes = std::min<std::size_t>(input[1], input.size() - 2);
  const ByteView data = input.subspan(2, data_bytes);
  SmallState state(input.subspan(2 + data_bytes));
  World world(state, revision, 1);
  Machine machine(world);
  Witness witness;
  machine.set_tracer(&witness);
  BlockContext block;
  block.block_hash = [](std::uint64_t number) -> Result<Hash> { return Hash::from_word(number); };
  block.number = 1'000;
  const TransactionContext transaction{.origin = caller, .gas_price = 1, .blob_hashes = {}};
  Message message;
  message.gas = gas;
  message.sender = caller;
  message.recipient = message.code_from = contract;
  message.value = 1;
  message.input = data;
  world.begin_transaction();
  for (const Address& address : {caller, contract, reverting})
    world.account(address);
  const U256 money = all_money(world);
  const Outcome outcome = machine.execute(block, transaction, message);
  ASSERT(!world.fault() && outcome.gas_left >= 0 && outcome.gas_left <= gas);
  ASSERT(outcome.halt == Halt::stop || outcome.halt == Halt::revert || outcome.gas_left == 0);
  // SELFDESTRUCT to itself burns; nothing makes any.
  ASSERT(all_money(world) <= money);
  if (outcome.halt != Halt::stop) ASSERT(all_money(world) == money);
  const std::pair<Halt, std::string_view> halts[] = {{Halt::stop, "stop"},
                                                     {Halt::revert, "revert"},
                                                     {Halt::out_of_gas, "out of gas"},
                                                     {Halt::undefined_instruction, "undefined"},
                                                     {Halt::stack_underflow, "underflow"},
                                                     {Halt::stack_overflow, "overflow"},
                                                     {Halt::bad_jump_destination, "bad jump"}};
  for (const auto& [halt, kind] : halts)
    kinds_evm_code.reached_if(outcome.halt == halt, kind);
  kinds_evm_code.reached_if(witness.deepest > 1, "calls");
  kinds_evm_code.reached_if(outcome.succeeded() && !outcome.output.empty(), "returns data");
  for (const World::Account& account : world.accounts()) {
    kinds_evm_code.reached_if(account.created_in != 0, "creates");
    kinds_evm_code.reached_if(account.destroyed_in != 0, "destroys");
    for (const auto& [key, slot] : account.storage)
      kinds_evm_code.reached_if(!slot.current.is_zero(), "stores");
  }
  kinds_evm_code.reached_if(!world.finish_transaction().empty(), "logs");
}

}  // namespace kith::fuzz
