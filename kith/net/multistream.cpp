#include <kith/base/assert.hpp>
#include <kith/base/varint.hpp>
#include <kith/net/limits.hpp>
#include <kith/net/multistream.hpp>

namespace kith::net {

static_assert(protocol_id_bytes_max < multistream_line_bytes_max);

namespace {

constexpr std::string_view not_available = "na";

class Domain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "multistream"; }
  std::string message(int code) const override {
    switch (static_cast<MultistreamError>(code)) {
      case MultistreamError::bad_line:
        return "the peer doesn't speak multistream-select";
      case MultistreamError::line_too_long:
        return "a line of the protocol negotiation is too long";
      case MultistreamError::wrong_version:
        return "the peer speaks another version of multistream-select";
      case MultistreamError::unexpected_answer:
        return "the peer answered with a protocol that wasn't proposed";
      case MultistreamError::protocol_refused:
        return "the peer doesn't speak the protocol";
      case MultistreamError::too_many_proposals:
        return "the peer proposed too many protocols";
    }
    return "unknown error";
  }
};
constinit const Domain domain;

}  // namespace

const ErrorDomain& error_domain(MultistreamError) noexcept {
  return domain;
}

bool is_protocol_id(std::string_view text) noexcept {
  return !text.empty() && text.size() <= protocol_id_bytes_max && !text.contains('\n');
}

void append_multistream_line(Bytes& out, std::string_view text) {
  ASSERT(text.size() < multistream_line_bytes_max);
  append_varint(out, text.size() + 1);
  append(out, as_bytes(text));
  out.push_back('\n');
}

Result<bool> MultistreamLines::next(ByteView& in, std::string_view& line) {
  while (!in.empty()) {
    auto length = decode_varint(held_);
    if (!length) {
      held_.push_back(in.front());
      in = in.subspan(1);
      length = decode_varint(held_);
      if (!length && length.error() == VarintError::truncated) continue;
      if (!length || length->value == 0) return std::unexpected(MultistreamError::bad_line);
      if (length->value > multistream_line_bytes_max) {
        return std::unexpected(MultistreamError::line_too_long);
      }
      continue;
    }
    const std::size_t whole = length->size + length->value;
    const std::size_t part = std::min(whole - held_.size(), in.size());
    append(held_, in.first(part));
    in = in.subspan(part);
    if (held_.size() < whole) return false;
    if (held_.back() != '\n') return std::unexpected(MultistreamError::bad_line);
    completed_ = std::exchange(held_, {});
    line = as_text(completed_).substr(length->size, length->value - 1);
    return true;
  }
  return false;
}

MultistreamInitiator::MultistreamInitiator(std::vector<std::string> protocols)
    : protocols_(std::move(protocols)) {
  ASSERT(!protocols_.empty());
  append_multistream_line(output_, multistream_protocol);
  append_multistream_line(output_, protocols_.front());
}

Result<std::size_t> MultistreamInitiator::feed(ByteView in) {
  const std::size_t whole = in.size();
  std::string_view line;
  while (!agreed_) {
    KITH_TRY(const bool complete, lines_.next(in, line));
    if (!complete) break;
    if (!header_seen_) {
      if (line != multistream_protocol) return std::unexpected(MultistreamError::wrong_version);
      header_seen_ = true;
    } else if (line == protocol()) {
      agreed_ = true;
    } else if (line == not_available) {
      if (proposed_ + 1 == protocols_.size()) {
        return std::unexpected(MultistreamError::protocol_refused);
      }
      append_multistream_line(output_, protocols_[++proposed_]);
    } else {
      return std::unexpected(MultistreamError::unexpected_answer);
    }
  }
  return whole - in.size();
}

MultistreamResponder::MultistreamResponder(std::function<bool(std::string_view)> supports)
    : supports_(std::move(supports)) {}

Result<std::size_t> MultistreamResponder::feed(ByteView in) {
  const std::size_t whole = in.size();
  std::string_view line;
  while (!agreed_) {
    KITH_TRY(const bool complete, lines_.next(in, line));
    if (!complete) break;
    if (!header_seen_) {
      if (line != multistream_protocol) return std::unexpected(MultistreamError::wrong_version);
      header_seen_ = true;
      append_multistream_line(output_, multistream_protocol);
      continue;
    }
    if (++proposals_ > multistream_proposals_max) {
      return std::unexpected(MultistreamError::too_many_proposals);
    }
    agreed_ = supports_(line);
    append_multistream_line(output_, agreed_ ? line : not_available);
    if (agreed_) protocol_ = line;
  }
  return whole - in.size();
}

}  // namespace kith::net
