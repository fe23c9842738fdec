#include <utility>

#include <kith/api/detail/gathering_sink.hpp>

namespace kith::api {

Task<void> GatheringSink::put(std::vector<ipld::Block> blocks) {
  if (failure_) co_return std::unexpected(*failure_);
  for (ipld::Block& block : blocks) {
    bytes_ += block.data.size();
    blocks_.push_back(std::move(block));
  }
  if (bytes_ >= gathered_bytes_max || blocks_.size() >= gathered_blocks_max)
    co_return co_await pass_on();
  if (!timed_ && !blocks_.empty()) timed_ = tasks_.spawn(pass_on_later());
  co_return Result<void>{};
}

Task<void> GatheringSink::flush() {
  KITH_CO_CHECK(co_await pass_on());
  co_return co_await below_.flush();
}

Task<void> GatheringSink::close_shielded() {
  tasks_.cancel();
  co_return co_await tasks_.join_shielded();
}

/// Returns when all that was put before is kept.
Task<void> GatheringSink::pass_on() {
  while (passing_)
    KITH_CO_CHECK(co_await passed_.wait());
  if (failure_) co_return std::unexpected(*failure_);
  if (blocks_.empty()) co_return Result<void>{};
  passing_ = true;
  bytes_ = 0;
  std::vector<ipld::Block> gathered = std::exchange(blocks_, {});
  Result<void> kept = co_await below_.put(std::move(gathered));
  passing_ = false;
  if (!kept) failure_ = kept.error();
  passed_.notify_all();
  co_return kept;
}

Task<void> GatheringSink::pass_on_later() {
  KITH_CO_CHECK(co_await port::sleep_for(env_.clock, gathered_time_max));
  timed_ = false;
  co_return co_await pass_on();
}

}  // namespace kith::api
