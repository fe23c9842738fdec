// What a user was told survives. `add`, `dag import` and `get` run on a whole node whose machine
// loses power, or whose program is killed, in each of its disk operations in turn, with any part of
// what wasn't synced lost. Whatever the commands had said until then must be there afterwards, byte
// for byte; the home must open, hold no damaged block, and do the same work again.
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <set>

#include <boost/json.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <kith/api/crash_fixture.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/base/prng.hpp>

namespace kith::api::testing {
namespace {

constexpr std::uint64_t operations_max = 2000;
/// Recoveries that may be interrupted in a row.
constexpr int recoveries_max = 3;

Bytes noise(std::uint64_t number, std::size_t size) {
  Bytes bytes(size);
  Prng(number).fill(bytes);
  return bytes;
}

Call get_offline(const std::string& cid) {
  return {.path = "get", .arguments = {cid}, .options = {{"offline", "true"}}};
}

/// What a user does on one machine.
struct Story {
  std::function<void(Machine&)> prepare;  ///< writes the user's files
  std::vector<Call> calls;
};

/// The CIDs that a call's output claims to have.
std::vector<std::string> told_cids(const Seen& seen) {
  std::vector<std::string> cids = seen.texts("Hash");
  for (const json::value& value : seen.values) {
    const json::value* root = value.as_object().if_contains("Root");
    if (root == nullptr || !text_of(*root, "PinErrorMsg").empty()) continue;
    cids.push_back(text_of(root->at("Cid"), "/"));
  }
  return cids;
}

/// A story without a fault: what it tells, and what is behind that.
struct Reference {
  std::set<std::string> told;
  std::map<std::string, Bytes> trees;  ///< as `get` gives them
  std::uint64_t operations = 0;
};

/// How a trial's machine goes down.
struct Fault {
  std::uint64_t at = 0;  ///< in which of its disk operations
  sim::Crash how = sim::Crash::power;
  std::string forget{};  ///< which syncs the program leaves out: for the test of the test
};

/// The story as it goes without a fault.
Reference tell(const Story& story) {
  Reference reference;
  sim::World world(1);
  Machine machine(world);
  story.prepare(machine);
  std::uint64_t begin = machine.faults().operations();
  EXPECT_TRUE(machine.start().has_value());
  for (const Call& call : story.calls) {
    Seen seen = machine.run(call);
    EXPECT_TRUE(seen.fine()) << call.path << ": " << seen.outcome.error().message();
    for (std::string& cid : told_cids(seen)) {
      reference.trees[cid] = machine.run(get_offline(cid)).bytes;
      reference.told.insert(std::move(cid));
    }
  }
  machine.stop();
  reference.operations = machine.faults().operations() - begin;
  return reference;
}

void arm(Machine& machine, const Fault& fault) {
  sim::FaultPlan& plan = machine.faults();
  std::uint64_t operation = plan.operations() + fault.at;
  if (fault.how == sim::Crash::power) {
    plan.crash_at(operation);
  } else {
    plan.kill_at(operation);
  }
}

/// One machine, a story on it, a fault in it, and what comes after.
class Trial {
 public:
  Trial(const Story& story, const Reference& reference, std::uint64_t seed)
      : story_(story), reference_(reference), world_(seed), machine_(world_), prng_(seed) {}

  /// Empty, or what went wrong.
  std::string run(const Fault& fault) {
    machine_.faults().forget(fault.forget);
    story_.prepare(machine_);
    arm(machine_, fault);
    begin();
    follow_story();
    machine_.stop();
    stopped_ = !machine_.up();
    std::string where = stopped_ ? " (down in " + machine_.faults().crashed_in() + ")" : "";
    machine_.go_down(sim::Crash::power);
    recover();
    check_told("after it went down");
    do_it_again();
    return fault_.empty() ? fault_ : fault_ + where;
  }

  bool stopped() const { return stopped_; }

 private:
  void fail(std::string what) {
    if (fault_.empty()) fault_ = std::move(what);
  }

  void begin() {
    auto started = machine_.start();
    if (!started && machine_.up()) fail("doesn't start: " + started.error().message());
  }

