// The few lines that a test on the simulation starts with.
//
//   Task<void> greets_its_peer(sim::World& world) {
//     sim::Node& one = world.add_node();
//     sim::Node& two = world.add_node();
//     auto [near, far] = world.connect(one, two);            // or listen and dial
//     KITH_CO_CHECK(co_await port::write_message(*near, as_bytes("hello")));
//     port::BufferedReader reader(*far);
//     KITH_CO_TRY(Buffer got, co_await reader.read_message(100));
//     EXPECT_EQ(as_text(got), "hello");
//     co_return Result<void>{};
//   }
//   TEST(Greeting, ArrivesWhole) { sim::run_test(1, greets_its_peer); }
//
// The body is a coroutine: gtest's ASSERT_ macros don't compile in it (they return); use EXPECT_,
// or KITH_CO_REQUIRE to stop, KITH_CO_TRY and KITH_CO_CHECK for results. It is a function or a
// lambda without captures, which run_test's signature enforces; what else it needs, it takes by
// reference after the world: run_test(seed, body, some, values). Tests whose steps are taken from
// outside use a World directly: world.node(0).spawn(...), world.run_until(...).
#pragma once

#include <algorithm>
#include <cstdlib>
#include <type_traits>

#include <gtest/gtest.h>

#include <kith/sim/world.hpp>

namespace kith::sim {

/// Fails the test and ends the coroutine if the condition doesn't hold.
#define KITH_CO_REQUIRE(...)                                             \
  do {                                                                   \
    if (!(__VA_ARGS__)) {                                                \
      ADD_FAILURE() << "KITH_CO_REQUIRE(" #__VA_ARGS__ ")";              \
      co_return std::unexpected(::kith::Error(::kith::Errc::cancelled)); \
    }                                                                    \
  } while (false)

/// Runs `body` in a new world and expects that it returns no error. Prints the seed and the nodes'
/// logs if the test fails. Returns the hash of all that happened.
template <class... Arguments>
std::uint64_t run_test_with(std::uint64_t seed, const WorldOptions& options,
                            Task<void> (*body)(World&, Arguments&...),
                            std::type_identity_t<Arguments>&... arguments) {
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  World world(seed, options);
  bool failed_before = testing::Test::HasFailure();
  Result<void> outcome = world.run(body(world, arguments...));
  if (!outcome) ADD_FAILURE() << "the test's task returned: " << outcome.error().message();
  if (!failed_before && testing::Test::HasFailure()) ADD_FAILURE() << world.logs();
  world.finish();
  return world.trace_hash();
}

template <class... Arguments>
std::uint64_t run_test(std::uint64_t seed, Task<void> (*body)(World&, Arguments&...),
                       std::type_identity_t<Arguments>&... arguments) {
  return run_test_with(seed, {}, body, arguments...);
}

/// For lambdas, whose type must become a function pointer first; it can't have captures.
using TestBody = Task<void> (*)(World&);
inline std::uint64_t run_test_with(std::uint64_t seed, const WorldOptions& options, TestBody body) {
  return run_test_with<>(seed, options, body);
}
inline std::uint64_t run_test(std::uint64_t seed, TestBody body) {
  return run_test_with<>(seed, {}, body);
}

/// How many times more seeds run_seeds tries than the test asks for: KITH_SIM_SEEDS, else 1.
inline std::size_t seed_factor() {
  const char* text = std::getenv("KITH_SIM_SEEDS");
  return text == nullptr ? 1 : std::max<std::size_t>(1, std::strtoul(text, nullptr, 10));
}

/// The same for each seed from `first` on, stopping at the first that fails.
template <class... Arguments>
void run_seeds(std::uint64_t first, std::size_t count, Task<void> (*body)(World&, Arguments&...),
               std::type_identity_t<Arguments>&... arguments) {
  for (std::uint64_t seed = first; seed < first + count * seed_factor(); ++seed) {
    run_test(seed, body, arguments...);
    if (testing::Test::HasFailure()) return;
  }
}

inline void run_seeds(std::uint64_t first, std::size_t count, TestBody body) {
  run_seeds<>(first, count, body);
}

/// Runs `body` twice with one seed and expects the same events; returns their hash.
template <class... Arguments>
std::uint64_t expect_repeatable(std::uint64_t seed, Task<void> (*body)(World&, Arguments&...),
                                std::type_identity_t<Arguments>&... arguments) {
  std::uint64_t first = run_test(seed, body, arguments...);
  std::uint64_t second = run_test(seed, body, arguments...);
  EXPECT_EQ(first, second) << "seed " << seed << " does not repeat";
  return first;
}

inline std::uint64_t expect_repeatable(std::uint64_t seed, TestBody body) {
  return expect_repeatable<>(seed, body);
}

}  // namespace kith::sim
