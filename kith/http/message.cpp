#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <limits>

#include <fmt/format.h>

#include <kith/base/assert.hpp>
#include <kith/http/message.hpp>
#include <kith/http/uri.hpp>

namespace kith::http {
namespace {

constexpr bool is_tchar(char c) noexcept {
  if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

std::string lowered(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), lower);
  return out;
}

constexpr bool is_space(char c) noexcept {
  return c == ' ' || c == '\t';
}

constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

/// Control characters but the tabulator: no field value has one (RFC 9110, 5.5).
constexpr bool is_control(char c) noexcept {
  return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
}

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && is_space(text.front()))
    text.remove_prefix(1);
  while (!text.empty() && is_space(text.back()))
    text.remove_suffix(1);
  return text;
}

/// Takes a line off the front of lines that end with CR LF.
std::string_view take_line(std::string_view& text) noexcept {
  std::size_t end = text.find("\r\n");
  if (end == std::string_view::npos) return std::exchange(text, {});
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 2);
  return line;
}

/// Reads "HTTP/1.x"; anything from 1.1 on counts as 1.1.
std::expected<int, HttpError> parse_version(std::string_view text) {
  if (text.size() != 8 || !text.starts_with("HTTP/") || !is_digit(text[5]) || text[6] != '.' ||
      !is_digit(text[7]))
    return std::unexpected(HttpError::bad_start_line);
  if (text[5] != '1') return std::unexpected(HttpError::unsupported_version);
  return text[7] == '0' ? 0 : 1;
}

std::expected<std::uint64_t, HttpError> parse_length(std::string_view text) {
  std::uint64_t length = 0;
  if (text.empty() || !std::ranges::all_of(text, is_digit))
    return std::unexpected(HttpError::bad_framing);
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (failure != std::errc() || length > std::numeric_limits<std::int64_t>::max())
    return std::unexpected(HttpError::bad_framing);
  return length;
}

/// Content-Length and Transfer-Encoding; nothing if neither is there.
std::expected<std::optional<Framing>, HttpError> announced_framing(const Headers& headers,
                                                                   int version_minor) {
  std::vector<std::string_view> codings = headers.all("transfer-encoding");
  std::vector<std::string_view> lengths = headers.all("content-length");
  if (!codings.empty()) {
    if (!lengths.empty() || codings.size() > 1 || version_minor == 0)
      return std::unexpected(HttpError::bad_framing);
    if (equal_ignoring_case(codings.front(), "chunked")) return Framing{Framing::Kind::chunked, 0};
    // "gzip, chunked" is proper and not for us; what doesn't end with chunked has no end at all.
    std::string_view last = codings.front();
    last =
        trimmed(last.substr(last.rfind(',') == std::string_view::npos ? 0 : last.rfind(',') + 1));
    return std::unexpected(equal_ignoring_case(last, "chunked") ? HttpError::unsupported_coding
                                                                : HttpError::bad_framing);
  }
  if (lengths.empty()) return std::nullopt;
  if (lengths.size() > 1) return std::unexpected(HttpError::bad_framing);
  auto length = parse_length(lengths.front());
  if (!length) return std::unexpected(length.error());
  return Framing{Framing::Kind::length, *length};
}

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return std::ranges::equal(a, b, {}, lower, lower);
}

bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::ranges::all_of(text, is_tchar);
}

void Headers::set(std::string name, std::string value) {
  remove(name);
  add(std::move(name), std::move(value));
}

void Headers::remove(std::string_view name) {
  std::erase_if(fields_,
                [name](const Field& field) { return equal_ignoring_case(field.name, name); });
}

std::optional<std::string_view> Headers::get(std::string_view name) const noexcept {
  for (const Field& field : fields_) {
    if (equal_ignoring_case(field.name, name)) return field.value;
  }
  return std::nullopt;
}

std::vector<std::string_view> Headers::all(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const Field& field : fields_) {
    if (equal_ignoring_case(field.name, name)) values.push_back(field.value);
  }
  return values;
}

