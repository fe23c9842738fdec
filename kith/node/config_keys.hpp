// The names of Kubo's settings (0.43), those that mean something here and the others: who sets one
// that there isn't has mistyped it. Pure; any thread.
#pragma once

#include <string_view>

#include <boost/json/value.hpp>

namespace kith::node {

/// Whether Kubo has the setting, or settings below it.
bool is_kubo_key(std::string_view key);

/// Whether a value asks for nothing that isn't so without it: it is empty or off, or what Kubo
/// writes into every new file.
bool asks_for_nothing(std::string_view key, const boost::json::value& value);

}  // namespace kith::node
