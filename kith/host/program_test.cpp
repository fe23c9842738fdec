#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

#include <kith/crypto/key_file.hpp>
#include <kith/host/program.hpp>

namespace kith::host {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;

/// A folder that goes with the test.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "kith-host-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string file(const char* name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

ProgramOptions on_loopback() {
  ProgramOptions options;
  options.host.listen.push_back(*Multiaddr::parse("/ip4/127.0.0.1/tcp/0"));
  return options;
}

Task<void> dial_self(Host& host) {
  KITH_CO_CHECK(co_await host.connect(host.addresses().front()));
  co_return Result<void>{};
}

TEST(RunProgram, ExitsWithZeroIfTheBodySucceedsAndWithOneIfItFails) {
  std::vector<Multiaddr> addresses;
  std::function<Task<void>(Host&)> look = [&addresses](Host& host) -> Task<void> {
    addresses = host.addresses();
    co_return Result<void>{};
  };
  EXPECT_EQ(run_program(on_loopback(), look), 0);
  ASSERT_EQ(addresses.size(), 1u);
  EXPECT_NE(addresses[0].ip_and_port()->port, 0);
  EXPECT_EQ(run_program(on_loopback(), dial_self), 1);
}

Task<void> interrupt_itself(Host& host) {
  KITH_CO_CHECK(co_await port::yield());
  ::kill(::getpid(), SIGTERM);
  co_return co_await wait_for_interrupt(host);
}

TEST(RunProgram, ASignalCancelsTheBodyAndIsNoFailure) {
  // Twice: one signal for each run.
  EXPECT_EQ(run_program(on_loopback(), interrupt_itself), 0);
  EXPECT_EQ(run_program(on_loopback(), interrupt_itself), 0);
}

/// Never comes back to the loop, so only the signal handler can end it.
Task<void> is_stuck(Host&) {
  std::raise(SIGTERM);
  std::raise(SIGINT);
  std::_Exit(1);
}

TEST(RunProgramDeathTest, ASecondSignalEndsAProgramThatIsStuck) {
  // The runtime has threads, which a mere fork would lose.
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(run_program(on_loopback(), is_stuck), testing::ExitedWithCode(128 + SIGINT), "");
}

Task<void> note(std::string& said, const char* what) {
  KITH_CO_CHECK(co_await port::yield());
  said = what;
  co_return Result<void>{};
}

Task<void> say_goodbye(Host& host, std::string& said) {
  ::kill(::getpid(), SIGTERM);
  auto interrupted = co_await wait_for_interrupt(host);
  port::TaskGroup last(host.env().executor, host.env().clock);
  last.spawn(note(said, "goodbye"));
  co_await last.join_shielded();
  co_return interrupted;
}

TEST(RunProgram, ABodySaysGoodbyeInAGroupOfItsOwn) {
  std::string said;
  auto body = [&said](Host& host) { return say_goodbye(host, said); };
  EXPECT_EQ(run_program(on_loopback(), body), 0);
  EXPECT_EQ(said, "goodbye");
}

/// Counts what a thread of the program's own hands over, in tasks on the loop.
Task<void> count_one(int& counted, port::Event& changed) {
  ++counted;
  changed.notify_all();
  co_return Result<void>{};
}

Task<void> hear_from_a_thread(Host& host, int& counted) {
  port::Event changed(host.env().clock);
  port::TaskGroup tasks(host.env().executor, host.env().clock);
  std::thread other([&host, &tasks, &counted, &changed] {
    for (int i = 0; i < 1000; ++i)
      host.post([&tasks, &counted, &changed] { tasks.spawn(count_one(counted, changed)); });
  });
  Result<void> waited;
  while (waited && counted < 1000)
    waited = co_await changed.wait(host.after(30s));
  other.join();
  co_await tasks.join_shielded();
  co_return waited;
}

TEST(RunProgram, AnotherThreadHandsWorkToTheHost) {
  int counted = 0;
  auto body = [&counted](Host& host) { return hear_from_a_thread(host, counted); };
  EXPECT_EQ(run_program(on_loopback(), body), 0);
  EXPECT_EQ(counted, 1000);
}

TEST(RunProgram, KeepsTheIdentityInAFileOfItsOwner) {
  Folder folder;
  std::vector<PeerId> peers;
  std::function<Task<void>(Host&)> note = [&peers](Host& host) -> Task<void> {
    peers.push_back(host.peer());
    co_return Result<void>{};
  };
  ProgramOptions options;
  options.identity_file = folder.file("key");
  EXPECT_EQ(run_program(options, note), 0);
  EXPECT_EQ(run_program(options, note), 0);
  EXPECT_EQ(run_program({}, note), 0);
  ASSERT_EQ(peers.size(), 3u);
  EXPECT_EQ(peers[0], peers[1]);
  EXPECT_NE(peers[0], peers[2]);
  auto mode = std::filesystem::status(folder.file("key")).permissions();
  EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);

  std::filesystem::resize_file(folder.file("key"), 5);
  EXPECT_EQ(run_program(options, note), 1);
  EXPECT_EQ(peers.size(), 3u);
}

TEST(RunProgram, KeepsTheIdentityUnderAPassphrase) {
  Folder folder;
  std::vector<PeerId> peers;
  std::function<Task<void>(Host&)> note = [&peers](Host& host) -> Task<void> {
    peers.push_back(host.peer());
    co_return Result<void>{};
  };
  ProgramOptions options;
  options.identity_file = folder.file("key");
  options.passphrase = "correct horse";
  EXPECT_EQ(run_program(options, note), 0);
  EXPECT_EQ(run_program(options, note), 0);
  ASSERT_EQ(peers.size(), 2u);
  EXPECT_EQ(peers[0], peers[1]);
  std::ifstream file(options.identity_file, std::ios::binary);
  Bytes content(std::istreambuf_iterator<char>(file), {});
  EXPECT_TRUE(crypto::key_file_is_sealed(content));

  options.passphrase = "wrong horse";
  EXPECT_EQ(run_program(options, note), 1);
  options.passphrase.reset();
  EXPECT_EQ(run_program(options, note), 1);
  EXPECT_EQ(peers.size(), 2u);
}

}  // namespace
}  // namespace kith::host
