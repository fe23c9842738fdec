// Messages a second that one core judges and passes on to a mesh of six.
#include <benchmark/benchmark.h>

#include <kith/pubsub/test_router.hpp>

namespace kith::pubsub {
namespace {

constexpr std::size_t batch = 1000;
const std::string topic = "news";

GossipRouter router_with_mesh(Signing signing) {
  RouterOptions options;
  options.signing = signing;
  options.scores = careful_scores();
  GossipRouter router(test_peer(0), std::move(options), Prng(1), test_hash, Instant{});
  for (std::uint32_t i = 1; i <= 50; ++i) {
    router.add_peer(test_peer(i), {});
    Rpc rpc;
    rpc.subscriptions.push_back({topic, true});
    router.on_rpc(test_peer(i), std::move(rpc), Instant{});
  }
  static_cast<void>(router.subscribe(topic, Instant{}));
  return router;
}

/// Does what the router asks for; returns the RPCs that went out.
std::size_t drain(GossipRouter& router, Instant now) {
  std::size_t sent = 0;
  for (bool more = true; more;) {
    more = false;
    while (auto event = router.next_event()) {
      more = true;
      if (auto* check = std::get_if<CheckSignature>(&*event))
        router.signature_checked(check->ticket, verify_signature(*check->message), now);
      if (auto* validate = std::get_if<Validate>(&*event))
        router.validated(validate->ticket, Verdict::accept, now);
    }
    while (auto out = router.next_rpc()) {
      more = true;
      benchmark::DoNotOptimize(encode_rpc(out->rpc));
      ++sent;
    }
  }
  return sent;
}

Bytes message_rpc(Signing signing, std::uint64_t number, const crypto::PrivateKey& key) {
  const Bytes sequence = sequence_bytes(number + 1);
  Bytes data(256, 1);
  store_be(data.data(), number);
  MessageFields fields;
  fields.data = data;
  fields.topic = topic;
  Rpc rpc;
  if (signing == Signing::strict) {
    const PeerId author = PeerId::from_public_key(key.public_key());
    fields.from = author.bytes();
    fields.sequence = sequence;
    rpc.messages.push_back(sign_message(fields, key).value());
  } else {
    rpc.messages.push_back(Message::make(fields));
  }
  return encode_rpc(rpc);
}

void forward(benchmark::State& state, Signing signing) {
  const crypto::PrivateKey key = test_key(1);
  std::vector<Bytes> wire;
  for (std::size_t i = 0; i < batch; ++i)
    wire.push_back(message_rpc(signing, i, key));
  std::size_t sent = 0;
  for (auto _ : state) {
    state.PauseTiming();
    GossipRouter router = router_with_mesh(signing);
    drain(router, Instant{});
    state.ResumeTiming();
    for (const Bytes& rpc : wire) {
      router.on_rpc(test_peer(1), decode_rpc(rpc).value(), Instant{});
      sent += drain(router, Instant{});
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(batch));
  state.counters["sent"] = static_cast<double>(sent) / static_cast<double>(state.iterations());
}
BENCHMARK_CAPTURE(forward, signed_messages, Signing::strict);
BENCHMARK_CAPTURE(forward, anonymous, Signing::anonymous);

void read_and_write(benchmark::State& state) {
  const Bytes wire = message_rpc(Signing::strict, 1, test_key(1));
  for (auto _ : state)
    benchmark::DoNotOptimize(encode_rpc(decode_rpc(wire).value()));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(read_and_write);

}  // namespace
}  // namespace kith::pubsub
