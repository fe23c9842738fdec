#include <algorithm>

#include <fmt/format.h>

#include <kith/api/detail/gzip.hpp>
#include <kith/api/page.hpp>

namespace kith::api {
namespace {

constexpr std::size_t asset_bytes_max = 16 * 1024 * 1024;

}  // namespace

Task<void> serve_page(std::span<const WebAsset> assets, http::Request& request,
                      http::ResponseWriter& response) {
  if (request.method != "GET" && request.method != "HEAD") {
    response.headers.set("Allow", "GET, HEAD");
    co_return co_await response.send(405, "text/plain", as_bytes("405 - Method Not Allowed\n"));
  }
  std::string path = request.path;
  if (path == "/webui") {
    // Its files are found relative to the folder, so the address must end in one.
    response.headers.set("Location", "/webui/");
    co_return co_await response.send(302, "text/plain", {});
  }
  if (path.starts_with("/webui/")) path.erase(0, 6);
  if (path == "/") path = "/index.html";
  auto asset = std::ranges::find(assets, path, &WebAsset::path);
  if (asset == assets.end()) {
    co_return co_await response.send(404, "text/plain", as_bytes("404 page not found\n"));
  }
  bool packed = asset->gzip && request.headers.has_token("Accept-Encoding", "gzip");
  // Two encodings of a file are two representations, each with a tag of its own (RFC 9110 8.8.3.3).
  std::string etag = fmt::format("\"{}{}\"", asset->etag, packed ? "-gzip" : "");
  response.headers.set("Etag", etag);
  response.headers.set("X-Content-Type-Options", "nosniff");
  response.headers.set("X-Frame-Options", "DENY");
  response.headers.set("Cache-Control", path == "/index.html" ? "no-cache" : "max-age=86400");
  if (request.headers.get("If-None-Match") == etag) {
    co_return co_await response.send(304, std::string(asset->content_type), {});
  }
  if (asset->gzip) response.headers.set("Vary", "Accept-Encoding");
  if (packed) response.headers.set("Content-Encoding", "gzip");
  if (asset->gzip && !packed) {
    KITH_CO_TRY(Bytes content, gunzip(asset->bytes, asset_bytes_max));
    co_return co_await response.send(200, asset->content_type, content);
  }
  co_return co_await response.send(200, asset->content_type, asset->bytes);
}

}  // namespace kith::api
