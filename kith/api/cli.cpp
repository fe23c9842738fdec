#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>

#include <boost/json.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include <kith/api/cli.hpp>
#include <kith/api/detail/disk_input.hpp>
#include <kith/api/detail/remote.hpp>
#include <kith/api/detail/sentence.hpp>
#include <kith/api/detail/text.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/api/parse.hpp>
#include <kith/base/duration.hpp>
#include <kith/io/standard_input.hpp>
#include <kith/multiformats/multibase.hpp>
#include <kith/node/home.hpp>
#include <kith/node/node.hpp>

namespace kith::api {
namespace {

constexpr int interrupted_status = 130;
constexpr std::size_t passphrase_bytes_max = 4096;
constexpr std::size_t ignore_rules_bytes_max = 1024 * 1024;
constexpr std::size_t stdin_arguments_bytes_max = 64 * 1024 * 1024;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// Sends a command's output to its renderer, in the same process.
class LocalOutput final : public Output {
 public:
  explicit LocalOutput(Renderer& renderer) : renderer_(renderer) {}
  Task<void> value(json::value value) override { co_return renderer_.value(value); }
  Task<void> bytes(ByteView bytes) override { co_return renderer_.bytes(bytes); }
  void announce_length(std::uint64_t length) override { renderer_.announce_length(length); }
  Task<void> flush() override { co_return Result<void>{}; }

 private:
  Renderer& renderer_;
};

/// What machines read: every value as a line of JSON, bytes as they are.
class PlainRenderer final : public Renderer {
 public:
  explicit PlainRenderer(Terminal& terminal) : terminal_(terminal) {}
  Result<void> value(const json::value& value) override {
    return terminal_.out(json_text(value) + "\n");
  }
  Result<void> bytes(ByteView bytes) override { return terminal_.out(as_text(bytes)); }
  Result<void> finish(bool) override { return {}; }

 private:
  Terminal& terminal_;
};

/// Tells the renderer how much there is to add, while it is being added.
Task<void> measure(port::Env& env, std::vector<std::string> paths, DiskInputOptions options,
                   const std::atomic<bool>& enough, Renderer& renderer) {
  if (paths.empty() || std::ranges::find(paths, "-") != paths.end()) co_return Result<void>{};
  auto work = [&env, &paths, &options, &enough]() -> Result<std::uint64_t> {
    std::uint64_t sum = 0;
    for (const std::string& path : paths)
      sum += bytes_below(env.files, path, options, enough);
    return sum;
  };
  KITH_CO_TRY(std::uint64_t sum, co_await port::run_on(env.pool, work));
  renderer.announce_length(sum);
  co_return Result<void>{};
}

/// Tells the renderer how much of the input has been read.
class CountedInput final : public InputTree {
 public:
  CountedInput(std::shared_ptr<InputTree> below, Renderer& renderer)
      : below_(std::move(below)), renderer_(renderer) {}
  Task<std::optional<InputEntry>> next() override { return below_->next(); }
  Task<Buffer> read(std::size_t size_max) override {
    KITH_CO_TRY(Buffer part, co_await below_->read(size_max));
    count_ += part.size();
    renderer_.announce_sent(count_);
    co_return part;
  }

 private:
  std::shared_ptr<InputTree> below_;
  Renderer& renderer_;
  std::uint64_t count_ = 0;
};

class CommandLine {
 public:
  CommandLine(io::Runtime& runtime, Terminal& terminal, std::span<const WebAsset> page)
      : runtime_(runtime),
        env_(runtime.env()),
        terminal_(terminal),
        table_(make_command_table()),
        page_(page) {}

  Task<void> run(std::vector<std::string> words, int& status);

 private:
  Task<void> run_invocation(Invocation invocation);
  Task<void> run_anywhere(const Command& command, Request& request, const Invocation& invocation,
                          Renderer& renderer, const RenderContext& render);
  Task<void> run_within(std::optional<Duration> patience, Task<void> task);
  Task<void> run_here(const Command& command, Request& request, Renderer& renderer);
  Result<std::string> find_home(const Invocation& invocation) const;
  Result<void> check_config_file(const Invocation& invocation) const;
  Result<std::optional<crypto::Secret>> find_passphrase(const Invocation& invocation) const;
  Task<void> add_stdin_arguments(const Command& command, std::vector<std::string>& arguments);
  Result<DiskInputOptions> input_options(const Command& command, const Request& request) const;
  std::optional<std::string> find_api(const Invocation& invocation) const;
  Result<void> tell_of_terminal(std::string_view what) const;

