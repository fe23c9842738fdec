#include <kith/crypto/hash.hpp>
#include <kith/ipld/content.hpp>
#include <kith/ipld/limits.hpp>

namespace kith::ipld {

using multiformats::Cid;
using multiformats::CidPrefix;
using multiformats::Codec;

Result<Cid> cid_of(const CidPrefix& prefix, ByteView content) {
  if (prefix.hash_function == Codec::identity) {
    if (content.size() > multiformats::digest_bytes_max) {
      return std::unexpected(IpldError::too_large);
    }
    KITH_TRY(Cid cid, prefix.complete(content));
    return cid;
  }
  auto function = static_cast<std::uint64_t>(prefix.hash_function);
  if (prefix.hash_function == Codec::sha2_256 && prefix.digest_bytes == 32) {
    crypto::Sha256Digest digest = crypto::sha256(content);
    KITH_TRY(Cid cid, prefix.complete(digest));
    return cid;
  }
  KITH_TRY(crypto::Digest digest, crypto::hash(function, content, prefix.digest_bytes));
  KITH_TRY(Cid cid, prefix.complete(digest));
  return cid;
}

Result<void> verify(const Cid& cid, ByteView content) {
  if (cid.is_identity()) {
    if (!equal(cid.digest(), content)) return std::unexpected(IpldError::hash_mismatch);
    return {};
  }
  KITH_TRY(Cid actual, cid_of(CidPrefix::of(cid), content));
  if (actual != cid) return std::unexpected(IpldError::hash_mismatch);
  return {};
}

Result<Block> make_block(const CidPrefix& prefix, Buffer content) {
  KITH_TRY(Cid cid, cid_of(prefix, content));
  return Block{std::move(cid), std::move(content)};
}

Block identity_block(const Cid& cid) {
  return {cid, Buffer::copy_of(cid.digest())};
}

Task<Block> get_block(BlockSource& source, Cid cid, Instant deadline) {
  if (cid.is_identity()) co_return identity_block(cid);
  KITH_CO_TRY(Block block, co_await source.get(std::move(cid), deadline));
  if (block.data.size() > block_bytes_max) co_return std::unexpected(IpldError::too_large);
  co_return block;
}

Task<bool> has_block(BlockSource& source, Cid cid) {
  if (cid.is_identity()) co_return true;
  co_return co_await source.has(std::move(cid));
}

void prefetch_blocks(BlockSource& source, std::vector<Cid> cids) {
  std::erase_if(cids, [](const Cid& cid) { return cid.is_identity(); });
  if (!cids.empty()) source.prefetch(cids);
}

}  // namespace kith::ipld
