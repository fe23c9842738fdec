#include <algorithm>
#include <charconv>
#include <cstring>

#include <fmt/format.h>

#include <kith/base/assert.hpp>
#include <kith/http/multipart.hpp>
#include <kith/http/uri.hpp>

namespace kith::http {
namespace {

/// RFC 2046's bchars.
bool is_boundary(std::string_view text) noexcept {
  auto fits = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view("'()+_,-./:=? ").find(c) != std::string_view::npos;
  };
  return !text.empty() && text.size() <= multipart_boundary_bytes_max && text.back() != ' ' &&
         std::ranges::all_of(text, fits);
}

/// As Go's path.Clean("/" + path), without its leading slash: nothing climbs out of it.
std::string cleaned(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    std::size_t end = std::min(path.find('/'), path.size());
    std::string_view element = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
    if (element.empty() || element == ".") continue;
    if (element == "..") {
      std::size_t slash = out.rfind('/');
      out.resize(slash == std::string::npos ? 0 : slash);
      continue;
    }
    if (!out.empty()) out += '/';
    out += element;
  }
  return out;
}

template <class T>
std::optional<T> parse_number(std::optional<std::string_view> text, int base) noexcept {
  if (!text) return std::nullopt;
  T value = 0;
  auto [end, failure] = std::from_chars(text->data(), text->data() + text->size(), value, base);
  if (failure != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return value;
}

// Kubo writes a mode as Go's os.FileMode, whose special bits stand elsewhere than in chmod(2);
// kubo-rpc-client writes chmod's.
struct SpecialBit {
  std::uint32_t go;
  std::uint32_t unix;
};
constexpr SpecialBit special_bits[] = {{1U << 23, 04000}, {1U << 22, 02000}, {1U << 20, 01000}};

std::uint32_t mode_of(std::uint32_t written) noexcept {
  std::uint32_t mode = written & 07777;
  for (SpecialBit bit : special_bits) {
    if ((written & bit.go) != 0) mode |= bit.unix;
  }
  return mode;
}

std::uint32_t go_mode_of(std::uint32_t mode) noexcept {
  std::uint32_t written = mode & 0777;
  for (SpecialBit bit : special_bits) {
    if ((mode & bit.unix) != 0) written |= bit.go;
  }
  return written;
}

void read_name_parameters(std::string_view parameters, PartInfo& info) {
  // As in Kubo, parameters that can't be read are as good as none.
  auto query = Query::parse(parameters);
  if (!query) return;
  if (auto mode = parse_number<std::uint32_t>(query->get("mode"), 8)) info.mode = mode_of(*mode);
  auto seconds = parse_number<std::int64_t>(query->get("mtime"), 10);
  if (!seconds) return;
  auto nanoseconds = parse_number<std::uint32_t>(query->get("mtime-nsecs"), 10).value_or(0);
  info.mtime = FileTime{*seconds, nanoseconds < 1'000'000'000 ? nanoseconds : 0};
}

}  // namespace

std::expected<std::string, HttpError> multipart_boundary(std::string_view content_type) {
  auto type = parse_parameterized(content_type);
  if (!type || (type->value != "multipart/form-data" && type->value != "multipart/mixed"))
    return std::unexpected(HttpError::bad_multipart);
  std::string_view boundary = type->get("boundary").value_or("");
  if (!is_boundary(boundary)) return std::unexpected(HttpError::bad_multipart);
  return std::string(boundary);
}

MultipartParser::MultipartParser(std::string_view boundary, MultipartLimits limits)
    : delimiter_("\r\n--" + std::string(boundary) + '-'), limits_(limits) {
  ASSERT(is_boundary(boundary));
}

std::expected<MultipartParser::Step, HttpError> MultipartParser::next(ByteView in) {
  std::size_t skipped = 0;
  for (;;) {
    if (end_due_) {
      end_due_ = false;
      return Step{Event::end, skipped, 0, {}};
    }
    ByteView rest = in.subspan(skipped);
    if (state_ == State::epilogue) return Step{Event::need_more, in.size(), 0, {}};
    if (rest.empty()) return Step{Event::need_more, skipped, 0, {}};
    bool scans = state_ == State::preamble || state_ == State::payload;
    auto step = scans                   ? scan(rest)
                : state_ == State::head ? read_head(rest)
                                        : delimiter_byte(rest.front());
    if (!step) return step;
    skipped += step->skip;
    step->skip = skipped;
    if (step->event == Event::data && !in_part_) {
      std::size_t size = step->payload + step->held_back.size();
      if (size > limits_.preamble_bytes_max - preamble_bytes_)
        return std::unexpected(HttpError::bad_multipart);
      preamble_bytes_ += size;
      skipped += step->payload;
      continue;
    }
    if (step->event != Event::need_more) return step;
  }
}

/// What was taken for a delimiter's beginning is payload: `size` bytes of it.
MultipartParser::Step MultipartParser::give_back(std::size_t size) noexcept {
  Step step{Event::data, 0, 0, as_bytes(delimiter_).subspan(imagined_, size - imagined_)};
  matched_ = 0;
  imagined_ = 0;
  state_ = in_part_ ? State::payload : State::preamble;
  if (step.held_back.empty()) step.event = Event::need_more;
  return step;
}

/// Where the first CR stands that may begin a delimiter.
std::size_t MultipartParser::find_candidate(ByteView in) const noexcept {
  std::size_t at = 0;
  while (at < in.size()) {
    const void* found = std::memchr(in.data() + at, '\r', in.size() - at);
    if (found == nullptr) return in.size();
    at = static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - in.data());
    std::size_t size = std::min(in.size() - at, delimiter_bytes());
    if (std::memcmp(in.data() + at, delimiter_.data(), size) == 0) return at;
    ++at;
  }
  return at;
}

