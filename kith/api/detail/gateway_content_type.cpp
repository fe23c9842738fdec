#include <algorithm>
#include <array>
#include <string>

#include <boost/json/stream_parser.hpp>

#include <kith/api/detail/gateway_content_type.hpp>
#include <kith/api/gateway_limits.hpp>

namespace kith::api::gateway {
namespace {

using namespace std::string_view_literals;

struct Ending {
  std::string_view ending;
  std::string_view type;
};

constexpr std::string_view text_type = "text/plain; charset=utf-8";

/// Sorted by ending.
constexpr std::array endings{
    Ending{"7z", "application/x-7z-compressed"},
    Ending{"aac", "audio/aac"},
    Ending{"apng", "image/apng"},
    Ending{"avi", "video/x-msvideo"},
    Ending{"avif", "image/avif"},
    Ending{"bmp", "image/bmp"},
    Ending{"bz2", "application/x-bzip2"},
    Ending{"c", text_type},
    Ending{"car", "application/vnd.ipld.car"},
    Ending{"cbor", "application/cbor"},
    Ending{"cc", text_type},
    Ending{"cfg", text_type},
    Ending{"conf", text_type},
    Ending{"cpp", text_type},
    Ending{"css", "text/css; charset=utf-8"},
    Ending{"csv", "text/csv; charset=utf-8"},
    Ending{"deb", "application/vnd.debian.binary-package"},
    Ending{"diff", text_type},
    Ending{"doc", "application/msword"},
    Ending{"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    Ending{"eot", "application/vnd.ms-fontobject"},
    Ending{"epub", "application/epub+zip"},
    Ending{"flac", "audio/flac"},
    Ending{"geojson", "application/geo+json"},
    Ending{"gif", "image/gif"},
    Ending{"glb", "model/gltf-binary"},
    Ending{"gltf", "model/gltf+json"},
    Ending{"go", text_type},
    Ending{"gz", "application/gzip"},
    Ending{"h", text_type},
    Ending{"hpp", text_type},
    Ending{"htm", "text/html"},
    Ending{"html", "text/html"},
    Ending{"ico", "image/vnd.microsoft.icon"},
    Ending{"ics", "text/calendar; charset=utf-8"},
    Ending{"ini", text_type},
    Ending{"jar", "application/java-archive"},
    Ending{"jpeg", "image/jpeg"},
    Ending{"jpg", "image/jpeg"},
    Ending{"js", "text/javascript; charset=utf-8"},
    Ending{"json", "application/json"},
    Ending{"jsonld", "application/ld+json"},
    Ending{"jxl", "image/jxl"},
    Ending{"log", text_type},
    Ending{"m3u8", "application/vnd.apple.mpegurl"},
    Ending{"m4a", "audio/mp4"},
    Ending{"m4v", "video/mp4"},
    Ending{"map", "application/json"},
    Ending{"md", "text/markdown; charset=utf-8"},
    Ending{"mid", "audio/midi"},
    Ending{"mjs", "text/javascript; charset=utf-8"},
    Ending{"mkv", "video/x-matroska"},
    Ending{"mov", "video/quicktime"},
    Ending{"mp3", "audio/mpeg"},
    Ending{"mp4", "video/mp4"},
    Ending{"mpd", "application/dash+xml"},
    Ending{"mpeg", "video/mpeg"},
    Ending{"odp", "application/vnd.oasis.opendocument.presentation"},
    Ending{"ods", "application/vnd.oasis.opendocument.spreadsheet"},
    Ending{"odt", "application/vnd.oasis.opendocument.text"},
    Ending{"oga", "audio/ogg"},
    Ending{"ogg", "audio/ogg"},
    Ending{"ogv", "video/ogg"},
    Ending{"opus", "audio/ogg"},
    Ending{"otf", "font/otf"},
    Ending{"patch", text_type},
    Ending{"pdf", "application/pdf"},
    Ending{"png", "image/png"},
    Ending{"ppt", "application/vnd.ms-powerpoint"},
    Ending{"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
    Ending{"ps", "application/postscript"},
    Ending{"py", text_type},
    Ending{"rar", "application/vnd.rar"},
    Ending{"rs", text_type},
    Ending{"rss", "application/rss+xml"},
    Ending{"rst", text_type},
    Ending{"rtf", "application/rtf"},
    Ending{"sh", text_type},
    Ending{"srt", text_type},
    Ending{"svg", "image/svg+xml"},
    Ending{"tar", "application/x-tar"},
    Ending{"tif", "image/tiff"},
    Ending{"tiff", "image/tiff"},
    Ending{"toml", text_type},
    Ending{"torrent", "application/x-bittorrent"},
    Ending{"ts", "video/mp2t"},
    Ending{"ttf", "font/ttf"},
    Ending{"txt", text_type},
    Ending{"vtt", "text/vtt; charset=utf-8"},
    Ending{"wasm", "application/wasm"},
    Ending{"wav", "audio/wav"},
    Ending{"weba", "audio/webm"},
    Ending{"webm", "video/webm"},
    Ending{"webmanifest", "application/manifest+json"},
    Ending{"webp", "image/webp"},
    Ending{"woff", "font/woff"},
    Ending{"woff2", "font/woff2"},
    Ending{"xhtml", "application/xhtml+xml"},
    Ending{"xls", "application/vnd.ms-excel"},
    Ending{"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    Ending{"xml", "text/xml; charset=utf-8"},
    Ending{"xz", "application/x-xz"},
    Ending{"yaml", "application/yaml"},
    Ending{"yml", "application/yaml"},
    Ending{"zip", "application/zip"},
    Ending{"zst", "application/zstd"},
};
static_assert(std::ranges::is_sorted(endings, {}, &Ending::ending));

constexpr std::size_t ending_bytes_max = 16;

/// Bytes at a place; a '?' in the pattern is any byte.
struct Signature {
  std::size_t place;
  std::string_view pattern;
  std::string_view type;
};

constexpr std::array signatures{
    Signature{0, "%PDF-"sv, "application/pdf"},
    Signature{0, "%!PS-Adobe-"sv, "application/postscript"},
    Signature{0, "\xef\xbb\xbf"sv, text_type},
    Signature{0, "\xfe\xff"sv, "text/plain; charset=utf-16be"},
    Signature{0, "\xff\xfe"sv, "text/plain; charset=utf-16le"},
    Signature{0, "\0\0\1\0"sv, "image/x-icon"},
    Signature{0, "BM"sv, "image/bmp"},
    Signature{0, "GIF87a"sv, "image/gif"},
    Signature{0, "GIF89a"sv, "image/gif"},
    Signature{0, "RIFF????WEBPVP"sv, "image/webp"},
    Signature{0, "\x89PNG\r\n\x1a\n"sv, "image/png"},
    Signature{0, "\xff\xd8\xff"sv, "image/jpeg"},
    Signature{0, "????ftypavif"sv, "image/avif"},
    Signature{0, "????ftypM4A "sv, "audio/mp4"},
    Signature{0, "????ftypqt  "sv, "video/quicktime"},
    Signature{0, "????ftyp"sv, "video/mp4"},
    Signature{0, "FORM????AIFF"sv, "audio/aiff"},
    Signature{0, "ID3"sv, "audio/mpeg"},
    Signature{0, "\xff\xfb"sv, "audio/mpeg"},
    Signature{0, "fLaC"sv, "audio/flac"},
    Signature{0, "OggS\0"sv, "application/ogg"},
    Signature{0, "MThd\0\0\0\6"sv, "audio/midi"},
    Signature{0, "RIFF????AVI "sv, "video/avi"},
    Signature{0, "RIFF????WAVE"sv, "audio/wave"},
    Signature{0, "\x1a\x45\xdf\xa3"sv, "video/webm"},
    Signature{0, "\0\1\0\0"sv, "font/ttf"},
    Signature{0, "OTTO"sv, "font/otf"},
    Signature{0, "ttcf"sv, "font/collection"},
    Signature{0, "wOFF"sv, "font/woff"},
    Signature{0, "wOF2"sv, "font/woff2"},
    Signature{0, "\x1f\x8b\x08"sv, "application/x-gzip"},
    Signature{0, "PK\3\4"sv, "application/zip"},
    Signature{0, "Rar!\x1a\x07"sv, "application/x-rar-compressed"},
    Signature{0, "7z\xbc\xaf\x27\x1c"sv, "application/x-7z-compressed"},
    Signature{0, "\x28\xb5\x2f\xfd"sv, "application/zstd"},
    Signature{0,
              "\xfd"
              "7zXZ\0"sv,
              "application/x-xz"},
    Signature{0, "BZh"sv, "application/x-bzip2"},
    Signature{0, "\0asm"sv, "application/wasm"},
    Signature{257, "ustar"sv, "application/x-tar"},
};

/// What a page begins with, behind white space, before a space or '>'.
constexpr std::array html_tags{
    "<!DOCTYPE HTML"sv,
    "<HTML"sv,
    "<HEAD"sv,
    "<SCRIPT"sv,
    "<IFRAME"sv,
    "<H1"sv,
    "<DIV"sv,
    "<FONT"sv,
    "<TABLE"sv,
    "<A"sv,
    "<STYLE"sv,
    "<TITLE"sv,
    "<B"sv,
    "<BODY"sv,
    "<BR"sv,
    "<P"sv,
    "<!--"sv,
};

char upper(char c) noexcept {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
}

bool matches(std::string_view start, const Signature& signature) noexcept {
  if (start.size() < signature.place + signature.pattern.size()) return false;
  for (std::size_t i = 0; i < signature.pattern.size(); ++i) {
    char wanted = signature.pattern[i];
    if (wanted != '?' && wanted != start[signature.place + i]) return false;
  }
  return true;
}

bool begins_as_html(std::string_view text) noexcept {
  for (std::string_view tag : html_tags) {
    if (text.size() <= tag.size()) continue;
    char next = text[tag.size()];
    if (next != ' ' && next != '>') continue;
    if (std::ranges::equal(text.substr(0, tag.size()), tag, {}, upper)) return true;
  }
  return false;
}

bool is_text(std::string_view text) noexcept {
  return std::ranges::none_of(text, [](char c) {
    auto byte = static_cast<unsigned char>(c);
    return byte <= 0x08 || byte == 0x0b || (byte >= 0x0e && byte <= 0x1a) ||
           (byte >= 0x1c && byte <= 0x1f);
  });
}

std::string_view without_white_space(std::string_view text) noexcept {
  return text.substr(std::min(text.find_first_not_of("\t\n\f\r "), text.size()));
}

bool parses_as_json(std::string_view text, bool whole) {
  boost::json::stream_parser parser;
  boost::json::error_code failure;
  parser.write(text.data(), text.size(), failure);
  if (failure) return false;
  if (whole) parser.finish(failure);
  return !failure;
}

}  // namespace

std::string_view content_type_of_name(std::string_view name) noexcept {
  std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || name.size() - dot - 1 > ending_bytes_max) return {};
  std::array<char, ending_bytes_max> lower{};
  std::size_t size = 0;
  for (char c : name.substr(dot + 1))
    lower[size++] = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  std::string_view ending(lower.data(), size);
  auto found = std::ranges::lower_bound(endings, ending, {}, &Ending::ending);
  return found != endings.end() && found->ending == ending ? found->type : std::string_view();
}

std::string_view content_type_of_bytes(ByteView start, bool whole) {
  std::string_view all = as_text(start);
  std::string_view head = all.substr(0, gateway_sniff_bytes);
  whole = whole && head.size() == all.size();
  std::string_view text = without_white_space(head);
  if (begins_as_html(text)) return "text/html";
  bool is_xml = text.starts_with("<?xml");
  if (text.starts_with("<svg") || (is_xml && text.find("<svg") != std::string_view::npos)) {
    return "image/svg+xml";
  }
  if (is_xml) return "text/xml; charset=utf-8";
  auto found = std::ranges::find_if(
      signatures, [head](const Signature& signature) { return matches(head, signature); });
  if (found != signatures.end()) return found->type;
  if ((text.starts_with('{') || text.starts_with('[')) && parses_as_json(head, whole)) {
    return "application/json";
  }
  return is_text(head) ? text_type : "application/octet-stream";
}

bool begins_as_json(ByteView start, bool whole) {
  std::string_view all = as_text(start);
  std::string_view head = all.substr(0, gateway_sniff_bytes);
  return !without_white_space(head).empty() &&
         parses_as_json(head, whole && head.size() == all.size());
}

}  // namespace kith::api::gateway