  /// Until it ends or the machine goes down.
  void follow_story() {
    for (const Call& call : story_.calls) {
      if (!machine_.running() || !fault_.empty()) return;
      Seen seen = machine_.run(call);
      for (std::string& cid : told_cids(seen))
        told_.insert(std::move(cid));
      if (!seen.fine() && machine_.up()) {
        fail(call.path + " failed: " + seen.outcome.error().message());
      }
    }
  }

  /// The program starts again; a recovery or two are cut short as well. After a kill, what it had
  /// only written may so go with the power.
  void recover() {
    for (int again = 0; again < recoveries_max && prng_.chance(0.5); ++again) {
      sim::Crash how = prng_.chance(0.5) ? sim::Crash::power : sim::Crash::process;
      arm(machine_, {.at = prng_.below(12), .how = how});
      (void)machine_.start();
      machine_.go_down(how);
    }
    machine_.faults().clear();
    begin();
  }

  void check_told(std::string_view when) {
    for (const std::string& cid : told_) {
      if (!fault_.empty()) return;
      auto known = reference_.trees.find(cid);
      if (known == reference_.trees.end()) return fail("told of " + cid + ", which isn't ours");
      Seen got = machine_.run(get_offline(cid));
      if (!got.fine()) {
        return fail(fmt::format("lost {} {}: {}", cid, when, got.outcome.error().message()));
      }
      if (!equal(got.bytes, known->second)) return fail("wrong bytes for " + cid);
    }
    Seen verified = machine_.run({.path = "repo verify"});
    if (!verified.fine()) {
      fail(fmt::format("{} {}: {}", verified.outcome.error().message(), when,
                       fmt::join(verified.texts("Msg"), "; ")));
    }
  }

  /// The user gives the commands once more; then the power goes without a word.
  void do_it_again() {
    if (!fault_.empty()) return;
    story_.prepare(machine_);
    follow_story();
    if (told_ != reference_.told) fail("tells something else the second time");
    machine_.go_down(sim::Crash::power);
    begin();
    check_told("at last");
  }

