#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <kith/base/prng.hpp>
#include <kith/net/transports/quic/detail/quic_memory.hpp>

namespace kith::net::detail {
namespace {

constexpr std::size_t page = PagedPools::page_bytes;

/// How many of the pages of this are in memory.
std::size_t resident(const void* memory, std::size_t pages) {
  std::vector<unsigned char> told(pages);
  EXPECT_EQ(::mincore(const_cast<void*>(memory), pages * page, told.data()), 0);
  return static_cast<std::size_t>(
      std::ranges::count_if(told, [](unsigned char one) { return (one & 1) != 0; }));
}

TEST(PagedPools, WhatIsntTouchedIsntInMemory) {
  PagedPools pools;
  std::vector<char*> given;
  for (int i = 0; i < 500; ++i) {
    given.push_back(static_cast<char*>(pools.allocate(2 * page + 200)));
    given.back()[100] = 'x';
  }
  for (char* one : given)
    EXPECT_EQ(resident(one, 3), 1);
  for (char* one : given)
    pools.free(one);
}

TEST(PagedPools, OfWhatWasGivenBackOnePageStays) {
  PagedPools pools;
  void* kept = pools.allocate(3 * page);
  void* one = pools.allocate(3 * page);
  std::memset(one, 1, 3 * page);
  ASSERT_EQ(resident(one, 3), 3);
  pools.free(one);
  EXPECT_EQ(resident(one, 3), 1);
  EXPECT_EQ(pools.allocate(3 * page), one);
  pools.free(one);
  pools.free(kept);
}

TEST(PagedPools, RegionsWithoutPoolsGoBackButOneOfASize) {
  PagedPools pools;
  std::vector<void*> given;
  for (int i = 0; i < 1000; ++i)
    given.push_back(pools.allocate(2 * page));
  EXPECT_EQ(pools.mapped_bytes(), 8 * PagedPools::region_bytes);
  for (void* one : given)
    pools.free(one);
  EXPECT_EQ(pools.mapped_bytes(), PagedPools::region_bytes);
  pools.free(pools.allocate(5 * page));
  EXPECT_EQ(pools.mapped_bytes(), 2 * PagedPools::region_bytes);
}

TEST(PagedPools, SmallAndHugeComeFromMalloc) {
  PagedPools pools;
  void* small = pools.allocate(page - 1);
  void* huge = pools.allocate(PagedPools::pages_max * page + 1);
  EXPECT_EQ(pools.mapped_bytes(), 0);
  pools.free(small);
  pools.free(huge);
  pools.free(nullptr);
  // malloc's own, and at a page of its own.
  pools.free(std::malloc(10));
  pools.free(std::aligned_alloc(page, page));
}

TEST(PagedPools, ResizesAsReallocDoes) {
  PagedPools pools;
  auto* one = static_cast<char*>(pools.resize(nullptr, 10));
  std::memcpy(one, "0123456789", 10);
  one = static_cast<char*>(pools.resize(one, 2 * page));
  EXPECT_EQ(std::string(one, 10), "0123456789");
  pools.free(one);

  auto* two = static_cast<char*>(pools.allocate(page + 1));
  std::memset(two, 'a', page + 1);
  EXPECT_EQ(pools.resize(two, 2 * page), two);
  for (const std::size_t size : {3 * page, 20 * page}) {
    two = static_cast<char*>(pools.resize(two, size));
    EXPECT_EQ(std::string(two, page + 1), std::string(page + 1, 'a')) << size;
  }
  pools.free(two);
}

/// Each piece holds a mark of its own from end to end, so that two which overlap are found out.
void churn(PagedPools& pools, std::uint64_t seed) {
  struct Piece {
    unsigned char* at;
    std::size_t size;
    unsigned char mark;
  };
  Prng prng(seed);
  std::vector<Piece> held;
  for (int i = 0; i < 20'000; ++i) {
    if (held.size() < 200 && prng.below(3) != 0) {
      const std::size_t size = 1 + prng.below(10 * page);
      const auto mark = static_cast<unsigned char>(prng.below(256));
      auto* at = static_cast<unsigned char*>(pools.allocate(size));
      ASSERT_NE(at, nullptr);
      std::memset(at, mark, size);
      held.push_back({at, size, mark});
    } else if (!held.empty()) {
      std::swap(held[prng.below(held.size())], held.back());
      const Piece gone = held.back();
      held.pop_back();
      ASSERT_TRUE(std::all_of(gone.at, gone.at + gone.size,
                              [&](unsigned char one) { return one == gone.mark; }));
      pools.free(gone.at);
    }
  }
  for (const Piece& left : held)
    pools.free(left.at);
}

TEST(PagedPools, PiecesDontOverlapWhicheverThreadHasThem) {
  PagedPools pools;
  std::vector<std::jthread> threads;
  for (std::uint64_t seed = 1; seed <= 3; ++seed)
    threads.emplace_back([&pools, seed] { churn(pools, seed); });
  threads.clear();
  EXPECT_LE(pools.mapped_bytes(), PagedPools::pages_max * PagedPools::region_bytes);
}

}  // namespace
}  // namespace kith::net::detail
