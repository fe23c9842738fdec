#include <algorithm>
#include <charconv>

#include <errno.h>

#include <kith/ledger/consensus/bft_driver/detail/vote_log.hpp>
#include <kith/ledger/consensus/bft_driver/limits.hpp>

namespace kith::ledger::detail {
namespace {

using bft::Epoch;
using bft::Record;

constexpr std::string_view marker_word = "epoch ";
constexpr std::size_t marker_bytes_max = 64;

std::optional<Epoch> read_marker(std::string_view text) {
  if (!text.starts_with(marker_word) || !text.ends_with('\n')) return std::nullopt;
  text = text.substr(marker_word.size(), text.size() - marker_word.size() - 1);
  Epoch epoch = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), epoch);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return epoch;
}

/// Nothing if the file isn't there.
Result<std::optional<Bytes>> read_if_there(port::FileSystem& files, const std::string& path,
                                           std::size_t bytes_max) {
  auto read = port::read_file(files, path, bytes_max);
  if (read) return *std::move(read);
  if (read.error().is_errno(ENOENT)) return std::nullopt;
  return std::unexpected(read.error());
}

}  // namespace

void remove_leftovers(port::FileSystem& files, const std::string& path) {
  const std::string folder = port::parent_path(path);
  const auto entries = files.list(folder);
  if (!entries) return;
  const std::string begins = path.substr(path.rfind('/') + 1) + ".new";
  for (const port::DirectoryEntry& entry : *entries) {
    if (entry.name.starts_with(begins)) static_cast<void>(files.remove(folder + "/" + entry.name));
  }
}

struct VoteLog::Found {
  std::optional<Bytes> log;
  std::optional<Epoch> marker;
  bool bad_marker = false;
  std::unique_ptr<port::FileLock> lock;
};

VoteLog::VoteLog(port::Env& env, std::string folder) : env_(env), folder_(std::move(folder)) {}

/// On a worker.
Result<VoteLog::Found> VoteLog::look() {
  Found found;
  KITH_CHECK(env_.files.make_directories(folder_, 0700));
  KITH_CHECK(port::sync_way(env_.files, folder_));
  if (!lock_) {
    KITH_TRY(found.lock, env_.files.lock(folder_ + "/lock"));
  }
  remove_leftovers(env_.files, path());
  remove_leftovers(env_.files, marker_path());
  KITH_TRY(found.log, read_if_there(env_.files, path(), bft_limits::log_file_bytes_max));
  KITH_TRY(const auto marker, read_if_there(env_.files, marker_path(), marker_bytes_max));
  if (marker) found.marker = read_marker(as_text(*marker));
  found.bad_marker = marker && !found.marker;
  return found;
}

Task<VoteLog::Begun> VoteLog::begin(Epoch epoch, bool is_new) {
  file_.reset();
  content_.clear();
  pending_.clear();
  replace_ = in_doubt_ = false;
  epoch_ = epoch;
  auto found = co_await port::run_on(env_.pool, [this] { return look(); });
  if (!found) {
    if (found.error().is(Errc::cancelled)) co_return std::unexpected(found.error());
    if (found.error().is(Errc::busy))
      co_return Begun{false, "another process votes with the log in " + folder_, {}};
    co_return Begun{false, "the log of votes can't be read: " + found.error().message(), {}};
  }
  if (found->lock) lock_ = std::move(found->lock);
  const bool is_marked = found->marker.has_value();
  const bool mends = found->bad_marker;
  Begun begun = judge(epoch, is_new, *std::move(found));
  if (mends || (!begun.may_vote && !is_marked)) {
    // So that a later epoch is known to be one without votes, even if it begins while we are away.
    // If it can't be written now, that is known an epoch later.
    auto marked = co_await port::run_on(env_.pool, [this] { return write_marker(newest_logged_); });
    if (marked) marker_ = newest_logged_;
  }
  co_return begun;
}

VoteLog::Begun VoteLog::judge(Epoch epoch, bool is_new, Found found) {
  marker_ = found.bad_marker ? epoch : found.marker;
  newest_logged_ = epoch;
  std::optional<Epoch> logged;
  bft::JournalContents contents;
  if (found.log) {
    auto decoded = bft::decode_journal(*found.log);
    if (!decoded) {
      return {false,
              path() + ": " + Error(decoded.error()).message() +
                  "; move it away to follow now and vote again from the next epoch on",
              {}};
    }
    contents = *std::move(decoded);
    if (!contents.records.empty()) {
      const auto* first = std::get_if<bft::Snapshot>(&contents.records.front());
      if (first == nullptr)
        return {false, path() + ": " + Error(bft::BftError::other_log).message(), {}};
      logged = first->epoch;
      newest_logged_ = std::max(epoch, *logged);
    }
  }
  if (logged && *logged > epoch)
    return {false, "the log of votes is of a later epoch: the chain has lost blocks", {}};
  if (logged == epoch) {
    content_ = *std::move(found.log);
    in_doubt_ = content_.size() != contents.whole_bytes;
    content_.resize(contents.whole_bytes);
    return {true, "", std::move(contents.records)};
  }
  const bool may_have_voted = marker_ ? *marker_ >= epoch : !logged && !is_new;
  if (may_have_voted) {
    return {false,
            "the log of votes is missing, so that a vote might be cast twice; voting begins with "
            "the next epoch",
            {}};
  }
  return {true, "", {}};
}

void VoteLog::append(Record record, bool replaces_all) {
  if (replaces_all) {
    pending_.clear();
    replace_ = true;
  }
  pending_.push_back(std::move(record));
}

Task<void> VoteLog::sync() {
  if (!pending_.empty()) KITH_CO_CHECK(co_await write_pending());
  if (marker_ && *marker_ >= epoch_) co_return Result<void>{};
  KITH_CO_CHECK(co_await port::run_on(env_.pool, [this] { return write_marker(epoch_); }));
  marker_ = epoch_;
  co_return Result<void>{};
}

Task<void> VoteLog::write_pending() {
  const Bytes frame = bft::encode_frame(pending_);
  const bool whole = replace_ || in_doubt_;
  Bytes content = replace_ ? Bytes() : content_;
  kith::append(content, frame);
  const ByteView to_write = whole ? ByteView(content) : ByteView(frame);
  auto written =
      co_await port::run_on(env_.pool, [this, to_write, whole] { return write(to_write, whole); });
  if (!written) {
    in_doubt_ = true;
    co_return written;
  }
  content_ = std::move(content);
  pending_.clear();
  replace_ = in_doubt_ = false;
  co_return Result<void>{};
}

/// On a worker.
Result<void> VoteLog::write(ByteView bytes, bool whole) {
  if (whole) {
    file_.reset();
    return port::replace_file(env_.files, path(), bytes, 0600);
  }
  if (!file_) {
    KITH_TRY(file_, env_.files.open(path(), port::OpenMode::write));
  }
  KITH_CHECK(file_->write_at(content_.size(), bytes));
  return file_->sync();
}

/// On a worker.
Result<void> VoteLog::write_marker(Epoch epoch) {
  const std::string text = std::string(marker_word) + std::to_string(epoch) + "\n";
  return port::replace_file(env_.files, marker_path(), as_bytes(text), 0600);
}

}  // namespace kith::ledger::detail
