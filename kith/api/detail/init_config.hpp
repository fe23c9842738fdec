// A new node's home after an existing configuration, ours or Kubo's: what `init` takes as its
// argument and `daemon` as --init-config.
#pragma once

#include <string_view>

#include <kith/node/home.hpp>

namespace kith::api {

/// Takes the settings of a `config` file into `options`, and who the node is if the file has the
/// private key, as Kubo's has: then the home's key file gets it. What describes Kubo's own
/// datastore is left out. Errc::invalid_argument says what makes no sense.
Result<void> take_config(std::string_view text, node::InitOptions& options);

}  // namespace kith::api