bool Headers::has_token(std::string_view name, std::string_view token) const noexcept {
  for (const Field& field : fields_) {
    if (!equal_ignoring_case(field.name, name)) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      std::size_t end = std::min(rest.find(','), rest.size());
      if (equal_ignoring_case(trimmed(rest.substr(0, end)), token)) return true;
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return false;
}

std::expected<std::size_t, HttpError> HeadScanner::feed(ByteView bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (done_) return i;
    char c = static_cast<char>(bytes[i]);
    if (after_cr_ != (c == '\n')) return std::unexpected(HttpError::bad_line_ending);
    bool line_empty = text_.size() == line_begin_;
    if (c == '\r') {
      after_cr_ = true;
      continue;
    }
    if (c != '\n') {
      if (text_.size() >= bytes_max_) return std::unexpected(HttpError::head_too_large);
      text_ += c;
      continue;
    }
    after_cr_ = false;
    if (!line_empty) {
      text_ += "\r\n";
      line_begin_ = text_.size();
    } else if (kind_ == Kind::head && text_.empty()) {
      if (++empty_lines_ > leading_empty_lines_max)
        return std::unexpected(HttpError::bad_start_line);
    } else {
      done_ = true;
    }
  }
  return bytes.size();
}

std::expected<Headers, HttpError> parse_fields(std::string_view text, std::size_t fields_max) {
  Headers headers;
  while (!text.empty()) {
    std::string_view line = take_line(text);
    if (headers.size() == fields_max) return std::unexpected(HttpError::head_too_large);
    std::size_t colon = line.find(':');
    // A line that begins with a space would continue the one before (obs-fold): no token either.
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
      return std::unexpected(HttpError::bad_field);
    std::string_view value = trimmed(line.substr(colon + 1));
    if (std::ranges::any_of(value, is_control)) return std::unexpected(HttpError::bad_field);
    headers.add(std::string(line.substr(0, colon)), std::string(value));
  }
  return headers;
}

std::expected<RequestHead, HttpError> parse_request_head(std::string_view text,
                                                         std::size_t fields_max) {
  std::string_view line = take_line(text);
  std::size_t first = line.find(' ');
  std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return std::unexpected(HttpError::bad_start_line);
  std::string_view target = line.substr(first + 1, last - first - 1);
  auto unfit = [](char c) { return is_control(c) || is_space(c); };
  if (!is_token(line.substr(0, first)) || target.empty() || std::ranges::any_of(target, unfit))
    return std::unexpected(HttpError::bad_start_line);
  auto version = parse_version(line.substr(last + 1));
  if (!version) return std::unexpected(version.error());
  auto headers = parse_fields(text, fields_max);
  if (!headers) return std::unexpected(headers.error());
  return RequestHead{std::string(line.substr(0, first)), std::string(target), *version,
                     *std::move(headers)};
}

std::expected<ResponseHead, HttpError> parse_response_head(std::string_view text,
                                                           std::size_t fields_max) {
  std::string_view line = take_line(text);
  if (line.size() < 12 || line[8] != ' ' || !std::ranges::all_of(line.substr(9, 3), is_digit) ||
      (line.size() > 12 && line[12] != ' ') || line[9] == '0' ||
      std::ranges::any_of(line, is_control))
    return std::unexpected(HttpError::bad_start_line);
  auto version = parse_version(line.substr(0, 8));
  if (!version) return std::unexpected(version.error());
  auto headers = parse_fields(text, fields_max);
  if (!headers) return std::unexpected(headers.error());
  ResponseHead head;
  std::from_chars(line.data() + 9, line.data() + 12, head.status);
  head.reason = line.substr(std::min<std::size_t>(13, line.size()));
  head.version_minor = *version;
  head.headers = *std::move(headers);
  return head;
}

std::expected<Framing, HttpError> request_framing(const RequestHead& head) {
  auto framing = announced_framing(head.headers, head.version_minor);
  if (!framing) return std::unexpected(framing.error());
  return framing->value_or(Framing{});
}

std::expected<Framing, HttpError> response_framing(const ResponseHead& head, bool to_head) {
  if (to_head || head.status < 200 || head.status == 204 || head.status == 304) return Framing{};
  auto framing = announced_framing(head.headers, head.version_minor);
  if (!framing) return std::unexpected(framing.error());
  return framing->value_or(Framing{Framing::Kind::until_close, 0});
}

