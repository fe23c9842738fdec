// A command's call to a daemon's RPC, and its answer, value by value and piece by piece, to a
// Renderer.
#pragma once

#include <string>

#include <kith/api/command.hpp>

namespace kith::api {

/// `api` is a multiaddr or a URL. ECONNREFUSED if nobody listens there; what the daemon says went
/// wrong otherwise. A transfer that stands still is told on the terminal, unless --quiet is given.
Task<void> run_remote(const RenderContext& context, const Command& command, std::string api,
                      Renderer& renderer);

}  // namespace kith::api
