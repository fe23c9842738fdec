// The command table: each command once, with its arguments, options, help, and what it does. The
// command line (cli.hpp) and /api/v0 (rpc.hpp) are two readers of it, the documentation a third; a
// golden test pins it.
//
// A command runs where the node is: in the daemon, or in the program itself when no daemon runs and
// the command can do without the network. It gets a Request (arguments and options, checked) and
// writes to an Output: JSON values, one after the other, or bytes. On a terminal a Renderer turns
// these into what a person reads; machines see them as they are, and where Kubo has the command
// they are Kubo's. Names, flags, defaults and outputs follow Kubo where it has the command. Loop
// thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>

#include <kith/api/input.hpp>
#include <kith/base/buffer.hpp>
#include <kith/base/result.hpp>
#include <kith/crypto/secret.hpp>
#include <kith/port/env.hpp>
#include <kith/port/task.hpp>

namespace kith::node {
class Node;
}
namespace kith::io {
class Runtime;
}

namespace kith::api {

class CommandTable;
class RequestLog;
struct WebAsset;
namespace json = boost::json;

enum class OptionKind : std::uint8_t { flag, text, integer, texts };

struct OptionSpec {
  std::string name;
  char letter = 0;  ///< 0: none
  OptionKind kind = OptionKind::flag;
  std::string help;
  std::string fallback;  ///< the default, as text; empty: none
};

enum class ArgumentKind : std::uint8_t { text, file };

struct ArgumentSpec {
  std::string name{};
  bool required = true;
  bool variadic = false;
  std::string help{};
  ArgumentKind kind = ArgumentKind::text;
  bool from_stdin = false;  ///< read, a line each, from standard input when there is none
  bool recursive = false;   ///< a file argument may be a folder (with -r)
  bool binary = false;      ///< sent over the RPC as multibase, in base64url
};

/// The arguments and options of one call, checked against their specifications.
class Request {
 public:
  using Raw = std::multimap<std::string, std::string>;

  /// Options by long name or letter; names that the command doesn't know are dropped, as Kubo's RPC
  /// does. Errc:: invalid_argument names the option whose value makes no sense, or the argument
  /// that is missing.
  static Result<Request> make(const struct Command& command, std::vector<std::string> arguments,
                              const Raw& options);

  const std::string& command_path() const noexcept;
  const std::vector<std::string>& arguments() const noexcept { return arguments_; }
  /// The n-th, or empty.
  std::string argument(std::size_t index) const;

