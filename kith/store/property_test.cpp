// The engine against a map, for any sequence of operations.
#include <map>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <kith/store/store_test.hpp>

namespace kith::store {
namespace {

using testing::block_of;
using testing::Machine;

struct Action {
  enum Kind : std::uint8_t { put, remove, sync, reopen, compact, lose_power, kinds };
  Kind kind;
  std::uint64_t first;
  std::uint64_t count;
};

void showValue(const Action& action, std::ostream& out) {
  out << int{action.kind} << '(' << action.first << '+' << action.count << ')';
}

rc::Gen<Action> any_action() {
  return rc::gen::construct<Action>(
      rc::gen::map(rc::gen::inRange<int>(0, Action::kinds),
                   [](int kind) { return static_cast<Action::Kind>(kind); }),
      rc::gen::inRange<std::uint64_t>(0, 40), rc::gen::inRange<std::uint64_t>(1, 8));
}

/// The slow reference: what is there, and what of it is durable.
struct Model {
  std::map<std::uint64_t, bool> blocks;  // number -> durable

  void lose_what_is_not_durable() {
    std::erase_if(blocks, [](const auto& entry) { return !entry.second; });
  }
};

NewBlock numbered(std::uint64_t number) {
  return block_of(number, 20 + number * 61);
}

void apply(Machine& machine, Model& model, const Action& action) {
  Engine& engine = *machine.engine;
  switch (action.kind) {
    case Action::put: {
      std::vector<NewBlock> blocks;
      for (std::uint64_t i = 0; i < action.count; ++i)
        blocks.push_back(numbered(action.first + i));
      auto outcome = engine.put(blocks);
      RC_ASSERT(outcome.has_value());
      std::size_t fresh = 0;
      for (std::uint64_t i = 0; i < action.count; ++i)
        fresh += model.blocks.try_emplace(action.first + i, false).second ? 1 : 0;
      RC_ASSERT(outcome->stored == fresh);
      break;
    }
    case Action::remove: {
      std::vector<Multihash> hashes;
      std::size_t there = 0;
      for (std::uint64_t i = 0; i < action.count; ++i) {
        hashes.push_back(numbered(action.first + i).hash);
        there += model.blocks.erase(action.first + i);
      }
      auto removed = engine.remove(hashes);
      RC_ASSERT(removed.has_value());
      RC_ASSERT(*removed == there);
      break;
    }
    case Action::sync:
      RC_ASSERT(engine.sync().has_value());
      for (auto& [number, durable] : model.blocks)
        durable = true;
      break;
    case Action::reopen:
      RC_ASSERT(engine.sync().has_value());
      for (auto& [number, durable] : model.blocks)
        durable = true;
      RC_ASSERT(machine.restart().has_value());
      break;
    case Action::compact:
      for (PackId pack : engine.packs_to_compact(0.1))
        RC_ASSERT(engine.compact(pack).has_value());
      // A compaction syncs what waits.
      break;
    default:
      break;
  }
}

void expect_same(Machine& machine, const Model& model) {
  std::uint64_t bytes = 0;
  for (std::uint64_t number = 0; number < 48; ++number) {
    NewBlock block = numbered(number);
    bool there = model.blocks.contains(number);
    auto data = machine.engine->get(block.hash);
    RC_ASSERT(data.has_value() == there);
    if (!there) continue;
    RC_ASSERT(equal(*data, block.data));
    bytes += block.data.size();
    auto part = machine.engine->get_range(block.hash, number, 7);
    RC_ASSERT(part.has_value());
    ByteView rest = block.data.view().subspan(std::min<std::size_t>(number, block.data.size()));
    RC_ASSERT(equal(*part, rest.first(std::min<std::size_t>(7, rest.size()))));
  }
  auto stat = machine.engine->stat();
  auto page = machine.engine->list({}, list_page_blocks_max);
  RC_ASSERT(stat->blocks == model.blocks.size());
  RC_ASSERT(stat->bytes == bytes);
  RC_ASSERT(page->blocks.size() == model.blocks.size());
}

RC_GTEST_PROP(EngineProperty, IsAMapFromHashesToBytes, ()) {
  auto actions = *rc::gen::container<std::vector<Action>>(any_action());
  Machine machine(*rc::gen::arbitrary<std::uint64_t>());
  machine.options.unsynced_bytes_max = 1 << 20;  // it syncs only when told to
  machine.options.pack_bytes_max = 5000;
  RC_ASSERT(machine.start().has_value());
  Model model;
  for (const Action& action : actions) {
    apply(machine, model, action);
    expect_same(machine, model);
  }
}

RC_GTEST_PROP(EngineProperty, HasAfterAPowerFailureWhatWasSynced, ()) {
  auto actions = *rc::gen::container<std::vector<Action>>(any_action());
  Machine machine(*rc::gen::arbitrary<std::uint64_t>());
  machine.options.unsynced_bytes_max = 1 << 20;
  machine.options.pack_bytes_max = 5000;
  RC_ASSERT(machine.start().has_value());
  Model model;
  for (Action action : actions) {
    if (action.kind == Action::compact) action.kind = Action::lose_power;
    if (action.kind != Action::lose_power) {
      apply(machine, model, action);
      continue;
    }
    machine.crash();
    RC_ASSERT(machine.start().has_value());
    model.lose_what_is_not_durable();
    expect_same(machine, model);
  }
}

}  // namespace
}  // namespace kith::store
