#include <sstream>

#include <gtest/gtest.h>

#include <kith/api/parse.hpp>

namespace kith::api {
namespace {

struct Words {
  Result<Invocation> operator()(std::vector<std::string> words) const {
    return parse_words(table, std::move(words), "kith");
  }
  std::string failure(std::vector<std::string> words) const {
    auto parsed = parse_words(table, std::move(words), "kith");
    return parsed ? "" : std::string(parsed.error().context());
  }

  CommandTable table = make_command_table();
};

TEST(ParseWords, TakesTheLongestPathThatIsACommand) {
  Words parse;
  EXPECT_EQ(parse({"bootstrap"})->command->path, "bootstrap");
  EXPECT_EQ(parse({"bootstrap", "rm", "all"})->command->path, "bootstrap rm all");
  auto some = parse({"bootstrap", "rm", "/ip4/1.2.3.4"});
  EXPECT_EQ(some->command->path, "bootstrap rm");
  EXPECT_EQ(some->arguments, std::vector<std::string>{"/ip4/1.2.3.4"});
  EXPECT_EQ(parse({"block"})->command, nullptr);
  EXPECT_EQ(parse({"block"})->group, "block");
  EXPECT_EQ(parse({})->group, "");
}

TEST(ParseWords, OptionsStandAnywhere) {
  Words parse;
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"--api", "a", "cat", "x", "--length=2", "-q"},
        {"cat", "--length", "2", "--api=a", "-q", "x"},
        {"-q", "cat", "x", "-l", "2", "--api=a"}}) {
    auto parsed = parse(words);
    ASSERT_TRUE(parsed.has_value()) << parsed.error().message();
    EXPECT_EQ(parsed->command->path, "cat");
    EXPECT_EQ(parsed->arguments, std::vector<std::string>{"x"});
    EXPECT_EQ(parsed->options.find("length")->second, "2");
    EXPECT_EQ(parsed->options.find("api")->second, "a");
    EXPECT_EQ(parsed->options.find("quiet")->second, "true");
  }
}

TEST(ParseWords, LettersTakeValuesAsInGo) {
  Words parse;
  auto parsed = parse({"add", "-E=false", "-q=true", "-s=size-1", "x", "--", "-w=true"});
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message();
  EXPECT_EQ(parsed->options.find("empty-dirs")->second, "false");
  EXPECT_EQ(parsed->options.find("quiet")->second, "true");
  EXPECT_EQ(parsed->options.find("chunker")->second, "size-1");
  EXPECT_EQ(parsed->arguments, (std::vector<std::string>{"x", "-w=true"}));
}

TEST(ParseWords, AnEmptyValueIsAValue) {
  CommandTable table = make_command_table();
  auto parsed = parse_words(table, {"add", "--stdin-name=", "-Qn", "f.txt"}, "kith");
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message();
  EXPECT_EQ(parsed->arguments, std::vector<std::string>{"f.txt"});
  EXPECT_EQ(parsed->options.find("stdin-name")->second, "");
  EXPECT_TRUE(parsed->options.contains("only-hash"));
  auto missing = parse_words(table, {"add", "f.txt", "--chunker"}, "kith");
  ASSERT_FALSE(missing.has_value());
  EXPECT_TRUE(missing.error().message().contains("option --chunker needs a value"))
      << missing.error().message();
}

TEST(ParseWords, LettersTogetherTakeAValueForTheLast) {
  auto parsed = parse_words(make_command_table(), {"add", "-Qn=false", "f"}, "kith");
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message();
  EXPECT_EQ(parsed->options.find("only-hash")->second, "false");
  EXPECT_TRUE(parsed->options.contains("quieter"));
}

TEST(ParseWords, WordsOfHabitAreCommands) {
  CommandTable table = make_command_table();
  auto version = parse_words(table, {"--version"}, "kith");
  ASSERT_TRUE(version && version->command != nullptr);
  EXPECT_EQ(version->command->path, "version");
  auto help = parse_words(table, {"help"}, "kith");
  ASSERT_TRUE(help.has_value());
  EXPECT_EQ(help->command, nullptr);
  auto of_add = parse_words(table, {"help", "add"}, "kith");
  ASSERT_TRUE(of_add && of_add->command != nullptr);
  EXPECT_TRUE(of_add->options.contains("help"));
}

TEST(ParseWords, UnknownOptionsAreRefusedWithoutACommandToo) {
  CommandTable table = make_command_table();
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"--nope"}, {"swarm", "--nope"}, {"--nope=1"}, {"-y"}}) {
    auto parsed = parse_words(table, words, "kith");
    ASSERT_FALSE(parsed.has_value()) << words.back();
    EXPECT_TRUE(parsed.error().message().contains("unknown option")) << parsed.error().message();
  }
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"--help"}, {"-h"}, {"--api", "/ip4/127.0.0.1/tcp/1"}, {}}) {
    EXPECT_TRUE(parse_words(table, words, "kith").has_value());
  }
}

