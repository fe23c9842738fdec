#include <algorithm>

#include <kith/ipld/content.hpp>
#include <kith/unixfs/limits.hpp>
#include <kith/unixfs/reader.hpp>

namespace kith::unixfs {
namespace {

using multiformats::Cid;

constexpr std::size_t none = SIZE_MAX;

/// The part of a block's own content that lies in [from, end) of the file.
Buffer cut(const Buffer& block, ByteView content, std::uint64_t offset, std::uint64_t from,
           std::uint64_t end) {
  std::uint64_t first = std::max(offset, from);
  std::uint64_t last = std::min(offset + content.size(), end);
  if (first >= last) return {};
  auto start = static_cast<std::size_t>(content.data() - block.data());
  return block.slice(start + static_cast<std::size_t>(first - offset),
                     static_cast<std::size_t>(last - first));
}

}  // namespace

Task<FileReader> FileReader::open(ipld::BlockSource& source, Cid root, FileRange range,
                                  std::size_t pending_max) {
  KITH_CO_TRY(ipld::Block block, co_await ipld::get_block(source, std::move(root)));
  KITH_CO_TRY(Node node, parse_node(block.cid, block.data));
  if (node.kind != Kind::file) co_return std::unexpected(UnixfsError::not_a_file);
  FileReader reader(source, node.size, node.data.metadata);
  reader.pending_max_ = pending_max;
  reader.position_ = std::min(range.offset, node.size);
  reader.end_ = reader.position_ + std::min(range.length, node.size - reader.position_);
  reader.pending_.push_back({block.cid, 0, node.size, 0, true});
  KITH_CO_TRY(reader.ready_, reader.open_part(0, node, block.data));
  co_return reader;
}

Task<Buffer> FileReader::next() {
  while (ready_.empty()) {
    if (pending_.empty()) co_return Buffer();
    KITH_CO_CHECK(co_await look_ahead());
    Cid cid = pending_.front().cid;
    KITH_CO_TRY(ipld::Block block, co_await ipld::get_block(*source_, std::move(cid)));
    KITH_CO_TRY(Node node, parse_node(block.cid, block.data));
    KITH_CO_TRY(ready_, open_part(0, node, block.data));
  }
  position_ += ready_.size();
  co_return std::exchange(ready_, {});
}

/// Puts what is in a part into its place: children into the list; returns its own content.
Result<Buffer> FileReader::open_part(std::size_t index, const Node& node, const Buffer& block) {
  const Part& part = pending_[index];
  if (node.kind != Kind::file) return std::unexpected(UnixfsError::not_a_file);
  if (node.size != part.size) return std::unexpected(UnixfsError::size_mismatch);
  if (!node.links.empty() && part.depth >= file_depth_max) {
    return std::unexpected(UnixfsError::too_deep);
  }
  std::vector<Part> children;
  std::uint64_t offset = part.offset + node.content().size();
  for (std::size_t i = 0; i < node.links.size(); ++i) {
    std::uint64_t size = node.data.block_sizes[i];
    if (size != 0 && offset + size > position_ && offset < end_) {
      children.push_back({node.links[i].hash, offset, size, part.depth + 1, false});
    }
    offset += size;
  }
  if (pending_.size() + children.size() > pending_max_) {
    return std::unexpected(UnixfsError::too_many);
  }
  Buffer content = cut(block, node.content(), part.offset, position_, end_);
  auto place = pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(index));
  pending_.insert(place, std::make_move_iterator(children.begin()),
                  std::make_move_iterator(children.end()));
  return content;
}

/// The first part that can't be a leaf, has nothing but links as far as we know, and comes soon.
std::size_t FileReader::find_early_node() const noexcept {
  std::uint64_t before = 0;
  for (std::size_t i = 0; i < std::min(pending_.size(), read_ahead_blocks); ++i) {
    if (pending_[i].size > ipld::block_bytes_max) return i == 0 ? none : i;
    before += pending_[i].size;
    if (before > read_ahead_bytes) break;
  }
  return none;
}

Task<void> FileReader::look_ahead() {
  request_ahead();
  std::size_t index = find_early_node();
  if (index == none) co_return Result<void>{};
  Cid cid = pending_[index].cid;
  KITH_CO_TRY(bool here, co_await ipld::has_block(*source_, cid));
  if (!here) co_return Result<void>{};
  KITH_CO_TRY(ipld::Block block, co_await ipld::get_block(*source_, std::move(cid)));
  KITH_CO_TRY(Node node, parse_node(block.cid, block.data));
  // Content before the links would have to be given out in its turn: leave such a node for then.
  if (!node.content().empty()) co_return Result<void>{};
  KITH_CO_CHECK(open_part(index, node, block.data));
  request_ahead();
  co_return Result<void>{};
}

void FileReader::request_ahead() {
  std::size_t window = 0;
  std::size_t wanted = 0;
  for (std::uint64_t bytes = 0; window < std::min(pending_.size(), read_ahead_blocks); ++window) {
    if (bytes >= read_ahead_bytes) break;
    // Of a part that isn't a leaf only the one block comes.
    bytes += std::min<std::uint64_t>(pending_[window].size, ipld::block_bytes_max);
    wanted += !pending_[window].requested;
  }
  // Not for every leaf anew: when the next one isn't asked for, or a fourth of the window.
  bool urgent = window > 0 && !pending_.front().requested;
  if (wanted == 0 || (!urgent && wanted < (window + 3) / 4)) return;
  std::vector<Cid> cids;
  for (std::size_t i = 0; i < window; ++i) {
    if (!std::exchange(pending_[i].requested, true)) cids.push_back(pending_[i].cid);
  }
  ipld::prefetch_blocks(*source_, std::move(cids));
}

Task<Bytes> read_whole_file(ipld::BlockSource& source, Cid root, std::size_t size_max) {
  KITH_CO_TRY(FileReader reader, co_await FileReader::open(source, std::move(root)));
  if (reader.size() > size_max) co_return std::unexpected(Errc::limit_exceeded);
  Bytes content;
  while (reader.remaining() != 0) {
    KITH_CO_TRY(Buffer piece, co_await reader.next());
    if (piece.empty()) co_return std::unexpected(UnixfsError::size_mismatch);
    append(content, piece);
  }
  co_return content;
}

}  // namespace kith::unixfs
