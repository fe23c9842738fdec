#include <algorithm>
#include <array>

#include <kith/net/perf.hpp>

namespace kith::net {
namespace {

constexpr std::size_t chunk_bytes = 64 * 1024;
constexpr Duration idle_max = 30s;

Task<void> send_zeros(port::Env& env, Stream& stream, std::uint64_t count) {
  const Bytes zeros(chunk_bytes);
  while (count > 0) {
    std::size_t size = std::min<std::uint64_t>(count, zeros.size());
    ByteView part = ByteView(zeros).first(size);
    KITH_CO_CHECK(co_await stream.write(part, env.clock.now() + idle_max));
    count -= size;
  }
  co_return Result<void>{};
}

Task<void> serve(port::Env& env, std::unique_ptr<Stream> stream) {
  std::array<std::uint8_t, 8> wanted;
  MutableBytes into = wanted;
  KITH_CO_CHECK(co_await port::read_exactly(*stream, into, env.clock.now() + idle_max));
  for (;;) {
    KITH_CO_TRY(Buffer part, co_await stream->read_buffer(chunk_bytes, env.clock.now() + idle_max));
    if (part.empty()) break;
  }
  KITH_CO_CHECK(co_await send_zeros(env, *stream, load_be<std::uint64_t>(wanted.data())));
  co_return co_await stream->close_write(env.clock.now() + idle_max);
}

}  // namespace

void serve_perf(port::Env& env, Swarm& swarm) {
  swarm.handle(ProtocolId(perf_protocol),
               [&env](std::unique_ptr<Stream> stream) { return serve(env, std::move(stream)); });
}

Task<PerfResult> run_perf(port::Env& env, Swarm& swarm, multiformats::PeerId peer,
                          std::uint64_t upload_bytes, std::uint64_t download_bytes,
                          Instant deadline,
                          std::function<void(std::uint64_t, std::uint64_t)> progress) {
  std::vector<ProtocolId> protocols = {ProtocolId(perf_protocol)};
  KITH_CO_TRY(std::unique_ptr<Stream> stream,
              co_await swarm.open_stream(peer, std::move(protocols), deadline));
  Instant begin = env.clock.now();
  std::array<std::uint8_t, 8> wanted;
  store_be(wanted.data(), download_bytes);
  KITH_CO_CHECK(co_await stream->write(wanted, deadline));
  PerfResult result;
  const Bytes zeros(chunk_bytes);
  while (result.uploaded_bytes < upload_bytes) {
    std::size_t size = std::min<std::uint64_t>(upload_bytes - result.uploaded_bytes, zeros.size());
    ByteView part = ByteView(zeros).first(size);
    KITH_CO_CHECK(co_await stream->write(part, deadline));
    result.uploaded_bytes += size;
    if (progress) progress(result.uploaded_bytes, 0);
  }
  KITH_CO_CHECK(co_await stream->close_write(deadline));
  Instant uploaded{};
  for (;;) {
    KITH_CO_TRY(Buffer part, co_await stream->read_buffer(chunk_bytes, deadline));
    if (uploaded == Instant{}) uploaded = env.clock.now();
    if (part.empty()) break;
    result.downloaded_bytes += part.size();
    if (progress) progress(result.uploaded_bytes, result.downloaded_bytes);
  }
  if (result.downloaded_bytes != download_bytes) co_return std::unexpected(Errc::end_of_stream);
  result.upload_time = uploaded - begin;
  result.download_time = env.clock.now() - uploaded;
  co_return result;
}

}  // namespace kith::net
