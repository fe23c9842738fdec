#include <algorithm>
#include <array>

#include <kith/crypto/hash.hpp>
#include <kith/ledger/chain/block_files.hpp>

namespace kith::ledger {
namespace {

constexpr std::size_t head_bytes = 8;
constexpr std::size_t entry_bytes = 16;
constexpr std::size_t check_bytes = 4;

using RecordHead = std::array<std::uint8_t, head_bytes>;

RecordHead head_of(ByteView content) {
  RecordHead head{};
  store_be(head.data(), static_cast<std::uint32_t>(content.size()));
  std::copy_n(crypto::sha256(content).begin(), check_bytes, head.begin() + 4);
  return head;
}

/// The record's content, and where the next one begins. Errc::corrupt if it isn't whole.
Result<Bytes> read_record(port::File& file, std::uint64_t at) {
  RecordHead head{};
  KITH_TRY(const std::size_t got, file.read_at(at, head));
  const std::size_t size = load_be<std::uint32_t>(head.data());
  if (got < head.size() || size > record_bytes_max) return std::unexpected(Errc::corrupt);
  // A length that was never written must not cost its memory.
  KITH_TRY(const std::uint64_t file_size, file.size());
  if (file_size - at - head_bytes < size) return std::unexpected(Errc::corrupt);
  Bytes content(size);
  KITH_TRY(const std::size_t there, file.read_at(at + head_bytes, content));
  if (there < size || head_of(content) != head) return std::unexpected(Errc::corrupt);
  return content;
}

Result<std::uint64_t> end_of_record(port::File& file, std::uint64_t at) {
  RecordHead head{};
  KITH_TRY(const std::size_t got, file.read_at(at, head));
  if (got < head.size()) return std::unexpected(Errc::corrupt);
  return at + head_bytes + load_be<std::uint32_t>(head.data());
}

Result<void> write_record(port::File& file, std::uint64_t at, ByteView content) {
  const RecordHead head = head_of(content);
  const std::array<ByteView, 2> pieces{ByteView(head), content};
  return file.write_at(at, pieces);
}

}  // namespace

Result<std::unique_ptr<BlockFiles>> BlockFiles::open(port::FileSystem& files, std::string folder) {
  KITH_CHECK(files.make_directories(folder));
  std::unique_ptr<BlockFiles> opened(new BlockFiles());
  using port::OpenMode;
  KITH_TRY(opened->blocks_, files.open(folder + "/blocks", OpenMode::create));
  KITH_TRY(opened->receipts_, files.open(folder + "/receipts", OpenMode::create));
  KITH_TRY(opened->index_, files.open(folder + "/index", OpenMode::create));
  KITH_CHECK(port::sync_way(files, folder));
  KITH_CHECK(files.sync_directory(folder));
  KITH_CHECK(opened->recover());
  return opened;
}

/// The index may be longer than what is whole: of what wasn't synced any part may be there.
Result<void> BlockFiles::recover() {
  KITH_TRY(const std::uint64_t index_size, index_->size());
  indexed_ = index_size / entry_bytes;
  while (indexed_ > 0) {
    KITH_TRY(const Place last, place(indexed_ - 1));
    KITH_TRY(const bool whole, is_whole(last));
    if (whole) break;
    --indexed_;
  }
  if (index_size != indexed_ * entry_bytes) {
    KITH_CHECK(index_->truncate(indexed_ * entry_bytes));
    KITH_CHECK(index_->sync());
  }
  return cut_data(indexed_);
}

Result<bool> BlockFiles::is_whole(const Place& place) const {
  for (const auto& [file, at] :
       {std::pair{blocks_.get(), place.block}, std::pair{receipts_.get(), place.receipts}}) {
    KITH_TRY(const std::uint64_t size, file->size());
    if (at >= size) return false;
    auto record = read_record(*file, at);
    if (record) continue;
    if (record.error().is(Errc::corrupt)) return false;
    return std::unexpected(std::move(record).error());
  }
  return true;
}

/// Behind the last of so many blocks the next one goes.
Result<void> BlockFiles::cut_data(std::uint64_t count) {
  blocks_end_ = receipts_end_ = 0;
  if (count > 0) {
    KITH_TRY(const Place last, place(count - 1));
    KITH_TRY(blocks_end_, end_of_record(*blocks_, last.block));
    KITH_TRY(receipts_end_, end_of_record(*receipts_, last.receipts));
  }
  KITH_CHECK(blocks_->truncate(blocks_end_));
  return receipts_->truncate(receipts_end_);
}

Result<BlockFiles::Place> BlockFiles::place(std::uint64_t number) const {
  std::array<std::uint8_t, entry_bytes> entry{};
  KITH_TRY(const std::size_t got, index_->read_at(number * entry_bytes, entry));
  if (got < entry.size()) return std::unexpected(Errc::corrupt);
  return Place{load_be<std::uint64_t>(entry.data()), load_be<std::uint64_t>(entry.data() + 8)};
}

std::uint64_t BlockFiles::count() const {
  const std::lock_guard lock(mutex_);
  return indexed_ + unsynced_.size();
}

Result<void> BlockFiles::append(ByteView block, ByteView receipts) {
  if (block.size() > record_bytes_max || receipts.size() > record_bytes_max)
    return std::unexpected(Errc::limit_exceeded);
  KITH_CHECK(write_record(*blocks_, blocks_end_, block));
  KITH_CHECK(write_record(*receipts_, receipts_end_, receipts));
  const std::lock_guard lock(mutex_);
  unsynced_.push_back({blocks_end_, receipts_end_});
  blocks_end_ += head_bytes + block.size();
  receipts_end_ += head_bytes + receipts.size();
  return {};
}

Result<void> BlockFiles::sync() {
  // Nothing is named by the index before it is there.
  KITH_CHECK(blocks_->sync());
  KITH_CHECK(receipts_->sync());
  Bytes entries;
  for (const Place& one : unsynced_) {
    entries.resize(entries.size() + entry_bytes);
    store_be(entries.data() + entries.size() - 16, one.block);
    store_be(entries.data() + entries.size() - 8, one.receipts);
  }
  KITH_CHECK(index_->write_at(indexed_ * entry_bytes, entries));
  KITH_CHECK(index_->sync());
  const std::lock_guard lock(mutex_);
  indexed_ += unsynced_.size();
  unsynced_.clear();
  return {};
}

Result<void> BlockFiles::truncate(std::uint64_t count) {
  KITH_CHECK(sync());
  if (count >= indexed_) return {};
  KITH_CHECK(index_->truncate(count * entry_bytes));
  KITH_CHECK(index_->sync());
  {
    const std::lock_guard lock(mutex_);
    indexed_ = count;
  }
  return cut_data(count);
}

Result<BlockFiles::Place> BlockFiles::find(std::uint64_t number) const {
  {
    const std::lock_guard lock(mutex_);
    if (number >= indexed_ + unsynced_.size()) return std::unexpected(Errc::not_found);
    if (number >= indexed_) return unsynced_[number - indexed_];
  }
  return place(number);
}

Result<Bytes> BlockFiles::block(std::uint64_t number) const {
  KITH_TRY(const Place at, find(number));
  return read_record(*blocks_, at.block);
}

Result<Bytes> BlockFiles::receipts(std::uint64_t number) const {
  KITH_TRY(const Place at, find(number));
  return read_record(*receipts_, at.receipts);
}

std::uint64_t MemoryBlocks::count() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

Result<void> MemoryBlocks::append(ByteView block, ByteView receipts) {
  if (block.size() > record_bytes_max || receipts.size() > record_bytes_max)
    return std::unexpected(Errc::limit_exceeded);
  const std::lock_guard lock(mutex_);
  entries_.push_back({to_bytes(block), to_bytes(receipts)});
  return {};
}

Result<void> MemoryBlocks::truncate(std::uint64_t count) {
  const std::lock_guard lock(mutex_);
  if (count < entries_.size()) entries_.resize(count);
  return {};
}

Result<Bytes> MemoryBlocks::block(std::uint64_t number) const {
  const std::lock_guard lock(mutex_);
  if (number >= entries_.size()) return std::unexpected(Errc::not_found);
  return entries_[number].block;
}

Result<Bytes> MemoryBlocks::receipts(std::uint64_t number) const {
  const std::lock_guard lock(mutex_);
  if (number >= entries_.size()) return std::unexpected(Errc::not_found);
  return entries_[number].receipts;
}

}  // namespace kith::ledger