  const Story& story_;
  const Reference& reference_;
  sim::World world_;
  Machine machine_;
  Prng prng_;
  std::set<std::string> told_;
  std::string fault_;
  bool stopped_ = false;
};

/// Each operation of each seed; more seeds by hand: KITH_SIM_SEEDS=20 api_test
/// --gtest_filter='NodeCrash*'
void survives_everywhere(const Story& story, std::uint64_t seeds, sim::Crash how) {
  Reference reference = tell(story);
  for (std::uint64_t seed = 1; seed <= seeds * sim::seed_factor(); ++seed) {
    std::uint64_t at = 0;
    for (bool stopped = true; stopped; ++at) {
      ASSERT_LT(at, operations_max);
      Trial trial(story, reference, seed);
      ASSERT_EQ(trial.run({.at = at, .how = how}), "")
          << "seed " << seed << ", down at operation " << at;
      stopped = trial.stopped();
    }
    // Each seed has its own order of things, and shares more or fewer syncs.
    EXPECT_GE(at, reference.operations * 3 / 4) << "seed " << seed;
  }
}

// --- add ---

const std::string tree = "/data/in/tree";
/// In a folder that is as new as the file.
const std::string movie = "/data/films/new/movie";

void write_tree(Machine& machine) {
  machine.write(tree + "/empty", {});
  machine.write(tree + "/one", noise(1, 700));
  machine.write(tree + "/sub/two", noise(2, 5000));
  machine.write(tree + "/sub/three", noise(3, 2500));
}

Call add(std::vector<std::string> files, Request::Raw options) {
  options.emplace("recursive", "true");
  return {.path = "add", .files = std::move(files), .options = std::move(options)};
}

Story adding() {
  Story story;
  story.prepare = [](Machine& machine) {
    machine.write("/data/in/alone", noise(4, 300));
    machine.write(movie, noise(5, 6000));
    write_tree(machine);
  };
  story.calls = {
      add({"/data/in/alone"}, {}), add({tree}, {{"chunker", "size-1000"}, {"progress", "true"}}),
      add({movie}, {{"chunker", "size-1000"}, {"nocopy", "true"}}),
      // It lies in the file already.
      add({movie}, {{"chunker", "size-1000"}}),
      add({tree, "/data/in/alone"}, {{"cid-version", "0"}, {"wrap-with-directory", "true"}})};
  return story;
}

TEST(NodeCrash, KeepsWhatAddToldWhereverThePowerFails) {
  survives_everywhere(adding(), 8, sim::Crash::power);
}

TEST(NodeCrash, KeepsWhatAddToldWhereverItIsKilled) {
  survives_everywhere(adding(), 5, sim::Crash::process);
}

/// One operation of the disk fails, each in turn, while many small files are added; those after it
/// work again.
TEST(NodeCrash, KeepsWhatAddToldWhicheverOperationFails) {
  std::size_t failed = 0;
  bool reached = true;
  for (std::uint64_t at = 0; reached; ++at) {
    SCOPED_TRACE(at);
    ASSERT_LT(at, operations_max);
    sim::World world(at + 1);
    Machine machine(world);
    for (std::uint64_t i = 0; i < 1500; ++i)
      machine.write(fmt::format("{}/{:04}", tree, i), noise(i, 2000));
    ASSERT_TRUE(machine.start());
    const std::uint64_t fails = machine.faults().operations() + at;
    machine.faults().fail_at(fails, EIO);
    Seen added = machine.run(add({tree}, {}));
    failed += added.fine() ? 0 : 1;
    reached = machine.faults().operations() > fails;
    machine.faults().clear();
    for (const std::string& cid : added.texts("Hash")) {
      Seen got =
          machine.run({.path = "block stat", .arguments = {cid}, .options = {{"offline", "true"}}});
      ASSERT_TRUE(got.fine()) << "told of " << cid << ": " << got.outcome.error().message();
    }
    machine.stop();
  }
  EXPECT_GT(failed, 0U);
}

/// More than the store keeps in memory before it syncs by itself, so that files are told, blocks
/// become durable and packs grow while the rest is still being read.
Story adding_much() {
  Story story;
  story.prepare = [](Machine& machine) {
    for (std::uint64_t i = 0; i < 4; ++i)
      machine.write(fmt::format("{}/{}", tree, i), noise(10 + i, 700'000));
    machine.write(movie, noise(20, 1'500'000));
  };
  story.calls = {add({tree}, {{"chunker", "size-100000"}, {"progress", "true"}}),
                 add({movie}, {{"chunker", "size-100000"}, {"nocopy", "true"}})};
  return story;
}

TEST(NodeCrash, KeepsWhatABigAddToldWhereverThePowerFails) {
  survives_everywhere(adding_much(), 2, sim::Crash::power);
}

TEST(NodeCrash, KeepsWhatABigAddToldWhereverItIsKilled) {
  survives_everywhere(adding_much(), 1, sim::Crash::process);
}

// --- dag import ---

/// A machine that imports what another one has added of the story's tree, and exported: one file,
/// and then all of it.
Story importing(const Story& exported, const std::string& chunker) {
  sim::World world(1);
  Machine machine(world);
  exported.prepare(machine);
  EXPECT_TRUE(machine.start().has_value());
  std::vector<std::string> cids = told_cids(machine.run(add({tree}, {{"chunker", chunker}})));
  EXPECT_GT(cids.size(), 1U);
  Story story;
  std::map<std::string, Bytes> archives;
  for (const std::string& cid : {cids.front(), cids.back()}) {
    Seen car = machine.run({.path = "dag export", .arguments = {cid}});
    EXPECT_TRUE(car.fine());
    std::string path = "/data/in/" + cid + ".car";
    archives[path] = car.bytes;
    story.calls.push_back({.path = "dag import", .files = {path}, .options = {{"stats", "true"}}});
  }
  story.prepare = [archives](Machine& at) {
    for (const auto& [path, bytes] : archives)
      at.write(path, bytes);
  };
  return story;
}

TEST(NodeCrash, KeepsWhatAnImportToldWhereverThePowerFails) {
  survives_everywhere(importing(adding(), "size-1000"), 10, sim::Crash::power);
}

TEST(NodeCrash, KeepsWhatAnImportToldWhereverItIsKilled) {
  survives_everywhere(importing(adding(), "size-1000"), 5, sim::Crash::process);
}

TEST(NodeCrash, KeepsWhatABigImportToldWhereverThePowerFails) {
  survives_everywhere(importing(adding_much(), "size-100000"), 2, sim::Crash::power);
}

TEST(NodeCrash, KeepsWhatABigImportToldWhereverItIsKilled) {
  survives_everywhere(importing(adding_much(), "size-100000"), 1, sim::Crash::process);
}

// --- the test of the test ---

void finds_what_is_left_out(const Story& story, const std::vector<std::string>& syncs) {
  Reference reference = tell(story);
  for (const std::string& what : syncs) {
    std::string found;
    for (std::uint64_t at = 0; at < reference.operations && found.empty(); ++at)
      found = Trial(story, reference, 1 + at).run({.at = at, .forget = what});
    EXPECT_TRUE(found.starts_with("lost ")) << "without \"" << what << "\": " << found;
  }
}

TEST(NodeCrash, TheTestFindsASyncThatIsLeftOutOfAdd) {
  finds_what_is_left_out(adding(), {"sync", "sync directory", "commit synced"});
}

TEST(NodeCrash, TheTestFindsASyncThatIsLeftOutOfAnImport) {
  // Not a commit: what a pack holds is found again without the index.
  finds_what_is_left_out(importing(adding(), "size-1000"), {"sync", "sync directory"});
}

// --- get ---

/// Forty blocks take four seconds, so that the store syncs several times while they come.
constexpr sim::LinkOptions slow_link{.latency = 20ms, .bytes_per_second = 100'000};
constexpr std::size_t chunk_bytes = 10'000;
constexpr Duration look_interval = 100ms;
/// A block that nobody flushes is durable after a second (StoreOptions::sync_delay), and half of
/// one for the sync itself.
constexpr Duration durable_after = 1500ms;
constexpr Duration get_time_max = 15s;
/// Where the tree is saved; an older one lies there.
const std::string saved = "/data/got";

/// One machine has a tree, another one gets it and goes down meanwhile.
class Fetch {
 public:
  explicit Fetch(std::uint64_t seed) : world_(seed), far_(world_), near_(world_) {
    world_.net().set_links(slow_link);
    for (const auto& [name, content] : files_)
      far_.write(tree + name, content);
    for (const auto& [name, content] : older_files_)
      near_.write_durably(saved + name, content);
    EXPECT_TRUE(far_.start().has_value());
    Seen added = far_.run(add({tree}, {{"chunker", fmt::format("size-{}", chunk_bytes)}}));
    EXPECT_TRUE(added.fine());
    root_ = added.texts("Hash").back();
    expected_ = far_.run(get_offline(root_)).bytes;
    all_blocks_ = blocks_of(far_);
  }

  /// Empty, or what went wrong.
  std::string run(const Fault& fault) {
    arm(near_, fault);
    if (near_.start() && connect()) get_and_look();
    stopped_ = !near_.up();
    if (!stopped_) return fault_;
    Instant down_at = world_.now();
    auto started = near_.start();
    if (!started) return "doesn't start again: " + started.error().message();
    check_saved(fault.how);
    std::set<std::string> kept = blocks_of(near_);
    for (const auto& [cid, seen_at] : first_seen_) {
      if (seen_at + durable_after <= down_at && !kept.contains(cid)) {
        return fmt::format(
            "lost {}, which had been here for {} ms", cid,
            std::chrono::duration_cast<std::chrono::milliseconds>(down_at - seen_at).count());
      }
    }
    if (!near_.run({.path = "repo verify"}).fine()) return "holds damaged blocks";
    go_on(all_blocks_.size() - kept.size());
    return fault_;
  }

  /// What is got is kept, also by a machine that is left alone for a moment and then loses power.
  std::string run_to_the_end() {
    EXPECT_TRUE(near_.start().has_value());
    go_on(all_blocks_.size());
    world_.run_for(durable_after);
    near_.go_down(sim::Crash::power);
    EXPECT_TRUE(near_.start().has_value());
    go_on(0);
    return fault_;
  }

  bool stopped() const { return stopped_; }
  std::size_t kept_of_interrupted() const { return first_seen_.size(); }

 private:
  void fail(std::string what) {
    if (fault_.empty()) fault_ = std::move(what);
  }

  static std::set<std::string> blocks_of(Machine& machine) {
    std::vector<std::string> cids = machine.run({.path = "refs local"}).texts("Ref");
    return {cids.begin(), cids.end()};
  }

  bool connect() {
    return near_.run({.path = "swarm connect", .arguments = {far_.address()}}).fine();
  }

  Call get() const { return {.path = "get", .arguments = {root_}, .options = {{"output", saved}}}; }

  /// A file has its name only when it is whole; until then the older one has it. When the power
  /// fails, one that replaces nothing may be cut.
  void check_saved(std::optional<sim::Crash> how = std::nullopt) {
    for (const auto& [name, content] : files_) {
      std::optional<Bytes> now = near_.read(saved + name);
      if (now && equal(*now, content)) continue;
      auto older = older_files_.find(name);
      bool older_is_there = older != older_files_.end();
      bool as_before = older_is_there ? now && equal(*now, older->second) : !now;
      bool cut = how == sim::Crash::power && !older_is_there;
      if (!how || !(as_before || cut)) fail("saved" + name + " is not what it should be");
    }
  }

  void get_and_look() {
    std::shared_ptr<const Seen> got = near_.begin(get());
    while (near_.running() && !got->ended) {
      world_.run_for(look_interval);
      for (const std::string& cid : blocks_of(near_))
        first_seen_.try_emplace(cid, world_.now());
    }
    if (near_.up() && !got->fine()) fail("get failed: " + got->outcome.error().message());
    if (near_.up() && !equal(got->bytes, expected_)) fail("got wrong bytes");
    if (near_.up()) check_saved();
  }

  /// The same get again, which must ask only for what isn't here.
  void go_on(std::size_t missing) {
    if (!connect()) return fail("doesn't connect again");
    Instant begun = world_.now();
    Seen got = near_.run(get());
    if (!got.fine()) return fail("doesn't go on: " + got.outcome.error().message());
    check_saved();
    if (!equal(got.bytes, expected_)) return fail("got wrong bytes after it went down");
    auto took = std::chrono::duration_cast<std::chrono::seconds>(world_.now() - begun);
    if (took > get_time_max) fail(fmt::format("goes on for {} s", took.count()));
    Seen stat = near_.run({.path = "bitswap stat"});
    auto received = static_cast<std::uint64_t>(number_of(stat.values.at(0), "BlocksReceived"));
    auto twice = static_cast<std::uint64_t>(number_of(stat.values.at(0), "DupBlksReceived"));
    if (received != missing || twice > 0) {
      fail(fmt::format("received {} blocks, {} of them twice, for {} that were missing", received,
                       twice, missing));
    }
  }

  const std::map<std::string, Bytes> files_ = {{"/big", noise(30, 36 * chunk_bytes)},
                                               {"/small", noise(31, 500)}};
  const std::map<std::string, Bytes> older_files_ = {{"/small", noise(32, 700)}};
  sim::World world_;
  Machine far_;
  Machine near_;
  std::string root_;
  Bytes expected_;
  std::set<std::string> all_blocks_;
  std::map<std::string, Instant> first_seen_;
  std::string fault_;
  bool stopped_ = false;
};

void goes_on_everywhere(std::uint64_t seeds, sim::Crash how) {
  std::uint64_t trials = 0;
  std::size_t interrupted_late = 0;
  for (std::uint64_t seed = 1; seed <= seeds * sim::seed_factor(); ++seed) {
    bool stopped = true;
    for (std::uint64_t at = 0; stopped; ++at) {
      ASSERT_LT(at, operations_max);
      Fetch fetch(seed);
      ASSERT_EQ(fetch.run({.at = at, .how = how}), "")
          << "seed " << seed << ", down at operation " << at;
      stopped = fetch.stopped();
      if (!stopped) break;
      ++trials;
      if (fetch.kept_of_interrupted() > 10) ++interrupted_late;
    }
  }
  EXPECT_GE(trials, seeds * 10);
  EXPECT_GE(interrupted_late, seeds * 3);
}

TEST(NodeCrash, AGetGoesOnWithWhatItHadWhereverThePowerFails) {
  goes_on_everywhere(4, sim::Crash::power);
}

TEST(NodeCrash, AGetGoesOnWithWhatItHadWhereverItIsKilled) {
  goes_on_everywhere(2, sim::Crash::process);
}

TEST(NodeCrash, WhatWasGotIsKeptWithoutAWord) {
  EXPECT_EQ(Fetch(1).run_to_the_end(), "");
}

}  // namespace
}  // namespace kith::api::testing
