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
      "Peers",        "Links",     "Objects",      "Strings",     "Addrs",      "Keys",
      "Wantlist",     "Transfers", "Root",         "DagStats",    "Cid",        "Stats",
      "Identify",     "Value",     "Addresses",    "Ratio",       "Protocols",  "Streams",
      "Hash",         "Name",      "Size",         "Err",         "Ref",        "/",
      "Time",         "TotalIn",   "Msg",          "Error",       "Mode",       "ModTime",
      "UniqueBlocks", "OldCfg",    "NewCfg",       "Relays",      "Client",     "Service",
      "Circuits",     "NAT",       "Reservations", "PortMapping", "Mappings",   "HolePunching",
      "Sweep",        "schedule",  "network",      "workers",     "operations", "connectivity"};
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

constexpr std::string_view provide_stats = R"({"Sweep": {
    "closed": false, "connectivity": {"status": "online", "since": "2026-01-02T03:04:05Z"},
    "queues": {"pending_key_provides": 7, "pending_region_provides": 2,
               "pending_region_reprovides": 1},
    "schedule": {"keys": 1000, "regions": 40, "avg_prefix_length": 6,
                 "next_reprovide_at": "2026-01-02T05:00:00Z", "next_reprovide_prefix": "010011"},
    "workers": {"max": 9, "active": 1, "active_periodic": 1, "active_burst": 0,
                "dedicated_periodic": 1, "dedicated_burst": 8, "queued_periodic": 0,
                "queued_burst": 0, "max_provide_conns_per_worker": 20},
    "timing": {"uptime": 90000000000, "reprovides_interval": 79200000000000,
               "cycle_start": "2026-01-02T00:00:00Z", "current_time_offset": 0},
    "operations": {"ongoing": {"region_provides": 0, "key_provides": 0, "region_reprovides": 1,
                               "key_reprovides": 25},
                   "past": {"records_provided": 19000, "keys_provided": 950, "keys_failed": 3,
                            "reprovide_duration": 2500000000, "avg_keys_per_reprovide": 24.5}},
    "network": {"peers": 800, "reachable": 780, "complete_keyspace_coverage": true,
                "avg_region_size": 26.5, "avg_holders": 19.25, "replication_factor": 20}},
    "Legacy": null, "FullRT": false})";

TEST(Renderers, ShowHowProvidingGoes) {
  Machine machine;
  auto stat = [&machine](const Request::Raw& options, std::string_view value = provide_stats) {
    return shown(machine.env, "provide stat", value, {}, options);
  };
  EXPECT_EQ(stat({}),
            "Provide queue:             7 CIDs, 2 regions\n"
            "Reprovide queue:           1 regions\n"
            "CIDs scheduled:            1000\n"
            "Regions scheduled:         40\n"
            "Avg record holders:        19.2\n"
            "Ongoing provides:          0 CIDs, 0 regions\n"
            "Ongoing reprovides:        25 CIDs, 1 regions\n"
            "Total CIDs provided:       950\n");
  EXPECT_EQ(stat({{"schedule", ""}}),
            "CIDs scheduled:            1000\n"
            "Regions scheduled:         40\n"
            "Avg prefix length:         6.0\n"
            "Next region prefix:        010011\n"
            "Next region reprovide:     2026-01-02T05:00:00Z\n");
  const std::string both = stat({{"queues", ""}, {"timings", ""}});
  EXPECT_EQ(both,
            "Queues:\n"
            "  Provide queue:             7 CIDs, 2 regions\n"
            "  Reprovide queue:           1 regions\n"
            "\n"
            "Timings:\n"
            "  Uptime:                    1m30s\n"
            "  Current time offset:       N/A\n"
            "  Cycle started:             2026-01-02T00:00:00Z\n"
            "  Reprovide interval:        22h0m0s\n");
  const std::string narrow = stat({{"all", ""}});
  const std::string wide = stat({{"all", ""}, {"compact", ""}});
  EXPECT_GT(std::ranges::count(narrow, '\n'), 1.5 * std::ranges::count(wide, '\n'));
  EXPECT_NE(narrow.find("  Reachable peers:           780 (98%)\n"), std::string::npos);
  EXPECT_EQ(wide.find("Schedule:"), 0u);
  // And what to do where something is wrong.
  const auto with = [](std::string_view from, std::string_view to) {
    std::string value(provide_stats);
    return value.replace(value.find(from), from.size(), to);
  };
  EXPECT_NE(stat({}, with("online", "disconnected")).find("swarm connect"), std::string::npos);
  EXPECT_NE(stat({}, with("\"keys_failed\": 3", "\"keys_failed\": 300")).find("kith doctor"),
            std::string::npos);
  EXPECT_NE(stat({}, with("_reprovides\": 1}", "_reprovides\": 30}")).find("30 regions are late"),
            std::string::npos);
  EXPECT_NE(stat({{"compact", ""}}).find("requires --all"), std::string::npos);
  EXPECT_NE(stat({}, R"({"Sweep": null})").find("no provide stats"), std::string::npos);
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
