// What an instruction costs, in nanoseconds and in gas a second: loops of one kind of instruction,
// each as long as a jump's price doesn't matter.
#include <benchmark/benchmark.h>

#include <kith/ledger/evm/machine.hpp>

namespace kith::ledger {
namespace {

constexpr std::int64_t gas_each_run = 10'000'000;

class NothingStored final : public StateReader {
 public:
  explicit NothingStored(Bytes code) : code_(std::make_shared<const Code>(code)) {}

  Result<std::optional<AccountState>> account(const Address& address) override {
    if (address != Address::of_number(0x1000)) return std::nullopt;
    return AccountState{.nonce = 1, .balance = 0, .code_hash = {{1}}, .has_storage = false};
  }
  Result<U256> storage(const Address&, const U256&) override { return U256(); }
  Result<CodePointer> code(const Hash&) override { return code_; }

 private:
  CodePointer code_;
};

/// Runs until its gas is gone: `begin`, then `body` a hundred times, and again.
void run(benchmark::State& state, std::string_view begin, std::string_view body) {
  Bytes code = *from_hex(begin);
  const auto loop = static_cast<std::uint8_t>(code.size());
  code.push_back(0x5b);
  for (int i = 0; i < 100; ++i)
    append(code, *from_hex(body));
  append(code, Bytes{0x60, loop, 0x56});
  NothingStored reader(std::move(code));
  World world(reader, Revision::osaka, 1);
  Machine machine(world);
  const BlockContext block;
  const TransactionContext transaction;
  Message message;
  message.gas = gas_each_run;
  message.recipient = message.code_from = Address::of_number(0x1000);
  std::int64_t gas = 0;
  for (auto _ : state) {
    world.begin_transaction();
    benchmark::DoNotOptimize(machine.execute(block, transaction, message));
    world.finish_transaction();
    gas += gas_each_run;
  }
  state.counters["gas"] = benchmark::Counter(static_cast<double>(gas), benchmark::Counter::kIsRate);
}

BENCHMARK_CAPTURE(run, jumpdest, "", "5b");
BENCHMARK_CAPTURE(run, push1_pop, "", "600150");
BENCHMARK_CAPTURE(run, push32_pop, "",
                  "7f000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f50");
BENCHMARK_CAPTURE(run, dup_swap_pop, "6001600260036004", "80829150");
BENCHMARK_CAPTURE(run, add, "6001600180", "8101");
BENCHMARK_CAPTURE(run, mul, "60076005", "8102");
BENCHMARK_CAPTURE(run, div_small, "60076005600019", "81900450600019");
BENCHMARK_CAPTURE(run, mod_large, "6801234567890abcdef1", "806000190650");
BENCHMARK_CAPTURE(run, mulmod, "6801234567890abcdef1", "806000196000190950");
BENCHMARK_CAPTURE(run, exp, "", "6003600719900a50");
BENCHMARK_CAPTURE(run, lt_iszero, "60016002", "808210155050600160029050");
BENCHMARK_CAPTURE(run, mstore_mload, "", "600160205260205150");
BENCHMARK_CAPTURE(run, keccak_64, "", "604060002050");
BENCHMARK_CAPTURE(run, calldataload, "", "60003550");
BENCHMARK_CAPTURE(run, sload_warm, "", "60015450");
BENCHMARK_CAPTURE(run, sstore_warm, "", "6002600155");
BENCHMARK_CAPTURE(run, staticcall_empty, "", "6000600060006000611234620186a0fa50");

}  // namespace
}  // namespace kith::ledger
