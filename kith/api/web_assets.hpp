// The files of the web page, as web/embed.py puts them into the program. Sees nothing but the
// standard library: the table is made by a script and compiled by itself.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace kith::api {

struct WebAsset {
  std::string_view path;  ///< "/index.html"
  std::string_view content_type;
  std::string_view etag;  ///< of the content, without quotes
  std::span<const std::uint8_t> bytes;
  bool gzip = false;  ///< the bytes are compressed
};

/// The page's files, sorted by path; none if the program was built with -DKITH_WEB=OFF. Defined in
/// the target kith_web_assets, which is the program's, not the library's.
std::span<const WebAsset> web_assets();

}  // namespace kith::api
