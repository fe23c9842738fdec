// Why a block or an archive wasn't accepted. One enum for the module's decoders.
#pragma once

#include <expected>

#include <kith/base/result.hpp>

namespace kith::ipld {

enum class IpldError {
  truncated = 1,      ///< the bytes end inside a value
  trailing_bytes,     ///< something follows the value
  malformed,          ///< not of the codec's form
  not_canonical,      ///< a form that the codec forbids because another one says the same
  duplicate,          ///< a field or a map key twice
  bad_link,           ///< a link without or with a bad CID
  bad_text,           ///< a text that isn't UTF-8
  bad_number,         ///< a number that the data model doesn't have (NaN, infinity, above 64 bits)
  reserved,           ///< a map that dag-json keeps for links and bytes
  unsupported,        ///< a tag, a simple value or a version that the format doesn't know
  too_deep,           ///< deeper than value_depth_max or walk_depth_max
  too_many,           ///< more values, links or blocks than a limit allows
  too_large,          ///< larger than block_bytes_max or another size in limits.hpp
  unknown_codec,      ///< a block whose codec nobody here can read
  not_representable,  ///< a value that the codec can't express
  no_such_path,       ///< a path step that the block doesn't have
  hash_mismatch,      ///< a block that isn't what its CID says
};
const ErrorDomain& error_domain(IpldError) noexcept;

template <class T>
using Decoded = std::expected<T, IpldError>;

}  // namespace kith::ipld
