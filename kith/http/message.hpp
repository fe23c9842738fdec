// HTTP/1.1 messages as values: fields, heads, how a body is framed, and the pure decoders of all
// three (RFC 9110, RFC 9112). Strict where leniency is what request smuggling lives on: lines end
// with CR LF, no folded lines, no space before a colon, one length and one only. No I/O; any
// thread.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <kith/base/bytes.hpp>
#include <kith/base/time.hpp>
#include <kith/http/error.hpp>
#include <kith/http/limits.hpp>

namespace kith::http {

/// ASCII letters alike in both cases.
bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept;
/// One or more characters of RFC 9110's tchar.
bool is_token(std::string_view text) noexcept;

/// Fields in their order, names alike in any case. Views it hands out live until it is changed.
class Headers {
 public:
  struct Field {
    std::string name;
    std::string value;
  };
  Headers() = default;
  Headers(std::initializer_list<Field> fields) : fields_(fields) {}

  void add(std::string name, std::string value) {
    fields_.push_back({std::move(name), std::move(value)});
  }
  /// Replaces what has this name.
  void set(std::string name, std::string value);
  void remove(std::string_view name);

  bool has(std::string_view name) const noexcept { return get(name).has_value(); }
  /// The first value of this name.
  std::optional<std::string_view> get(std::string_view name) const noexcept;
  std::vector<std::string_view> all(std::string_view name) const;
  /// True if a comma-separated list of this name has the token, in any case ("Connection: close").
  bool has_token(std::string_view name, std::string_view token) const noexcept;

  const std::vector<Field>& fields() const noexcept { return fields_; }
  bool empty() const noexcept { return fields_.empty(); }
  std::size_t size() const noexcept { return fields_.size(); }

 private:
  std::vector<Field> fields_;
};

struct RequestHead {
  std::string method;
  std::string target;
  int version_minor = 1;  ///< HTTP/1.0 or 1.1; later ones read as 1.1
  Headers headers;
};

struct ResponseHead {
  int status = 200;
  std::string reason;
  int version_minor = 1;
  Headers headers;
};

/// Collects the lines of a head or trailer section up to its empty line, in pieces of any size.
class HeadScanner {
 public:
  enum class Kind : std::uint8_t { head, trailer };
  explicit HeadScanner(Kind kind, std::size_t bytes_max = head_bytes_max) noexcept
      : kind_(kind), bytes_max_(bytes_max) {}

  /// Takes bytes up to the end of the section and says how many; then done() tells if it is there.
  std::expected<std::size_t, HttpError> feed(ByteView bytes);

  bool done() const noexcept { return done_; }
  /// False until a byte came that isn't part of empty lines before a request.
  bool begun() const noexcept { return !text_.empty(); }
  /// Its lines, each with CR LF, without the empty one.
  std::string_view text() const noexcept { return text_; }

 private:
  Kind kind_;
  std::size_t bytes_max_;
  std::string text_;
  std::size_t line_begin_ = 0;
  std::size_t empty_lines_ = 0;
  bool after_cr_ = false;
  bool done_ = false;
};

/// From a HeadScanner's text.
std::expected<RequestHead, HttpError> parse_request_head(std::string_view text,
                                                         std::size_t fields_max = head_fields_max);
std::expected<ResponseHead, HttpError> parse_response_head(
    std::string_view text, std::size_t fields_max = head_fields_max);
std::expected<Headers, HttpError> parse_fields(std::string_view text,
                                               std::size_t fields_max = head_fields_max);

/// How a body ends.
struct Framing {
  enum class Kind : std::uint8_t { none, length, chunked, until_close };
  Kind kind = Kind::none;
  std::uint64_t length = 0;
};

/// RFC 9112, section 6.3; refuses what two readers could read differently.
std::expected<Framing, HttpError> request_framing(const RequestHead& head);
/// `to_head`: the response answers a HEAD request.
std::expected<Framing, HttpError> response_framing(const ResponseHead& head, bool to_head);
/// Exactly one Host of HTTP/1.1, with a character set that a host and port have.
std::expected<void, HttpError> check_host(const RequestHead& head);

/// Finds the payload in a framed body, without copying it.
class BodyDecoder {
 public:
  explicit BodyDecoder(Framing framing = {}) noexcept;

  struct Step {
    std::size_t framing = 0;  ///< bytes of framing at the start of the input: drop them
    std::size_t payload = 0;  ///< bytes of payload right behind them
  };
  /// Looks at the received bytes. The framing counts as consumed at once, the payload once take()
  /// says how much of it was. Neither and not done(): more bytes are needed.
  std::expected<Step, HttpError> next(ByteView in);
  void take(std::size_t payload) noexcept;

  bool done() const noexcept { return state_ == State::done; }
  /// The end of the connection is a proper end of the body.
  bool ends_with_connection() const noexcept { return framing_.kind == Framing::Kind::until_close; }
  /// Payload yet to come, if it was announced.
  std::optional<std::uint64_t> announced() const noexcept;
  const Framing& framing() const noexcept { return framing_; }
  const Headers& trailers() const noexcept { return trailers_; }

 private:
  enum class State : std::uint8_t {
    payload,
    chunk_size,
    chunk_extension,
    chunk_size_lf,
    chunk_end_cr,
    chunk_end_lf,
    trailer,
    done
  };
  std::expected<void, HttpError> chunk_byte(std::uint8_t byte);
  std::expected<void, HttpError> chunk_head_ended();

  Framing framing_;
  State state_;
  std::uint64_t left_ = 0;  ///< of the payload or of the present chunk
  int size_digits_ = 0;
  std::size_t extension_bytes_ = 0;
  std::uint64_t extensions_bytes_ = 0;
  std::uint64_t payload_bytes_ = 0;
  HeadScanner trailer_scanner_{HeadScanner::Kind::trailer, trailer_bytes_max};
  Headers trailers_;
};

/// "200" -> "OK"; empty if we don't know the code.
std::string_view reason_of(int status) noexcept;

/// The lines of a message's head with the empty line. Fields whose name is no token are left out
/// and control characters in values become spaces: what a value quotes can't begin a line of its
/// own.
std::string to_text(const RequestHead& head);
std::string to_text(const ResponseHead& head);
void append_fields(std::string& out, const Headers& headers);

/// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, IMF-fixdate).
std::string http_date(WallTime time);

/// A media type or disposition: "form-data; name=x; filename*=UTF-8''y". Names of parameters are in
/// lower case, values unquoted (and, with a star, decoded: the star form wins).
struct ParameterizedValue {
  std::string value;  ///< in lower case
  std::vector<std::pair<std::string, std::string>> parameters;
  std::optional<std::string_view> get(std::string_view name) const noexcept;
};
/// Nothing if it has not that form.
std::optional<ParameterizedValue> parse_parameterized(std::string_view text);

}  // namespace kith::http
