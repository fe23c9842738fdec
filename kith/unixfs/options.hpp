// ImportOptions: everything that decides a file's or directory's CID, with the two profiles of
// IPIP-499. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include <kith/base/buffer.hpp>
#include <kith/ipld/block.hpp>
#include <kith/multiformats/cid.hpp>
#include <kith/unixfs/chunker.hpp>
#include <kith/unixfs/error.hpp>

namespace kith::unixfs {

/// "sha2-256", in any case of letters; nothing for what CIDs of files can't be made with.
std::optional<multiformats::Codec> hash_function_from_name(std::string_view name);

enum class Layout : std::uint8_t {
  balanced,  ///< all leaves at one depth: for reading anywhere
  trickle,   ///< leaves first, then ever deeper subtrees: for reading once, from the start
};

/// How a directory's size is estimated, to compare it with hamt_threshold_bytes.
enum class SizeEstimate : std::uint8_t {
  links_bytes,  ///< names and CIDs only, as Kubo did until 0.39
  block_bytes,  ///< the very size of the directory's block
  disabled,     ///< never: only directory_links_max counts
};

struct ImportOptions {
  int cid_version = 1;  ///< of dag-pb blocks; raw leaves are version 1 in any case
  multiformats::Codec hash_function = multiformats::Codec::sha2_256;
  ChunkerSpec chunker = ChunkerSpec::fixed(1024 * 1024);
  Layout layout = Layout::balanced;
  /// Children of a file's node.
  std::size_t file_width = 1024;
  bool raw_leaves = true;
  /// Blocks up to this size become identity CIDs (Kubo's --inline); at most digest_bytes_max.
  std::optional<std::size_t> inline_bytes_max;
  std::uint64_t hamt_fanout = 256;
  SizeEstimate size_estimate = SizeEstimate::block_bytes;
  /// A directory whose estimate is larger becomes sharded; 0 means never.
  std::size_t hamt_threshold_bytes = 256 * 1024;
  /// A directory with more entries becomes sharded; 0 means no such limit.
  std::size_t directory_links_max = 0;

  /// IPIP-499's modern profile, the default.
  static ImportOptions unixfs_v1_2025() { return {}; }
  /// IPIP-499's legacy profile: what Kubo did until 0.39.
  static ImportOptions unixfs_v0_2015();

  /// bad_options or bad_chunker if the values are impossible or contradict each other.
  Decoded<void> check() const;
};

/// Turns content into blocks as the options say.
class BlockMaker {
 public:
  /// `options` passed check().
  explicit BlockMaker(const ImportOptions& options);

  /// The block of a raw leaf or a dag-pb node. UnixfsError::too_large above block_bytes_max.
  Result<ipld::Block> make(multiformats::Codec codec, Buffer content) const;

  /// Bytes of the CIDs of dag-pb nodes that aren't inlined.
  std::size_t cid_bytes() const noexcept { return cid_bytes_; }

 private:
  multiformats::CidPrefix prefix_;
  std::optional<std::size_t> inline_bytes_max_;
  std::size_t cid_bytes_ = 0;
};

}  // namespace kith::unixfs
