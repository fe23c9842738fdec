// How fast bytes go from one QUIC session to another in one thread, handed over in memory: each is
// copied in, sealed, opened, and copied out once. And how long a handshake of both sides takes.
#include <benchmark/benchmark.h>

#include <kith/net/transports/quic/test_quic_line.hpp>

namespace kith::net::detail {
namespace {

using testing::QuicLine;

void quic_handshake(benchmark::State& state) {
  QuicLine line;
  for (auto _ : state)
    line.connect();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(quic_handshake);

void quic_stream(benchmark::State& state) {
  QuicLine line;
  line.connect();
  int owner = 0;
  const QuicStreamId id = line.near->open(&owner, line.now).value();
  const Bytes payload(static_cast<std::size_t>(state.range(0)), 1);
  const ByteView pieces[] = {payload};
  bool accepted = false;
  std::int64_t bytes = 0;
  for (auto _ : state) {
    if (!line.near->write(id, pieces)) state.SkipWithError("write");
    std::size_t got = 0;
    while (got < payload.size()) {
      line.exchange();
      if (!accepted) accepted = line.far->accept(&owner).has_value();
      while (accepted) {
        const Buffer part = line.far->read_buffer(id, SIZE_MAX, line.now);
        if (part.empty()) break;
        got += part.size();
      }
      while (line.far->next_touched() || line.near->next_touched()) {
      }
    }
    bytes += static_cast<std::int64_t>(got);
  }
  state.SetBytesProcessed(bytes);
}
BENCHMARK(quic_stream)->Arg(100)->Arg(64 << 10)->Arg(4 << 20);

}  // namespace
}  // namespace kith::net::detail
