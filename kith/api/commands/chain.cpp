// chain dev: a chain in memory at a port, as anvil is used.
#include <algorithm>
#include <atomic>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/chain_rpc.hpp>
#include <kith/api/command.hpp>
#include <kith/api/detail/text.hpp>
#include <kith/base/duration.hpp>
#include <kith/ledger/dev/dev_chain.hpp>
#include <kith/ledger/wallet/extended_key.hpp>
#include <kith/ledger/wallet/mnemonic.hpp>
#include <kith/node/node.hpp>
#include <kith/port/event.hpp>
#include <kith/port/file_system.hpp>
#include <kith/port/task_group.hpp>

namespace kith::api {
namespace {

using namespace ledger;

/// The one that everybody's tools use: its keys are known to all.
constexpr std::string_view known_mnemonic =
    "test test test test test test test test test test test junk";
constexpr std::size_t mnemonic_file_bytes_max = 4'096;
constexpr std::size_t genesis_bytes_max = 256 << 20;
constexpr std::int64_t accounts_max = 1'000;
constexpr std::uint64_t wei_per_ether = 1'000'000'000'000'000'000;
constexpr Duration block_time_min = 10ms;
/// What is in flight when a stop is asked for may finish within this.
constexpr Duration stop_grace = 500ms;

Error bad(std::string text) {
  return {Errc::invalid_argument, std::move(text)};
}

// What the options say.

Result<std::uint64_t> number_of(const Request& request, std::string_view option, std::int64_t least,
                                std::int64_t most) {
  const std::int64_t value = request.integer(option).value_or(least);
  if (value >= least && value <= most) return static_cast<std::uint64_t>(value);
  return std::unexpected(bad(fmt::format("--{} is from {} to {}", option, least, most)));
}

Result<U256> amount_of(const Request& request, std::string_view option, const U256& most) {
  const auto value = U256::parse(request.text(option));
  if (value && *value <= most) return *value;
  return std::unexpected(bad(fmt::format("--{} isn't a whole number, or too large", option)));
}

Result<std::optional<Duration>> block_time_of(const Request& request) {
  std::string text = request.text("block-time");
  if (text.empty()) return std::nullopt;
  if (text.back() >= '0' && text.back() <= '9') text += 's';
  auto time = parse_duration(text);
  if (time && *time >= block_time_min) return *time;
  return std::unexpected(bad("--block-time is a number of seconds, 0.01 or more"));
}

Result<std::string> words_of(ClientContext& context, const Request& request) {
  const std::string path = request.text("mnemonic-file");
  const std::string words = request.text("mnemonic");
  if (path.empty()) return words.empty() ? std::string(known_mnemonic) : words;
  if (!words.empty()) return std::unexpected(bad("--mnemonic or --mnemonic-file, not both"));
  KITH_TRY(const Bytes read, port::read_file(context.env.files, path, mnemonic_file_bytes_max));
  return std::string(as_text(read));
}

Result<std::vector<DevAccount>> derive_accounts(std::string_view words, std::uint64_t count) {
  KITH_TRY(const Mnemonic mnemonic, Mnemonic::parse(words));
  KITH_TRY(const Mnemonic::Seed seed, mnemonic.seed());
  KITH_TRY(const ExtendedKey root, ExtendedKey::master(seed.view()));
  std::vector<DevAccount> accounts;
  for (std::uint32_t number = 0; number < count; ++number) {
    KITH_TRY(const ExtendedKey key, root.derive(KeyPath::of_account(number)));
    accounts.push_back({key.address(), key.secret()});
  }
  return accounts;
}

Result<std::optional<Genesis>> genesis_of(ClientContext& context, const Request& request) {
  const std::string path = request.text("genesis");
  if (path.empty()) return std::nullopt;
  KITH_TRY(const Bytes text, port::read_file(context.env.files, path, genesis_bytes_max));
  auto genesis = Genesis::parse(as_text(text));
  if (!genesis) return std::unexpected(genesis.error().with_context(path));
  return *std::move(genesis);
}

Result<DevOptions> dev_options(ClientContext& context, const Request& request,
                               std::string_view words) {
  DevOptions options;
  KITH_TRY(options.chain_id, number_of(request, "chain-id", 1, INT64_MAX));
  KITH_TRY(const std::uint64_t count, number_of(request, "accounts", 0, accounts_max));
  KITH_TRY(options.accounts, derive_accounts(words, count));
  // More ether than there is anywhere; the sum of all balances fits, too.
  KITH_TRY(const U256 ether, amount_of(request, "balance", wei_per_ether));
  options.balance = ether * wei_per_ether;
  KITH_TRY(options.gas_limit, number_of(request, "gas-limit", 21'000, INT64_MAX));
  KITH_TRY(options.base_fee, amount_of(request, "base-fee", U256::power_of_two(96)));
  KITH_TRY(options.block_time, block_time_of(request));
  KITH_TRY(options.genesis, genesis_of(context, request));
  if (options.genesis && request.given("chain-id"))
    options.genesis->schedule.chain_id = options.chain_id;
  if (options.genesis) options.chain_id = options.genesis->schedule.chain_id;
  // Hardhat's helpers refuse to steer what doesn't begin so.
  options.client_version = fmt::format("anvil/kith-v{}", node::program_version);
  std::array<std::uint8_t, 8> seed;
  context.env.random.fill(seed);
  options.seed = load_be<std::uint64_t>(seed.data());
  return options;
}

Result<port::Endpoint> endpoint_of(const Request& request) {
  std::string host = request.text("host");
  if (host == "localhost") host = "127.0.0.1";
  const auto address = port::IpAddress::parse(host);
  if (!address) return std::unexpected(bad("--host is an address, such as 127.0.0.1 or 0.0.0.0"));
  KITH_TRY(const std::uint64_t number, number_of(request, "port", 0, UINT16_MAX));
  return port::Endpoint{*address, static_cast<std::uint16_t>(number)};
}

// What is printed.

std::string greeting(const DevOptions& options, std::string_view words, bool words_are_known,
                     const std::string& ether) {
  std::string text =
      fmt::format("A chain in memory, for development.\n\nChain id: {}\n", options.chain_id);
  if (!options.accounts.empty()) {
    text += fmt::format("\nAccounts, each with {} ether:\n", ether);
    for (std::size_t i = 0; i < options.accounts.size(); ++i)
      text += fmt::format("({}) {}\n", i, options.accounts[i].address.to_checksum());
    text += "\nTheir keys:\n";
    for (std::size_t i = 0; words_are_known && i < options.accounts.size(); ++i)
      text += fmt::format("({}) 0x{}\n", i, to_hex(options.accounts[i].secret.view()));
    if (words_are_known) {
      text += fmt::format(
          "Everybody knows these keys: on a real chain, what such an account gets is stolen at "
          "once.\n\nMnemonic: {}\n",
          words);
    } else {
      text += "those of your mnemonic. ";
    }
    text += "Path: m/44'/60'/0'/0/number\n";
  }
  return text + '\n';
}

/// Tells of blocks and failures, a line each.
class Reporter {
 public:
  Reporter(Terminal& terminal, const RpcHandler& chain) : terminal_(terminal), chain_(chain) {}

  void tell(const HeadChange& change) const {
    std::string text;
    if (!change.removed.empty())
      text += fmt::format("back to block {}\n", change.removed.back().number - 1);
    for (const BlockName& block : change.added)
      add_block(block, text);
    // Nobody may be reading.
    static_cast<void>(terminal_.out(text));
  }

 private:
  json::value ask(std::string_view method, const Hash& block) const {
    const std::string answer = chain_(fmt::format(
        R"({{"jsonrpc":"2.0","id":1,"method":"{}","params":["{}"]}})", method, block.to_hex()));
    boost::system::error_code failed;
    const json::value whole = json::parse(answer, failed);
    const auto* object = failed ? nullptr : whole.if_object();
    const json::value* result = object != nullptr ? object->if_contains("result") : nullptr;
    return result != nullptr ? *result : json::value(nullptr);
  }

  void add_block(const BlockName& block, std::string& text) const {
    const json::value receipts = ask("eth_getBlockReceipts", block.hash);
    const auto* list = receipts.if_array();
    if (list == nullptr) return;
    U256 gas = 0;
    std::string failures;
    for (const json::value& receipt : *list) {
      const auto of = [&](const char* key) { return printable(text_of(receipt, key)); };
      const U256 used = U256::parse(of("gasUsed")).value_or(0);
      gas += used;
      if (of("status") != "0x0") continue;
      const std::string to = of("to");
      failures +=
          fmt::format("  failed: {} from {} {}, {} gas\n", of("transactionHash"), of("from"),
                      to.empty() ? "(creates a contract)" : "to " + to, used.to_decimal());
    }
    text +=
        fmt::format("block {} {}: {} transaction{}, {} gas\n{}", block.number, block.hash.to_hex(),
                    list->size(), list->size() == 1 ? "" : "s", gas.to_decimal(), failures);
  }

  static std::string text_of(const json::value& receipt, const char* key) {
    const auto* object = receipt.if_object();
    const json::value* value = object != nullptr ? object->if_contains(key) : nullptr;
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
  }

  Terminal& terminal_;
  const RpcHandler& chain_;
};

// Running.

/// Blocks in intervals, which a call may change.
class IntervalMiner {
 public:
  IntervalMiner(port::Env& env, DevChain& chain) : env_(env), chain_(chain), changed_(env.clock) {}

  /// On a worker: a call may have changed the interval.
  void called(std::string_view request) {
    const auto names = [&](std::string_view part) {
      return request.find(part) != std::string_view::npos;
    };
    if (names("IntervalMining") || names("_reset")) may_have_changed_ = true;
  }
  /// On the loop, after a call.
  void look() {
    if (may_have_changed_.exchange(false)) changed_.notify_all();
  }

  Task<void> run(ChainRpcServer& rpc) {
    port::Logger log(env_.log, "chain");
    Instant last = env_.clock.now();
    for (;;) {
      auto asks = [this] { return Result<std::optional<Duration>>(chain_.block_time()); };
      KITH_CO_TRY(const std::optional<Duration> every,
                  co_await port::run_on(env_.pool, std::move(asks)));
      const Instant next = every ? last + std::max(*every, block_time_min) : never;
      auto waited = co_await changed_.wait(next);
      if (!waited && !waited.error().is(Errc::timed_out)) co_return waited;
      last = env_.clock.now();
      if (waited) continue;
      auto mines = [this] { return chain_.on_interval(); };
      auto mined = co_await port::run_on(env_.pool, std::move(mines));
      if (!mined && mined.error().is(Errc::cancelled)) co_return mined;
      if (!mined) KITH_LOG_ERROR(log, "no block: {}", mined.error().message());
      rpc.wake();
    }
  }

 private:
  port::Env& env_;
  DevChain& chain_;
  std::atomic<bool> may_have_changed_ = false;
  port::Event changed_;
};

std::vector<std::string> listed(const Request& request, std::string_view option) {
  return comma_separated(request.text(option));
}

Task<void> serve_until_signal(ClientContext& context, const Request& request, DevChain& chain,
                              port::Endpoint wanted) {
  port::Env& env = context.env;
  const bool silent = request.flag("silent");
  const RpcHandler plain = [&chain](std::string_view text) { return chain.handle(text); };
  const Reporter reporter(context.terminal, plain);
  IntervalMiner miner(env, chain);
  ChainRpcOptions options;
  options.allowed_origins = listed(request, "http.corsdomain");
  options.virtual_hosts = listed(request, "http.vhosts");
  options.called = [&miner] { miner.look(); };
  if (!silent) {
    options.watch = [&reporter](const HeadChange& change, const std::vector<Hash>&) {
      reporter.tell(change);
    };
  }
  RpcHandler handler = [&chain, &miner](std::string_view text) {
    std::string answer = chain.handle(text);
    miner.called(text);
    return answer;
  };
  ChainRpcServer rpc(env, std::move(handler), std::move(options));
  chain.set_listener([&rpc](const DevChain::News& news) { rpc.tell(news.head, news.pending); });
  http::Server server(env, chain_rpc_server_limits(),
                      [&rpc](http::Request& asked, http::ResponseWriter& response) {
                        return rpc.serve(asked, response);
                      });
  port::TaskGroup mining(env.executor, env.clock, 1);
  const std::string port_file = request.text("port-file");
  Result<void> outcome;
  // One that a killed program left would be taken for ours.
  if (!port_file.empty()) static_cast<void>(env.files.remove(port_file));
  auto at = server.listen(wanted);
  if (!at) {
    outcome = std::unexpected(at.error().with_context(
        fmt::format("listening on {} (another program may use the port: choose one by --port, 0 "
                    "for any that is free)",
                    wanted.to_string())));
  }
  if (outcome && !silent) {
    outcome = context.terminal.out(fmt::format("Listening on {}\n", at->to_string()));
    if (!wanted.address.is_loopback()) {
      static_cast<void>(context.terminal.err(
          "Whoever reaches this address can do everything with this chain and its accounts.\n"));
    }
  }
  // Whoever waits for the file has the rest by then.
  if (outcome && !port_file.empty()) {
    outcome = port::replace_file(env.files, port_file, as_bytes(fmt::format("{}\n", at->port)));
  }
  if (outcome) {
    mining.spawn(miner.run(rpc));
    port::Event never_happens(env.clock);
    static_cast<void>(co_await never_happens.wait());
    if (!port_file.empty()) static_cast<void>(env.files.remove(port_file));
  }
  mining.cancel();
  rpc.close_connections();
  static_cast<void>(co_await server.stop(stop_grace));
  co_await mining.join_shielded();
  co_await rpc.stop();
  chain.set_listener({});
  co_return outcome;
}

Task<void> run_chain_dev(ClientContext& context, const Request& request) {
  port::Env& env = context.env;
  KITH_CO_TRY(const port::Endpoint at, endpoint_of(request));
  KITH_CO_TRY(const std::string words, words_of(context, request));
  KITH_CO_TRY(DevOptions options, dev_options(context, request, words));
  const std::string hello =
      greeting(options, words, words == known_mnemonic, request.text("balance"));
  DevChain::Clock clock = [&wall = env.wall] {
    const auto since = std::chrono::floor<std::chrono::seconds>(wall.now().time_since_epoch());
    return static_cast<std::uint64_t>(since.count());
  };
  auto starts = [&] { return DevChain::start(std::move(options), std::move(clock)); };
  KITH_CO_TRY(std::unique_ptr<DevChain> chain, co_await port::run_on(env.pool, std::move(starts)));
  if (!request.flag("silent")) KITH_CO_CHECK(context.terminal.out(hello));
  co_return co_await serve_until_signal(context, request, *chain, at);
}

}  // namespace

void add_chain_commands(CommandTable& table) {
  using enum OptionKind;
  table.describe_group("chain", "Ledgers with contracts.");
  table.add(
      {.path = "chain dev",
       .tagline = "Run a chain for development: in memory, with accounts that have coins.",
       .description =
           "Speaks Ethereum's JSON-RPC by HTTP and by WebSocket at one port, and the methods by "
           "which anvil and Hardhat's network are steered (evm_*, hardhat_*, anvil_*), so that "
           "ethers, viem and Hardhat work with it. A block is made for each transaction, or in "
           "intervals. Nothing of it stays, nobody else is part of it. The accounts are those of "
           "a mnemonic that everybody knows, so that tests can have them built in.",
       .options =
           {{"host", 0, text, "The address to listen at.", "127.0.0.1"},
            {"port", 0, integer, "The port; 0 chooses one.", "8545"},
            {"port-file", 0, text, "Write the port's number to this file once it's open.", ""},
            {"block-time", 0, text, "Make a block every so many seconds.", ""},
            {"chain-id", 0, integer, "The chain's number.", "31337"},
            {"accounts", 0, integer, "How many accounts have coins.", "10"},
            {"balance", 0, text, "How many ether each has.", "10000"},
            {"mnemonic", 0, text, "Take the accounts of these words.", ""},
            {"mnemonic-file", 0, text, "Take the accounts of the words in this file.", ""},
            {"gas-limit", 0, integer, "Of a block.", "30000000"},
            {"base-fee", 0, text, "Of the first block, in wei.", "1000000000"},
            {"genesis", 0, text, "Begin with this file, of geth's format.", ""},
            {"http.corsdomain", 0, text,
             "Origins whose pages may ask, separated by commas; * is all.", "*"},
            {"http.vhosts", 0, text,
             "Names by which it may be asked, besides numbers, separated by commas; * is all.",
             "localhost"},
            {"silent", 0, flag, "Print nothing.", ""}},
       .examples = {{"chain dev", "At 127.0.0.1:8545, where tools look for it."},
                    {"chain dev --port 0 --port-file port", "For a test of its own."}},
       .where = Where::client,
       .run_client = run_chain_dev});
}

}  // namespace kith::api
