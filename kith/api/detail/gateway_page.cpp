#include <array>

#include <fmt/format.h>

#include <kith/api/detail/gateway_page.hpp>
#include <kith/api/gateway_limits.hpp>
#include <kith/http/uri.hpp>
#include <kith/ipld/codec.hpp>
#include <kith/ipld/dag_json.hpp>

namespace kith::api::gateway {
namespace {

using multiformats::Cid;

constexpr std::string_view page_start = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<style>
:root { color-scheme: light dark; --ink: #1c2329; --dim: #6b7780; --line: #e3e7ea;
  --link: #0b6273; --paper: #fdfdfc; --hover: #f1f5f5; }
@media (prefers-color-scheme: dark) { :root { --ink: #dfe5e8; --dim: #8b979f; --line: #2a3237;
  --link: #6cc4d4; --paper: #14181b; --hover: #1b2225; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 2.2rem 1.2rem 4rem; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { margin: 0 0 .3rem; font-size: 1.15rem; font-weight: 600; overflow-wrap: anywhere; }
p { margin: 0 0 1.4rem; color: var(--dim); overflow-wrap: anywhere; }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
table { width: 100%; border-collapse: collapse; border-top: 1px solid var(--line); }
td { padding: .42rem .5rem; border-bottom: 1px solid var(--line); }
td:first-child { overflow-wrap: anywhere; }
td.size { text-align: right; white-space: nowrap; color: var(--dim);
  font-variant-numeric: tabular-nums; }
td.cid { text-align: right; white-space: nowrap; width: 1%; }
tr:hover td { background: var(--hover); }
.cid, .ipfs-hash, pre { font: 13px/1.5 ui-monospace, monospace; }
.ipfs-hash { color: var(--dim); }
pre { padding: 1rem; border: 1px solid var(--line); border-radius: 6px; white-space: pre-wrap;
  overflow-wrap: anywhere; }
footer { margin-top: 1.2rem; color: var(--dim); font-size: 13px; }
@media (max-width: 38rem) { td.cid { display: none; } }
</style>
)";

/// Names, with what is markup taken out; what bytes that aren't UTF-8 look like is the browser's.
std::string escaped(std::string_view text) {
  std::string out;
  append_escaped(out, text);
  return out;
}

/// "/ipfs/<a>CID</a>/<a>a</a>".
void append_breadcrumb(std::string& out, std::string_view path) {
  constexpr std::string_view root = "/ipfs/";
  out += root;
  std::size_t at = root.size();
  while (at < path.size()) {
    std::size_t end = std::min(path.find('/', at), path.size());
    if (end > at) {
      if (at > root.size()) out += '/';
      out +=
          fmt::format("<a href=\"{}\">", escaped(http::percent_encode_path(path.substr(0, end))));
      append_escaped(out, path.substr(at, end - at));
      out += "</a>";
    }
    at = end + 1;
  }
}

/// Steps behind the CID.
bool is_root(std::string_view path) noexcept {
  constexpr std::string_view root = "/ipfs/";
  std::size_t slash = path.find('/', root.size());
  return slash == std::string_view::npos ||
         path.find_first_not_of('/', slash) == std::string_view::npos;
}

std::string short_text(const Cid& cid) {
  std::string text = cid.to_string();
  if (text.size() <= 16) return text;
  return text.substr(0, 4) + "\xe2\x80\xa6" + text.substr(text.size() - 6);
}

/// The value as indented JSON with links to follow, if the block can be read.
std::string preview(const ipld::Block& block) {
  using multiformats::Codec;
  if (block.data.size() > gateway_preview_bytes_max) return {};
  Codec codec = block.cid.codec();
  if (codec == Codec::json) return std::string(as_text(block.data));
  if (codec != Codec::dag_cbor && codec != Codec::dag_json) return {};
  auto value = ipld::decode_value(codec, block.data);
  if (!value) return {};
  auto text = ipld::encode_dag_json(*value);
  return text ? std::string(as_text(*text)) : std::string();
}

}  // namespace

void append_escaped(std::string& out, std::string_view text) {
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 && c != '\n' ? ' ' : c;
    }
  }
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 6> units{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", value, value < 10 ? 1 : 0, units[unit]);
}

void append_listing_start(std::string& out, const ListingPlace& place) {
  out += page_start;
  out += "<title>";
  append_escaped(out, place.path);
  out += "</title>\n</head>\n<body>\n<h1>Index of ";
  append_breadcrumb(out, place.path);
  out += "</h1>\n<p class=\"cid\" translate=\"no\">";
  out += escaped(place.cid.to_string());
  if (place.cumulative_size != 0) out += " &middot; " + size_text(place.cumulative_size);
  out += "</p>\n<table>\n";
  if (!is_root(place.path)) {
    out +=
        fmt::format("<tr><td><a href=\"{}..\">..</a></td><td></td><td class=\"cid\"></td></tr>\n",
                    escaped(http::percent_encode_path(place.path)));
  }
}

void append_listing_row(std::string& out, const ListingPlace& place, std::string_view name,
                        const Cid& cid, std::uint64_t cumulative_size) {
  // An address can't name an empty entry: it would be the directory itself.
  std::string at = escaped(http::percent_encode_path(place.path)) + http::percent_encode(name);
  out += fmt::format("<tr><td><a href=\"{}\">", at);
  append_escaped(out, name);
  out += fmt::format(
      "</a></td><td class=\"size\">{}</td>"
      "<td class=\"cid\"><a class=\"ipfs-hash\" translate=\"no\" "
      "href=\"/ipfs/{}?filename={}\">{}</a></td></tr>\n",
      size_text(cumulative_size), cid.to_string(), http::percent_encode(name), short_text(cid));
}

void append_listing_end(std::string& out, std::size_t count, bool sorted) {
  out += fmt::format("</table>\n<footer>{} {}{}</footer>\n</body>\n</html>\n", count,
                     count == 1 ? "entry" : "entries",
                     sorted ? "" : ", in the order of the directory's shards");
}

std::string block_page(std::string_view path, const ipld::Block& block) {
  std::string out(page_start);
  std::string cid = block.cid.to_string();
  out += "<title>";
  append_escaped(out, path);
  out += "</title>\n</head>\n<body>\n<h1>";
  append_breadcrumb(out, path);
  auto codec = multiformats::codec_name(block.cid.codec()).value_or("unknown codec");
  out += fmt::format(
      "</h1>\n<p class=\"cid\" translate=\"no\">{} &middot; {} &middot; {}</p>\n"
      "<p><a href=\"/ipfs/{}?format=raw\">Download this block</a></p>\n",
      cid, codec, size_text(block.data.size()), cid);
  if (std::string text = preview(block); !text.empty()) {
    out += "<pre>";
    append_escaped(out, text);
    out += "</pre>\n";
  }
  out += "</body>\n</html>\n";
  return out;
}

}  // namespace kith::api::gateway
