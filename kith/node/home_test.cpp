#include <map>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <kith/crypto/key_file.hpp>
#include <kith/multiformats/peer_id.hpp>
#include <kith/node/config.hpp>
#include <kith/node/home.hpp>
#include <kith/sim/testing.hpp>

namespace kith::node {
namespace {

const std::string folder = "/home/someone/.ipfs";

/// A machine, its files, and what a home is made of.
struct Machine {
  explicit Machine(sim::World& world) : node(world.add_node()) {}

  port::Env& env() { return node.env(); }
  port::FileSystem& files() { return env().files; }

  void write(const std::string& name, std::string_view content) {
    auto parent = port::parent_path(folder + "/" + name);
    EXPECT_TRUE(files().make_directories(parent).has_value());
    auto written = port::replace_file(files(), folder + "/" + name, as_bytes(content));
    EXPECT_TRUE(written.has_value()) << written.error().message();
  }
  std::string read(const std::string& name) {
    auto content = port::read_file(files(), folder + "/" + name, 1'000'000);
    return content ? std::string(as_text(*content)) : "(none)";
  }

  /// Every file below the folder.
  std::map<std::string, std::string> all(const std::string& below = "") {
    std::map<std::string, std::string> found;
    auto entries = files().list(folder + below);
    if (!entries) return found;
    for (const port::DirectoryEntry& entry : *entries) {
      std::string name = below + "/" + entry.name;
      if (entry.kind == port::FileKind::directory) {
        found[name + "/"] = "";
        found.merge(all(name));
      } else {
        found[name] = read(name.substr(1));
      }
    }
    return found;
  }

  sim::Node& node;
};

TEST(Home, IsMadeOnceAndOpenedWithItsIdentity) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Machine machine(world);
    KITH_CO_REQUIRE(owner_of(machine.files(), folder) == Owner::nobody);
    auto nothing = Home::open(machine.env(), folder, {});
    EXPECT_TRUE(!nothing && nothing.error().is(Errc::not_found));
    InitOptions options;
    KITH_CO_TRY(crypto::PrivateKey key, init_home(machine.env(), folder, options));
    KITH_CO_REQUIRE(owner_of(machine.files(), folder) == Owner::kith);
    auto again = init_home(machine.env(), folder, options);
    EXPECT_TRUE(!again && again.error().is(Errc::already_exists));
    KITH_CO_TRY(Home home, Home::open(machine.env(), folder, {}));
    EXPECT_EQ(home.identity(), key);
    auto busy = Home::open(machine.env(), folder, {});
    EXPECT_TRUE(!busy && busy.error().is(Errc::busy));
    co_return Result<void>{};
  });
}

TEST(Home, HasAVersionThatNoNumberCanBeReadFrom) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Machine machine(world);
    InitOptions options;
    KITH_CO_CHECK(init_home(machine.env(), folder, options));
    // What Kubo (strconv.Atoi) would find.
    EXPECT_EQ(machine.read("version"), "kith 1\n");
    co_return Result<void>{};
  });
}

TEST(Home, MadeWhenTheVersionWasABareNumberGetsTheWord) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Machine machine(world);
    InitOptions options;
    KITH_CO_TRY(crypto::PrivateKey key, init_home(machine.env(), folder, options));
    machine.write("version", "1\n");
    KITH_CO_TRY(Home home, Home::open(machine.env(), folder, {}));
    EXPECT_EQ(home.identity(), key);
    EXPECT_EQ(machine.read("version"), "kith 1\n");
    co_return Result<void>{};
  });
}

TEST(Home, OfALaterVersionIsNotOpened) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Machine machine(world);
    InitOptions options;
    KITH_CO_CHECK(init_home(machine.env(), folder, options));
    machine.write("version", "kith 7\n");
    auto later = Home::open(machine.env(), folder, {});
    EXPECT_TRUE(!later && later.error().is(Errc::unsupported));
    for (const char* version : {"", "kith", "kith x", "18 19", "-3", "99999999999999999999"}) {
      machine.write("version", version);
      auto outcome = Home::open(machine.env(), folder, {});
      EXPECT_TRUE(!outcome && outcome.error().is(Errc::corrupt)) << version;
    }
    co_return Result<void>{};
  });
}

/// What `ipfs init` makes, in the order in which it does.
const std::vector<std::pair<std::string, std::string>>& kubos_files() {
  static const std::vector<std::pair<std::string, std::string>> files = {
      {"config",
       R"({"Identity": {"PeerID": "12D3KooW", "PrivKey": "CAES"}, "Datastore": {"Spec": {}}})"},
      {"datastore_spec", R"({"mounts":[],"type":"mount"})"},
      {"version", "18\n"},
      {"blocks/SHARDING", "/repo/flatfs/shard/v1/next-to-last/2\n"},
      {"blocks/X3/CIQFTFEEHEDF6KLBT32BFAGLXEZL4UWFNWM4LFTLMXQBCERZ6CMLX3Y.data", "\n\x02\b\x01"},
      {"datastore/CURRENT", "MANIFEST-000000\n"},
      {"keystore/key", ""},
  };
  return files;
}

/// Nothing of ours opens the folder, makes a home of it or changes a file of it.
void expect_left_alone(Machine& machine, std::string_view what) {
  const auto before = machine.all();
  InitOptions init;
  OpenOptions open;
  init.program = open.program = "ipfs";
  auto made = init_home(machine.env(), folder, init);
  auto opened = Home::open(machine.env(), folder, open);
  auto checked = check_home(machine.files(), folder, "ipfs");
  EXPECT_TRUE(!made && made.error().is(Errc::unsupported)) << what;
  EXPECT_TRUE(!opened && opened.error().is(Errc::unsupported)) << what;
  EXPECT_TRUE(!checked && checked.error().is(Errc::unsupported)) << what;
  EXPECT_EQ(machine.all(), before) << what;
}

