// evm run, evm statetest, evm blocktest: the virtual machine by itself, as geth's `evm` is used.
#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/command.hpp>
#include <kith/ledger/conformance/block_tests.hpp>
#include <kith/ledger/conformance/state_tests.hpp>
#include <kith/ledger/evm/json_trace.hpp>
#include <kith/ledger/state/memory_state.hpp>
#include <kith/port/file_system.hpp>

namespace kith::api {
namespace {

using namespace ledger;

constexpr std::uint64_t test_file_bytes_max = 512ULL << 20;
constexpr std::uint64_t code_file_bytes_max = 16 << 20;
const Address sender = *Address::from_bytes(as_bytes("sender\0\0\0\0\0\0\0\0\0\0\0\0\0\0"));

Error bad(std::string text) {
  return {Errc::invalid_argument, std::move(text)};
}

Result<Bytes> bytes_of(std::string_view text, std::string_view what) {
  if (text.starts_with("0x")) text.remove_prefix(2);
  auto bytes = from_hex(text);
  if (!bytes) return std::unexpected(bad(fmt::format("{} isn't hexadecimal", what)));
  return *std::move(bytes);
}

Result<std::optional<Revision>> fork_of(const Request& request) {
  const std::string name = request.text("fork");
  if (name.empty()) return std::nullopt;
  const auto revision = revision_named(name);
  if (!revision) {
    return std::unexpected(
        bad(fmt::format("--fork: there is no {}; try Osaka, Prague, Cancun, London, ...", name)));
  }
  return revision;
}

std::unique_ptr<JsonTrace> trace_of(ClientContext& context, const Request& request) {
  if (!request.flag("json")) return nullptr;
  const JsonTrace::Options options{.memory = request.flag("memory"),
                                   .stack = !request.flag("nostack"),
                                   .return_data = request.flag("returndata")};
  return std::make_unique<JsonTrace>(options, [&context](std::string_view line) {
    static_cast<void>(context.terminal.err(line));
  });
}

std::vector<OptionSpec> trace_options() {
  using enum OptionKind;
  return {{"json", 0, flag, "Trace every instruction on standard error (EIP-3155).", ""},
          {"memory", 0, flag, "With the memory's bytes.", ""},
          {"nostack", 0, flag, "Without the stack.", ""},
          {"returndata", 0, flag, "With what the last call returned.", ""}};
}

// run

Result<Bytes> code_of(const Request& request, const Bytes& from_file) {
  if (!from_file.empty()) {
    std::string_view text = as_text(from_file);
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
      text.remove_suffix(1);
    return bytes_of(text, "the code file");
  }
  if (request.argument(0).empty())
    return std::unexpected(bad("no code: give it as hexadecimal, or a file by --codefile"));
  return bytes_of(request.argument(0), "the code");
}

Task<void> run_code(ClientContext& context, const Request& request) {
  Bytes from_file;
  if (const std::string path = request.text("codefile"); !path.empty()) {
    KITH_CO_TRY(from_file, port::read_file(context.env.files, path, code_file_bytes_max));
  }
  KITH_CO_TRY(Bytes code, code_of(request, from_file));
  KITH_CO_TRY(const Bytes input, bytes_of(request.text("input"), "--input"));
  KITH_CO_TRY(const std::optional<Revision> fork, fork_of(request));
  const auto value = U256::parse(request.text("value"));
  if (!value) co_return std::unexpected(bad("--value isn't a number"));
  const std::int64_t gas = request.integer("gas").value_or(0);
  if (gas <= 0) co_return std::unexpected(bad("--gas is at least 1"));
  const Address contract = Address::of_number(0xc0de);
  MemoryState state;
  state.set(sender, {.nonce = 0, .balance = *value, .code = {}, .storage = {}});
  state.set(contract, {.nonce = 1, .balance = 0, .code = std::move(code), .storage = {}});
  World world(state, fork.value_or(newest_revision), 0);
  Machine machine(world);
  const auto trace = trace_of(context, request);
  machine.set_tracer(trace.get());
  BlockContext block;
  block.gas_limit = static_cast<std::uint64_t>(gas);
  block.block_hash = [](std::uint64_t) -> Result<Hash> { return Hash(); };
  const TransactionContext transaction{.origin = sender, .gas_price = 0, .blob_hashes = {}};
  Message message;
  message.gas = gas;
  message.sender = sender;
  message.recipient = message.code_from = contract;
  message.value = *value;
  message.input = input;
  world.begin_transaction();
  const Outcome outcome = machine.execute(block, transaction, message);
  if (world.fault()) co_return std::unexpected(*world.fault());
  KITH_CO_CHECK(context.terminal.out(fmt::format("0x{}\n", to_hex(outcome.output))));
  if (outcome.succeeded()) co_return Result<void>{};
  co_return std::unexpected(
      bad(fmt::format("{} after {} gas", name_of(outcome.halt), gas - outcome.gas_left)));
}

// statetest, blocktest

/// Tells of each case, and in the end how many passed.
class Verdicts {
 public:
  explicit Verdicts(ClientContext& context) : context_(context) {}

