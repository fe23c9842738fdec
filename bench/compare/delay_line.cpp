// A line between two network namespaces with a delay, a rate, a bounded queue and loss, for kernels
// that have no netem. It makes a TUN device in the namespace where it runs and one in another, and
// carries each packet from one to the other:
//
//   device ── read ──▶ lost? ── queue full? ──▶ leaves when the line is free, arrives a delay later
//   ── write ──▶ device
//
// One thread each way, so that neither waits for the other. A direction is first in, first out,
// since all packets are as long under way; its queue is drop-tail and counted in bytes that haven't
// left yet. Prints "ready" when both devices are up, and what it carried and dropped at SIGTERM.
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <linux/if_tun.h>
#include <pthread.h>
#include <sched.h>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace {

using Clock = std::chrono::steady_clock;
using Nanoseconds = std::chrono::nanoseconds;

constexpr std::size_t packet_bytes_max = 2048;
/// Of what is under way in one direction: 8,192 full packets are 12 MB, three times what 1 Gbit/s
/// holds in 30 ms.
constexpr std::size_t packets_max = 8192;
/// How many packets are taken in before looking at what is due.
constexpr int batch_packets = 64;
/// While packets are under way the line looks that often, not at each of them: at most so much is
/// added to a packet's time, and a thread wakes 5,000 times a second instead of 40,000.
constexpr std::chrono::microseconds tick{200};

struct Options {
  std::string left = "line";
  std::string right = "line";
  std::string right_namespace;
  double delay_ms = 0;
  double rate_mbit = 0;  ///< 0: as fast as it goes
  std::size_t queue_bytes = std::size_t{16} << 20;
  double loss = 0;
  std::uint64_t seed = 1;
};

struct Counts {
  std::uint64_t packets = 0, bytes = 0, lost = 0, overflowed = 0;
};

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "delay_line: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

/// The device is one without packet information and without offloads: a read is one IP packet of at
/// most the MTU.
int open_device(const std::string& name) {
  int device = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (device < 0) fail("/dev/net/tun");
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  std::snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name.c_str());
  if (ioctl(device, TUNSETIFF, &request) != 0) fail("TUNSETIFF");
  return device;
}

/// Its device stays in the namespace where it was made, so this thread comes back afterwards.
int open_device_in(const std::string& space, const std::string& name) {
  int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  int away = open(space.c_str(), O_RDONLY | O_CLOEXEC);
  if (home < 0 || away < 0) fail("a network namespace");
  if (setns(away, CLONE_NEWNET) != 0) fail("setns");
  int device = open_device(name);
  if (setns(home, CLONE_NEWNET) != 0) fail("setns");
  close(home);
  close(away);
  return device;
}

struct Packet {
  Clock::time_point arrives;
  std::uint32_t size = 0;
  std::array<char, packet_bytes_max> bytes;
};

class Direction {
 public:
  Direction(int from, int to, int stop, const Options& options, std::uint64_t seed)
      : from_(from), to_(to), stop_(stop), options_(options), random_(seed), ring_(packets_max) {}

  void run() {
    be_punctual();
    for (;;) {
      int taken = take_in();
      deliver();
      if (taken == batch_packets) continue;
      if (taken == 0 && head_ == tail_) {
        if (!await_packet()) return;
      } else {
        std::this_thread::sleep_for(tick);
        if (stopping()) return;
      }
    }
  }

  const Counts& counts() const { return counts_; }

 private:
  Packet& slot(std::size_t number) { return ring_[number % packets_max]; }

