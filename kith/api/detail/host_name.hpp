// The name in a Host field or an origin. Thread: any.
#pragma once

#include <string>
#include <string_view>

namespace kith::api {

/// "example.org" of "Example.org:80", "::1" of "[::1]:80".
std::string host_name(std::string_view host);
/// An address, which no page can make a browser say for a foreign name.
bool is_number(std::string_view host_name);

}  // namespace kith::api
