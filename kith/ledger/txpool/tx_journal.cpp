#include <algorithm>

#include <kith/ledger/primitives/rlp.hpp>
#include <kith/ledger/txpool/tx_journal.hpp>

namespace kith::ledger {
namespace {

constexpr std::size_t check_bytes = 4;
constexpr std::uint32_t journal_mode = 0600;

ByteView check_of(const Hash& hash) noexcept {
  return hash.view().first(check_bytes);
}

void write_record(RlpWriter& writer, const Transaction& transaction) {
  const Bytes encoded = transaction.encode();
  const RlpWriter::List record = writer.begin_list();
  writer.string(encoded);
  writer.string(check_of(keccak256(encoded)));
  writer.end_list(record);
}

std::optional<Transaction> read_record(RlpReader record) {
  const auto encoded = record.string();
  const auto check = record.string(check_bytes);
  if (!encoded || !check || !record.at_end()) return std::nullopt;
  if (!equal(*check, check_of(keccak256(*encoded)))) return std::nullopt;
  auto transaction = Transaction::decode(*encoded);
  if (!transaction) return std::nullopt;
  return *std::move(transaction);
}

}  // namespace

JournalContent decode_journal(ByteView file) {
  JournalContent content;
  std::size_t damaged = 0;
  for (RlpReader reader(file); !reader.at_end();) {
    const auto record = reader.list();
    // Without this one's length nobody knows where the next begins.
    if (!record) break;
    auto transaction = read_record(*record);
    if (!transaction) {
      ++damaged;
      continue;
    }
    content.transactions.push_back(*std::move(transaction));
    content.good_bytes = file.size() - reader.rest().size();
    content.damaged = damaged;
  }
  return content;
}

Result<std::unique_ptr<TxJournal>> TxJournal::open(port::FileSystem& files, std::string path,
                                                   std::size_t bytes_max) {
  std::unique_ptr<TxJournal> journal(new TxJournal(files, std::move(path), bytes_max));
  const std::string folder = port::parent_path(journal->path_);
  KITH_CHECK(files.make_directories(folder));
  KITH_TRY(journal->loaded_, journal->recover());
  KITH_CHECK(port::sync_way(files, folder));
  KITH_CHECK(files.sync_directory(folder));
  return journal;
}

Result<JournalContent> TxJournal::recover() {
  KITH_TRY(auto file, files_.open(path_, port::OpenMode::create, journal_mode));
  KITH_TRY(const std::uint64_t size, file->size());
  if (size > bytes_max_) return std::unexpected(Error(Errc::limit_exceeded, path_));
  Bytes bytes(size);
  KITH_TRY(const std::size_t got, file->read_at(0, bytes));
  JournalContent content = decode_journal(ByteView(bytes).first(got));
  if (content.good_bytes < size) KITH_CHECK(file->truncate(content.good_bytes));
  file_ = std::move(file);
  end_ = content.good_bytes;
  return content;
}

Result<void> TxJournal::append(const Transaction& transaction) {
  if (file_ == nullptr) return std::unexpected(Error(Errc::closed, path_));
  Bytes record;
  RlpWriter writer(record);
  write_record(writer, transaction);
  if (end_ + record.size() > bytes_max_) return std::unexpected(Error(Errc::limit_exceeded, path_));
  KITH_CHECK(file_->write_at(end_, record));
  end_ += record.size();
  return {};
}

Result<void> TxJournal::sync() {
  if (file_ == nullptr) return std::unexpected(Error(Errc::closed, path_));
  auto synced = file_->sync();
  if (synced && name_in_doubt_) {
    synced = files_.sync_directory(port::parent_path(path_));
    if (synced) name_in_doubt_ = false;
  }
  // What a system couldn't write it may forget, and have the next sync succeed.
  if (!synced) in_doubt_ = true;
  return synced;
}

bool TxJournal::wants_rotation() const noexcept {
  return in_doubt_ || file_ == nullptr ||
         end_ > std::max<std::uint64_t>(2 * rotated_bytes_, rotated_bytes_ + journal_growth_bytes);
}

Result<void> TxJournal::rotate(std::span<const PoolTransactionPointer> transactions) {
  Bytes content;
  RlpWriter writer(content);
  for (const PoolTransactionPointer& one : transactions) {
    write_record(writer, one->transaction);
    if (content.size() > bytes_max_) return std::unexpected(Error(Errc::limit_exceeded, path_));
  }
  file_.reset();
  const auto replaced = port::replace_file(files_, path_, content, journal_mode);
  // Of an error it can't be known whether the file is another one now, and will stay it.
  name_in_doubt_ = !replaced;
  const auto recovered = recover();
  if (!replaced) return replaced;
  if (!recovered) return std::unexpected(recovered.error());
  rotated_bytes_ = end_;
  in_doubt_ = false;
  return {};
}

}  // namespace kith::ledger
