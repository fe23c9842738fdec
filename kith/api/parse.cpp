// The one file that sees CLI11, which takes seconds to compile.
#include <algorithm>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <kith/api/parse.hpp>

namespace kith::api {
namespace {

/// Whether an option word such as "--api" or "-o" takes the next word as its value.
bool takes_next(const std::vector<OptionSpec>& options, std::string_view word) {
  if (word.find('=') != std::string_view::npos) return false;
  for (const OptionSpec& option : options) {
    bool named = word == "--" + option.name || (option.letter != 0 && word.size() == 2 &&
                                                word[0] == '-' && word[1] == option.letter);
    if (named) return option.kind != OptionKind::flag;
  }
  return false;
}

/// Takes the words that name the command out of `words`: the longest path that there is.
struct Named {
  const Command* command = nullptr;
  std::string path;
};
Named take_command(const CommandTable& table, std::vector<std::string>& words) {
  Named named;
  std::string path;
  std::vector<std::size_t> taken;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--") break;
    if (words[i].starts_with('-') && words[i].size() > 1) {
      if (takes_next(global_options(), words[i])) ++i;
      continue;
    }
    std::string longer = path.empty() ? words[i] : path + " " + words[i];
    if (table.find(longer) == nullptr && table.group(longer).empty()) {
      if (taken.empty()) named.path = words[i];
      break;
    }
    path = longer;
    taken.push_back(i);
    named.command = table.find(path);
    if (table.group(path).empty()) break;
  }
  if (!path.empty()) named.path = path;
  for (std::size_t i = taken.size(); i-- > 0;) {
    words.erase(words.begin() + static_cast<std::ptrdiff_t>(taken[i]));
  }
  return named;
}

/// "-q=false" and "-Qn=false", which Go's programs take, as "--quiet=false"; and "--name=" as
/// "--name" with an empty value behind it, or CLI11 takes the next word for the value.
std::vector<std::string> spelled_out(const Command& command, std::vector<std::string> words) {
  std::vector<std::string> spelled;
  bool options_ended = false;
  for (std::string& word : words) {
    options_ended |= word == "--";
    const std::size_t equals = word.find('=');
    const bool has_value = !options_ended && word.starts_with('-') && equals != std::string::npos;
    if (has_value && word[1] != '-' && equals > 1) {
      if (const OptionSpec* option = command.option(word.substr(equals - 1, 1))) {
        if (equals > 2) spelled.push_back(word.substr(0, equals - 1));
        word = "--" + option->name + word.substr(equals);
      }
    }
    const bool empty = has_value && word.starts_with("--") && word.ends_with('=');
    const OptionSpec* option = empty ? command.option(word.substr(2, word.size() - 3)) : nullptr;
    if (option != nullptr && option->kind != OptionKind::flag) {
      spelled.push_back("--" + option->name);
      spelled.emplace_back();
    } else {
      spelled.push_back(std::move(word));
    }
  }
  return spelled;
}

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row.back();
}

Error unknown_command(const CommandTable& table, const std::string& word) {
  std::string nearest;
  std::size_t best = 3;
  for (const auto& [path, command] : table.all()) {
    std::string first = path.substr(0, path.find(' '));
    if (std::size_t d = distance(word, first); d < best) {
      best = d;
      nearest = first;
    }
  }
  std::string hint = nearest.empty() ? "" : fmt::format(" (did you mean \"{}\"?)", nearest);
  return Error(Errc::invalid_argument, fmt::format("unknown command \"{}\"{}", word, hint));
}

std::string names_of(const OptionSpec& option) {
  return option.letter == 0 ? "--" + option.name
                            : fmt::format("-{},--{}", option.letter, option.name);
}

void add_options(CLI::App& app, const std::vector<OptionSpec>& options,
                 std::map<std::string, std::string>& flags,
                 std::map<std::string, std::vector<std::string>>& values) {
  for (const OptionSpec& option : options) {
    if (option.kind == OptionKind::flag) {
      app.add_flag(names_of(option), flags[option.name])->take_last();
    } else {
      std::vector<std::string>& into = values[option.name];
      CLI::Option* added =
          app.add_option(names_of(option), into)->expected(1)->allow_extra_args(false);
      if (option.kind == OptionKind::texts) {
        added->take_all();
      } else {
        added->take_last();
      }
    }
  }
}

/// As it is without dashes and a value.
std::string bare_name(const std::string& word) {
  std::string name = word.substr(0, word.find('='));
  name.erase(0, name.find_first_not_of('-'));
  return name;
}

Error unknown_option(const std::string& word, std::string_view program, std::string_view command) {
  return Error(Errc::invalid_argument,
               fmt::format("unknown option \"{}\" (see `{} {}{}--help`)", bare_name(word), program,
                           command, command.empty() ? "" : " "));
}