TEST(ParseWords, TwoDashesEndTheOptions) {
  Words parse;
  auto parsed = parse({"add", "-q", "--", "-Q", "--", "x"});
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->options.count("quieter"), 0u);
  EXPECT_EQ(parsed->options.count("quiet"), 1u);
  EXPECT_EQ(parsed->arguments, (std::vector<std::string>{"-Q", "--", "x"}));
}

TEST(ParseWords, ACommandsOwnOptionHidesTheGlobalOne) {
  Words parse;
  auto own = parse({"config", "--json", "a", "1"});
  ASSERT_TRUE(own.has_value());
  EXPECT_EQ(own->command->path, "config");
  EXPECT_EQ(own->options.find("json")->second, "true");
  // -c is --config everywhere, -l only where no command has it.
  EXPECT_EQ(parse({"id", "-c", "f"})->options.find("config")->second, "f");
}

TEST(ParseWords, OptionsGivenAgain) {
  Words parse;
  auto parsed = parse({"add", "--ignore=a", "x", "--ignore", "b", "--chunker=1", "--chunker=2"});
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message();
  EXPECT_EQ(parsed->options.count("ignore"), 2u);
  EXPECT_EQ(parsed->options.count("chunker"), 1u);
  EXPECT_EQ(parsed->options.find("chunker")->second, "2");
}

TEST(ParseWords, SaysWhatItDoesNotUnderstand) {
  Words parse;
  EXPECT_NE(parse.failure({"catt", "x"}).find("did you mean \"cat\""), std::string::npos);
  EXPECT_NE(parse.failure({"nosuch"}).find("\"nosuch\""), std::string::npos);
  EXPECT_NE(parse.failure({"block", "nosuch"}).find("nosuch"), std::string::npos);
  EXPECT_NE(parse.failure({"cat", "--nosuch"}).find("nosuch"), std::string::npos);
  EXPECT_NE(parse.failure({"cat", "-l"}), "");
}

TEST(Help, ACommandThatIsAGroupTooListsItsSubcommands) {
  CommandTable table = make_command_table();
  for (const auto& [path, command] : table.all()) {
    const std::string help = command_help(table, command, "kith");
    EXPECT_EQ(help.contains("\nSUBCOMMANDS\n"), !table.group(path).empty()) << help;
    for (const Command* member : table.group(path))
      EXPECT_TRUE(help.contains("\n  " + member->path.substr(path.size() + 1) + " ")) << help;
  }
  const std::string all = group_help(table, "", "kith");
  for (std::string_view row : {"  config ...  ", "  bootstrap ...  ", "  refs ...  ",
                               "  swarm ...  ", "  add  ", "  cat  "}) {
    EXPECT_TRUE(all.contains("\n" + std::string(row))) << row << '\n' << all;
  }
}

TEST(Help, ShowsExamples) {
  CommandTable table = make_command_table();
  for (const char* path : {"add", "cat", "swarm connect", "config"}) {
    const std::string help = command_help(table, *table.find(path), "ipfs");
    EXPECT_TRUE(help.contains("\nEXAMPLES\n  ipfs " + std::string(path))) << help;
  }
}

TEST(Help, ItsExamplesAreUnderstood) {
  Words parse;
  for (const auto& [path, command] : parse.table.all()) {
    for (const Example& example : command.examples) {
      std::vector<std::string> words;
      std::istringstream text(example.words.substr(0, example.words.find(" > ")));
      for (std::string word; text >> word;)
        words.push_back(word);
      auto parsed = parse(words);
      ASSERT_TRUE(parsed && parsed->command != nullptr) << example.words;
      EXPECT_EQ(parsed->command->path, path);
    }
  }
}

TEST(Help, FitsTheUsualTerminal) {
  CommandTable table = make_command_table();
  std::vector<std::string> texts = {group_help(table, "", "kith"),
                                    group_help(table, "swarm", "kith")};
  for (const auto& [path, command] : table.all())
    texts.push_back(command_help(table, command, "kith"));
  for (const std::string& text : texts) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
      EXPECT_LE(line.size(), 80u) << line;
  }
}

TEST(Request, ChecksWhatItIsGiven) {
  CommandTable table = make_command_table();
  const Command& cat = *table.find("cat");
  EXPECT_FALSE(Request::make(cat, {}, {}));
  EXPECT_FALSE(Request::make(cat, {"x"}, {{"length", "many"}}));
  EXPECT_FALSE(Request::make(cat, {"x"}, {{"quiet", "perhaps"}}));
  EXPECT_FALSE(Request::make(*table.find("block stat"), {"x", "y"}, {}));
  auto made = Request::make(cat, {"x"}, {{"l", "0x10"}, {"nosuch", "1"}, {"q", "false"}});
  ASSERT_TRUE(made.has_value());
  EXPECT_EQ(made->integer("length"), 16);
  EXPECT_FALSE(made->flag("quiet"));
  EXPECT_TRUE(made->given("quiet"));
  EXPECT_FALSE(made->given("nosuch"));
  EXPECT_EQ(made->text("encoding"), "text");
}

}  // namespace
}  // namespace kith::api
