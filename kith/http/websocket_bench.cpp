// How fast payload is unmasked, and found: it is bound by memory, not by rules.
#include <benchmark/benchmark.h>

#include <kith/http/websocket.hpp>

namespace kith::http {
namespace {

constexpr WebSocketMask mask = {0x37, 0xfa, 0x21, 0x3d};

/// In place, as a server unmasks; from an odd offset, as after a head.
void mask_in_place(benchmark::State& state) {
  Bytes bytes(static_cast<std::size_t>(state.range(0)) + 1, 7);
  const MutableBytes payload = MutableBytes(bytes).subspan(1);
  for (auto _ : state) {
    websocket_mask(payload, mask, 3);
    benchmark::DoNotOptimize(bytes.data());
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(mask_in_place)->Arg(100)->Arg(64 * 1024);

/// A client's messages of this size, found and unmasked.
void receive(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  const WebSocketFrameHead head(WebSocketOpcode::binary, size, mask);
  Bytes frame = to_bytes(head.bytes());
  frame.resize(frame.size() + size);
  WebSocketReceiver receiver(WebSocketRole::server);
  for (auto _ : state) {
    for (MutableBytes rest = frame; !rest.empty();) {
      auto step = receiver.next(rest, Instant{});
      rest = rest.subspan(step->taken);
      benchmark::DoNotOptimize(step->payload.data());
    }
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(receive)->Arg(100)->Arg(64 * 1024);

}  // namespace
}  // namespace kith::http
