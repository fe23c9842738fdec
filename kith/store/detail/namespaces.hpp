// The namespaces of the index, in the order in which the key-value store knows them. New ones are
// added at the end.
#pragma once

#include <string>
#include <vector>

#include <kith/port/key_value.hpp>

namespace kith::store::detail {

inline constexpr port::Namespace blocks_space = 0;
inline constexpr port::Namespace packs_space = 1;
inline constexpr port::Namespace files_space = 2;
inline constexpr port::Namespace file_ids_space = 3;
inline constexpr port::Namespace state_space = 4;

inline std::vector<std::string> namespace_names() {
  return {"blocks", "packs", "files", "file_ids", "state"};
}

inline constexpr std::string_view state_key = "state";

}  // namespace kith::store::detail
