// Pins the command table: commands, arguments, options, defaults and help are what scripts and
// people know, and Kubo's users bring along. After a change that is meant,
//
//   KITH_UPDATE=1 build/dev/modules/api/api_test --gtest_filter='CommandTable.*'
//
// writes the file anew; its difference belongs into the same commit.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>

#include <gtest/gtest.h>

#include <kith/api/command.hpp>
#include <kith/api/parse.hpp>

namespace kith::api {
namespace {

std::string golden_path() {
  return std::string(KITH_SOURCE_DIR) + "/kith/api/command_table.txt";
}

std::string_view name_of(Where where) {
  switch (where) {
    case Where::client:
      return "client";
    case Where::anywhere:
      return "anywhere";
    case Where::files:
      return "files";
    case Where::store:
      return "store";
    case Where::daemon:
      return "daemon";
    case Where::network:
      return "network";
  }
  return "";
}

std::string described(const CommandTable& table, const Command& command) {
  std::string text = "== " + command.path + "\n";
  text += "runs: " + std::string(name_of(command.where));
  text += command.output == OutputKind::bytes ? "; bytes" : "; values";
  if (!command.content_type.empty()) text += " of " + command.content_type;
  if (command.streams) text += "; one by one";
  if (command.transfers) text += "; may wait for peers";
  for (const ArgumentSpec& argument : command.arguments) {
    text += "\nargument " + argument.name;
    if (!argument.required) text += ", optional";
    if (argument.variadic) text += ", several";
    if (argument.binary) text += ", multibase over the RPC";
    if (argument.kind == ArgumentKind::file) text += argument.recursive ? ", folders" : ", files";
    if (argument.from_stdin) text += ", or from standard input";
  }
  return text + "\n\n" + command_help(table, command, "kith") + "\n";
}

std::string described(const CommandTable& table) {
  std::string text = group_help(table, "", "kith") + "\n";
  for (const auto& [path, command] : table.all())
    text += described(table, command);
  return text;
}

TEST(CommandTable, IsWhatItWas) {
  std::string now = described(make_command_table());
  if (std::getenv("KITH_UPDATE") != nullptr) std::ofstream(golden_path(), std::ios::binary) << now;
  std::ifstream file(golden_path(), std::ios::binary);
  std::string before{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  auto [was, is] = std::mismatch(before.begin(), before.end(), now.begin(), now.end());
  auto line_at = [](const std::string& text, std::string::const_iterator at) {
    auto offset = static_cast<std::size_t>(at - text.begin());
    std::size_t begin = offset == 0 ? 0 : text.rfind('\n', offset - 1) + 1;
    return text.substr(begin, text.find('\n', offset) - begin);
  };
  EXPECT_TRUE(before == now) << golden_path() << " says\n  " << line_at(before, was)
                             << "\nand the table\n  " << line_at(now, is)
                             << "\nKITH_UPDATE=1 writes it anew.";
}

TEST(CommandTable, HasNoOptionTwice) {
  CommandTable table = make_command_table();
  for (const auto& [path, command] : table.all()) {
    std::set<std::string> names;
    std::set<char> letters;
    for (const OptionSpec& option : command.options) {
      EXPECT_TRUE(names.insert(option.name).second) << path << " --" << option.name;
      if (option.letter != 0) {
        EXPECT_TRUE(letters.insert(option.letter).second) << path << " -" << option.letter;
      }
    }
  }
}

TEST(CommandTable, EachCommandRunsSomewhere) {
  CommandTable table = make_command_table();
  for (const auto& [path, command] : table.all()) {
    bool in_client = command.where == Where::client;
    EXPECT_EQ(command.run_client != nullptr, in_client) << path;
    EXPECT_EQ(command.run != nullptr, !in_client) << path;
    EXPECT_FALSE(command.tagline.empty()) << path;
  }
}

}  // namespace
}  // namespace kith::api
