#include <csignal>
#include <pthread.h>
#include <utility>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <kith/base/assert.hpp>
#include <kith/io/detail/suspended.hpp>
#include <kith/io/detail/thread_pool.hpp>

namespace kith::io::detail {
namespace asio = boost::asio;

struct ThreadPool::Job {
  std::function<void()> work;
  Suspended suspended;
  asio::cancellation_slot slot;
  bool taken_back = false;
  JobList* waits_in = nullptr;  // under mutex_, unless it is gathered_
  Job* previous = nullptr;
  Job* next = nullptr;

  void finish() {
    if (slot.is_connected()) slot.clear();
    suspended.resume();
  }
};

void ThreadPool::JobList::push(Job& job) noexcept {
  job.waits_in = this;
  job.previous = last;
  job.next = nullptr;
  (last != nullptr ? last->next : first) = &job;
  last = &job;
}

void ThreadPool::JobList::remove(Job& job) noexcept {
  (job.previous != nullptr ? job.previous->next : first) = job.next;
  (job.next != nullptr ? job.next->previous : last) = job.previous;
  job.waits_in = nullptr;
}

ThreadPool::ThreadPool(asio::io_context& loop, port::Clock& clock, std::size_t threads,
                       std::size_t jobs_max)
    : loop_(loop), jobs_max_(jobs_max), room_(clock) {
  ASSERT(threads > 0 && jobs_max > 0);
  // Signals are the loop's: workers are made with all of them blocked.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    threads_.reserve(threads);
    for (std::size_t i = 0; i < threads; ++i) {
      threads_.emplace_back([this] { work(); });
      pthread_setname_np(threads_.back().native_handle(), "kith-worker");
    }
  } catch (...) {
    stop();
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

ThreadPool::~ThreadPool() {
  stop();
  ASSERT(jobs_ == 0);
}

void ThreadPool::stop() noexcept {
  {
    std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  called_event_.notify_all();
  for (std::thread& thread : threads_)
    thread.join();
  threads_.clear();
}

Task<void> ThreadPool::run(std::function<void()> work) {
  auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none)
    co_return std::unexpected(Errc::cancelled);
  while (jobs_ >= jobs_max_) {
    auto woken = co_await room_.wait();
    if (!woken) {
      // A place that was offered to this task is for the next one.
      if (jobs_ < jobs_max_) room_.notify_one();
      co_return std::unexpected(woken.error());
    }
  }

  Job job;
  job.work = std::move(work);
  auto suspend = [this, &job](auto handler) {
    job.slot = asio::get_associated_cancellation_slot(handler);
    if (job.slot.is_connected()) {
      job.slot.assign([this, &job](asio::cancellation_type) {
        if (!take_back(job)) return;
        job.taken_back = true;
        // Never inside the call that cancels.
        asio::post(loop_, [&job] { job.finish(); });
      });
    }
    job.suspended.hold(std::move(handler));
    submit(job);
  };
  ++jobs_;
  co_await asio::async_initiate<const asio::use_awaitable_t<port::Executor>, void()>(
      suspend, asio::use_awaitable_t<port::Executor>());
  --jobs_;
  room_.notify_one();
  if (job.taken_back) co_return std::unexpected(Errc::cancelled);
  co_return Result<void>{};
}

void ThreadPool::submit(Job& job) {
  gathered_.push(job);
  if (!delivering_) submit_gathered();
}

void ThreadPool::submit_gathered() {
  std::size_t calls = 0;
  {
    std::scoped_lock lock(mutex_);
    while (gathered_.first != nullptr) {
      Job& job = *gathered_.first;
      gathered_.remove(job);
      waiting_.push(job);
      if (idle_ > called_) {
        ++called_;
        ++calls;
      }
    }
  }
  for (; calls > 0; --calls)
    called_event_.notify_one();
}

bool ThreadPool::take_back(Job& job) noexcept {
  std::scoped_lock lock(mutex_);
  if (job.waits_in == nullptr) return false;
  job.waits_in->remove(job);
  return true;
}

void ThreadPool::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    while (waiting_.first == nullptr) {
      if (stopping_) return;
      ++idle_;
      called_event_.wait(lock);
      --idle_;
      if (called_ > 0) --called_;
    }
    Job& job = *waiting_.first;
    waiting_.remove(job);
    lock.unlock();
    // No exception crosses a module, so one that leaves a job ends the program.
    [&job]() noexcept {
      job.work();
      job.work = nullptr;
    }();
    lock.lock();
    done_.push(job);
    job.waits_in = nullptr;
    if (!std::exchange(delivery_posted_, true)) {
      lock.unlock();
      asio::post(loop_, [this] { deliver(); });
      lock.lock();
    }
  }
}

void ThreadPool::deliver() {
  JobList done;
  {
    std::scoped_lock lock(mutex_);
    done = std::exchange(done_, JobList{});
    delivery_posted_ = false;
  }
  delivering_ = true;
  for (Job* job = done.first; job != nullptr;) {
    Job* next = job->next;
    job->finish();
    job = next;
  }
  delivering_ = false;
  submit_gathered();
}

}  // namespace kith::io::detail
