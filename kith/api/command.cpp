#include <algorithm>
#include <charconv>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/command.hpp>

namespace kith::api {
namespace {

std::optional<bool> parse_flag(std::string_view text) {
  if (text.empty() || text == "true" || text == "1" || text == "t") return true;
  if (text == "false" || text == "0" || text == "f") return false;
  return std::nullopt;
}

/// Decimal, or as in Go and C with a prefix: 0x, 0b, and 0 or 0o for octal (a file's mode).
std::optional<std::int64_t> parse_integer(std::string_view text) {
  bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  int base = 10;
  if (text.size() > 1 && text[0] == '0') {
    char letter = static_cast<char>(text[1] | 0x20);
    base = letter == 'x' ? 16 : letter == 'b' ? 2 : 8;
    text.remove_prefix(letter == 'x' || letter == 'b' || letter == 'o' ? 2 : 1);
  }
  std::uint64_t value = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  bool whole = failure == std::errc{} && end == text.data() + text.size();
  if (!whole || value > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
  return negative ? -static_cast<std::int64_t>(value) : static_cast<std::int64_t>(value);
}

const OptionSpec* find_option(const std::vector<OptionSpec>& options, std::string_view name) {
  auto found = std::ranges::find_if(options, [name](const OptionSpec& option) {
    return option.name == name || (name.size() == 1 && option.letter == name[0]);
  });
  return found == options.end() ? nullptr : &*found;
}

Result<void> check_arguments(const Command& command, const std::vector<std::string>& arguments) {
  std::size_t required = 0;
  bool variadic = false;
  std::size_t texts = 0;
  for (const ArgumentSpec& spec : command.arguments) {
    if (spec.kind == ArgumentKind::file) continue;
    ++texts;
    if (spec.required) ++required;
    variadic = variadic || spec.variadic;
  }
  if (arguments.size() < required) {
    std::size_t missing = 0;
    for (const ArgumentSpec& spec : command.arguments) {
      if (spec.kind == ArgumentKind::file || !spec.required) continue;
      if (missing++ == arguments.size()) {
        return std::unexpected(
            Error(Errc::invalid_argument, fmt::format("argument \"{}\" is required", spec.name)));
      }
    }
  }
  if (!variadic && arguments.size() > texts) {
    return std::unexpected(Error(
        Errc::invalid_argument,
        fmt::format("{} takes at most {} argument{}", command.path, texts, texts == 1 ? "" : "s")));
  }
  return {};
}

class TextRenderer final : public Renderer {
 public:
  TextRenderer(const RenderContext& context, ValueText write) : context_(context), write_(write) {}
  Result<void> value(const json::value& value) override { return write_(value, context_); }
  Result<void> bytes(ByteView bytes) override { return context_.terminal.out(as_text(bytes)); }
  Result<void> finish(bool) override { return {}; }

 private:
  RenderContext context_;
  ValueText write_;
};

}  // namespace

const OptionSpec* Command::option(std::string_view name_or_letter) const {
  if (const OptionSpec* own = find_option(options, name_or_letter)) return own;
  return find_option(global_options(), name_or_letter);
}

const std::vector<OptionSpec>& global_options() {
  static const std::vector<OptionSpec> options = {
      {"home", 0, OptionKind::text, "Path of the node's folder.", ""},
      {"repo-dir", 0, OptionKind::text, "The same, by Kubo's name.", ""},
      {"config", 'c', OptionKind::text, "The home's configuration file (older name).", ""},
      {"config-file", 0, OptionKind::text,
       "The home's configuration file: for another, use another home.", ""},
      {"debug", 'D', OptionKind::flag, "Log more, as KITH_LOG=debug does.", ""},
      {"offline", 0, OptionKind::flag, "Do without the network.", ""},
      {"local", 'L', OptionKind::flag, "The same (older name).", ""},
      {"api", 0, OptionKind::text, "Use this daemon's RPC, for example /ip4/127.0.0.1/tcp/5001.",
       ""},
      {"api-auth", 0, OptionKind::text,
       "What the daemon wants to be shown: bearer:<token> or basic:<user>:<password>.", ""},
      {"encoding", 0, OptionKind::text, "Output as \"json\" or \"text\".", "text"},
      {"enc", 0, OptionKind::text, "Short for --encoding.", ""},
      {"json", 0, OptionKind::flag, "Short for --encoding=json.", ""},
      {"stream-channels", 0, OptionKind::flag, "Accepted for Kubo's sake: output always streams.",
       ""},
      {"timeout", 0, OptionKind::text, "Give up after this long, for example 30s or 1m.", ""},
      {"cid-base", 0, OptionKind::text, "Write CIDs of version 1 in this multibase.", ""},
      {"upgrade-cidv0-in-output", 0, OptionKind::flag, "Write CIDs of version 0 as version 1.", ""},
      {"transfer-id", 0, OptionKind::text,
       "Call the transfer this, for those who watch `stats transfers`.", ""},
      {"passphrase-file", 0, OptionKind::text, "File with the passphrase of the identity key.", ""},
      {"help", 'h', OptionKind::flag, "Show what the command does.", ""},
  };
  return options;
}

Result<Request> Request::make(const Command& command, std::vector<std::string> arguments,
                              const Raw& options) {
  Request request;
  request.command_ = &command;
  KITH_CHECK(check_arguments(command, arguments));
  request.arguments_ = std::move(arguments);
  for (const auto& [name, value] : options) {
    const OptionSpec* spec = command.option(name);
    if (spec == nullptr) continue;
    std::string_view want;
    if (spec->kind == OptionKind::flag && !parse_flag(value)) want = "true or false";
    if (spec->kind == OptionKind::integer && !parse_integer(value)) want = "a whole number";
    if (!want.empty()) {
      return std::unexpected(
          Error(Errc::invalid_argument,
                fmt::format("option --{}: \"{}\" should be {}", spec->name, value, want)));
    }
    request.options_.emplace(spec->name, value);
  }
  return request;
}

const std::string& Request::command_path() const noexcept {
  return command_->path;
}

std::string Request::argument(std::size_t index) const {
  return index < arguments_.size() ? arguments_[index] : "";
}

bool Request::given(std::string_view name) const {
  return options_.contains(std::string(name));
}

bool Request::flag(std::string_view name) const {
  std::string value = text(name);
  return (given(name) || !value.empty()) && parse_flag(value).value_or(false);
}

std::string Request::text(std::string_view name) const {
  auto found = options_.upper_bound(std::string(name));
  if (found != options_.begin() && std::prev(found)->first == name) return std::prev(found)->second;
  const OptionSpec* spec = command_->option(name);
  return spec != nullptr ? spec->fallback : "";
}

std::vector<std::string> Request::texts(std::string_view name) const {
  std::vector<std::string> values;
  auto [first, last] = options_.equal_range(std::string(name));
  for (; first != last; ++first)
    values.push_back(first->second);
  return values;
}

std::optional<std::int64_t> Request::integer(std::string_view name) const {
  return parse_integer(text(name));
}

void CommandTable::add(Command command) {
  std::string path = command.path;
  commands_.emplace(std::move(path), std::move(command));
}

const Command* CommandTable::find(std::string_view path) const {
  auto found = commands_.find(path);
  return found == commands_.end() ? nullptr : &found->second;
}

std::vector<const Command*> CommandTable::group(std::string_view name) const {
  std::vector<const Command*> members;
  for (const auto& [path, command] : commands_) {
    if (path.size() > name.size() && path.starts_with(name) && path[name.size()] == ' ') {
      members.push_back(&command);
    }
  }
  return members;
}

std::string CommandTable::group_tagline(std::string_view name) const {
  auto found = groups_.find(name);
  return found == groups_.end() ? "" : found->second;
}

CommandTable make_command_table() {
  CommandTable table;
  add_basic_commands(table);
  add_file_commands(table);
  add_block_commands(table);
  add_dag_commands(table);
  add_car_commands(table);
  add_swarm_commands(table);
  add_diag_commands(table);
  add_peering_commands(table);
  add_reach_commands(table);
  add_routing_commands(table);
  add_provide_commands(table);
  add_limit_commands(table);
  add_config_commands(table);
  add_repo_commands(table);
  add_pubsub_commands(table);
  add_evm_commands(table);
  add_wallet_commands(table);
  add_chain_commands(table);
  add_chains_commands(table);
  return table;
}

std::unique_ptr<Renderer> text_renderer(const RenderContext& context, ValueText write) {
  return std::make_unique<TextRenderer>(context, write);
}

}  // namespace kith::api