  void tell(json::object verdict) {
    const bool passed = verdict["pass"].as_bool();
    ++(passed ? passed_ : failed_);
    static_cast<void>(context_.terminal.out(json::serialize(verdict) + "\n"));
  }
  Result<void> end() const {
    KITH_CHECK(context_.terminal.err(fmt::format("{} passed, {} failed\n", passed_, failed_)));
    if (failed_ > 0) return std::unexpected(bad(fmt::format("{} cases failed", failed_)));
    if (passed_ == 0) return std::unexpected(bad("there are no such cases"));
    return {};
  }

 private:
  ClientContext& context_;
  std::size_t passed_ = 0;
  std::size_t failed_ = 0;
};

Task<void> run_state_files(ClientContext& context, const Request& request) {
  StateTestOptions options;
  KITH_CO_TRY(options.only, fork_of(request));
  options.name = request.text("run");
  options.chain_id = static_cast<std::uint64_t>(request.integer("chain-id").value_or(1));
  if (const std::string text = request.text("fee-collector"); !text.empty()) {
    options.fee_collector = Address::parse(text);
    if (!options.fee_collector) co_return std::unexpected(bad("--fee-collector is no address"));
  }
  const auto trace = trace_of(context, request);
  options.tracer = trace.get();
  Verdicts verdicts(context);
  for (const std::string& path : request.arguments()) {
    KITH_CO_TRY(const Bytes text, port::read_file(context.env.files, path, test_file_bytes_max));
    auto read = run_state_tests(as_text(text), options, [&](const StateTestOutcome& one) {
      verdicts.tell({{"name", one.name},
                     {"fork", name_of(one.revision)},
                     {"index", {one.data, one.gas, one.value}},
                     {"pass", one.passed},
                     {"stateRoot", one.root.to_hex()},
                     {"error", one.fault}});
    });
    if (!read) co_return std::unexpected(read.error().with_context(path));
  }
  co_return verdicts.end();
}

Task<void> run_block_files(ClientContext& context, const Request& request) {
  Verdicts verdicts(context);
  for (const std::string& path : request.arguments()) {
    KITH_CO_TRY(const Bytes text, port::read_file(context.env.files, path, test_file_bytes_max));
    auto read =
        run_block_tests(as_text(text), request.text("run"), [&](const BlockTestOutcome& one) {
          verdicts.tell({{"name", one.name},
                         {"network", one.network},
                         {"pass", one.passed},
                         {"error", one.fault}});
        });
    if (!read) co_return std::unexpected(read.error().with_context(path));
  }
  co_return verdicts.end();
}

std::vector<OptionSpec> with_trace(std::vector<OptionSpec> options) {
  for (OptionSpec& one : trace_options())
    options.push_back(std::move(one));
  return options;
}

}  // namespace

void add_evm_commands(CommandTable& table) {
  using enum OptionKind;
  table.describe_group("evm", "Run the Ethereum Virtual Machine by itself.");
  table.add({.path = "evm run",
             .tagline = "Run code, and print what it returns.",
             .arguments = {{.name = "code", .required = false, .help = "As hexadecimal."}},
             .options = with_trace(
                 {{"codefile", 0, text, "A file with the code as hexadecimal.", ""},
                  {"input", 0, text, "What the code is called with, as hexadecimal.", ""},
                  {"gas", 0, integer, "How much it may use.", "10000000000"},
                  {"value", 0, text, "How much it's paid, in wei.", "0"},
                  {"fork", 0, text, "Whose rules: Osaka (the default), Prague, London, ...", ""}}),
             .examples = {{"evm run 600160020160005260206000f3", "Add one and two."}},
             .where = Where::client,
             .run_client = run_code});
  table.add(
      {.path = "evm statetest",
       .tagline = "Run official state tests, and print a line for each case.",
       .description = "The files are those of ethereum/tests (GeneralStateTests) and of "
                      "execution-spec-tests (state_tests). Fails if a case does.",
       .arguments = {{.name = "file", .variadic = true, .help = "JSON files."}},
       .options = with_trace({{"fork", 0, text, "Only cases of this fork.", ""},
                              {"run", 0, text, "Only the test of this name.", ""},
                              {"chain-id", 0, integer, "Of tests that don't say.", "1"},
                              {"fee-collector", 0, text,
                               "Who gets the base fee where it isn't burnt, as on Gnosis.", ""}}),
       .where = Where::client,
       .run_client = run_state_files});
  table.add({.path = "evm blocktest",
             .tagline = "Run official blockchain tests, and print a line for each.",
             .description =
                 "The files are those of ethereum/tests (BlockchainTests) and of "
                 "execution-spec-tests (blockchain_tests). Proofs of work aren't checked. Fails "
                 "if a test does.",
             .arguments = {{.name = "file", .variadic = true, .help = "JSON files."}},
             .options = {{"run", 0, text, "Only the test of this name.", ""}},
             .where = Where::client,
             .run_client = run_block_files});
}

}  // namespace kith::api
