// Paths inside a block: from map to map and list to list, until the path or the block ends
// (ipld.io/docs/data-model/pathing). Pure; any thread.
#pragma once

#include <optional>
#include <span>
#include <string>

#include <kith/ipld/value.hpp>

namespace kith::ipld {

struct PathEnd {
  /// Steps that lie in this block.
  std::size_t consumed = 0;
  /// The link that ended the way before the path's end, or that is what the path leads to.
  std::optional<multiformats::Cid> link;
  /// What the path leads to, if it ends in this block; it lies in the value that was asked.
  const Value* value = nullptr;
};

/// Follows `steps` in a block that has been decoded. no_such_path if a step isn't there.
Decoded<PathEnd> follow_path(const Value& block, std::span<const std::string> steps);

}  // namespace kith::ipld
