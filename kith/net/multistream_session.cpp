#include <algorithm>
#include <cstring>

#include <kith/net/multistream_session.hpp>

namespace kith::net {
namespace {

/// Runs a machine until it agrees. `answer` keeps the last output from being sent, if it isn't null
/// and something was read behind the negotiation.
template <class Machine>
Task<Buffer> run_negotiation(port::Stream& stream, Machine& machine, Bytes* answer,
                             Instant deadline) {
  Buffer rest;
  for (;;) {
    Bytes output = machine.take_output();
    if (machine.agreed() && answer != nullptr && !rest.empty()) {
      *answer = std::move(output);
      output.clear();
    }
    if (!output.empty()) KITH_CO_CHECK(co_await stream.write(output, deadline));
    if (machine.agreed()) co_return rest;
    KITH_CO_TRY(rest, co_await stream.read_buffer(multistream_read_bytes, deadline));
    if (rest.empty()) co_return std::unexpected(Errc::end_of_stream);
    KITH_CO_TRY(const std::size_t taken, machine.feed(rest));
    rest.remove_prefix(taken);
  }
}

const Error& told_as(const Error& refused, const Error& why) noexcept {
  return why.is(MultistreamError::protocol_refused) ? refused : why;
}

}  // namespace

Task<Negotiated> multistream_propose(port::Stream& stream, std::vector<std::string> protocols,
                                     Instant deadline) {
  MultistreamInitiator machine(std::move(protocols));
  KITH_CO_TRY(Buffer rest, co_await run_negotiation(stream, machine, nullptr, deadline));
  co_return Negotiated{machine.protocol(), std::move(rest)};
}

Task<Negotiated> multistream_respond(port::Stream& stream,
                                     std::function<bool(std::string_view)> supports,
                                     Instant deadline) {
  MultistreamResponder machine(std::move(supports));
  KITH_CO_TRY(Buffer rest, co_await run_negotiation(stream, machine, nullptr, deadline));
  co_return Negotiated{machine.protocol(), std::move(rest)};
}

std::unique_ptr<NegotiatedStream> NegotiatedStream::lazy(port::Clock& clock, port::StreamPtr inner,
                                                         std::string protocol, Error refused) {
  std::unique_ptr<NegotiatedStream> stream(
      new NegotiatedStream(clock, std::move(inner), std::move(protocol), std::move(refused)));
  std::vector<std::string> only;
  only.push_back(stream->protocol_);
  stream->pending_.emplace(std::move(only));
  stream->preface_ = stream->pending_->take_output();
  return stream;
}

Task<std::unique_ptr<NegotiatedStream>> negotiate_outbound(port::Clock& clock,
                                                           port::StreamPtr stream,
                                                           std::vector<std::string> protocols,
                                                           Instant deadline, Error refused) {
  if (protocols.empty()) co_return std::unexpected(Errc::invalid_argument);
  if (protocols.size() == 1) {
    co_return NegotiatedStream::lazy(clock, std::move(stream), std::move(protocols.front()),
                                     std::move(refused));
  }
  MultistreamInitiator machine(std::move(protocols));
  auto rest = co_await run_negotiation(*stream, machine, nullptr, deadline);
  if (!rest) {
    stream->reset();
    co_return std::unexpected(told_as(refused, rest.error()));
  }
  std::unique_ptr<NegotiatedStream> agreed(
      new NegotiatedStream(clock, std::move(stream), machine.protocol()));
  agreed->rest_ = *std::move(rest);
  co_return agreed;
}

Task<std::unique_ptr<NegotiatedStream>> negotiate_inbound(
    port::Clock& clock, port::StreamPtr stream, std::function<bool(std::string_view)> supports,
    Instant deadline) {
  MultistreamResponder machine(std::move(supports));
  Bytes answer;
  auto rest = co_await run_negotiation(*stream, machine, &answer, deadline);
  if (!rest) {
    stream->reset();
    co_return std::unexpected(rest.error());
  }
  std::unique_ptr<NegotiatedStream> agreed(
      new NegotiatedStream(clock, std::move(stream), machine.protocol()));
  agreed->preface_ = std::move(answer);
  agreed->rest_ = *std::move(rest);
  co_return agreed;
}

Task<void> NegotiatedStream::send_preface(Instant deadline) {
  // The reader may be sending it already: one at a time. The other way round it never has to wait,
  // since a writer takes the preface along with its data.
  while (sending_)
    KITH_CO_CHECK(co_await sent_.wait(deadline));
  if (failure_) co_return std::unexpected(*failure_);
  if (preface_.empty()) co_return Result<void>{};
  Bytes preface = std::exchange(preface_, {});
  sending_ = true;
  auto written = co_await inner_->write(preface, deadline);
  sending_ = false;
  if (!written) fail(written.error());
  sent_.notify_all();
  co_return written;
}

/// Nobody knows how much of the preface has gone out, so nothing can follow it.
void NegotiatedStream::fail(const Error& why) noexcept {
  failure_ = why.is(Errc::cancelled) ? Error(Errc::reset) : why;
  inner_->reset();
}

Task<void> NegotiatedStream::read_answer(Instant deadline) {
  while (pending_) {
    if (rest_.empty()) {
      KITH_CO_TRY(Buffer more, co_await inner_->read_buffer(multistream_read_bytes, deadline));
      if (more.empty()) co_return std::unexpected(Errc::end_of_stream);
      rest_ = std::move(more);
    }
    auto taken = pending_->feed(rest_);
    if (!taken) {
      inner_->reset();
      co_return std::unexpected(told_as(refused_, taken.error()));
    }
    rest_.remove_prefix(*taken);
    if (pending_->agreed()) pending_.reset();
  }
  co_return Result<void>{};
}

Task<void> NegotiatedStream::before_read(Instant deadline) {
  // A responder's answer may wait as long as there is something to read without it.
  if (!preface_.empty() && (pending_ || rest_.empty()))
    KITH_CO_CHECK(co_await send_preface(deadline));
  if (pending_) KITH_CO_CHECK(co_await read_answer(deadline));
  co_return Result<void>{};
}

Task<std::size_t> NegotiatedStream::read_some(MutableBytes into, Instant deadline) {
  if (pending_ || !preface_.empty()) KITH_CO_CHECK(co_await before_read(deadline));
  if (rest_.empty()) {
    auto read = co_await inner_->read_some(into, deadline);
    if (read) count_received(*read);
    co_return read;
  }
  const std::size_t size = std::min(into.size(), rest_.size());
  count_received(size);
  std::memcpy(into.data(), rest_.data(), size);
  rest_.remove_prefix(size);
  if (rest_.empty()) rest_ = Buffer();
  co_return size;
}

Task<Buffer> NegotiatedStream::read_buffer(std::size_t size_max, Instant deadline) {
  if (pending_ || !preface_.empty()) KITH_CO_CHECK(co_await before_read(deadline));
  if (rest_.empty()) {
    auto read = co_await inner_->read_buffer(size_max, deadline);
    if (read) count_received(read->size());
    co_return read;
  }
  count_received(std::min(rest_.size(), size_max));
  if (rest_.size() <= size_max) co_return std::exchange(rest_, Buffer());
  Buffer part = rest_.slice(0, size_max);
  rest_.remove_prefix(size_max);
  co_return part;
}

Task<void> NegotiatedStream::write(ByteView bytes, Instant deadline) {
  const ByteView pieces[] = {bytes};
  const std::span<const ByteView> all = pieces;
  co_return co_await write_all(all, deadline);
}

Task<void> NegotiatedStream::write_all(std::span<const ByteView> pieces, Instant deadline) {
  if (sending_) KITH_CO_CHECK(co_await send_preface(deadline));
  if (failure_) co_return std::unexpected(*failure_);
  if (preface_.empty()) {
    auto sent = co_await inner_->write_all(pieces, deadline);
    if (sent) count_sent(pieces);
    co_return sent;
  }
  Bytes preface = std::exchange(preface_, {});
  std::vector<ByteView> with_preface;
  with_preface.reserve(pieces.size() + 1);
  with_preface.push_back(preface);
  with_preface.insert(with_preface.end(), pieces.begin(), pieces.end());
  const std::span<const ByteView> all = with_preface;
  auto written = co_await inner_->write_all(all, deadline);
  if (!written) fail(written.error());
  if (written) count_sent(pieces);
  co_return written;
}

void NegotiatedStream::count_sent(std::span<const ByteView> pieces) noexcept {
  if (!record_) return;
  for (ByteView piece : pieces)
    record_->sent(piece.size());
}

Task<void> NegotiatedStream::close_write(Instant deadline) {
  if (sending_ || !preface_.empty()) KITH_CO_CHECK(co_await send_preface(deadline));
  if (failure_) co_return std::unexpected(*failure_);
  co_return co_await inner_->close_write(deadline);
}

}  // namespace kith::net
