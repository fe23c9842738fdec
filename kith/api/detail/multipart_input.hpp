// The files of an RPC call, from its multipart body.
#pragma once

#include <memory>

#include <kith/api/input.hpp>
#include <kith/http/server.hpp>

namespace kith::api {

/// Nothing if the request has no multipart body. The request outlives the tree.
std::shared_ptr<InputTree> multipart_input(http::Request& request);

}  // namespace kith::api
