#include <csignal>
#include <cstdlib>
#include <exception>
#include <optional>
#include <thread>

#include <boost/asio/basic_signal_set.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <sys/resource.h>
#include <system_error>

#include <kith/io/detail/loop_clock.hpp>
#include <kith/io/detail/net.hpp>
#include <kith/io/detail/operation.hpp>
#include <kith/io/detail/thread_pool.hpp>
#include <kith/io/file_system.hpp>
#include <kith/io/limits.hpp>
#include <kith/io/lmdb.hpp>
#include <kith/io/log.hpp>
#include <kith/io/random.hpp>
#include <kith/io/runtime.hpp>

namespace kith::io {
namespace asio = boost::asio;

namespace {

using SignalSet = detail::Guarded<asio::basic_signal_set<asio::io_context::executor_type>>;

struct AwaitSignal {
  template <class Completion>
  void operator()(SignalSet& signals, Completion completion) {
    signals.async_wait(completion);
  }
  bool enough(std::size_t) noexcept { return true; }
};

std::uint64_t random_number(SystemRandom& random) {
  std::uint8_t bytes[8];
  random.fill(bytes);
  return load_le<std::uint64_t>(bytes);
}

Task<void> run_root(Task<void> task) {
  // Cancellation is a value here, as in TaskGroup.
  co_await asio::this_coro::throw_if_cancelled(false);
  co_return co_await std::move(task);
}

Result<port::LogLevels> levels_for(const RuntimeOptions& options) {
  if (options.log_levels) return port::LogLevels::parse(*options.log_levels);
  const char* text = std::getenv("KITH_LOG");
  auto levels = port::LogLevels::parse(text == nullptr ? "" : text);
  if (!levels) return std::unexpected(levels.error().with_context("KITH_LOG"));
  return levels;
}

std::size_t workers_for(const RuntimeOptions& options) {
  if (options.workers > 0) return options.workers;
  return std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace

/// Members die in reverse: first the threads, last the loop.
struct Runtime::State {
  State(port::LogLevels levels, std::size_t workers, std::string name_servers)
      : clock(loop),
        prng(random_number(random)),
        net(loop, clock, std::move(name_servers)),
        log(std::move(levels)),
        pool(loop, clock, workers, work_jobs_max),
        env{.executor = loop.get_executor(),
            .clock = clock,
            .wall = wall,
            .prng = prng,
            .random = random,
            .net = net,
            .files = files,
            .key_values = key_values,
            .pool = pool,
            .log = log} {}

  asio::io_context loop{1};
  detail::LoopClock clock;
  detail::SystemWallClock wall;
  SystemRandom random;
  Prng prng;
  detail::LoopNet net;
  PosixFileSystem files;
  LmdbFactory key_values;
  StderrLog log;
  detail::ThreadPool pool;
  std::optional<SignalSet> signals;
  port::Env env;
};

Runtime::Runtime(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Runtime::Runtime(Runtime&&) noexcept = default;
Runtime::~Runtime() = default;

void raise_descriptor_limit() noexcept {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  // Where it isn't allowed there are fewer; nothing else changes.
  static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
}

Result<Runtime> Runtime::create(const RuntimeOptions& options) {
  KITH_TRY(port::LogLevels levels, levels_for(options));
  try {
    return Runtime(
        std::make_unique<State>(std::move(levels), workers_for(options), options.name_servers));
  } catch (const boost::system::system_error& error) {
    return std::unexpected(Error::from_errno(error.code().value(), "start the event loop"));
  } catch (const std::system_error& error) {
    return std::unexpected(Error::from_errno(error.code().value(), "start the workers"));
  }
}

port::Env& Runtime::env() noexcept {
  return state_->env;
}

Result<void> Runtime::run(Task<void> task) {
  asio::io_context& loop = state_->loop;
  std::optional<Result<void>> outcome;
  auto ended = [&loop, &outcome](std::exception_ptr exception, Result<void> result) {
    // No exception crosses a module: one that comes here is a bug.
    if (exception) std::terminate();
    outcome.emplace(std::move(result));
    loop.stop();
  };
  asio::co_spawn(loop, run_root(std::move(task)), std::move(ended));
  loop.restart();
  loop.run();
  ASSERT(outcome.has_value());
  return std::move(*outcome);
}

Task<int> Runtime::wait_signal() {
  if (!state_->signals) {
    state_->signals.emplace(state_->loop.get_executor());
    for (int number : {SIGINT, SIGTERM}) {
      boost::system::error_code error;
      static_cast<void>(state_->signals->add(number, error));
      if (error) co_return std::unexpected(Error::from_errno(error.value(), "await signals"));
    }
  }
  SignalSet& signals = *state_->signals;
  auto number =
      co_await detail::perform(signals, state_->clock, never, Errc::closed, AwaitSignal{});
  if (!number) co_return std::unexpected(number.error());
  co_return static_cast<int>(*number);
}

}  // namespace kith::io
