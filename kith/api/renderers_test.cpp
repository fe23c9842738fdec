// What a person sees of what a daemon answers: ours, or another.
#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <kith/api/command_fixture.hpp>
#include <kith/sim/testing.hpp>

namespace kith::api {
namespace {

using testing::Rendering;

struct Machine {
  sim::World world{1};
  port::Env& env = world.add_node().env();
};

std::string shown(port::Env& env, std::string_view path, std::string_view value,
                  std::vector<std::string> arguments = {}, const Request::Raw& options = {}) {
  Rendering rendering(env, path, std::move(arguments), options);
  auto outcome = rendering.renderer->value(json::parse(value));
  if (outcome) outcome = rendering.renderer->finish(true);
  if (!outcome) return "Error: " + outcome.error().message();
  return rendering.terminal.out_text;
}

std::vector<std::string> enough_arguments(const Command& command) {
  std::vector<std::string> arguments;
  for (const ArgumentSpec& spec : command.arguments) {
    if (spec.kind == ArgumentKind::text && spec.required) arguments.emplace_back("x");
  }
  return arguments;
}

/// Every member that some renderer reads, with everything that it may not be.
std::vector<json::value> odd_values() {
  constexpr const char* keys[] = {
      "Peers",        "Links",     "Objects",      "Strings",     "Addrs",     "Keys",
      "Wantlist",     "Transfers", "Root",         "DagStats",    "Cid",       "Stats",
      "Identify",     "Value",     "Addresses",    "Ratio",       "Protocols", "Streams",
      "Hash",         "Name",      "Size",         "Err",         "Ref",       "/",
      "Time",         "TotalIn",   "Msg",          "Error",       "Mode",      "ModTime",
      "UniqueBlocks", "OldCfg",    "NewCfg",       "Relays",      "Client",    "Service",
      "Circuits",     "NAT",       "Reservations", "PortMapping", "Mappings",  "HolePunching"};
  const json::value wrong[] = {nullptr,        1,
                               -1.5,           "text",
                               true,           json::array(),
                               json::object(), json::array({nullptr, 1, "text", json::array()})};
  std::vector<json::value> values(std::begin(wrong), std::end(wrong));
  for (const char* outer : keys) {
    for (const json::value& one : wrong) {
      json::object flat;
      flat[outer] = one;
      values.emplace_back(flat);
      for (const char* inner : keys) {
        json::object below;
        below[inner] = one;
        json::object in_object;
        in_object[outer] = below;
        values.emplace_back(std::move(in_object));
        json::object in_list;
        in_list[outer] = json::array({std::move(below)});
        values.emplace_back(std::move(in_list));
      }
    }
  }
  return values;
}

TEST(Renderers, TakeWhateverADaemonAnswers) {
  Machine machine;
  const std::vector<json::value> values = odd_values();
  CommandTable table = make_command_table();
  for (const auto& [path, command] : table.all()) {
    if (command.renderer == nullptr) continue;
    Rendering rendering(machine.env, path, enough_arguments(command), {}, true);
    for (const json::value& value : values) {
      ASSERT_NO_THROW(static_cast<void>(rendering.renderer->value(value)))
          << path << ": " << json::serialize(value);
    }
    static_cast<void>(rendering.renderer->finish(true));
  }
}

TEST(Renderers, ShowNothingOfAListThatKuboLeavesOut) {
  Machine machine;
  EXPECT_EQ(shown(machine.env, "swarm peers", R"({"Peers":null})"), "");
  EXPECT_EQ(shown(machine.env, "bootstrap", R"({"Peers":null})"), "");
  EXPECT_EQ(shown(machine.env, "swarm addrs", R"({"Addrs":null})"), "");
  EXPECT_EQ(shown(machine.env, "swarm addrs", R"({"Addrs":{"A":null,"B":["/ip4/1.2.3.4/tcp/1"]}})"),
            "A (0)\nB (1)\n\t/ip4/1.2.3.4/tcp/1\n");
  EXPECT_EQ(shown(machine.env, "ls", R"({"Objects":[{"Hash":"x","Links":null}]})", {"x"}), "");
  EXPECT_EQ(shown(machine.env, "bitswap wantlist", R"({"Keys":null})"), "");
  EXPECT_NE(
      shown(machine.env, "bitswap stat", R"({"Wantlist":null,"Peers":null})").find("[0 keys]"),
      std::string::npos);
  EXPECT_EQ(
      shown(machine.env, "id", R"({"ID":"me","Addresses":null})", {}, {{"format", "<id>:<addrs>"}}),
      "me:");
}

TEST(Renderers, ShowWhatAProfileChanges) {
  Machine machine;
  auto shown_of = [&machine](std::string_view before, std::string_view after) {
    std::string value =
        "{\"OldCfg\":" + std::string(before) + ",\"NewCfg\":" + std::string(after) + "}";
    return shown(machine.env, "config profile apply", value, {"server"});
  };
  EXPECT_EQ(
      shown_of(
          R"({"Swarm":{"DisableNatPortMap":false,"Kept":1},"Discovery":{"MDNS":{"Enabled":true}},
                         "Bootstrap":["a"]})",
          R"({"Swarm":{"Kept":1,"DisableNatPortMap":true,"ConnMgr":{"Type":"none"}},
                         "Discovery":{"MDNS":{}},"Bootstrap":["a","b"],"Empty":{}})"),
      "<> \"Bootstrap\": [\"a\"] -> [\"a\",\"b\"]\n"
      ">> \"Discovery.MDNS.Enabled\": true\n"
      "<< \"Empty\": {}\n"
      "<< \"Swarm.ConnMgr.Type\": \"none\"\n"
      "<> \"Swarm.DisableNatPortMap\": false -> true\n");
  EXPECT_EQ(shown_of(R"({"A":{"B":1}})", R"({"A":2})"), "<> \"A\": {\"B\":1} -> 2\n");
  EXPECT_EQ(shown_of(R"({"A":{"B":1,"C":2}})", R"({"A":{"C":2,"B":1}})"), "no changes\n");
}

TEST(Renderers, ShowNamesThatMoveTheCursorHarmless) {
  Machine machine;
  std::string listed =
      shown(machine.env, "ls",
            R"({"Objects":[{"Hash":"x","Links":[{"Hash":"h","Name":"a\u001b[2J"}]}]})", {"x"});
  EXPECT_EQ(listed, "h 0 a\\x1b[2J\n");
  EXPECT_EQ(shown(machine.env, "refs", R"({"Ref":"a\u001b","Err":""})", {"x"}), "a\\x1b\n");
}

}  // namespace
}  // namespace kith::api
