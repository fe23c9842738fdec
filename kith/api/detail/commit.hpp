// The commit that this program was built from; its definition is written by cmake/commit.cmake.
#pragma once

#include <string_view>

namespace kith::api {

/// Abbreviated; empty if the build didn't know.
std::string_view build_commit() noexcept;

}  // namespace kith::api
