// Strategy: a byte that says the size of pieces, a boundary up to a line feed, a body. Invariants:
// in pieces it reads the same as in one; no path climbs; content is never more than came.
#include <algorithm>
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/http/multipart.hpp>

namespace kith::fuzz {
namespace {

using Event = http::MultipartParser::Event;

}  // namespace

Kinds kinds_multipart{"file",       "directory", "symlink",      "unnamed",       "mode",
                      "time",       "abspath",   "content",      "several parts", "no parts",
                      "other part", "cut",       "almost an end"};

namespace {

struct Reading {
  std::vector<Bytes> parts;
  bool ended = false;
  std::optional<http::HttpError> error;
};

void check_part(const http::Headers& headers) {
  auto info = http::describe_part(headers);
  kinds_multipart.reached_if(!info, "other part");
  if (!info) return;
  constexpr std::string_view kinds[] = {"file", "directory", "symlink"};
  kinds_multipart.reached(kinds[static_cast<std::size_t>(info->kind)]);
  kinds_multipart.reached_if(!info->has_path, "unnamed");
  kinds_multipart.reached_if(info->mode.has_value(), "mode");
  kinds_multipart.reached_if(info->mtime.has_value(), "time");
  kinds_multipart.reached_if(!info->absolute_path.empty(), "abspath");
  std::string path = '/' + info->path + '/';
  ASSERT(path.find("/../") == std::string::npos);
  ASSERT(path == "//" || path.find("//") == std::string::npos);
}

Reading read(std::string_view boundary, ByteView body, std::size_t piece) {
  http::MultipartParser parser(boundary);
  Reading reading;
  bool in_part = false;
  for (std::size_t at = 0;;) {
    ByteView in = body.subspan(at).first(std::min(piece, body.size() - at));
    auto step = parser.next(in);
    if (!step) {
      reading.error = step.error();
      return reading;
    }
    ASSERT(step->skip + step->payload <= in.size());
    at += step->skip + step->payload;
    if (step->event == Event::part_begins) {
      check_part(parser.headers());
      reading.parts.emplace_back();
    }
    ASSERT(in_part == (step->event == Event::data || step->event == Event::part_ends) ||
           step->event == Event::need_more);
    in_part = step->event == Event::part_begins || step->event == Event::data ||
              (in_part && step->event == Event::need_more);
    if (step->event == Event::data) {
      kinds_multipart.reached("content");
      kinds_multipart.reached_if(!step->held_back.empty(), "almost an end");
      append(reading.parts.back(), step->held_back);
      append(reading.parts.back(), in.subspan(step->skip, step->payload));
    }
    if (step->event == Event::end) reading.ended = true;
    if (step->event == Event::need_more && (in.empty() || reading.ended)) return reading;
  }
}

}  // namespace

void fuzz_multipart(ByteView input) {
  if (input.empty()) return;
  std::size_t piece = std::size_t{input[0]} + 1;
  std::string_view text = as_text(input.subspan(1));
  std::size_t line = std::min(text.find('\n'), text.size());
  std::string type = "multipart/form-data; boundary=\"" + std::string(text.substr(0, line)) + '"';
  auto boundary = http::multipart_boundary(type);
  if (!boundary) return;
  ByteView body = as_bytes(text.substr(std::min(line + 1, text.size())));
  Reading whole = read(*boundary, body, SIZE_MAX);
  Reading pieces = read(*boundary, body, piece);
  kinds_multipart.reached_if(whole.ended && whole.parts.empty(), "no parts");
  kinds_multipart.reached_if(whole.ended && whole.parts.size() > 1, "several parts");
  kinds_multipart.reached_if(!whole.ended && !whole.error, "cut");
  ASSERT(whole.ended == pieces.ended);
  ASSERT(whole.parts == pieces.parts);
  ASSERT(whole.error == pieces.error);
  std::size_t size = 0;
  for (const Bytes& part : whole.parts)
    size += part.size();
  ASSERT(size <= body.size());
}

}  // namespace kith::fuzz
