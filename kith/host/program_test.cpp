#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

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
  EXPECT_EQ(run_program(on_loopback(), interrupt_itself), 0);
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
