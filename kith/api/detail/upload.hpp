// An InputTree as the multipart body of a call to the RPC, as Kubo's own client sends it.
#pragma once

#include <memory>

#include <kith/api/input.hpp>
#include <kith/http/client.hpp>

namespace kith::api {

/// Sets body and Content-Type of `call`. Files are read while they are sent.
void upload(port::Env& env, std::shared_ptr<InputTree> files, http::ClientRequest& call);

}  // namespace kith::api
