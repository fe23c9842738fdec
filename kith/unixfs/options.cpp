#include <algorithm>
#include <string>

#include <kith/base/assert.hpp>
#include <kith/crypto/hash.hpp>
#include <kith/ipld/content.hpp>
#include <kith/multiformats/multicodec.hpp>
#include <kith/unixfs/hamt.hpp>
#include <kith/unixfs/limits.hpp>
#include <kith/unixfs/options.hpp>

namespace kith::unixfs {
namespace {

using multiformats::CidPrefix;
using multiformats::Codec;

/// How long a function's digest is; 0 if CIDs can't be made with it.
std::size_t digest_bytes_of(Codec function) {
  auto digest = crypto::hash(static_cast<std::uint64_t>(function), {});
  return digest && function != Codec::identity ? digest->size() : 0;
}

}  // namespace

std::optional<Codec> hash_function_from_name(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
  });
  auto function = multiformats::codec_from_name(lower);
  return function && digest_bytes_of(*function) > 0 ? function : std::nullopt;
}

ImportOptions ImportOptions::unixfs_v0_2015() {
  ImportOptions options;
  options.cid_version = 0;
  options.chunker = ChunkerSpec::fixed(256 * 1024);
  options.file_width = 174;
  options.raw_leaves = false;
  options.size_estimate = SizeEstimate::links_bytes;
  return options;
}

Decoded<void> ImportOptions::check() const {
  auto chunker_checked = chunker.check();
  if (!chunker_checked) return chunker_checked;
  bool version_fits = cid_version == 1 || (cid_version == 0 && hash_function == Codec::sha2_256);
  bool width_fits = file_width >= 2 && file_width <= file_width_max;
  bool inline_fits = inline_bytes_max.value_or(0) <= multiformats::digest_bytes_max;
  if (!version_fits || !width_fits || !inline_fits || digest_bytes_of(hash_function) == 0 ||
      !HamtShape::of_fanout(hamt_fanout)) {
    return std::unexpected(UnixfsError::bad_options);
  }
  return {};
}

BlockMaker::BlockMaker(const ImportOptions& options) : inline_bytes_max_(options.inline_bytes_max) {
  ASSERT(options.check());
  prefix_ = {options.cid_version, Codec::dag_pb, options.hash_function,
             digest_bytes_of(options.hash_function)};
  cid_bytes_ = ipld::cid_of(prefix_, {})->bytes().size();
}

Result<ipld::Block> BlockMaker::make(Codec codec, Buffer content) const {
  if (content.size() > ipld::block_bytes_max) return std::unexpected(UnixfsError::too_large);
  CidPrefix prefix = prefix_;
  prefix.codec = codec;
  if (codec != Codec::dag_pb) prefix.version = 1;
  if (inline_bytes_max_ && content.size() <= *inline_bytes_max_) {
    prefix.version = 1;
    prefix.hash_function = Codec::identity;
    prefix.digest_bytes = content.size();
  }
  return ipld::make_block(prefix, std::move(content));
}

}  // namespace kith::unixfs
