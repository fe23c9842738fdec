// multistream-select over streams: negotiation before a connection is secured, and
// NegotiatedStream, a stream on which a protocol has been agreed, or soon will be.
//
// Lazy negotiation. An initiator with a single protocol sends header and proposal together with its
// first data (or alone, when it first reads or closes its writing side) and looks at the answer
// when it first reads; a refusal then is the read's error and resets the stream. (Callers choose as
// what a refusal is told; MultistreamError::protocol_refused by default.) A responder that finds
// data behind the proposal keeps its answer until it first writes, closes, or has to wait for more
// data. When proposal or answer can't be sent (a deadline passed, a task was cancelled), the stream
// is reset: whatever followed would stand behind half a line.
//
// Loop thread only. Errors: MultistreamError; Errc::end_of_stream if the peer closes meanwhile;
// those of the stream below.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <kith/net/multistream.hpp>
#include <kith/net/traffic.hpp>
#include <kith/port/clock.hpp>
#include <kith/port/event.hpp>
#include <kith/port/stream.hpp>

namespace kith::net {

/// What a negotiation gave, and what was read beyond it: it belongs to the protocol.
struct Negotiated {
  std::string protocol;
  Buffer rest;
};

/// Proposes `protocols`, best first, and waits for the answer.
Task<Negotiated> multistream_propose(port::Stream& stream, std::vector<std::string> protocols,
                                     Instant deadline);

/// Waits for a proposal that `supports` takes, and answers it.
Task<Negotiated> multistream_respond(port::Stream& stream,
                                     std::function<bool(std::string_view)> supports,
                                     Instant deadline);

class NegotiatedStream final : public port::Stream {
 public:
  /// An initiator's stream whose negotiation is lazy. Nothing is sent yet.
  static std::unique_ptr<NegotiatedStream> lazy(port::Clock& clock, port::StreamPtr inner,
                                                std::string protocol,
                                                Error refused = MultistreamError::protocol_refused);

  const std::string& protocol() const noexcept { return protocol_; }
  /// False for a lazy initiator that hasn't seen the answer.
  bool confirmed() const noexcept { return !pending_.has_value(); }
  /// Counts in it what the protocol sends and receives from now on; it dies with the stream. Its
  /// protocol is agreed on.
  void count_in(std::unique_ptr<StreamRecord> record) noexcept { record_ = std::move(record); }

  Task<std::size_t> read_some(MutableBytes into, Instant deadline = never) override;
  /// Hands out the inner stream's own memory.
  Task<Buffer> read_buffer(std::size_t size_max, Instant deadline = never) override;
  Task<void> write(ByteView bytes, Instant deadline = never) override;
  Task<void> write_all(std::span<const ByteView> pieces, Instant deadline = never) override;
  Task<void> close_write(Instant deadline = never) override;
  void reset() noexcept override { inner_->reset(); }

 private:
  friend Task<std::unique_ptr<NegotiatedStream>> negotiate_outbound(port::Clock&, port::StreamPtr,
                                                                    std::vector<std::string>,
                                                                    Instant, Error);
  friend Task<std::unique_ptr<NegotiatedStream>> negotiate_inbound(
      port::Clock&, port::StreamPtr, std::function<bool(std::string_view)>, Instant);
  NegotiatedStream(port::Clock& clock, port::StreamPtr inner, std::string protocol,
                   Error refused = MultistreamError::protocol_refused)
      : inner_(std::move(inner)),
        protocol_(std::move(protocol)),
        refused_(std::move(refused)),
        sent_(clock) {}

  Task<void> send_preface(Instant deadline);
  Task<void> before_read(Instant deadline);
  Task<void> read_answer(Instant deadline);
  void fail(const Error& why) noexcept;
  void count_received(std::size_t bytes) noexcept {
    if (record_) record_->received(bytes);
  }
  void count_sent(std::span<const ByteView> pieces) noexcept;

  port::StreamPtr inner_;
  std::string protocol_;
  Error refused_;
  Bytes preface_;                 ///< what goes out before the first data
  bool sending_ = false;          ///< the reader is sending it
  std::optional<Error> failure_;  ///< it couldn't be sent
  std::optional<MultistreamInitiator> pending_;
  Buffer rest_;  ///< read beyond the negotiation
  std::unique_ptr<StreamRecord> record_;
  port::Event sent_;
};

/// Agrees on one of `protocols`: lazily if it is only one, else with a round trip for each
/// proposal. The stream is reset if that fails.
Task<std::unique_ptr<NegotiatedStream>> negotiate_outbound(
    port::Clock& clock, port::StreamPtr stream, std::vector<std::string> protocols,
    Instant deadline, Error refused = MultistreamError::protocol_refused);

/// Waits for the peer's proposal and agrees to the first that `supports` takes.
Task<std::unique_ptr<NegotiatedStream>> negotiate_inbound(
    port::Clock& clock, port::StreamPtr stream, std::function<bool(std::string_view)> supports,
    Instant deadline);

}  // namespace kith::net
