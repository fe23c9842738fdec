// multistream-select 1.0: how two sides of a stream agree on a protocol.
// Specification: libp2p/specs connections/README.md, "multistream-select".
//
//   line         varint length (newline included), text, "\n"
//   initiator    /multistream/1.0.0, then a proposal
//   responder    /multistream/1.0.0, then the same proposal (agreed) or "na" (the next one, please)
//
// Pure state machines: feed() takes what belongs to the negotiation and says how much that was; all
// after it belongs to the protocol. Nothing here waits for the other side's header before it sends
// its own, so a whole negotiation takes one round trip, and none at all if the initiator trusts
// that its only proposal will be taken (lazy negotiation, multistream_session.hpp).
//
// "ls" is answered with "na", as go-libp2p does. Limits: multistream_limits.hpp. Thread: any.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/net/multistream_limits.hpp>

namespace kith::net {

inline constexpr std::string_view multistream_protocol = "/multistream/1.0.0";

enum class MultistreamError {
  bad_line = 1,        ///< a length that is no varint, an empty line, or no newline at its end
  line_too_long,       ///< past multistream_line_bytes_max
  wrong_version,       ///< the first line isn't /multistream/1.0.0
  unexpected_answer,   ///< neither what was proposed nor "na"
  protocol_refused,    ///< the peer speaks none of the protocols
  too_many_proposals,  ///< past multistream_proposals_max
};
const ErrorDomain& error_domain(MultistreamError) noexcept;

/// Whether protocols may be called so: 1 to protocol_id_bytes_max bytes (limits.hpp), no newline.
bool is_protocol_id(std::string_view text) noexcept;

/// Appends a line, shorter than multistream_line_bytes_max (asserted).
void append_multistream_line(Bytes& out, std::string_view text);

/// Cuts lines out of a flow of bytes.
class MultistreamLines {
 public:
  /// Takes bytes from the front of `in` until a line is complete: then it is in `line`, without
  /// newline, until the next call. False if `in` was used up before.
  Result<bool> next(ByteView& in, std::string_view& line);
  /// In the middle of a line.
  bool pending() const noexcept { return !held_.empty(); }

 private:
  Bytes held_;       ///< length and text so far
  Bytes completed_;  ///< what `line` shows
};

class MultistreamInitiator {
 public:
  /// At least one protocol (asserted), best first, each shorter than multistream_line_bytes_max
  /// (asserted).
  explicit MultistreamInitiator(std::vector<std::string> protocols);

  /// Takes bytes until the protocol is agreed on; returns how many. MultistreamError.
  Result<std::size_t> feed(ByteView in);
  /// What is to be sent now; to begin with, the header and the first proposal.
  Bytes take_output() noexcept { return std::exchange(output_, {}); }

  bool agreed() const noexcept { return agreed_; }
  /// The protocol that was agreed on, or is being proposed.
  const std::string& protocol() const noexcept { return protocols_[proposed_]; }

 private:
  std::vector<std::string> protocols_;
  std::size_t proposed_ = 0;
  bool header_seen_ = false;
  bool agreed_ = false;
  MultistreamLines lines_;
  Bytes output_;
};

class MultistreamResponder {
 public:
  /// `supports` is asked once for each proposal.
  explicit MultistreamResponder(std::function<bool(std::string_view)> supports);

  /// As the initiator's.
  Result<std::size_t> feed(ByteView in);
  Bytes take_output() noexcept { return std::exchange(output_, {}); }

  bool agreed() const noexcept { return agreed_; }
  const std::string& protocol() const noexcept { return protocol_; }

 private:
  std::function<bool(std::string_view)> supports_;
  std::size_t proposals_ = 0;
  bool header_seen_ = false;
  bool agreed_ = false;
  std::string protocol_;
  MultistreamLines lines_;
  Bytes output_;
};

}  // namespace kith::net
