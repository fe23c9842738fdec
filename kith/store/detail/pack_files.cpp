#include <fmt/format.h>

#include <kith/store/detail/pack_files.hpp>

namespace kith::store::detail {
namespace {

/// Where the next record could start in `bytes`, from 1 on; its size if nowhere. The last bytes may
/// be the start of a magic that goes on behind them.
std::size_t next_candidate(ByteView bytes) noexcept {
  constexpr std::string_view magic = "kBlk";
  std::string_view text = as_text(bytes);
  for (std::size_t at = 1; at < text.size(); ++at) {
    at = std::min(text.find(magic[0], at), text.size());
    if (text.substr(at, magic.size()) == magic.substr(0, text.size() - at)) return at;
  }
  return text.size();
}

}  // namespace

Result<ScanOutcome> scan_records(port::File& file, std::uint64_t from, std::uint64_t to,
                                 const RecordVisitor& visit) {
  ScanOutcome outcome{from, 0};
  bool after_gap = false;
  Bytes window(std::min<std::uint64_t>(scan_window_bytes, to > from ? to - from : 0));
  std::uint64_t at = from;
  while (at < to) {
    MutableBytes room(window.data(), std::min<std::uint64_t>(window.size(), to - at));
    KITH_TRY(std::size_t got, file.read_at(at, room));
    ByteView left(window.data(), got);
    bool last = got < room.size() || at + got == to;
    while (!left.empty()) {
      auto header = decode_record(left);
      if (header) {
        std::uint64_t offset = at + (got - left.size());
        auto size = static_cast<std::size_t>(header->total_bytes());
        KITH_TRY(bool go_on, visit(offset, *header, left.first(size), after_gap));
        outcome.skipped_bytes += offset - outcome.end;
        outcome.end = offset + size;
        if (!go_on) return outcome;
        left = left.subspan(size);
        continue;
      }
      // A record that the window cuts off is read again from its start, once that can be complete.
      bool cut = header.error() == FormatError::truncated && !last;
      if (cut && left.size() < window.size()) break;
      after_gap = true;
      left = left.subspan(next_candidate(left));
    }
    at += got - left.size();
    if (last) break;
  }
  return outcome;
}

PackFiles::PackFiles(port::FileSystem& files, std::string root, std::size_t open_max)
    : files_(files), root_(std::move(root)), open_max_(std::max<std::size_t>(open_max, 1)) {}

Result<std::shared_ptr<port::File>> PackFiles::open(PackId pack) {
  std::lock_guard hold(mutex_);
  for (auto entry = open_.begin(); entry != open_.end(); ++entry) {
    if (entry->pack != pack) continue;
    open_.splice(open_.begin(), open_, entry);
    return open_.front().file;
  }
  KITH_TRY(std::shared_ptr<port::File> file, files_.open(path(pack), port::OpenMode::read));
  open_.push_front({pack, file});
  if (open_.size() > open_max_) open_.pop_back();
  return file;
}

void PackFiles::forget(PackId pack) {
  std::lock_guard hold(mutex_);
  open_.remove_if([pack](const Open& entry) { return entry.pack == pack; });
}

Result<Buffer> PackFiles::read_record(const PackExtent& extent, const Multihash& key) {
  KITH_TRY(auto file, open(extent.pack));
  std::size_t head = record_header_bytes + key.bytes().size();
  Buffer record = Buffer::allocate(head + extent.bytes);
  KITH_TRY(std::size_t got, file->read_at(extent.offset, record.mutable_bytes()));
  auto header = decode_record(record.view().first(got));
  if (!header || header->key != key || header->data_bytes != extent.bytes) {
    std::string why(header ? "another block is there" : Error(header.error()).message());
    return std::unexpected(
        Error(Errc::corrupt,
              fmt::format("{}, {} bytes at {} ({})", path(extent.pack), got, extent.offset, why)));
  }
  return std::move(record).slice(head, extent.bytes);
}

Result<Buffer> PackFiles::read_range(const PackExtent& extent, const Multihash& key,
                                     std::uint32_t offset, std::uint32_t size) {
  KITH_TRY(auto file, open(extent.pack));
  Buffer data = Buffer::allocate(size);
  std::uint64_t at = extent.offset + record_header_bytes + key.bytes().size() + offset;
  KITH_TRY(std::size_t got, file->read_at(at, data.mutable_bytes()));
  if (got < size) {
    return std::unexpected(
        Error(Errc::corrupt, fmt::format("{} ends before byte {}", path(extent.pack), at + size)));
  }
  return data;
}

}  // namespace kith::store::detail