  /// Given, or true by default.
  bool flag(std::string_view name) const;
  bool given(std::string_view name) const;
  /// The value, or the default; empty if there is neither.
  std::string text(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;
  std::optional<std::int64_t> integer(std::string_view name) const;

  /// As query parameters of the RPC.
  const Raw& raw_options() const noexcept { return options_; }

  /// Files that came with the call; nothing if none did.
  std::shared_ptr<InputTree> files;

 private:
  const struct Command* command_ = nullptr;
  std::vector<std::string> arguments_;
  Raw options_;
};

/// Where a command writes.
class Output {
 public:
  virtual ~Output() = default;
  /// One more JSON value. Fails when the reader has gone.
  virtual Task<void> value(json::value value) = 0;
  /// More bytes, for commands whose output is bytes.
  virtual Task<void> bytes(ByteView bytes) = 0;
  /// How many bytes will come in all, if it is known before the first.
  virtual void announce_length(std::uint64_t length) = 0;
  /// What the bytes are, if not what the command's table says.
  virtual void announce_type(std::string_view) {}
  /// Values come one by one, whatever the command's table says.
  virtual void announce_stream() {}
  /// Sends what was written before at once: more may take long.
  virtual Task<void> flush() = 0;
};

/// A terminal, or what stands in for it.
class Terminal {
 public:
  virtual ~Terminal() = default;
  virtual Result<void> out(std::string_view text) = 0;
  virtual Result<void> err(std::string_view text) = 0;
  virtual bool out_is_terminal() const = 0;
  virtual bool err_is_terminal() const = 0;
  virtual int columns() const = 0;
};

/// Turns a command's output into what a person reads, in the process that the person started.
class Renderer {
 public:
  virtual ~Renderer() = default;
  virtual Result<void> value(const json::value& value) = 0;
  virtual Result<void> bytes(ByteView bytes) = 0;
  virtual void announce_length(std::uint64_t) {}
  /// How many bytes of the files given have been read.
  virtual void announce_sent(std::uint64_t) {}
  /// How many peers the blocks come from.
  virtual void announce_peers(std::size_t) {}
  /// A line for the person comes next: takes away what is drawn in its place.
  virtual void interrupt() {}
  /// Always the last call; `ok` is false if an error follows.
  virtual Result<void> finish(bool ok) = 0;
};

/// What a command works on.
struct Context {
  port::Env& env;
  node::Node* node;                ///< of commands that need one
  std::string home;                ///< the folder
  std::string program;             ///< "kith" or "ipfs", for messages
  RequestLog* requests = nullptr;  ///< the RPC's; null where there is none
};

/// What a command that runs in the program itself works on (Where::client).
struct ClientContext {
  io::Runtime& runtime;
  port::Env& env;
  Terminal& terminal;
  const CommandTable& table;
  std::string home;
  std::string program;
  /// Of the identity key. Whoever has opened it needs it no more.
  std::optional<crypto::Secret> passphrase;
  std::span<const WebAsset> page;
};

/// What a renderer may know.
struct RenderContext {
  port::Env& env;
  Terminal& terminal;
  const Request& request;
  std::string program;
};

enum class Where : std::uint8_t {
  client,    ///< in the program that was started, with run_client: init, daemon
  anywhere,  ///< without a node
  files,     ///< on the home's files, in the daemon or not: no node is started
  store,     ///< in the daemon, or on the store if none runs
  daemon,    ///< in a daemon only
  network,   ///< in a daemon that isn't offline only
};

enum class OutputKind : std::uint8_t { values, bytes };

/// How a command may be called.
struct Example {
  std::string words{};  ///< without the program's name
  std::string help{};
};

struct Command {
  std::string path{};     ///< "block get"
  std::string tagline{};  ///< one line
  std::string description{};
  std::vector<ArgumentSpec> arguments{};
  std::vector<OptionSpec> options{};
  std::vector<Example> examples{};
  Where where = Where::store;
  OutputKind output = OutputKind::values;
  bool transfers = false;      ///< may wait for peers, which the person who waits is told
  bool streams = false;        ///< values come one by one, for X-Chunked-Output
  std::string content_type{};  ///< of bytes; empty: text/plain
  Task<void> (*run)(Context& context, const Request& request, Output& output) = nullptr;
  /// Instead of run, for Where::client.
  Task<void> (*run_client)(ClientContext& context, const Request& request) = nullptr;
  /// Nothing: values are printed as JSON, bytes as they are.
  std::unique_ptr<Renderer> (*renderer)(const RenderContext& context) = nullptr;

  const OptionSpec* option(std::string_view name_or_letter) const;
};

class CommandTable {
 public:
  void add(Command command);
  const Command* find(std::string_view path) const;
  /// Those whose path begins with the group's name, in order: "block get", "block put", ...
  std::vector<const Command*> group(std::string_view name) const;
  /// What a group is for: "block" -> "Interact with raw blocks".
  void describe_group(std::string name, std::string tagline) {
    groups_[std::move(name)] = std::move(tagline);
  }
  std::string group_tagline(std::string_view name) const;
  const std::map<std::string, Command, std::less<>>& all() const noexcept { return commands_; }

 private:
  std::map<std::string, Command, std::less<>> commands_;
  std::map<std::string, std::string, std::less<>> groups_;
};

/// Every command there is.
CommandTable make_command_table();

/// Options that every command takes: --timeout, --offline, --enc, ...
const std::vector<OptionSpec>& global_options();

/// A renderer from a function that writes a value as text.
using ValueText = Result<void> (*)(const json::value& value, const RenderContext& context);
std::unique_ptr<Renderer> text_renderer(const RenderContext& context, ValueText write);

// One function a file of commands/.
void add_basic_commands(CommandTable& table);
void add_file_commands(CommandTable& table);
void add_block_commands(CommandTable& table);
void add_dag_commands(CommandTable& table);
void add_car_commands(CommandTable& table);
void add_swarm_commands(CommandTable& table);
void add_diag_commands(CommandTable& table);
void add_peering_commands(CommandTable& table);
void add_reach_commands(CommandTable& table);
void add_routing_commands(CommandTable& table);
void add_provide_commands(CommandTable& table);
void add_limit_commands(CommandTable& table);
void add_config_commands(CommandTable& table);
void add_repo_commands(CommandTable& table);
void add_pubsub_commands(CommandTable& table);
void add_evm_commands(CommandTable& table);
void add_wallet_commands(CommandTable& table);
void add_chain_commands(CommandTable& table);
void add_chains_commands(CommandTable& table);

}  // namespace kith::api