/// What CLI11 knows nothing of: arguments, unknown options, and the mark after which there are no
/// options. (Arguments that it knows of it takes apart if they stand in brackets, as JSON may.)
Result<std::vector<std::string>> take_arguments(std::vector<std::string> words,
                                                std::string_view program,
                                                const std::string& command) {
  std::vector<std::string> arguments;
  bool options_ended = false;
  for (std::string& word : words) {
    if (!options_ended && word == "--") {
      options_ended = true;
    } else if (options_ended || word.size() < 2 || word[0] != '-') {
      arguments.push_back(std::move(word));
    } else {
      return std::unexpected(unknown_option(word, program, command));
    }
  }
  return arguments;
}

/// What stands beside a group's name: nothing but options that all commands have.
Result<void> check_words(const CommandTable& table, const std::string& group,
                         const std::vector<std::string>& words, std::string_view program) {
  const bool wants_help = std::ranges::find(words, "--help") != words.end() ||
                          std::ranges::find(words, "-h") != words.end();
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i].size() < 2 || words[i][0] != '-') {
      if (wants_help) continue;
      const std::string path = group.empty() ? words[i] : group + " " + words[i];
      return std::unexpected(unknown_command(table, path));
    }
    const std::string name = bare_name(words[i]);
    const bool known = std::ranges::any_of(global_options(), [&name](const OptionSpec& option) {
      return name == option.name || name == std::string(1, option.letter);
    });
    if (!known && name != "help" && name != "h")
      return std::unexpected(unknown_option(words[i], program, group));
    if (takes_next(global_options(), words[i])) ++i;
  }
  return {};
}

/// "help add", "--version": what other programs have, and people type.
std::vector<std::string> with_commands_for_words_of_habit(std::vector<std::string> words) {
  if (words.empty()) return words;
  if (words.front() == "help") {
    words.erase(words.begin());
    words.emplace_back("--help");
  } else if (words.front() == "--version") {
    words.front() = "version";
  }
  return words;
}

/// Where the taglines of a list of commands begin.
constexpr std::size_t group_column = 26;

std::string wrapped(std::string_view text, std::size_t indent, std::size_t width = 78) {
  std::string out;
  std::size_t column = indent;
  while (!text.empty()) {
    std::size_t space = std::min(text.find(' '), text.size());
    if (column > indent && column + 1 + space > width) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out += text.substr(0, space);
    column += space;
    text.remove_prefix(std::min(space + 1, text.size()));
  }
  return out;
}

std::string usage_of(const Command& command) {
  std::string usage = command.path;
  for (const ArgumentSpec& spec : command.arguments) {
    std::string name = fmt::format("<{}>{}", spec.name, spec.variadic ? "..." : "");
    usage += spec.required ? " " + name : " [" + name + "]";
  }
  return usage;
}

/// A row of two columns; what is too wide for the first stands on a line of its own.
std::string row(std::string_view name, std::string_view help, std::size_t column) {
  const bool fits = name.size() + 4 <= column;
  const std::string first = fits ? fmt::format("  {:<{}}", name, column - 2)
                                 : fmt::format("  {}\n{:{}}", name, "", column);
  return first + wrapped(help, column) + "\n";
}

std::string options_help(const std::vector<OptionSpec>& options) {
  std::string text;
  for (const OptionSpec& option : options) {
    std::string_view value = option.kind == OptionKind::flag      ? ""
                             : option.kind == OptionKind::integer ? " <number>"
                                                                  : " <text>";
    std::string names = option.letter == 0
                            ? fmt::format("    --{}{}", option.name, value)
                            : fmt::format("-{}, --{}{}", option.letter, option.name, value);
    std::string help = option.help;
    if (!option.fallback.empty()) help += fmt::format(" Default: {}.", option.fallback);
    constexpr std::size_t column = 32;
    text += row(names, help, column);
  }
  return text;
}

/// What begins with the group's name, and how to learn more of it.
std::string subcommands_help(const CommandTable& table, const std::string& group,
                             const std::string& program) {
  std::string text = "\nSUBCOMMANDS\n";
  for (const Command* member : table.group(group))
    text += row(member->path.substr(group.size() + 1), member->tagline, group_column);
  return text + fmt::format("\n`{} {} <command> --help` says more.\n", program, group);
}

std::string usage_line(std::string_view usage, std::string_view tagline) {
  return "USAGE\n  " + wrapped(fmt::format("{} - {}", usage, tagline), 4) + "\n";
}

}  // namespace