std::expected<MultipartParser::Step, HttpError> MultipartParser::scan(ByteView in) {
  if (matched_ == 0) {
    std::size_t payload = find_candidate(in);
    if (payload > 0) return Step{Event::data, 0, payload, {}};
  }
  std::size_t used = 0;
  while (used < in.size() && matched_ < delimiter_bytes() &&
         in[used] == static_cast<std::uint8_t>(delimiter_[matched_])) {
    ++used;
    ++matched_;
  }
  if (matched_ == delimiter_bytes()) {
    state_ = State::delimiter_end;
    return Step{Event::need_more, used, 0, {}};
  }
  if (used == in.size()) return Step{Event::need_more, used, 0, {}};
  // A delimiter has one CR, its first byte: no other beginning hides in what was matched.
  Step step = give_back(matched_);
  step.skip = used;
  return step;
}

std::expected<MultipartParser::Step, HttpError> MultipartParser::delimiter_byte(std::uint8_t byte) {
  Step taken{Event::need_more, 1, 0, {}};
  switch (state_) {
    case State::delimiter_end:
      if (byte == '-') {
        state_ = State::delimiter_dash;
      } else if (byte == '\r') {
        state_ = State::delimiter_lf;
      } else if (byte == ' ' || byte == '\t') {
        state_ = State::padding;
      } else {
        return give_back(delimiter_bytes());
      }
      return taken;
    case State::delimiter_dash:
      if (byte != '-') return give_back(delimiter_bytes() + 1);
      state_ = State::epilogue;
      end_due_ = true;
      if (std::exchange(in_part_, false)) taken.event = Event::part_ends;
      return taken;
    case State::padding:
      if (byte == '\r') {
        state_ = State::delimiter_lf;
      } else if (byte != ' ' && byte != '\t') {
        return std::unexpected(HttpError::bad_multipart);
      }
      return taken;
    default:
      break;
  }
  ASSERT(state_ == State::delimiter_lf);
  if (byte != '\n') return std::unexpected(HttpError::bad_line_ending);
  if (++parts_ > limits_.parts_max) return std::unexpected(HttpError::multipart_too_large);
  state_ = State::head;
  scanner_ = HeadScanner(HeadScanner::Kind::trailer, limits_.head_bytes_max);
  if (std::exchange(in_part_, false)) taken.event = Event::part_ends;
  return taken;
}

std::expected<MultipartParser::Step, HttpError> MultipartParser::read_head(ByteView in) {
  auto used = scanner_.feed(in);
  if (!used) return std::unexpected(used.error());
  if (!scanner_.done()) return Step{Event::need_more, *used, 0, {}};
  auto headers = parse_fields(scanner_.text(), limits_.head_fields_max);
  if (!headers) return std::unexpected(headers.error());
  headers_ = *std::move(headers);
  state_ = State::payload;
  in_part_ = true;
  matched_ = imagined_ = 2;
  return Step{Event::part_begins, *used, 0, {}};
}

std::expected<PartInfo, HttpError> describe_part(const Headers& headers) {
  auto field = headers.get("content-disposition");
  auto disposition = field ? parse_parameterized(*field) : std::nullopt;
  if (!disposition) return std::unexpected(HttpError::bad_multipart);
  PartInfo info;
  std::string_view name = disposition->get("name").value_or("");
  std::size_t mark = std::min(name.find('?'), name.size());
  info.name = name.substr(0, mark);
  if (mark < name.size()) read_name_parameters(name.substr(mark + 1), info);
  if (auto file = disposition->get("filename")) {
    info.has_path = true;
    auto decoded = query_decode(*file);
    info.path = cleaned(decoded ? std::string_view(*decoded) : *file);
  }
  if (auto content_type = headers.get("content-type")) {
    auto type = parse_parameterized(*content_type);
    if (!type) return std::unexpected(HttpError::bad_multipart);
    if (type->value == "application/x-directory" || type->value == "multipart/form-data")
      info.kind = PartInfo::Kind::directory;
    if (type->value == "application/symlink") info.kind = PartInfo::Kind::symlink;
  }
  if (auto encoded = headers.get("abspath-encoded"); encoded && !encoded->empty()) {
    auto decoded = query_decode(*encoded);
    if (!decoded) return std::unexpected(HttpError::bad_multipart);
    info.absolute_path = *std::move(decoded);
  } else if (auto raw = headers.get("abspath")) {
    info.absolute_path = *raw;
  }
  return info;
}