  io::Runtime& runtime_;
  port::Env& env_;
  Terminal& terminal_;
  CommandTable table_;
  std::span<const WebAsset> page_;
  std::string program_ = "kith";
  std::string home_;
  std::optional<crypto::Secret> passphrase_;
};

/// Takes the word by which the program was called out of `words`. Called as `ipfs` it is Kubo's
/// stand-in, with Kubo's home.
std::string take_program(std::vector<std::string>& words) {
  if (words.empty()) return "kith";
  std::string name = words.front().substr(words.front().rfind('/') + 1);
  words.erase(words.begin());
  return name == "ipfs" ? "ipfs" : "kith";
}

std::string option_of(const Invocation& invocation, const std::string& name) {
  auto found = invocation.options.find(name);
  return found == invocation.options.end() ? "" : found->second;
}

/// How files are read from the disk, by the options that `add` and its kin have.
Result<DiskInputOptions> CommandLine::input_options(const Command& command,
                                                    const Request& request) const {
  DiskInputOptions options;
  options.recursive = request.flag("recursive");
  options.hidden = request.flag("hidden");
  // Only a tree can hold a symlink; others want the bytes.
  const bool as_tree = command.option("dereference-args") != nullptr;
  options.follow_arguments = !as_tree || request.flag("dereference-args");
  options.distinct_names = as_tree;
  options.follow_all = request.flag("dereference-symlinks");
  // What stays in its file is read when it is known what that was.
  options.read_ahead = !request.flag("nocopy");
  options.keep_mode = request.flag("preserve-mode");
  options.keep_modified = request.flag("preserve-mtime");
  options.stdin_name = request.text("stdin-name");
  if (std::string path = request.text("ignore-rules-path"); !path.empty()) {
    KITH_TRY(Bytes rules, port::read_file(env_.files, path, ignore_rules_bytes_max));
    options.ignore.add(as_text(rules));
  }
  for (const std::string& rule : request.texts("ignore"))
    options.ignore.add(rule);
  return options;
}

bool wants_quiet(const Invocation& invocation) {
  return std::ranges::any_of(std::array{"quiet", "quieter", "silent"}, [&](const char* name) {
    return option_of(invocation, name) == "true";
  });
}

Result<std::string> CommandLine::find_home(const Invocation& invocation) const {
  bool as_ipfs = program_ == "ipfs";
  std::string user = environment("HOME");
  std::string given;
  for (const char* option : {"home", "repo-dir"}) {
    if (given.empty()) given = option_of(invocation, option);
  }
  if (given.empty()) given = environment(as_ipfs ? "IPFS_PATH" : "KITH_PATH");
  if (given.empty()) given = as_ipfs ? "~/.ipfs" : "~/.kith";
  // A shell leaves the ~ of a quoted or written-down path alone.
  if (given != "~" && !given.starts_with("~/")) return given;
  if (user.empty()) {
    return std::unexpected(
        Error(Errc::refused, fmt::format("HOME isn't set, so there is no {}: {}", given,
                                         as_ipfs ? "use --repo-dir, or set IPFS_PATH"
                                                 : "use --home, or set KITH_PATH")));
  }
  return user + given.substr(1);
}

/// A home's configuration is in it; Kubo, too, ignores another one nearly everywhere.
Result<void> CommandLine::check_config_file(const Invocation& invocation) const {
  for (const char* option : {"config", "config-file"}) {
    std::string given = option_of(invocation, option);
    if (given.empty() || given == home_ + "/config") continue;
    return std::unexpected(
        Error(Errc::refused,
              fmt::format("option --{}: the configuration of {} is {}/config (another one "
                          "needs another home: use --{})",
                          option, home_, home_, program_ == "ipfs" ? "repo-dir" : "home")));
  }
  return {};
}

Result<std::optional<crypto::Secret>> CommandLine::find_passphrase(
    const Invocation& invocation) const {
  if (std::string path = option_of(invocation, "passphrase-file"); !path.empty()) {
    KITH_TRY(Bytes read, port::read_file(env_.files, path, passphrase_bytes_max));
    const crypto::Secret content(std::move(read));
    std::string_view text = as_text(content.view());
    while (text.ends_with('\n') || text.ends_with('\r'))
      text.remove_suffix(1);
    return crypto::Secret(as_bytes(text));
  }
  char* given = std::getenv("KITH_PASSPHRASE");
  if (given == nullptr || *given == '\0') return std::nullopt;
  const std::span<char> text(given, std::strlen(given));
  crypto::Secret secret(as_bytes(std::string_view(given)));
  // The environment lives as long as the process, and its children get it.
  crypto::wipe(text);
  return secret;
}

std::optional<std::string> CommandLine::find_api(const Invocation& invocation) const {
  if (std::string given = option_of(invocation, "api"); !given.empty()) return given;
  auto file = port::read_file(env_.files, home_ + "/api", 4096);
  if (!file) return std::nullopt;
  std::string text(as_text(*file));
  while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
    text.pop_back();
  if (text.empty()) return std::nullopt;
  return text;
}

/// A person who doesn't know that input is awaited takes the program for stuck.
Result<void> CommandLine::tell_of_terminal(std::string_view what) const {
  if (::isatty(STDIN_FILENO) != 1) return {};
  return terminal_.err(fmt::format("{}: {}.\n", program_, what));
}

Task<void> CommandLine::add_stdin_arguments(const Command& command,
                                            std::vector<std::string>& arguments) {
  bool wanted =
      arguments.empty() && std::ranges::any_of(command.arguments, [](const ArgumentSpec& spec) {
        return spec.kind == ArgumentKind::text && spec.required && spec.from_stdin;
      });
  if (!wanted) co_return Result<void>{};
  KITH_CO_CHECK(
      tell_of_terminal("reading arguments from the terminal, a line each; Ctrl-D ends them"));
  KITH_CO_TRY(io::StandardInput input, io::StandardInput::open(env_));
  KITH_CO_TRY(Bytes all, co_await input.read_all(stdin_arguments_bytes_max));
  std::string_view rest = as_text(all);
  while (!rest.empty()) {
    std::size_t end = std::min(rest.find('\n'), rest.size());
    if (end > 0) arguments.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  co_return Result<void>{};
}

Task<void> CommandLine::run(std::vector<std::string> words, int& status) {
  program_ = take_program(words);
  status = 1;
  auto invocation = parse_words(table_, std::move(words), program_);
  Result<void> outcome;
  if (!invocation) {
    outcome = std::unexpected(invocation.error());
  } else if (invocation->command == nullptr) {
    outcome = terminal_.out(group_help(table_, invocation->group, program_));
  } else if (option_of(*invocation, "help") == "true") {
    outcome = terminal_.out(command_help(table_, *invocation->command, program_));
  } else {
    outcome = co_await run_invocation(*std::move(invocation));
  }
  if (outcome) {
    status = 0;
  } else if (outcome.error().is(Errc::cancelled)) {
    status = interrupted_status;
  } else if (!outcome.error().is_errno(EPIPE)) {
    std::string told = printable(sentence_of(outcome.error()));
    static_cast<void>(terminal_.err("Error: " + told + "\n"));
  }
  co_return Result<void>{};
}

/// As the RPC wants arguments that may be any bytes.
void encode_binary_arguments(const Command& command, std::vector<std::string>& arguments) {
  const std::size_t count = std::min(command.arguments.size(), arguments.size());
  for (std::size_t i = 0; i < count; ++i) {
    if (!command.arguments[i].binary) continue;
    const ByteView bytes = as_bytes(arguments[i]);
    arguments[i] = multiformats::multibase_encode(multiformats::Base::base64url, bytes).value();
  }
}

Task<void> CommandLine::run_invocation(Invocation invocation) {
  const Command& command = *invocation.command;
  KITH_CO_TRY(home_, find_home(invocation));
  KITH_CO_CHECK(check_config_file(invocation));
  KITH_CO_TRY(passphrase_, find_passphrase(invocation));
  bool takes_files = std::ranges::any_of(
      command.arguments, [](const ArgumentSpec& spec) { return spec.kind == ArgumentKind::file; });
  std::vector<std::string> paths;
  if (takes_files) {
    // File arguments stand last: what comes before them are the text ones.
    std::size_t texts = static_cast<std::size_t>(
        std::ranges::count(command.arguments, ArgumentKind::text, &ArgumentSpec::kind));
    std::size_t split = std::min(texts, invocation.arguments.size());
    paths.assign(invocation.arguments.begin() + static_cast<std::ptrdiff_t>(split),
                 invocation.arguments.end());
    invocation.arguments.resize(split);
    if (paths.empty() || std::ranges::find(paths, "-") != paths.end()) {
      KITH_CO_CHECK(tell_of_terminal("reading from the terminal; Ctrl-D ends it"));
    }
  } else {
    KITH_CO_CHECK(co_await add_stdin_arguments(command, invocation.arguments));
  }
  encode_binary_arguments(command, invocation.arguments);
  if (command.option("progress") != nullptr && !invocation.options.contains("progress") &&
      terminal_.err_is_terminal() && !wants_quiet(invocation)) {
    invocation.options.emplace("progress", "true");
  }
  KITH_CO_TRY(Request request,
              Request::make(command, std::move(invocation.arguments), invocation.options));
  if (command.where == Where::client) {
    ClientContext context{
        runtime_, env_, terminal_, table_, home_, program_, std::move(passphrase_), page_};
    co_return co_await command.run_client(context, request);
  }
  DiskInputOptions input;
  if (takes_files) {
    KITH_CO_TRY(input, input_options(command, request));
    KITH_CO_TRY(request.files, co_await disk_input(env_, paths, input));
  }
  KITH_CO_TRY(const std::string encoding, encoding_of(request));
  std::optional<Duration> patience;
  if (request.given("timeout")) {
    KITH_CO_TRY(patience, parse_duration(request.text("timeout")));
  }
  // Some commands have a --json of their own, for what comes in.
  bool own_json =
      std::ranges::find(command.options, "json", &OptionSpec::name) != command.options.end();
  bool as_json = encoding == "json" || (!own_json && request.flag("json"));
  RenderContext render{env_, terminal_, request, program_};
  std::unique_ptr<Renderer> renderer;
  if (command.renderer != nullptr && !as_json) {
    renderer = command.renderer(render);
  } else {
    renderer = std::make_unique<PlainRenderer>(terminal_);
  }
  std::atomic<bool> measured_enough = false;
  port::TaskGroup measuring(env_.executor, env_.clock, 1);
  if (takes_files && request.flag("progress")) {
    request.files = std::make_shared<CountedInput>(std::move(request.files), *renderer);
    measuring.spawn(measure(env_, paths, input, measured_enough, *renderer));
  }
  auto outcome =
      co_await run_within(patience, run_anywhere(command, request, invocation, *renderer, render));
  measured_enough = true;
  measuring.cancel();
  co_await measuring.join_shielded();
  Result<void> finished = renderer->finish(outcome.has_value());
  co_return outcome ? finished : outcome;
}

Task<void> keep_outcome(Task<void> task, Result<void>& outcome) {
  outcome = co_await std::move(task);
  co_return Result<void>{};
}

/// Runs the task, but not for longer than that.
Task<void> CommandLine::run_within(std::optional<Duration> patience, Task<void> task) {
  if (!patience) co_return co_await std::move(task);
  // What it stays if the time is over before the task has begun.
  Result<void> outcome = std::unexpected(Errc::cancelled);
  port::TaskGroup running(env_.executor, env_.clock, 1);
  running.spawn(keep_outcome(std::move(task), outcome));
  auto joined = co_await running.join(env_.clock.now() + *patience);
  running.cancel();
  co_await running.join_shielded();
  if (!joined && joined.error().is(Errc::timed_out) && !outcome) {
    co_return std::unexpected(
        Error(Errc::timed_out, "no answer within " + format_duration(*patience)));
  }
  co_return outcome;
}

/// In the daemon if one runs, or else here.
Task<void> CommandLine::run_anywhere(const Command& command, Request& request,
                                     const Invocation& invocation, Renderer& renderer,
                                     const RenderContext& render) {
  std::optional<std::string> api = find_api(invocation);
  bool given = !option_of(invocation, "api").empty();
  if (api && command.where != Where::anywhere) {
    auto outcome = co_await run_remote(render, command, *api, renderer);
    bool nobody = !outcome && outcome.error().is_errno(ECONNREFUSED);
    // A file left by a daemon that was killed says nothing.
    if (!nobody || given) co_return outcome;
  }
  co_return co_await run_here(command, request, renderer);
}

Task<void> CommandLine::run_here(const Command& command, Request& request, Renderer& renderer) {
  if (command.where == Where::network || command.where == Where::daemon) {
    co_return std::unexpected(
        Error(Errc::refused,
              fmt::format("this command must be run in online mode. Try running '{} daemon' first",
                          program_)));
  }
  LocalOutput output(renderer);
  if (command.where == Where::files) {
    KITH_CO_CHECK(node::check_home(env_.files, home_, program_));
  }
  if (command.where == Where::anywhere || command.where == Where::files) {
    Context none{env_, nullptr, home_, program_};
    co_return co_await command.run(none, request, output);
  }
  node::OpenOptions how{passphrase_, program_};
  KITH_CO_TRY(node::Home home, node::Home::open(env_, home_, how));
  passphrase_.reset();
  node::NodeOptions options;
  options.online = false;
  KITH_CO_TRY(std::unique_ptr<node::Node> node,
              co_await node::Node::start(env_, std::move(home), options));
  Context context{env_, node.get(), home_, program_};
  auto outcome = co_await command.run(context, request, output);
  auto stopped = co_await node->stop_shielded();
  if (!outcome) co_return outcome;
  co_return stopped;
}

/// The first signal asks for a clean end; with the second one nobody waits for it any longer.
Task<void> watch_signals(io::Runtime& runtime, port::TaskGroup& work) {
  KITH_CO_CHECK(co_await runtime.wait_signal());
  work.cancel();
  KITH_CO_CHECK(co_await runtime.wait_signal());
  std::_Exit(interrupted_status);
}

/// Runs the command line beside a watch for signals.
Task<void> run_until_signal(io::Runtime& runtime, CommandLine& line, std::vector<std::string> words,
                            int& status, bool own_signals) {
  if (own_signals) co_return co_await line.run(std::move(words), status);
  port::Env& env = runtime.env();
  port::TaskGroup work(env.executor, env.clock);
  port::TaskGroup watch(env.executor, env.clock);
  watch.spawn(watch_signals(runtime, work));
  work.spawn(line.run(std::move(words), status));
  co_await work.join_shielded();
  watch.cancel();
  co_await watch.join_shielded();
  co_return Result<void>{};
}

bool is_daemon(std::vector<std::string> words) {
  CommandTable table = make_command_table();
  std::string program = take_program(words);
  auto invocation = parse_words(table, std::move(words), program);
  return invocation && invocation->command != nullptr && invocation->command->path == "daemon";
}

}  // namespace

io::RuntimeOptions runtime_options(std::vector<std::string> arguments) {
  io::RuntimeOptions options;
  CommandTable table = make_command_table();
  std::string program = take_program(arguments);
  auto invocation = parse_words(table, std::move(arguments), program);
  bool debug = invocation && option_of(*invocation, "debug") == "true";
  if (debug && environment("KITH_LOG").empty()) options.log_levels = "debug";
  return options;
}

int run_command_line(io::Runtime& runtime, Terminal& terminal, std::vector<std::string> arguments,
                     std::span<const WebAsset> page) {
  CommandLine line(runtime, terminal, page);
  int status = 1;
  // The daemon waits for signals itself.
  bool own_signals = is_daemon(arguments);
  auto outcome =
      runtime.run(run_until_signal(runtime, line, std::move(arguments), status, own_signals));
  if (!outcome && !outcome.error().is(Errc::cancelled)) {
    static_cast<void>(terminal.err("Error: " + outcome.error().message() + "\n"));
    return 1;
  }
  return status;
}

}  // namespace kith::api