  /// Before all that the ends of the line compute, where that is allowed: the line isn't what's
  /// measured.
  static void be_punctual() {
    prctl(PR_SET_TIMERSLACK, 1UL);  // The default of 50 us would be added to each tick.
    sched_param priority{.sched_priority = 1};
    pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority);
  }

  /// Returns how many there were.
  int take_in() {
    int taken = 0;
    for (; taken < batch_packets; ++taken) {
      Packet spare;
      bool full = tail_ - head_ == packets_max;
      Packet& packet = full ? spare : slot(tail_);
      ssize_t size = read(from_, packet.bytes.data(), packet.bytes.size());
      if (size <= 0) break;
      packet.size = static_cast<std::uint32_t>(size);
      if (is_lost()) {
        ++counts_.lost;
      } else if (full || !schedule(packet)) {
        ++counts_.overflowed;
      } else {
        ++tail_;
      }
    }
    return taken;
  }

  /// xorshift64*: what is lost is the same in every run of the same packets.
  bool is_lost() {
    if (options_.loss <= 0) return false;
    random_ ^= random_ >> 12;
    random_ ^= random_ << 25;
    random_ ^= random_ >> 27;
    return static_cast<double>((random_ * 0x2545F4914F6CDD1DULL) >> 11) * 0x1.0p-53 < options_.loss;
  }

  /// False if the queue is full.
  bool schedule(Packet& packet) {
    Clock::time_point now = Clock::now();
    if (free_at_ < now) free_at_ = now;
    if (options_.rate_mbit > 0) {
      double waiting_bytes =
          std::chrono::duration<double>(free_at_ - now).count() * options_.rate_mbit * 1e6 / 8;
      if (waiting_bytes + packet.size > static_cast<double>(options_.queue_bytes)) return false;
      free_at_ +=
          Nanoseconds(static_cast<std::int64_t>(packet.size * 8 * 1e3 / options_.rate_mbit));
    }
    packet.arrives = free_at_ + Nanoseconds(static_cast<std::int64_t>(options_.delay_ms * 1e6));
    return true;
  }

  void deliver() {
    if (head_ == tail_) return;
    Clock::time_point now = Clock::now();
    for (; head_ != tail_ && slot(head_).arrives <= now; ++head_) {
      Packet& packet = slot(head_);
      // A device that takes no more drops the packet, as a host's own queue would.
      if (write(to_, packet.bytes.data(), packet.size) < 0) {
        ++counts_.overflowed;
        continue;
      }
      ++counts_.packets;
      counts_.bytes += packet.size;
    }
  }

  /// With nothing under way. False when it's time to end.
  bool await_packet() {
    std::array<pollfd, 2> watched{pollfd{from_, POLLIN, 0}, pollfd{stop_, POLLIN, 0}};
    poll(watched.data(), watched.size(), -1);
    return (watched[1].revents & POLLIN) == 0;
  }

  bool stopping() const {
    pollfd watched{stop_, POLLIN, 0};
    return poll(&watched, 1, 0) > 0;
  }

  int from_, to_, stop_;
  const Options& options_;
  std::uint64_t random_;
  std::vector<Packet> ring_;
  std::size_t head_ = 0, tail_ = 0;  ///< numbers of packets, ever growing
  Clock::time_point free_at_{};      ///< when the last byte that was let in has left
  Counts counts_;
};

int usage() {
  std::fputs(
      "usage: delay_line --right-namespace PATH [--left NAME] [--right NAME] [--delay-ms N] "
      "[--rate-mbit N]\n"
      "                  [--queue-bytes N] [--loss 0..1] [--seed N]\n",
      stderr);
  return 2;
}

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 == argc) return false;
    std::string name = argv[i];
    const char* value = argv[i + 1];
    if (name == "--left")
      options.left = value;
    else if (name == "--right")
      options.right = value;
    else if (name == "--right-namespace")
      options.right_namespace = value;
    else if (name == "--delay-ms")
      options.delay_ms = std::strtod(value, nullptr);
    else if (name == "--rate-mbit")
      options.rate_mbit = std::strtod(value, nullptr);
    else if (name == "--queue-bytes")
      options.queue_bytes = std::strtoull(value, nullptr, 10);
    else if (name == "--loss")
      options.loss = std::strtod(value, nullptr);
    else if (name == "--seed")
      options.seed = std::strtoull(value, nullptr, 10);
    else
      return false;
  }
  return !options.right_namespace.empty() && options.seed != 0;
}

void tell(const char* name, const Counts& counts) {
  std::printf(
      "{\"direction\": \"%s\", \"packets\": %llu, \"bytes\": %llu, \"lost\": %llu, \"overflowed\": "
      "%llu}\n",
      name, static_cast<unsigned long long>(counts.packets),
      static_cast<unsigned long long>(counts.bytes), static_cast<unsigned long long>(counts.lost),
      static_cast<unsigned long long>(counts.overflowed));
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) return usage();
  // Blocked before the threads begin, so that all have it blocked and sigwait alone sees it.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  sigprocmask(SIG_BLOCK, &ends, nullptr);

  int left = open_device(options.left);
  int right = open_device_in(options.right_namespace, options.right);
  int stop = eventfd(0, EFD_CLOEXEC);
  if (stop < 0) fail("eventfd");
  Direction there(left, right, stop, options, options.seed);
  Direction back(right, left, stop, options, options.seed + 1);
  std::thread first([&] { there.run(); });
  std::thread second([&] { back.run(); });
  std::puts("ready");
  std::fflush(stdout);

  int signal = 0;
  sigwait(&ends, &signal);
  std::uint64_t one = 1;
  if (write(stop, &one, sizeof one) != sizeof one) fail("eventfd");
  first.join();
  second.join();
  tell("left to right", there.counts());
  tell("right to left", back.counts());
}
