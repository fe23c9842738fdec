// port::WorkPool on threads. Jobs are nodes in the waiting coroutines' frames; a job costs one lock
// on each side. Finished jobs gather in a list, and only the first one of a list wakes the loop, so
// thousands of small jobs cost few wake-ups.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>

#include <kith/port/event.hpp>
#include <kith/port/work_pool.hpp>

namespace kith::io::detail {

class ThreadPool final : public port::WorkPool {
 public:
  /// Throws std::system_error if the system gives no thread.
  ThreadPool(boost::asio::io_context& loop, port::Clock& clock, std::size_t threads,
             std::size_t jobs_max);
  /// No job may be waiting or running any more.
  ~ThreadPool() override;

  Task<void> run(std::function<void()> work) override;
  std::size_t parallelism() const noexcept override { return threads_.size(); }

 private:
  struct Job;
  struct JobList {
    Job* first = nullptr;
    Job* last = nullptr;
    void push(Job& job) noexcept;
    void remove(Job& job) noexcept;
  };

  void submit(Job& job);
  void submit_gathered();
  /// On the loop: takes the job back unless it has started.
  bool take_back(Job& job) noexcept;
  void work();
  void deliver();
  void stop() noexcept;

  boost::asio::io_context& loop_;
  const std::size_t jobs_max_;
  // Loop thread only.
  std::size_t jobs_ = 0;
  bool delivering_ = false;
  JobList gathered_;  // submitted while results are delivered, for one lock together
  port::Event room_;

  std::mutex mutex_;
  // Under mutex_.
  JobList waiting_;
  JobList done_;
  bool delivery_posted_ = false;
  bool stopping_ = false;
  std::size_t idle_ = 0;    // threads asleep
  std::size_t called_ = 0;  // of these, told to wake up
  std::condition_variable called_event_;

  std::vector<std::thread> threads_;
};

}  // namespace kith::io::detail
