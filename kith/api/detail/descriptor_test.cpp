#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kith/api/detail/descriptor.hpp>

namespace kith::api {
namespace {

struct Pipe {
  Pipe() { EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0); }
  ~Pipe() {
    for (int end : ends)
      ::close(end);
  }
  int reader() const { return ends[0]; }
  int writer() const { return ends[1]; }
  void fill() const {
    int flags = ::fcntl(writer(), F_GETFL);
    ::fcntl(writer(), F_SETFL, flags | O_NONBLOCK);
    std::array<char, 4096> zeros{};
    while (::write(writer(), zeros.data(), zeros.size()) > 0) {
    }
    ::fcntl(writer(), F_SETFL, flags);
  }

  std::array<int, 2> ends{-1, -1};
};

TEST(Descriptor, WritesAllOfIt) {
  Pipe pipe;
  ASSERT_TRUE(write_fully(pipe.writer(), as_bytes("all of it")).has_value());
  char got[16] = {};
  EXPECT_EQ(::read(pipe.reader(), got, sizeof got), 9);
  EXPECT_STREQ(got, "all of it");
}

/// A shell may leave the terminal it shares with us in a state where writes don't wait.
TEST(Descriptor, WaitsWhereTheDescriptorDoesNot) {
  Pipe pipe;
  pipe.fill();
  ::fcntl(pipe.writer(), F_SETFL, O_NONBLOCK);
  pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    // Reads until the writer has gone, which is the proof that it went on.
    ::close(pipe.writer());
    std::array<char, 4096> into;
    char last = 0;
    for (ssize_t got = 0; (got = ::read(pipe.reader(), into.data(), into.size())) > 0;)
      last = into[static_cast<std::size_t>(got - 1)];
    ::_exit(last == 'x' ? 0 : 1);
  }
  EXPECT_TRUE(write_fully(pipe.writer(), Bytes(200'000, 'x')).has_value());
  ::close(std::exchange(pipe.ends[1], -1));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Descriptor, ASignalEndsAWriteThatNobodyReads) {
  Pipe pipe;
  pipe.fill();
  struct sigaction handled = {};
  struct sigaction before = {};
  handled.sa_handler = [](int) {};
  ASSERT_EQ(::sigaction(SIGALRM, &handled, &before), 0);
  // Again and again: the first may come before the write does.
  itimerval soon{{0, 10'000}, {0, 10'000}};
  ASSERT_EQ(::setitimer(ITIMER_REAL, &soon, nullptr), 0);
  auto written = write_fully(pipe.writer(), as_bytes("x"));
  itimerval off{};
  ::setitimer(ITIMER_REAL, &off, nullptr);
  ::sigaction(SIGALRM, &before, nullptr);
  ASSERT_FALSE(written);
  EXPECT_TRUE(written.error().is(Errc::cancelled));
}

TEST(Descriptor, TellsWhatFails) {
  auto full = open_for_writing("/dev/full");
  ASSERT_TRUE(full.has_value());
  EXPECT_TRUE(write_fully(full->number(), as_bytes("x")).error().is_errno(ENOSPC));
  EXPECT_TRUE(open_for_writing("/no/such/place").error().is_errno(ENOENT));
}

}  // namespace
}  // namespace kith::api
