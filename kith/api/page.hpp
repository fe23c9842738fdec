// The web page, embedded in the program: static files under / of the RPC's address. web/ makes
// them; main hands them in.
#pragma once

#include <span>
#include <string_view>

#include <kith/http/server.hpp>

namespace kith::api {

struct WebAsset {
  std::string_view path;  ///< "/index.html"
  std::string_view content_type;
  std::string_view etag;  ///< of the content, without quotes
  std::span<const std::uint8_t> bytes;
  bool gzip = false;  ///< the bytes are compressed
};

/// GET and HEAD of the page's files; "/" and "/webui" are its first. 404 for anything else, and for
/// all if the program was built without the page.
Task<void> serve_page(std::span<const WebAsset> assets, http::Request& request,
                      http::ResponseWriter& response);

}  // namespace kith::api
