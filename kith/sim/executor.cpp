#include <kith/sim/executor.hpp>

namespace kith::sim {

RunQueue::~RunQueue() {
  // What a destroyed handler's coroutine posts while it unwinds is destroyed too.
  while (!ready_.empty())
    ready_.pop();
  shutdown();
  destroy();
}

bool RunQueue::run_one() {
  if (ready_.empty()) return false;
  if (shuffle_ && ready_.size() > 1) {
    std::swap(ready_.front(), ready_[shuffle_->below(ready_.size())]);
  }
  auto handler = ready_.pop();
  handler();
  return true;
}

}  // namespace kith::sim