TEST(Home, LeavesARepositoryOfKuboAlone) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    // Also one that Kubo hasn't finished: `ipfs init` writes file after file.
    for (std::size_t count = 1; count <= kubos_files().size(); ++count) {
      Machine machine(world);
      for (std::size_t i = 0; i < count; ++i)
        machine.write(kubos_files()[i].first, kubos_files()[i].second);
      expect_left_alone(machine, kubos_files()[count - 1].first);
    }
    // Of each file by itself, those by which Kubo's is known.
    for (const char* name : {"config", "datastore_spec", "version"}) {
      Machine machine(world);
      for (const auto& [file, content] : kubos_files()) {
        if (file == name) machine.write(file, content);
      }
      expect_left_alone(machine, name);
    }
    co_return Result<void>{};
  });
}

TEST(Home, SaysWhatToTryInTheWordsOfTheProgramThatWasCalled) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Machine machine(world);
    std::string as_kith = check_home(machine.files(), folder, "kith").error().message();
    std::string as_ipfs = check_home(machine.files(), folder, "ipfs").error().message();
    EXPECT_NE(as_kith.find("`kith init`"), std::string::npos) << as_kith;
    EXPECT_NE(as_ipfs.find("`ipfs init`"), std::string::npos) << as_ipfs;
    for (const auto& [file, content] : kubos_files())
      machine.write(file, content);
    as_kith = check_home(machine.files(), folder, "kith").error().message();
    as_ipfs = check_home(machine.files(), folder, "ipfs").error().message();
    EXPECT_TRUE(as_kith.contains(folder) && as_kith.contains("--home")) << as_kith;
    EXPECT_TRUE(as_kith.contains("`kith dag import")) << as_kith;
    EXPECT_TRUE(as_ipfs.contains("IPFS_PATH") && as_ipfs.contains("`ipfs dag import")) << as_ipfs;
    co_return Result<void>{};
  });
}

TEST(Home, IsNotOpenedWithTheKeyOfSomebodyElse) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Machine machine(world);
    InitOptions options;
    KITH_CO_TRY(crypto::PrivateKey own, init_home(machine.env(), folder, options));
    KITH_CO_TRY(crypto::PrivateKey other, init_home(machine.env(), "/home/other", options));
    crypto::Secret content = crypto::encode_key_file(other);
    machine.write("identity.key", as_text(content.view()));
    auto home = Home::open(machine.env(), folder, {});
    KITH_CO_REQUIRE(!home && home.error().is(Errc::refused));
    for (const crypto::PrivateKey* key : {&own, &other}) {
      auto peer = multiformats::PeerId::from_public_key(key->public_key());
      EXPECT_TRUE(home.error().message().contains(peer.to_string())) << home.error().message();
    }
    // A config that doesn't say is believed.
    KITH_CO_TRY(boost::json::value config, read_config(machine.files(), folder));
    config.at("Identity").as_object()["PeerID"] = "";
    KITH_CO_CHECK(write_config(machine.files(), folder, config));
    KITH_CO_TRY(Home mixed_up, Home::open(machine.env(), folder, {}));
    EXPECT_EQ(mixed_up.identity(), other);
    co_return Result<void>{};
  });
}

TEST(Home, IsOursWithAnyConfigOfKuboInIt) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    // `config replace` takes a document from anywhere, but who the node is stays.
    Machine machine(world);
    InitOptions options;
    KITH_CO_TRY(crypto::PrivateKey key, init_home(machine.env(), folder, options));
    KITH_CO_TRY(boost::json::value config, parse_config(kubos_files()[0].second));
    config.at("Identity").as_object()["PeerID"] =
        multiformats::PeerId::from_public_key(key.public_key()).to_string();
    machine.write("config", format_json(config));
    KITH_CO_TRY(Home home, Home::open(machine.env(), folder, {}));
    EXPECT_EQ(home.identity(), key);
    co_return Result<void>{};
  });
}

InitOptions stays_here() {
  InitOptions options;
  options.profiles = {"test"};
  return options;
}

/// What is on the disk is a whole home, or none and one can be made.
void expect_usable(sim::Node& node, const Result<crypto::PrivateKey>& told) {
  auto owner = owner_of(node.env().files, folder);
  ASSERT_TRUE(owner.has_value()) << owner.error().message();
  if (*owner == Owner::nobody) {
    EXPECT_FALSE(told.has_value()) << "the home that was told is gone";
    auto made = init_home(node.env(), folder, stays_here());
    ASSERT_TRUE(made.has_value()) << made.error().message();
  }
  auto home = Home::open(node.env(), folder, {});
  ASSERT_TRUE(home.has_value()) << home.error().message();
  if (told) EXPECT_EQ(home->identity(), *told);
}

TEST(Home, IsWholeOrCanBeMadeAgainWhereverThePowerFailsInInit) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    bool stopped = true;
    for (std::uint64_t at = 0; stopped; ++at) {
      SCOPED_TRACE(testing::Message() << "seed " << seed << ", operation " << at);
      sim::World world(seed);
      sim::Node& node = world.add_node();
      node.disk().faults().crash_at(at);
      auto told = init_home(node.env(), folder, stays_here());
      stopped = node.disk().faults().crashed();
      EXPECT_NE(told.has_value(), stopped);
      node.kill(sim::Crash::power);
      node.restart();
      expect_usable(node, told);
      if (testing::Test::HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace kith::node
