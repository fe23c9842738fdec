#include "protocols.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include <kith/crypto/hash.hpp>
#include <kith/net/limits.hpp>
#include <kith/net/perf.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>

#include "control.hpp"

namespace kith_peer {
namespace {

using namespace std::chrono_literals;
using kith::Buffer;
using kith::Bytes;
using kith::ByteView;
using kith::Errc;
using kith::Error;
using kith::MutableBytes;
using kith::host::Host;
using kith::net::Stream;
using StreamPtr = std::unique_ptr<Stream>;

constexpr const char* echo_protocol = "/echo/1.0.0";
constexpr const char* sink_protocol = "/sink/1.0.0";
constexpr const char* stall_protocol = "/stall/1.0.0";
constexpr const char* reset_protocol = "/reset/1.0.0";
constexpr const char* half_close_protocol = "/half-close/1.0.0";

constexpr std::size_t chunk_bytes = 64 * 1024;
constexpr std::size_t sink_answer_bytes = 8 + sizeof(kith::crypto::Sha256Digest);
constexpr std::uint32_t stall_ms_max = 60'000;
constexpr std::string_view half_close_greeting = "half";
constexpr std::uint64_t streams_max = 10'000;

double seconds(kith::Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

std::string how_ended(const Result<void>& outcome) {
  if (outcome) return "eof";
  return outcome.error().is(Errc::reset) ? "reset" : outcome.error().message();
}

/// The bytes of one transfer: a random chunk over and over, each with its number in front.
class Source {
 public:
  Source(kith::port::Env& env, std::uint64_t size) : chunk_(chunk_bytes), left_(size) {
    env.random.fill(chunk_);
  }

  /// The next bytes, valid until the following call; empty at the end.
  ByteView next() {
    kith::store_be(chunk_.data(), number_++);
    ByteView part = ByteView(chunk_).first(std::min<std::uint64_t>(left_, chunk_.size()));
    left_ -= part.size();
    digest_.update(part);
    return part;
  }

  /// Of all that was handed out; once, at the end.
  std::string sha256() { return kith::to_hex(digest_.finish()); }

 private:
  Bytes chunk_;
  std::uint64_t left_;
  std::uint64_t number_ = 0;
  kith::crypto::Sha256 digest_;
};

/// Writes all of `source`; `sent` counts what the stream has taken.
Task<void> write_source(Stream& stream, Source& source, std::uint64_t& sent, Instant deadline) {
  for (ByteView part = source.next(); !part.empty(); part = source.next()) {
    KITH_CO_CHECK(co_await stream.write(part, deadline));
    sent += part.size();
  }
  co_return Result<void>{};
}

struct Received {
  std::uint64_t bytes = 0;
  kith::crypto::Sha256 digest;
};

/// Reads to the end of the stream.
Task<void> read_all(Stream& stream, Received& received, Instant deadline) {
  for (;;) {
    KITH_CO_TRY(Buffer part, co_await stream.read_buffer(chunk_bytes, deadline));
    if (part.empty()) co_return Result<void>{};
    received.bytes += part.size();
    received.digest.update(part);
  }
}

// Servers. Returning with an error resets the stream.

Task<void> serve_echo(StreamPtr stream) {
  for (;;) {
    KITH_CO_TRY(Buffer part, co_await stream->read_buffer(chunk_bytes));
    if (part.empty()) break;
    KITH_CO_CHECK(co_await stream->write(part));
  }
  co_return co_await stream->close_write();
}

Task<void> serve_sink(StreamPtr stream) {
  Received received;
  KITH_CO_CHECK(co_await read_all(*stream, received, kith::never));
  Bytes answer(8);
  kith::store_be(answer.data(), received.bytes);
  kith::append(answer, received.digest.finish());
  KITH_CO_CHECK(co_await stream->write(answer));
  co_return co_await stream->close_write();
}

Task<void> serve_stall(Host& host, StreamPtr stream) {
  std::array<std::uint8_t, 4> head;
  MutableBytes into = head;
  KITH_CO_CHECK(co_await kith::port::read_exactly(*stream, into));
  auto stall_ms = std::min(kith::load_be<std::uint32_t>(head.data()), stall_ms_max);
  KITH_CO_CHECK(co_await kith::port::sleep_for(host.env().clock, stall_ms * 1ms));
  co_return co_await serve_sink(std::move(stream));
}

Task<void> serve_reset(StreamPtr stream) {
  std::array<std::uint8_t, 1> mode;
  MutableBytes into = mode;
  KITH_CO_CHECK(co_await kith::port::read_exactly(*stream, into));
  if (mode[0] == 'L') {
    KITH_CO_CHECK(co_await stream->write(mode));
    Received received;
    auto ended = co_await read_all(*stream, received, kith::never);
    emit({{"event", "stream-end"},
          {"protocol", reset_protocol},
          {"peer", stream->remote_peer().to_string()},
          {"how", how_ended(ended)}});
  }
  stream->reset();
  co_return Result<void>{};
}

Task<void> serve_half_close(StreamPtr stream) {
  std::array<std::uint8_t, 1> head;
  MutableBytes into = head;
  KITH_CO_CHECK(co_await kith::port::read_exactly(*stream, into));
  ByteView greeting = kith::as_bytes(half_close_greeting);
  KITH_CO_CHECK(co_await stream->write(greeting));
  KITH_CO_CHECK(co_await stream->close_write());
  Received received;
  auto ended = co_await read_all(*stream, received, kith::never);
  emit({{"event", "half-close"},
        {"peer", stream->remote_peer().to_string()},
        {"how", how_ended(ended)},
        {"bytes", received.bytes},
        {"sha256", kith::to_hex(received.digest.finish())}});
  co_return ended;
}

// Clients.

Task<StreamPtr> open(Target& target, const char* protocol) {
  std::vector<kith::net::ConnectionInfo> connections =
      target.host.swarm().connections_of(target.peer);
  if (connections.empty()) co_return std::unexpected(Error(Errc::not_found, "not connected"));
  std::vector<kith::net::ProtocolId> protocols = {protocol};
  co_return co_await target.host.swarm().open_stream_on(connections.front().id,
                                                        std::move(protocols), target.deadline);
}

/// What the streams of one open-streams command share: nobody closes before all have got theirs.
struct Together {
  Together(kith::port::Env& env, std::uint64_t count)
      : missing(count), all(env.clock), tasks(env.executor, env.clock) {}

  std::uint64_t missing;
  std::optional<Error> failure;
  kith::port::Event all;
  kith::port::TaskGroup tasks;
};

Task<void> write_beside(Stream& stream, Source& source, Result<void>& outcome, Instant deadline) {
  std::uint64_t sent = 0;
  outcome = co_await write_source(stream, source, sent, deadline);
  // The reader waits for what won't come any more.
  if (!outcome) stream.reset();
  co_return Result<void>{};
}

Task<std::string> read_back(Stream& stream, std::uint64_t size, Instant deadline) {
  kith::crypto::Sha256 digest;
  while (size > 0) {
    auto wanted = std::min<std::uint64_t>(size, chunk_bytes);
    KITH_CO_TRY(Buffer part, co_await stream.read_buffer(wanted, deadline));
    if (part.empty()) co_return std::unexpected(Errc::end_of_stream);
    digest.update(part);
    size -= part.size();
  }
  co_return kith::to_hex(digest.finish());
}

Task<void> echo(Target& target, Together& together, std::uint64_t size) {
  KITH_CO_TRY(StreamPtr stream, co_await open(target, echo_protocol));
  Source source(target.host.env(), size);
  Result<void> written;
  kith::port::TaskGroup writing(target.host.env().executor, target.host.env().clock);
  writing.spawn(write_beside(*stream, source, written, target.deadline));
  auto returned = co_await read_back(*stream, size, target.deadline);
  if (!returned) stream->reset();
  co_await writing.join_shielded();
  if (!written) co_return std::unexpected(written.error().with_context("echo, writing"));
  if (!returned) co_return std::unexpected(returned.error().with_context("echo, reading"));
  if (*returned != source.sha256()) {
    co_return std::unexpected(Error(Errc::corrupt, "the echo differs from what was sent"));
  }
  --together.missing;
  if (together.missing == 0) together.all.notify_all();
  while (together.missing > 0)
    KITH_CO_CHECK(co_await together.all.wait(target.deadline));
  KITH_CO_CHECK(co_await stream->close_write(target.deadline));
  KITH_CO_TRY(Buffer extra, co_await stream->read_buffer(chunk_bytes, target.deadline));
  if (!extra.empty()) {
    co_return std::unexpected(Error(Errc::corrupt, "bytes after the echo instead of its end"));
  }
  co_return Result<void>{};
}

Task<void> echo_together(Target& target, Together& together, std::uint64_t size) {
  auto outcome = co_await echo(target, together, size);
  if (!outcome && !together.failure) {
    together.failure = outcome.error();
    together.tasks.cancel();
  }
  co_return Result<void>{};
}

/// Reads a sink's answer and the end after it.
Task<Reply> finish_send(Stream& stream, Source& source, std::uint64_t bytes, Instant deadline) {
  KITH_CO_CHECK(co_await stream.close_write(deadline));
  KITH_CO_TRY(Bytes answer, co_await kith::port::read_to_end(stream, sink_answer_bytes, deadline));
  if (answer.size() != sink_answer_bytes) {
    co_return std::unexpected(
        Error(Errc::corrupt, fmt::format("the sink answered {} bytes", answer.size())));
  }
  Reply reply;
  reply["bytes"] = bytes;
  reply["sha256"] = source.sha256();
  reply["remote_bytes"] = kith::load_be<std::uint64_t>(answer.data());
  reply["remote_sha256"] = kith::to_hex(ByteView(answer).subspan(8));
  co_return reply;
}

Task<void> sample(kith::port::Clock& clock, Instant at, const std::uint64_t& value,
                  std::uint64_t& sampled) {
  KITH_CO_CHECK(co_await kith::port::sleep_until(clock, at));
  sampled = value;
  co_return Result<void>{};
}

Task<Reply> stall_on(Target& target, Stream& stream, std::uint64_t bytes, std::uint64_t& sent) {
  Source source(target.host.env(), bytes);
  KITH_CO_CHECK(co_await write_source(stream, source, sent, target.deadline));
  co_return co_await finish_send(stream, source, bytes, target.deadline);
}

}  // namespace

void serve_protocols(Host& host) {
  kith::net::HandlerOptions many;
  many.streams_per_peer_max = kith::net::streams_inbound_per_protocol_max;
  host.handle(echo_protocol, serve_echo, many);
  host.handle(sink_protocol, serve_sink);
  host.handle(stall_protocol,
              [&host](StreamPtr stream) { return serve_stall(host, std::move(stream)); });
  host.handle(reset_protocol, serve_reset);
  host.handle(half_close_protocol, serve_half_close);
}

Task<Reply> open_streams(Target target, std::uint64_t count, std::uint64_t bytes) {
  if (count > streams_max) co_return std::unexpected(Errc::limit_exceeded);
  Together together(target.host.env(), count);
  for (std::uint64_t i = 0; i < count; ++i) {
    together.tasks.spawn(echo_together(target, together, bytes));
  }
  auto joined = co_await together.tasks.join();
  if (!joined) {
    together.tasks.cancel();
    co_await together.tasks.join_shielded();
    co_return std::unexpected(joined.error());
  }
  if (together.failure) co_return std::unexpected(*together.failure);
  Reply reply;
  reply["streams"] = count;
  reply["bytes"] = count * bytes;
  co_return reply;
}

Task<Reply> send(Target target, std::uint64_t bytes) {
  KITH_CO_TRY(StreamPtr stream, co_await open(target, sink_protocol));
  Instant begin = target.host.after(0s);
  Source source(target.host.env(), bytes);
  std::uint64_t sent = 0;
  KITH_CO_CHECK(co_await write_source(*stream, source, sent, target.deadline));
  KITH_CO_TRY(Reply reply, co_await finish_send(*stream, source, bytes, target.deadline));
  reply["seconds"] = seconds(target.host.after(0s) - begin);
  co_return reply;
}

Task<Reply> stall(Target target, std::uint64_t bytes, std::uint64_t stall_ms) {
  if (stall_ms > stall_ms_max) co_return std::unexpected(Errc::limit_exceeded);
  KITH_CO_TRY(StreamPtr stream, co_await open(target, stall_protocol));
  std::array<std::uint8_t, 4> head;
  kith::store_be(head.data(), static_cast<std::uint32_t>(stall_ms));
  KITH_CO_CHECK(co_await stream->write(head, target.deadline));
  kith::port::Env& env = target.host.env();
  Instant begin = env.clock.now();
  std::uint64_t sent = 0;
  std::uint64_t sent_while_stalled = 0;
  kith::port::TaskGroup sampling(env.executor, env.clock);
  // What has been taken when four fifths of the time are over, the reader certainly hadn't read.
  Instant sampled_at = begin + stall_ms * 1ms * 4 / 5;
  sampling.spawn(sample(env.clock, sampled_at, sent, sent_while_stalled));
  auto reply = co_await stall_on(target, *stream, bytes, sent);
  sampling.cancel();
  co_await sampling.join_shielded();
  if (!reply) co_return std::unexpected(reply.error());
  (*reply)["sent_while_stalled"] = sent_while_stalled;
  (*reply)["seconds"] = seconds(env.clock.now() - begin);
  co_return reply;
}

Task<Reply> perf(Target target, std::uint64_t upload, std::uint64_t download) {
  if (!target.host.swarm().connected(target.peer)) {
    co_return std::unexpected(Error(Errc::not_found, "not connected"));
  }
  kith::port::Env& env = target.host.env();
  kith::net::Swarm& swarm = target.host.swarm();
  KITH_CO_TRY(
      kith::net::PerfResult result,
      co_await kith::net::run_perf(env, swarm, target.peer, upload, download, target.deadline));
  Reply reply;
  reply["uploaded"] = result.uploaded_bytes;
  reply["downloaded"] = result.downloaded_bytes;
  reply["upload_seconds"] = seconds(result.upload_time);
  reply["download_seconds"] = seconds(result.download_time);
  co_return reply;
}

Task<Reply> reset(Target target, std::string by) {
  KITH_CO_TRY(StreamPtr stream, co_await open(target, reset_protocol));
  std::array<std::uint8_t, 1> mode = {static_cast<std::uint8_t>(by == "remote" ? 'R' : 'L')};
  KITH_CO_CHECK(co_await stream->write(mode, target.deadline));
  Reply reply;
  if (by == "remote") {
    Received received;
    auto ended = co_await read_all(*stream, received, target.deadline);
    reply["saw"] = how_ended(ended);
  } else {
    MutableBytes into = mode;
    KITH_CO_CHECK(co_await kith::port::read_exactly(*stream, into, target.deadline));
    stream->reset();
  }
  co_return reply;
}

Task<Reply> half_close(Target target, std::uint64_t bytes) {
  KITH_CO_TRY(StreamPtr stream, co_await open(target, half_close_protocol));
  ByteView hello = kith::as_bytes("H");
  KITH_CO_CHECK(co_await stream->write(hello, target.deadline));
  KITH_CO_TRY(Bytes greeting,
              co_await kith::port::read_to_end(*stream, chunk_bytes, target.deadline));
  if (kith::as_text(greeting) != half_close_greeting) {
    co_return std::unexpected(Error(Errc::corrupt, "another greeting"));
  }
  Source source(target.host.env(), bytes);
  std::uint64_t sent = 0;
  KITH_CO_CHECK(co_await write_source(*stream, source, sent, target.deadline));
  KITH_CO_CHECK(co_await stream->close_write(target.deadline));
  Reply reply;
  reply["bytes"] = sent;
  reply["sha256"] = source.sha256();
  co_return reply;
}

}  // namespace kith_peer
