#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/net/transports/quic/detail/quic_queue.hpp>

namespace kith::net::detail {
namespace {

Bytes some_bytes(Prng& prng, std::size_t size_max) {
  Bytes bytes(1 + prng.below(size_max));
  prng.fill(bytes);
  return bytes;
}

TEST(QuicReceiveQueue, GivesWhatItGotInWhateverPieces) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Prng prng(seed);
    QuicReceiveQueue queue;
    Bytes given, taken;
    for (int i = 0; i < 500; ++i) {
      if (prng.below(3) != 0) {
        const Bytes more = some_bytes(prng, prng.below(10) == 0 ? 200'000 : 1500);
        queue.append(more);
        append(given, more);
      } else if (prng.below(2) == 0) {
        Bytes into(1 + prng.below(5000));
        into.resize(queue.read(into));
        append(taken, into);
      } else {
        const Buffer part = queue.pop(1 + prng.below(100'000));
        EXPECT_EQ(part.empty(), queue.empty() && taken.size() == given.size());
        append(taken, part);
      }
      ASSERT_EQ(queue.size(), given.size() - taken.size());
    }
    while (!queue.empty())
      append(taken, queue.pop(SIZE_MAX));
    ASSERT_TRUE(taken == given) << "seed " << seed;
  }
}

TEST(QuicReceiveQueue, GivesALoneMessageJustItsMemoryAndABusyStreamLargePieces) {
  QuicReceiveQueue queue;
  const Bytes packet(1400, 7);
  queue.append(packet);
  EXPECT_LE(queue.pop(SIZE_MAX).memory_bytes(), 1600u);
  std::size_t largest = 0;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 45; ++i)
      queue.append(packet);
    while (!queue.empty())
      largest = std::max(largest, queue.pop(SIZE_MAX).size());
  }
  EXPECT_EQ(largest, 45 * packet.size());
}

TEST(QuicSendQueue, KeepsWhatIsNotAcknowledgedWhereItIs) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Prng prng(seed);
    QuicSendQueue queue;
    Bytes written;
    std::size_t sent = 0, acknowledged = 0;
    struct InFlight {
      std::size_t offset;
      ByteView bytes;
    };
    std::vector<InFlight> in_flight;
    for (int i = 0; i < 1000; ++i) {
      const std::uint64_t what = prng.below(4);
      if (what == 0) {
        const Bytes more = some_bytes(prng, prng.below(10) == 0 ? 150'000 : 3000);
        queue.append(more);
        append(written, more);
      } else if (what < 3) {
        std::array<ByteView, 4> pieces;
        const std::size_t count = queue.peek(pieces);
        ASSERT_EQ(count == 0, sent == written.size());
        if (count == 0) continue;
        const std::size_t size = 1 + prng.below(std::min<std::size_t>(pieces[0].size(), 1400));
        in_flight.push_back({sent, pieces[0].first(size)});
        queue.mark_sent(size);
        sent += size;
      } else {
        acknowledged += prng.below(sent - acknowledged + 1);
        std::erase_if(in_flight, [&](const InFlight& one) {
          return one.offset + one.bytes.size() <= acknowledged;
        });
        queue.acknowledged(acknowledged);
      }
      ASSERT_EQ(queue.size(), written.size() - acknowledged);
      ASSERT_EQ(queue.unsent(), written.size() - sent);
      for (const InFlight& one : in_flight)
        ASSERT_TRUE(equal(one.bytes, ByteView(written).subspan(one.offset, one.bytes.size())));
    }
  }
}

}  // namespace
}  // namespace kith::net::detail