std::expected<void, HttpError> check_host(const RequestHead& head) {
  std::vector<std::string_view> hosts = head.headers.all("host");
  if (hosts.empty() && head.version_minor == 0) return {};
  if (hosts.size() != 1) return std::unexpected(HttpError::bad_host);
  auto fits = [](char c) {
    return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') ||
           std::string_view("-._~%!$&'()*+,;=:[]").find(c) != std::string_view::npos;
  };
  if (!std::ranges::all_of(hosts.front(), fits)) return std::unexpected(HttpError::bad_host);
  return {};
}

BodyDecoder::BodyDecoder(Framing framing) noexcept : framing_(framing), state_(State::payload) {
  switch (framing.kind) {
    case Framing::Kind::none:
      state_ = State::done;
      break;
    case Framing::Kind::length:
      left_ = framing.length;
      if (left_ == 0) state_ = State::done;
      break;
    case Framing::Kind::chunked:
      state_ = State::chunk_size;
      break;
    case Framing::Kind::until_close:
      left_ = std::numeric_limits<std::uint64_t>::max();
      break;
  }
}

std::optional<std::uint64_t> BodyDecoder::announced() const noexcept {
  if (done()) return 0;
  if (framing_.kind == Framing::Kind::length) return left_;
  return std::nullopt;
}

std::expected<BodyDecoder::Step, HttpError> BodyDecoder::next(ByteView in) {
  Step step;
  while (state_ != State::payload && state_ != State::done && step.framing < in.size()) {
    if (state_ == State::trailer) {
      auto used = trailer_scanner_.feed(in.subspan(step.framing));
      if (!used) return std::unexpected(used.error());
      step.framing += *used;
      if (!trailer_scanner_.done()) break;
      auto fields = parse_fields(trailer_scanner_.text());
      if (!fields) return std::unexpected(fields.error());
      trailers_ = *std::move(fields);
      state_ = State::done;
    } else {
      auto taken = chunk_byte(in[step.framing++]);
      if (!taken) return std::unexpected(taken.error());
    }
  }
  if (state_ == State::payload) {
    step.payload =
        static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size() - step.framing));
  }
  return step;
}

void BodyDecoder::take(std::size_t payload) noexcept {
  ASSERT(payload == 0 || (state_ == State::payload && payload <= left_));
  payload_bytes_ += payload;
  if (framing_.kind == Framing::Kind::until_close) return;
  left_ -= payload;
  if (left_ != 0 || state_ != State::payload) return;
  state_ = framing_.kind == Framing::Kind::chunked ? State::chunk_end_cr : State::done;
}

std::expected<void, HttpError> BodyDecoder::chunk_byte(std::uint8_t byte) {
  auto refuse = [] { return std::unexpected(HttpError::bad_chunk); };
  char c = static_cast<char>(byte);
  switch (state_) {
    case State::chunk_size: {
      char l = lower(c);
      if (is_digit(c) || (l >= 'a' && l <= 'f')) {
        // 15 digits can't pass a signed 64-bit number, and leading zeros hide nothing.
        if (++size_digits_ > 15) return refuse();
        left_ = left_ << 4 | static_cast<std::uint64_t>(is_digit(c) ? c - '0' : l - 'a' + 10);
        return {};
      }
      if (size_digits_ == 0) return refuse();
      if (c == '\r') {
        state_ = State::chunk_size_lf;
      } else if (c == ';') {
        state_ = State::chunk_extension;
      } else {
        return refuse();
      }
      return {};
    }
    case State::chunk_extension:
      if (c == '\r') {
        state_ = State::chunk_size_lf;
        return {};
      }
      ++extensions_bytes_;
      if (is_control(c) || ++extension_bytes_ > chunk_extension_bytes_max ||
          extensions_bytes_ > chunk_extensions_bytes_max + payload_bytes_ / 16)
        return refuse();
      return {};
    case State::chunk_size_lf:
      if (c != '\n') return refuse();
      return chunk_head_ended();
    case State::chunk_end_cr:
      if (c != '\r') return refuse();
      state_ = State::chunk_end_lf;
      return {};
    case State::chunk_end_lf:
      if (c != '\n') return refuse();
      state_ = State::chunk_size;
      left_ = 0;
      return {};
    default:
      ASSERT(false);
  }
  return refuse();
}

std::expected<void, HttpError> BodyDecoder::chunk_head_ended() {
  state_ = left_ == 0 ? State::trailer : State::payload;
  size_digits_ = 0;
  extension_bytes_ = 0;
  return {};
}

