#include <algorithm>

#include <kith/ipld/content.hpp>
#include <kith/unixfs/limits.hpp>
#include <kith/unixfs/tree.hpp>

namespace kith::unixfs {

using multiformats::Cid;

Task<std::optional<TreeEntry>> TreeWalk::next() {
  if (!started_) {
    started_ = true;
    co_return co_await enter({}, root_);
  }
  while (!open_.empty()) {
    Open& directory = open_.back();
    if (directory.at == directory.batch.size()) {
      KITH_CO_TRY(directory.batch, co_await directory.reader.next_batch());
      directory.at = 0;
      if (directory.batch.empty()) open_.pop_back();
      continue;
    }
    request_ahead(directory);
    const ListedEntry& entry = directory.batch[directory.at++];
    if (!name_is_safe(entry.name)) co_return std::unexpected(UnixfsError::bad_name);
    if (++entries_ > tree_entries_max) co_return std::unexpected(UnixfsError::too_many);
    std::string path = directory.prefix + entry.name;
    Cid cid = entry.cid;
    co_return co_await enter(std::move(path), std::move(cid));
  }
  co_return std::optional<TreeEntry>();
}

Task<std::optional<TreeEntry>> TreeWalk::enter(std::string path, Cid cid) {
  KITH_CO_TRY(ipld::Block block, co_await ipld::get_block(*source_, std::move(cid)));
  KITH_CO_TRY(Stat stat, stat_of(block));
  if (stat.kind == Kind::directory || stat.kind == Kind::sharded_directory) {
    if (open_.size() >= path_depth_max) co_return std::unexpected(UnixfsError::too_deep);
    KITH_CO_TRY(DirectoryReader reader, DirectoryReader::over(*source_, std::move(block)));
    std::string prefix = path.empty() ? path : path + "/";
    open_.push_back({std::move(prefix), std::move(reader), {}, 0});
  }
  co_return TreeEntry{std::move(path), std::move(stat)};
}

void TreeWalk::request_ahead(const Open& directory) {
  constexpr std::size_t step = read_ahead_blocks / 2;
  if (directory.at % step != 0) return;
  // At the start a whole window, then always its second half.
  std::size_t first = directory.at == 0 ? 0 : directory.at + step;
  std::size_t last = std::min(directory.at + read_ahead_blocks, directory.batch.size());
  std::vector<Cid> soon;
  for (std::size_t i = first; i < last; ++i)
    soon.push_back(directory.batch[i].cid);
  ipld::prefetch_blocks(*source_, std::move(soon));
}

}  // namespace kith::unixfs
