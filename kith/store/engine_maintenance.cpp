// Listing, verifying and compacting.
#include <algorithm>
#include <cerrno>
#include <ranges>

#include <fmt/format.h>

#include <kith/store/detail/namespaces.hpp>
#include <kith/store/engine.hpp>

namespace kith::store {

using detail::blocks_space;

Result<ListPage> Engine::list(const std::optional<Multihash>& after, std::size_t limit) {
  limit = std::clamp<std::size_t>(limit, 1, list_page_blocks_max);
  std::vector<Listed> in_memory;
  {
    std::shared_lock hold(table_mutex_);
    for (const PendingBatch* batch : {&active_, &flushing_}) {
      for (const auto& [hash, index] : batch->by_hash) {
        const Pending& entry = batch->entries[index];
        if (after && hash <= *after) continue;
        in_memory.push_back(
            {hash, entry.file ? entry.file->bytes : static_cast<std::uint32_t>(entry.data.size())});
      }
    }
  }
  ListPage page;
  page.last = true;
  Bytes from;
  if (after) {
    from = to_bytes(after->bytes());
    from.push_back(0);
  }
  KITH_TRY(auto snapshot, index_->snapshot());
  auto visit = [&page, limit](ByteView key, ByteView value) {
    if (page.blocks.size() >= limit) return page.last = false;
    auto hash = Multihash::from_bytes(key);
    auto extent = decode_extent(value);
    if (hash) page.blocks.push_back({*hash, extent ? extent_bytes(*extent) : 0});
    return true;
  };
  KITH_CHECK(snapshot->scan(blocks_space, from, visit));
  snapshot.reset();
  if (in_memory.empty()) return page;
  std::optional<Multihash> bound;
  if (!page.last) bound = page.blocks.back().hash;
  for (const Listed& block : in_memory) {
    if (!bound || block.hash <= *bound) page.blocks.push_back(block);
  }
  std::ranges::sort(page.blocks, {}, &Listed::hash);
  auto twice = std::ranges::unique(page.blocks, {}, &Listed::hash);
  page.blocks.erase(twice.begin(), twice.end());
  return page;
}

Result<std::optional<Multihash>> Engine::verify_some(const std::optional<Multihash>& after,
                                                     std::size_t limit, VerifyReport& report) {
  KITH_TRY(ListPage page, list(after, limit));
  for (const Listed& block : page.blocks) {
    auto data = read_found(block.hash, true);
    if (!data && data.error().is(Errc::not_found)) continue;  // removed meanwhile
    ++report.blocks;
    report.bytes += block.bytes;
    if (data) continue;
    const bool damaged = data.error().is(Errc::corrupt);
    ++(damaged ? report.damaged_blocks : report.unreadable_blocks);
    std::vector<BadBlock>& names = damaged ? report.damaged : report.unreadable;
    if (names.size() < report_names_max) names.push_back({block.hash, std::move(data).error()});
  }
  if (page.last || page.blocks.empty()) return std::optional<Multihash>();
  return std::optional<Multihash>(page.blocks.back().hash);
}

Result<VerifyReport> Engine::verify(const std::function<bool(const VerifyReport&)>& progress) {
  constexpr std::size_t blocks_a_step = 64;
  VerifyReport report;
  std::optional<Multihash> at;
  do {
    KITH_TRY(at, verify_some(at, blocks_a_step, report));
    if (progress && !progress(report)) break;
  } while (at);
  return report;
}

std::vector<PackId> Engine::packs_to_compact(double dead_share) const {
  std::shared_lock hold(table_mutex_);
  std::vector<PackId> packs;
  for (const auto& [pack, info] : std::views::reverse(packs_)) {
    std::uint64_t dead = info.dead_bytes();
    bool enough = static_cast<double>(dead) >= dead_share * static_cast<double>(info.end);
    if (dead > 0 && enough && !info.removing) packs.push_back(pack);
  }
  return packs;
}

Result<CompactOutcome> Engine::compact(PackId pack, const std::function<bool()>& go_on) {
  std::lock_guard compacting(compact_mutex_);
  std::uint64_t end = 0;
  {
    std::lock_guard committing(commit_mutex_);
    auto known = packs_.find(pack);
    if (known == packs_.end()) return std::unexpected(Errc::not_found);
    end = known->second.end;
    if (current_ != nullptr && current_pack_ == pack) current_.reset();
    // A placed block whose commit failed is in the pack, too, behind its end.
    KITH_CHECK(sync_locked());
    end = std::max(end, packs_[pack].end);
  }
  CompactOutcome outcome;
  std::vector<NewBlock> blocks;
  std::vector<PackExtent> places;
  std::size_t bytes = 0;
  auto move = [&]() -> Result<void> {
    KITH_TRY(std::size_t moved, move_blocks(blocks, places));
    outcome.moved_blocks += moved;
    blocks.clear();
    places.clear();
    bytes = 0;
    return {};
  };
  KITH_TRY(auto file, pack_files_.open(pack));
  auto visit = [&](std::uint64_t offset, const RecordHeader& record, ByteView whole,
                   bool) -> Result<bool> {
    if (go_on && !go_on()) return std::unexpected(Errc::cancelled);
    PackExtent place{pack, offset, record.data_bytes};
    KITH_TRY(auto snapshot, index_->snapshot());
    KITH_TRY(std::optional<Extent> extent, find_in_index(*snapshot, record.key));
    if (!extent || *extent != Extent(place)) return true;
    blocks.push_back({record.key, Buffer::copy_of(whole.subspan(record.data_offset))});
    places.push_back(place);
    bytes += record.data_bytes;
    if (bytes >= compact_step_bytes || blocks.size() >= adopt_step_blocks) KITH_CHECK(move());
    return true;
  };
  KITH_TRY(detail::ScanOutcome scan, detail::scan_records(*file, pack_header_bytes, end, visit));
  KITH_CHECK(move());
  std::lock_guard committing(commit_mutex_);
  const PackInfo& left = packs_[pack];
  if (left.live_blocks > 0 && (scan.skipped_bytes > 0 || scan.end < end)) {
    return std::unexpected(
        Error(Errc::corrupt, fmt::format("{} blocks in {} can't be read; it stays",
                                         left.live_blocks, pack_files_.path(pack))));
  }
  KITH_CHECK(drop_pack(pack));
  outcome.packs = 1;
  outcome.freed_bytes = end;
  return outcome;
}

/// Copies blocks to the newest pack and points the index there, if they still are where they were.
Result<std::size_t> Engine::move_blocks(std::span<const NewBlock> blocks,
                                        std::span<const PackExtent> places) {
  if (blocks.empty()) return std::size_t{0};
  std::lock_guard committing(commit_mutex_);
  std::vector<NewBlock> living;
  std::vector<PackExtent> old_places;
  KITH_TRY(auto snapshot, index_->snapshot());
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    KITH_TRY(std::optional<Extent> extent, find_in_index(*snapshot, blocks[i].hash));
    if (!extent || *extent != Extent(places[i])) continue;
    living.push_back(blocks[i]);
    old_places.push_back(places[i]);
  }
  if (living.empty()) return std::size_t{0};
  KITH_TRY(std::vector<PackExtent> new_places, write_records(living));
  Change change;
  change.state = state_;
  for (std::size_t i = 0; i < living.size(); ++i) {
    KITH_CHECK(uncount(change, *snapshot, living[i].hash, old_places[i]));
    count(change, living[i].hash, new_places[i]);
    change.batch.put(blocks_space, living[i].hash.bytes(), encode_extent(new_places[i]));
  }
  snapshot.reset();
  KITH_CHECK(commit(change));
  return living.size();
}

/// Removes a pack in which nothing lives. A crash in between is finished by the next open, which
/// must not take the file for one that the index has lost.
Result<void> Engine::drop_pack(PackId pack) {
  Change change;
  change.state = state_;
  pack_in(change, pack).removing = true;
  KITH_CHECK(commit(change));
  pack_files_.forget(pack);
  auto removed = files_.remove(pack_files_.path(pack));
  if (!removed && !removed.error().is_errno(ENOENT)) return removed;
  KITH_CHECK(files_.sync_directory(pack_files_.folder()));
  port::Batch batch;
  batch.erase(detail::packs_space, number_key(pack));
  KITH_CHECK(index_->commit(batch, port::Durability::synced));
  uncommitted_.erase(pack);
  strays_.erase(pack);
  std::unique_lock hold(table_mutex_);
  packs_.erase(pack);
  return {};
}

}  // namespace kith::store
