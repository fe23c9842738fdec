// The web page, embedded in the program: static files under / of the RPC's address. web/ makes
// them; main hands them in. Loop thread only.
#pragma once

#include <span>

#include <kith/api/web_assets.hpp>
#include <kith/http/server.hpp>

namespace kith::api {

/// GET and HEAD of the page's files; "/" and "/webui" are its first. 404 for anything else, and for
/// all if the program was built without the page.
Task<void> serve_page(std::span<const WebAsset> assets, http::Request& request,
                      http::ResponseWriter& response);

}  // namespace kith::api
