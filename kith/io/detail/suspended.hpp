// A suspended coroutine's completion handler, kept in place instead of on the heap.
#pragma once

#include <cstddef>
#include <new>
#include <utility>

#include <kith/base/assert.hpp>

namespace kith::io::detail {

class Suspended {
 public:
  Suspended() = default;
  Suspended(const Suspended&) = delete;
  Suspended& operator=(const Suspended&) = delete;
  ~Suspended() { ASSERT(resume_ == nullptr); }

  template <class Handler>
  void hold(Handler handler) {
    static_assert(sizeof(Handler) <= sizeof(storage_) &&
                  alignof(Handler) <= alignof(std::max_align_t));
    ASSERT(resume_ == nullptr);
    new (storage_) Handler(std::move(handler));
    resume_ = [](void* place) {
      auto* held = static_cast<Handler*>(place);
      Handler moved(std::move(*held));
      held->~Handler();
      std::move(moved)();
    };
  }

  /// Runs the coroutine inside this call, which may end the life of this object: only from the
  /// event loop's own top level.
  void resume() {
    auto resume = std::exchange(resume_, nullptr);
    ASSERT(resume != nullptr);
    resume(storage_);
  }

 private:
  alignas(std::max_align_t) unsigned char storage_[64];
  void (*resume_)(void*) = nullptr;
};

}  // namespace kith::io::detail