std::string_view reason_of(int status) noexcept {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 451:
      return "Unavailable For Legal Reasons";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

void append_fields(std::string& out, const Headers& headers) {
  for (const Headers::Field& field : headers.fields()) {
    if (!is_token(field.name)) continue;
    out += field.name;
    out += ": ";
    for (char c : field.value)
      out += is_control(c) ? ' ' : c;
    out += "\r\n";
  }
}

std::string to_text(const RequestHead& head) {
  std::string out =
      fmt::format("{} {} HTTP/1.{}\r\n", head.method, head.target, head.version_minor);
  append_fields(out, head.headers);
  return out += "\r\n";
}

std::string to_text(const ResponseHead& head) {
  std::string_view reason = head.reason.empty() ? reason_of(head.status) : head.reason;
  std::string out = fmt::format("HTTP/1.{} {} {}\r\n", head.version_minor, head.status, reason);
  append_fields(out, head.headers);
  return out += "\r\n";
}

std::string http_date(WallTime time) {
  constexpr std::array days = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  auto since = std::chrono::floor<std::chrono::seconds>(time.time_since_epoch());
  std::chrono::sys_seconds at(since);
  auto day = std::chrono::floor<std::chrono::days>(at);
  std::chrono::year_month_day date(day);
  std::chrono::hh_mm_ss clock(at - day);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                     days[std::chrono::weekday(day).c_encoding()],
                     static_cast<unsigned>(date.day()),
                     months[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

std::optional<std::string_view> ParameterizedValue::get(std::string_view name) const noexcept {
  for (const auto& parameter : parameters) {
    if (parameter.first == name) return parameter.second;
  }
  return std::nullopt;
}

namespace {

/// Takes a quoted string with its quotes off the front.
std::optional<std::string> take_quoted(std::string_view& text) {
  std::string out;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      text.remove_prefix(i + 1);
      return out;
    }
    // Browsers don't escape a backslash in a file's name: only \" and \\ are escapes.
    if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\')) ++i;
    out += text[i];
  }
  return std::nullopt;
}

/// RFC 8187: charset'language'percent-encoded.
std::optional<std::string> decode_extended(std::string_view text) {
  std::size_t first = text.find('\'');
  if (first == std::string_view::npos) return std::nullopt;
  std::size_t second = text.find('\'', first + 1);
  if (second == std::string_view::npos || !equal_ignoring_case(text.substr(0, first), "utf-8"))
    return std::nullopt;
  return percent_decode(text.substr(second + 1));
}

}  // namespace

std::optional<ParameterizedValue> parse_parameterized(std::string_view text) {
  ParameterizedValue parsed;
  std::size_t end = std::min(text.find(';'), text.size());
  parsed.value = lowered(trimmed(text.substr(0, end)));
  if (parsed.value.empty()) return std::nullopt;
  text.remove_prefix(end);
  std::vector<std::pair<std::string, std::string>> extended;
  while (!text.empty()) {
    if (text.front() != ';') return std::nullopt;
    text = trimmed(text.substr(1));
    if (text.empty()) break;
    std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    std::string name = lowered(trimmed(text.substr(0, equals)));
    if (!is_token(name)) return std::nullopt;
    text = trimmed(text.substr(equals + 1));
    std::string value;
    if (text.starts_with('"')) {
      auto quoted = take_quoted(text);
      if (!quoted) return std::nullopt;
      value = *std::move(quoted);
      text = trimmed(text);
    } else {
      std::size_t stop = std::min(text.find(';'), text.size());
      value = trimmed(text.substr(0, stop));
      text.remove_prefix(stop);
    }
    if (parsed.parameters.size() + extended.size() == 16) return std::nullopt;
    if (!name.ends_with('*')) {
      parsed.parameters.emplace_back(std::move(name), std::move(value));
    } else if (auto decoded = decode_extended(value)) {
      name.pop_back();
      extended.emplace_back(std::move(name), *std::move(decoded));
    }
  }
  parsed.parameters.insert(parsed.parameters.begin(), std::make_move_iterator(extended.begin()),
                           std::make_move_iterator(extended.end()));
  return parsed;
}

}  // namespace kith::http
