// The daemon: a node with its RPC, page and gateway, until a signal or `shutdown` ends it. Loop
// thread only.
#pragma once

#include <kith/api/command.hpp>

namespace kith::api {

/// The command `daemon`.
Task<void> run_daemon(ClientContext& context, const Request& request);

}  // namespace kith::api
