#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include <unistd.h>

#include <kith/crypto/key_file.hpp>
#include <kith/host/program.hpp>
#include <kith/port/file_system.hpp>
#include <kith/port/task_group.hpp>

namespace kith::host {
namespace {

using Body = std::function<Task<void>(Host&)>;

constexpr int signal_exit_code = 128;

struct SignalClaim {
  int number;
  bool taken = false;
  struct sigaction before{};
};

/// While it lives, the second SIGINT or SIGTERM ends the process in its signal handler, where no
/// task that keeps the loop busy is in the way. The first goes to who handled it before. One at a
/// time.
class SecondSignalEnds {
 public:
  SecondSignalEnds() noexcept {
    seen_ = false;
    for (SignalClaim& claim : claims_) {
      const bool plain = ::sigaction(claim.number, nullptr, &claim.before) == 0 &&
                         (claim.before.sa_flags & SA_SIGINFO) == 0 &&
                         claim.before.sa_handler != SIG_DFL && claim.before.sa_handler != SIG_IGN;
      if (!plain) continue;
      struct sigaction ours = claim.before;
      ours.sa_handler = on_signal;
      claim.taken = ::sigaction(claim.number, &ours, nullptr) == 0;
    }
  }
  ~SecondSignalEnds() {
    for (SignalClaim& claim : claims_) {
      if (std::exchange(claim.taken, false)) ::sigaction(claim.number, &claim.before, nullptr);
    }
  }
  SecondSignalEnds(const SecondSignalEnds&) = delete;
  SecondSignalEnds& operator=(const SecondSignalEnds&) = delete;

 private:
  /// Calls only what POSIX calls async-signal-safe, and Asio's own handler.
  static void on_signal(int number) {
    if (seen_.exchange(true)) ::_exit(signal_exit_code + number);
    for (const SignalClaim& claim : claims_) {
      if (claim.number == number) claim.before.sa_handler(number);
    }
  }

  static_assert(std::atomic<bool>::is_always_lock_free);
  static inline std::atomic<bool> seen_;
  static inline std::array claims_{SignalClaim{.number = SIGINT}, SignalClaim{.number = SIGTERM}};
};

Task<void> run_body(port::Env& env, crypto::PrivateKey identity, HostOptions options,
                    const Body& body, Result<void>& outcome) {
  outcome = co_await with_host(env, std::move(identity), std::move(options), body);
  co_return Result<void>{};
}

Task<void> watch_signals(io::Runtime& runtime, port::TaskGroup& work, bool& interrupted) {
  KITH_CO_CHECK(co_await runtime.wait_signal());
  interrupted = true;
  work.cancel();
  // For a first one that came before SecondSignalEnds.
  KITH_CO_TRY(int number, co_await runtime.wait_signal());
  std::_Exit(signal_exit_code + number);
}

Task<void> run(io::Runtime& runtime, crypto::PrivateKey identity, HostOptions options,
               const Body& body, bool& interrupted) {
  port::Env& env = runtime.env();
  port::TaskGroup work(env.executor, env.clock);
  port::TaskGroup signals(env.executor, env.clock);
  // What it stays if the signal comes before the body has begun.
  Result<void> outcome = std::unexpected(Errc::cancelled);
  signals.spawn(watch_signals(runtime, work, interrupted));
  // The runtime's handler is there once the watcher waits.
  co_await port::yield();
  const SecondSignalEnds second_signal_ends;
  work.spawn(run_body(env, std::move(identity), std::move(options), body, outcome));
  co_await work.join_shielded();
  signals.cancel();
  co_await signals.join_shielded();
  co_return outcome;
}

Result<Bytes> sealed(port::Env& env, const crypto::PrivateKey& key, const std::string& passphrase) {
  return crypto::seal_key_file(key, as_bytes(passphrase),
                               [&env](MutableBytes out) { env.random.fill(out); });
}

int fail(const Error& error) {
  std::fprintf(stderr, "Error: %s\n", error.message().c_str());
  return EXIT_FAILURE;
}

}  // namespace

Task<void> wait_for_interrupt(Host& host) {
  return port::sleep_until(host.env().clock, never);
}

Result<crypto::PrivateKey> new_identity(port::Env& env) {
  return crypto::PrivateKey::generate(crypto::KeyType::ed25519,
                                      [&env](MutableBytes out) { env.random.fill(out); });
}

Result<crypto::PrivateKey> load_or_make_identity(port::Env& env, const std::string& path,
                                                 const std::optional<std::string>& passphrase) {
  auto content = port::read_file(env.files, path, crypto::key_file_bytes_max);
  if (content) {
    std::optional<ByteView> secret;
    if (passphrase) secret = as_bytes(*passphrase);
    const crypto::Secret read(*std::move(content));
    auto key = crypto::open_key_file(read, secret);
    if (!key) return std::unexpected(key.error().with_context(path));
    return key;
  }
  if (!content.error().is_errno(ENOENT)) return std::unexpected(content.error());
  KITH_TRY(crypto::PrivateKey key, new_identity(env));
  if (passphrase) {
    KITH_TRY(Bytes encrypted, sealed(env, key, *passphrase));
    KITH_CHECK(port::replace_file(env.files, path, encrypted, 0600));
  } else {
    crypto::Secret encoded = crypto::encode_key_file(key);
    KITH_CHECK(port::replace_file(env.files, path, encoded.view(), 0600));
  }
  return key;
}

int run_program(ProgramOptions options, std::function<Task<void>(Host&)> body) {
  auto runtime = io::Runtime::create(options.runtime);
  if (!runtime) return fail(runtime.error());
  auto identity =
      options.identity_file.empty()
          ? new_identity(runtime->env())
          : load_or_make_identity(runtime->env(), options.identity_file, options.passphrase);
  if (options.passphrase) crypto::wipe(*options.passphrase);
  if (!identity) return fail(identity.error());
  bool interrupted = false;
  auto outcome =
      runtime->run(run(*runtime, *std::move(identity), std::move(options.host), body, interrupted));
  if (outcome || (interrupted && outcome.error().is(Errc::cancelled))) return EXIT_SUCCESS;
  return fail(outcome.error());
}

}  // namespace kith::host
