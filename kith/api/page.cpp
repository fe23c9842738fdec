#include <algorithm>

#include <kith/api/page.hpp>

namespace kith::api {

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
  std::string etag = "\"" + std::string(asset->etag) + "\"";
  response.headers.set("Etag", etag);
  response.headers.set("X-Content-Type-Options", "nosniff");
  response.headers.set("X-Frame-Options", "DENY");
  response.headers.set("Cache-Control", path == "/index.html" ? "no-cache" : "max-age=86400");
  if (request.headers.get("If-None-Match") == etag) {
    co_return co_await response.send(304, std::string(asset->content_type), {});
  }
  if (asset->gzip) {
    if (!request.headers.has_token("Accept-Encoding", "gzip")) {
      co_return co_await response.send(406, "text/plain", as_bytes("this page needs gzip\n"));
    }
    response.headers.set("Content-Encoding", "gzip");
    response.headers.set("Vary", "Accept-Encoding");
  }
  co_return co_await response.send(200, asset->content_type, asset->bytes);
}

}  // namespace kith::api