/// The next event. Payload is put into held_back_ and data_.
Task<MultipartParser::Event> MultipartReader::advance(std::size_t size_max, Instant deadline) {
  for (;;) {
    auto step = parser_.next(input_);
    if (!step) co_return std::unexpected(step.error());
    input_.remove_prefix(step->skip);
    if (!step->held_back.empty()) held_back_ = Buffer::copy_of(step->held_back);
    if (step->payload > 0) {
      data_ = input_.slice(0, step->payload);
      input_.remove_prefix(step->payload);
    }
    if (step->event != MultipartParser::Event::need_more) co_return step->event;
    KITH_CO_TRY(Buffer more, co_await body_.read_buffer(size_max, deadline));
    if (more.empty()) {
      if (parser_.ended()) co_return MultipartParser::Event::end;
      co_return std::unexpected(HttpError::bad_multipart);
    }
    input_ = std::move(more);
  }
}

Task<std::optional<MultipartReader::Part>> MultipartReader::next_part(Instant deadline) {
  using Event = MultipartParser::Event;
  held_back_ = Buffer();
  data_ = Buffer();
  for (;;) {
    if (parser_.ended() && !in_part_) co_return std::nullopt;
    KITH_CO_TRY(Event event, co_await advance(large_read_bytes, deadline));
    held_back_ = Buffer();
    data_ = Buffer();
    if (event == Event::end) co_return std::nullopt;
    in_part_ = event == Event::data || event == Event::part_begins;
    if (event != Event::part_begins) continue;
    auto info = describe_part(parser_.headers());
    if (!info) co_return std::unexpected(info.error());
    co_return Part{*std::move(info), parser_.headers()};
  }
}

Task<Buffer> MultipartReader::read_buffer(std::size_t size_max, Instant deadline) {
  using Event = MultipartParser::Event;
  for (;;) {
    Buffer& ready = held_back_.empty() ? data_ : held_back_;
    if (!ready.empty()) {
      std::size_t size = std::min(size_max, ready.size());
      Buffer part = ready.slice(0, size);
      ready.remove_prefix(size);
      co_return part;
    }
    if (!in_part_) co_return Buffer();
    KITH_CO_TRY(Event event, co_await advance(large_read_bytes, deadline));
    in_part_ = event == Event::data;
  }
}

std::string part_head(std::string_view boundary, const PartInfo& info, bool first) {
  Query parameters;
  if (info.mode) parameters.add("mode", fmt::format("0{:o}", go_mode_of(*info.mode)));
  if (info.mtime) {
    parameters.add("mtime", std::to_string(info.mtime->seconds));
    if (info.mtime->nanoseconds > 0)
      parameters.add("mtime-nsecs", std::to_string(info.mtime->nanoseconds));
  }
  std::string name = query_encode(info.name);
  if (!parameters.empty()) name += '?' + parameters.to_string();
  std::string disposition = fmt::format("form-data; name=\"{}\"", name);
  if (info.has_path || !info.path.empty())
    disposition += fmt::format("; filename=\"{}\"", query_encode(info.path));
  Headers headers;
  if (!info.absolute_path.empty()) headers.add("Abspath-Encoded", query_encode(info.absolute_path));
  headers.add("Content-Disposition", std::move(disposition));
  switch (info.kind) {
    case PartInfo::Kind::file:
      headers.add("Content-Type", "application/octet-stream");
      break;
    case PartInfo::Kind::directory:
      headers.add("Content-Type", "application/x-directory");
      break;
    case PartInfo::Kind::symlink:
      headers.add("Content-Type", "application/symlink");
      break;
  }
  std::string out = fmt::format("{}--{}\r\n", first ? "" : "\r\n", boundary);
  append_fields(out, headers);
  return out += "\r\n";
}

std::string multipart_end(std::string_view boundary, bool none) {
  return fmt::format("{}--{}--\r\n", none ? "" : "\r\n", boundary);
}

std::string make_boundary(port::CryptoRandom& random) {
  std::uint8_t bytes[15];
  random.fill(bytes);
  return to_hex(bytes);
}

Task<Buffer> MultipartBody::read_buffer(std::size_t size_max, Instant deadline) {
  for (;;) {
    if (!text_.empty()) {
      std::size_t size = std::min(size_max, text_.size());
      Buffer part = text_.slice(0, size);
      text_.remove_prefix(size);
      co_return part;
    }
    if (ended_) co_return Buffer();
    if (part_) {
      KITH_CO_TRY(Buffer piece, co_await part_->read_buffer(size_max, deadline));
      if (!piece.empty()) co_return piece;
      part_.reset();
    }
    Task<std::optional<Part>> asked = source_();
    KITH_CO_TRY(std::optional<Part> next, co_await std::move(asked));
    ended_ = !next;
    std::string text =
        next ? part_head(boundary_, next->info, first_) : multipart_end(boundary_, first_);
    if (next) part_ = std::move(next->body);
    first_ = false;
    text_ = Buffer::copy_of(as_bytes(text));
  }
}

}  // namespace kith::http