Result<Invocation> parse_words(const CommandTable& table, std::vector<std::string> words,
                               std::string_view program) {
  words = with_commands_for_words_of_habit(std::move(words));
  Named named = take_command(table, words);
  Invocation invocation;
  if (named.command == nullptr) {
    bool is_group = named.path.empty() || !table.group(named.path).empty();
    if (!is_group) return std::unexpected(unknown_command(table, named.path));
    KITH_CHECK(check_words(table, named.path, words, program));
    invocation.group = named.path;
    return invocation;
  }
  invocation.command = named.command;
  words = spelled_out(*named.command, std::move(words));

  CLI::App app;
  app.set_help_flag();
  std::map<std::string, std::string> flags;
  std::map<std::string, std::vector<std::string>> values;
  add_options(app, named.command->options, flags, values);
  std::vector<OptionSpec> globals;
  for (const OptionSpec& option : global_options()) {
    bool shadowed = std::ranges::any_of(named.command->options, [&option](const OptionSpec& own) {
      return own.name == option.name;
    });
    if (shadowed) continue;
    globals.push_back(option);
    bool letter_taken = std::ranges::any_of(
        named.command->options,
        [&option](const OptionSpec& own) { return own.letter == option.letter; });
    if (letter_taken) globals.back().letter = 0;
  }
  add_options(app, globals, flags, values);
  app.allow_extras();
  try {
    std::ranges::reverse(words);
    app.parse(words);
  } catch (const CLI::ArgumentMismatch& error) {
    const std::string_view what = error.what();
    return std::unexpected(
        Error(Errc::invalid_argument,
              fmt::format("option {} needs a value (see `{} {} --help`)",
                          what.substr(0, what.find(':')), program, named.command->path)));
  } catch (const CLI::ParseError& error) {
    return std::unexpected(
        Error(Errc::invalid_argument,
              fmt::format("{} (see `{} {} --help`)", error.what(), program, named.command->path)));
  }
  KITH_TRY(invocation.arguments, take_arguments(app.remaining(), program, named.command->path));
  for (auto& [name, given] : flags) {
    if (!given.empty()) invocation.options.emplace(name, std::move(given));
  }
  for (auto& [name, given] : values) {
    for (std::string& value : given)
      invocation.options.emplace(name, std::move(value));
  }
  return invocation;
}

std::string command_help(const CommandTable& table, const Command& command,
                         const std::string& program) {
  std::string text = usage_line(program + " " + usage_of(command), command.tagline);
  if (!command.arguments.empty()) {
    text += "\nARGUMENTS\n";
    for (const ArgumentSpec& spec : command.arguments) {
      std::string name = fmt::format("<{}>{}", spec.name, spec.variadic ? "..." : "");
      text += fmt::format("  {:<30}{}\n", name, wrapped(spec.help, 32));
    }
  }
  if (!command.options.empty()) text += "\nOPTIONS\n" + options_help(command.options);
  if (!command.description.empty()) text += "\nDESCRIPTION\n";
  for (std::string_view rest = command.description; !rest.empty();) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    // A line that begins with spaces is a row of a table.
    constexpr std::size_t column = 24;
    if (line.starts_with("  ") && line.size() > column) {
      text += fmt::format("{}{}\n", line.substr(0, column), wrapped(line.substr(column), column));
    } else {
      text += fmt::format("  {}\n", wrapped(line, 2));
    }
  }
  if (!command.examples.empty()) text += "\nEXAMPLES\n";
  for (const Example& example : command.examples)
    text += fmt::format("  {} {}\n      {}\n", program, example.words, wrapped(example.help, 6));
  if (!table.group(command.path).empty()) text += subcommands_help(table, command.path, program);
  return text;
}

std::string group_help(const CommandTable& table, const std::string& group,
                       const std::string& program) {
  if (!group.empty()) {
    return usage_line(fmt::format("{} {} <subcommand>", program, group),
                      table.group_tagline(group)) +
           subcommands_help(table, group, program);
  }
  std::string text = fmt::format(
      "{0} - one peer-to-peer node: share files by content, no server in the middle.\n\n"
      "USAGE\n  {0} [global options] <command> [options] [arguments]\n\n"
      "FIRST STEPS\n"
      "  {0} daemon                 start a node (makes its home on first use)\n"
      "  {0} add -r <path>          share a file or folder; prints its CID\n"
      "  {0} cat <cid>              show a file, wherever it is\n"
      "  {0} get <cid>              fetch a file or folder\n"
      "  {0} swarm connect <addr>   connect to a peer you know\n\nCOMMANDS\n",
      program);
  std::string last;
  for (const auto& [path, command] : table.all()) {
    std::string first = path.substr(0, path.find(' '));
    if (first == last) continue;
    last = first;
    const Command* itself = table.find(first);
    const std::string tagline = itself != nullptr ? itself->tagline : table.group_tagline(first);
    text += row(first + (table.group(first).empty() ? "" : " ..."), tagline, group_column);
  }
  text += fmt::format("\n`{} <command> --help` says more.\n", program);
  return text + "\nGLOBAL OPTIONS\n" + options_help(global_options());
}

}  // namespace kith::api
