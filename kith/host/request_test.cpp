#include <gtest/gtest.h>

#include <kith/host/request.hpp>
#include <kith/sim/testing.hpp>

namespace kith::host {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;

crypto::PrivateKey key_of(std::uint8_t number) {
  return *crypto::PrivateKey::generate(
      crypto::KeyType::ed25519, [number](MutableBytes out) { std::ranges::fill(out, number); });
}

HostOptions listening() {
  HostOptions options;
  options.listen = {*Multiaddr::parse("/ip4/0.0.0.0/tcp/4001")};
  return options;
}

Task<Bytes> twice(PeerId, Buffer question) {
  if (as_text(question) == "fail") co_return std::unexpected(Errc::refused);
  if (as_text(question) == "much") co_return Bytes(2000, 1);
  Bytes response = to_bytes(as_text(question));
  append(response, question);
  co_return response;
}

struct Pair {
  std::unique_ptr<Host> near;
  std::unique_ptr<Host> far;
};

/// Two hosts that are connected, of which the far one answers.
Task<Pair> make_pair(sim::World& world, RequestOptions serving) {
  Pair pair;
  KITH_CO_TRY(pair.near, co_await Host::start(world.add_node().env(), key_of(1)));
  KITH_CO_TRY(pair.far, co_await Host::start(world.add_node().env(), key_of(2), listening()));
  serve_requests(*pair.far, "/twice/1.0.0", twice, serving);
  KITH_CO_CHECK(co_await pair.near->connect(pair.far->addresses().back()));
  co_return pair;
}

Task<void> close(Pair& pair) {
  KITH_CO_CHECK(co_await pair.near->close_shielded());
  co_return co_await pair.far->close_shielded();
}

Task<void> answered(sim::World& world) {
  KITH_CO_TRY(Pair pair, co_await make_pair(world, {}));
  for (const std::string_view text : {"", "a", "hello"}) {
    KITH_CO_TRY(const Buffer response,
                co_await request(*pair.near, pair.far->peer(), "/twice/1.0.0", to_bytes(text)));
    EXPECT_EQ(as_text(response), std::string(text) + std::string(text));
  }
  co_return co_await close(pair);
}
TEST(Request, IsAnswered) {
  sim::run_test(1, answered);
}

Task<void> fails(sim::World& world) {
  RequestOptions serving;
  serving.request_bytes_max = 100;
  serving.response_bytes_max = 1000;
  KITH_CO_TRY(Pair pair, co_await make_pair(world, serving));
  const auto ask = [&pair](Bytes question, RequestOptions options = {}) {
    return request(*pair.near, pair.far->peer(), "/twice/1.0.0", std::move(question), options);
  };
  for (const std::string& text : {std::string("fail"), std::string("much"), std::string(101, 'x')})
    EXPECT_FALSE((co_await ask(to_bytes(text))).has_value()) << text;
  RequestOptions small;
  small.request_bytes_max = 2;
  auto refused = co_await ask(to_bytes("abc"), small);
  EXPECT_TRUE(!refused && refused.error().is(Errc::limit_exceeded));
  small = {};
  small.response_bytes_max = 3;
  auto longer = co_await ask(to_bytes("abc"), small);
  EXPECT_TRUE(!longer && longer.error().is(Errc::limit_exceeded));
  KITH_CO_CHECK(co_await pair.near->identify(pair.far->peer()));
  auto unknown = co_await request(*pair.near, pair.far->peer(), "/none/1.0.0", to_bytes("abc"));
  EXPECT_TRUE(!unknown && unknown.error().is(net::SwarmError::protocol_refused))
      << unknown.error().message();
  co_return co_await close(pair);
}
TEST(Request, FailsWithAnErrorAndWithinItsLimits) {
  sim::run_test(1, fails);
}

Task<void> in_time(sim::World& world) {
  KITH_CO_TRY(Pair pair, co_await make_pair(world, {}));
  port::Clock& clock = world.clock();
  serve_requests(*pair.far, "/slow/1.0.0", [&clock](PeerId, Buffer) -> Task<Bytes> {
    return [](port::Clock& its_clock) -> Task<Bytes> {
      KITH_CO_CHECK(co_await port::sleep_for(its_clock, 1h));
      co_return Bytes();
    }(clock);
  });
  RequestOptions patient;
  patient.timeout = 3s;
  const Instant begin = world.now();
  auto late = co_await request(*pair.near, pair.far->peer(), "/slow/1.0.0", {}, patient);
  EXPECT_TRUE(!late && late.error().is(Errc::timed_out)) << late.error().message();
  EXPECT_EQ(world.now() - begin, 3s);
  co_return co_await close(pair);
}
TEST(Request, EndsInTimeIfNoAnswerComes) {
  sim::run_test(1, in_time);
}

}  // namespace
}  // namespace kith::host
