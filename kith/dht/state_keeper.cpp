#include <algorithm>

#include <errno.h>

#include <kith/dht/state_keeper.hpp>

namespace kith::dht {

/// A file that is to take the place of another.
struct StateKeeper::Replacement {
  explicit Replacement(std::string of) : path(std::move(of)), temporary(path + ".new") {}

  std::string path;
  std::string temporary;
  std::unique_ptr<port::File> file{};
  std::uint64_t size = 0;
};

StateKeeper::StateKeeper(port::Env& env, Dht& dht, std::string path)
    : env_(env),
      log_(env.log, "dht"),
      dht_(dht),
      path_(std::move(path)),
      tasks_(env.executor, env.clock) {}

// Reading.

void StateKeeper::load_file(const std::string& path, bool& rewrite) {
  auto content = port::read_file(env_.files, path, state_file_bytes_max);
  if (!content) {
    if (content.error().is_errno(ENOENT)) return;
    // Or the next one would take its place.
    auto kept = env_.files.rename(path, path + ".unread");
    KITH_LOG_WARN(log_, "what was kept of the DHT could not be read ({}){}",
                  content.error().message(), kept ? ": it is left as " + path + ".unread" : "");
    return;
  }
  auto restore = [this](SavedRecord record) { dht_.restore(std::move(record)); };
  const StateRead read = read_state(*content, restore);
  KITH_LOG_DEBUG(log_, "{}: {} records", path, read.records);
  rewrite = read.damaged_bytes > 0;
  if (rewrite) {
    KITH_LOG_WARN(log_, "{} is damaged: {} records are read, {} bytes are left out", path,
                  read.records, read.damaged_bytes);
  }
  end_ = content->size();
}

void StateKeeper::load() {
  bool damaged = true;
  load_file(path_ + ".records", damaged);
  end_ = 0;
  load_file(path_ + ".provided", rewrite_);
  rewritten_bytes_ = end_;
  dht_.begin_from_restored();
  records_at_ = env_.clock.now();
}

// Writing.

Task<void> StateKeeper::write(Replacement& file, Bytes bytes) {
  auto work = [this, &file, &bytes]() -> Result<void> {
    if (!file.file) {
      KITH_TRY(file.file, env_.files.open(file.temporary, port::OpenMode::create, 0600));
      KITH_CHECK(file.file->truncate(0));
    }
    KITH_CHECK(file.file->write_at(file.size, bytes));
    file.size += bytes.size();
    return {};
  };
  co_return co_await port::run_on(env_.pool, work);
}

Task<void> StateKeeper::finish(Replacement& file, Result<void> outcome) {
  auto work = [this, &file, &outcome]() -> Result<void> {
    if (outcome) outcome = file.file->sync();
    file.file.reset();
    if (outcome) outcome = env_.files.rename(file.temporary, file.path);
    if (!outcome) {
      // It takes room that something else may need.
      static_cast<void>(env_.files.remove(file.temporary));
      return outcome;
    }
    return env_.files.sync_directory(port::parent_path(file.path));
  };
  co_return co_await port::run_on(env_.pool, work);
}

Task<void> StateKeeper::fill_with_records(Replacement& file) {
  KITH_CO_CHECK(co_await write(file, to_bytes(state_file_begin())));
  Dht::SaveCursor cursor;
  FrameWriter frame;
  for (bool more = true; more;) {
    more = dht_.save_some(cursor, state_records_at_once, frame);
    if (frame.full() || (!more && !frame.empty())) {
      KITH_CO_CHECK(co_await write(file, frame.take()));
    } else {
      KITH_CO_CHECK(co_await port::yield());
    }
  }
  co_return Result<void>{};
}

Task<void> StateKeeper::save_records() {
  records_at_ = env_.clock.now();
  Replacement file(path_ + ".records");
  Result<void> outcome = co_await fill_with_records(file);
  co_return co_await finish(file, std::move(outcome));
}

Task<void> StateKeeper::fill_with_provided(Replacement& file) {
  KITH_CO_CHECK(co_await write(file, to_bytes(state_file_begin())));
  std::optional<Key> after;
  FrameWriter frame;
  for (;;) {
    std::vector<ProvidedKeys::Entry> some =
        dht_.provided().some_after(after, state_records_at_once);
    for (ProvidedKeys::Entry& one : some)
      frame.add(SavedContent{std::move(one.content), one.next, one.told});
    if (frame.full() || (some.empty() && !frame.empty())) {
      KITH_CO_CHECK(co_await write(file, frame.take()));
    }
    if (some.empty()) co_return Result<void>{};
    KITH_CO_CHECK(co_await port::yield());
  }
}

Task<void> StateKeeper::rewrite_provided() {
  // What changes from here on is added when this is done.
  rewrite_ = true;
  dht_.provided().forget_changes();
  Replacement file(path_ + ".provided");
  Result<void> outcome = co_await fill_with_provided(file);
  KITH_CO_CHECK(co_await finish(file, std::move(outcome)));
  rewrite_ = false;
  end_ = file.size;
  rewritten_bytes_ = file.size;
  co_return Result<void>{};
}

Task<void> StateKeeper::append_changes() {
  FrameWriter frame;
  Bytes bytes;
  for (ProvidedKeys::Entry& one : dht_.provided().take_changes(state_records_at_once)) {
    frame.add(SavedContent{std::move(one.content), one.next, one.told});
    if (frame.full()) append(bytes, frame.take());
  }
  if (!frame.empty()) append(bytes, frame.take());
  auto work = [this, &bytes, more = dht_.provided().changes() > 0]() -> Result<void> {
    KITH_TRY(auto file, env_.files.open(path_ + ".provided", port::OpenMode::write));
    KITH_CHECK(file->write_at(end_, bytes));
    return more ? Result<void>{} : file->sync();
  };
  // What was taken is lost to us if this fails.
  rewrite_ = true;
  KITH_CO_CHECK(co_await port::run_on(env_.pool, work));
  rewrite_ = false;
  end_ += bytes.size();
  co_return Result<void>{};
}

Task<void> StateKeeper::save_provided() {
  if (rewrite_) KITH_CO_CHECK(co_await rewrite_provided());
  while (dht_.provided().changes() > 0) {
    const bool outdated = end_ > 2 * rewritten_bytes_ + state_slack_bytes;
    KITH_CO_CHECK(co_await (outdated ? rewrite_provided() : append_changes()));
  }
  co_return Result<void>{};
}

void StateKeeper::tell(const Result<void>& outcome) {
  if (outcome && failed_) KITH_LOG_INFO(log_, "{}: the DHT's state is saved again", path_);
  if (!outcome && !failed_) {
    KITH_LOG_WARN(log_, "the DHT's state could not be saved: {} (tried again each minute)",
                  outcome.error().message());
  }
  failed_ = !outcome;
}

Task<void> StateKeeper::loop() {
  for (;;) {
    Duration wait = failed_ ? state_retry : provided_save_interval;
    KITH_CO_CHECK(co_await port::sleep_for(env_.clock, wait));
    Result<void> outcome = co_await save_provided();
    const bool time = failed_ || env_.clock.now() - records_at_ >= records_save_interval;
    if (outcome && time) outcome = co_await save_records();
    if (!outcome && outcome.error().is(Errc::cancelled)) co_return outcome;
    tell(outcome);
  }
}

Task<void> StateKeeper::save() {
  Result<void> provided = co_await save_provided();
  Result<void> records = co_await save_records();
  co_return provided ? records : provided;
}

Task<void> StateKeeper::close_shielded() {
  tasks_.cancel();
  co_await tasks_.join_shielded();
  Result<void> saved = co_await save();
  if (!saved) failed_ = false;
  tell(saved);
  co_return saved;
}

}  // namespace kith::dht
