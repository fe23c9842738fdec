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
  Handler handler = ready_.pop();
  const heap::Scope scope(handler.node);
  handler.function();
  // What it holds is given back in its own name, too.
  handler.function = nullptr;
  return true;
}

}  // namespace kith::sim
