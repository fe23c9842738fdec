// A command's call to a daemon's RPC, and its answer, value by value and piece by piece, to a
// Renderer.
#pragma once

#include <string>

#include <kith/api/command.hpp>

namespace kith::api {

/// `api` is a multiaddr or a URL. ECONNREFUSED if nobody listens there; what the daemon says went
/// wrong otherwise.
Task<void> run_remote(port::Env& env, const Command& command, const Request& request,
                      std::string api, Renderer& renderer);

}  // namespace kith::api
