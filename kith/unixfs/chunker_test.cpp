#include <array>
#include <bit>
#include <set>

#include <gtest/gtest.h>

#include <kith/unixfs/chunker.hpp>
#include <kith/unixfs/detail/buzhash_table.hpp>
#include <kith/unixfs/detail/rabin.hpp>
#include <kith/unixfs/fixture.hpp>
#include <kith/unixfs/limits.hpp>

namespace kith::unixfs {
namespace {

using testing::random_bytes;

/// The sizes of all chunks, when the content comes in pieces of up to `piece_max` bytes.
std::vector<std::size_t> sizes_of(const ChunkerSpec& spec, ByteView content, std::size_t piece_max,
                                  std::uint64_t seed = 1) {
  auto chunker = spec.make();
  Prng prng(seed);
  std::vector<std::size_t> sizes;
  std::size_t held = 0;
  while (!content.empty()) {
    ByteView piece =
        content.first(std::min<std::size_t>(content.size(), 1 + prng.below(piece_max)));
    Chunker::Cut cut = chunker->feed(piece);
    EXPECT_GT(cut.taken, 0u);
    EXPECT_TRUE(cut.complete || cut.taken == piece.size());
    held += cut.taken;
    content = content.subspan(cut.taken);
    if (cut.complete) sizes.push_back(std::exchange(held, 0));
  }
  if (held > 0) sizes.push_back(held);
  return sizes;
}

/// The slow references: each looks at whole windows only, and computes their hash from nothing.

bool rabin_boundary(ByteView window, std::size_t average) {
  // The window as one polynomial, reduced bit by bit.
  std::uint64_t hash = 0;
  for (std::uint8_t byte : window) {
    for (int bit = 7; bit >= 0; --bit) {
      hash = hash << 1 | (byte >> bit & 1);
      if (hash >> detail::rabin_degree & 1) hash ^= detail::rabin_polynomial;
    }
  }
  return hash % std::bit_floor(average) == 0;
}

bool buzhash_boundary(ByteView window) {
  std::uint32_t hash = 0;
  for (std::size_t i = 0; i < window.size(); ++i) {
    auto turns = static_cast<int>(window.size() - 1 - i);
    hash ^= std::rotl(detail::buzhash_table[window[i]], turns);
  }
  return hash % (1U << 17) == 0;
}

std::vector<std::size_t> reference_sizes(const ChunkerSpec& spec, ByteView content) {
  std::vector<std::size_t> sizes;
  bool rabin = spec.kind == ChunkerSpec::Kind::rabin;
  std::size_t window_bytes = rabin ? 16 : 32;
  while (!content.empty()) {
    std::size_t size = std::min(spec.size_min, content.size());
    while (size < content.size() && size < spec.size_max) {
      ByteView window = content.subspan(size - window_bytes, window_bytes);
      if (rabin ? rabin_boundary(window, spec.size_average) : buzhash_boundary(window)) break;
      ++size;
    }
    sizes.push_back(size);
    content = content.subspan(size);
  }
  return sizes;
}

TEST(Chunker, RabinAgreesWithTheSlowReference) {
  const ChunkerSpec specs[] = {ChunkerSpec::rabin(16, 32, 1000), ChunkerSpec::rabin(100, 300, 2000),
                               ChunkerSpec::rabin(17, 4096, 5000),
                               ChunkerSpec::rabin(999, 1024, 1025)};
  std::uint64_t seed = 0;
  for (const ChunkerSpec& spec : specs) {
    Bytes content = random_bytes(++seed, 100'000);
    std::vector<std::size_t> expected = reference_sizes(spec, content);
    for (std::size_t piece_max : {1, 13, 1000, 100'000})
      EXPECT_EQ(sizes_of(spec, content, piece_max), expected) << spec.to_string();
  }
}

TEST(Chunker, BuzhashAgreesWithTheSlowReference) {
  ChunkerSpec spec = ChunkerSpec::buzhash();
  // Equal bytes have the hash 0 or all ones, by the parity of their table entry: no boundary comes
  // where it is odd, so that the maximum cuts, and always one where it is even.
  auto parity_of = [](std::uint8_t byte) { return std::popcount(detail::buzhash_table[byte]) % 2; };
  std::uint8_t odd = 0;
  std::uint8_t even = 0;
  while (parity_of(odd) == 0)
    ++odd;
  while (parity_of(even) == 1)
    ++even;
  Bytes content = random_bytes(7, 1'500'000);
  content.resize(content.size() + 1'400'000, odd);
  content.resize(content.size() + 300'000, even);
  append(content, random_bytes(8, 600'000));
  std::vector<std::size_t> expected = reference_sizes(spec, content);
  ASSERT_GT(std::ranges::count(expected, spec.size_max), 0);
  for (std::size_t piece_max : {1000, 3'000'000})
    EXPECT_EQ(sizes_of(spec, content, piece_max), expected);
}

TEST(Chunker, FixedSizesDoNotDependOnPieces) {
  Bytes content = random_bytes(1, 10'000);
  for (std::size_t piece_max : {1, 7, 1000, 100'000}) {
    EXPECT_EQ(sizes_of(ChunkerSpec::fixed(3000), content, piece_max),
              (std::vector<std::size_t>{3000, 3000, 3000, 1000}));
  }
}

TEST(Chunker, ContentDecidesBoundariesAndNotPosition) {
  Bytes content = random_bytes(3, 2'000'000);
  Bytes shifted = random_bytes(4, 12'345);
  append(shifted, content);
  ChunkerSpec spec = ChunkerSpec::rabin(2000, 8192, 32'000);
  auto ends_of = [&](const Bytes& bytes) {
    std::set<std::size_t> ends;
    std::size_t from_the_end = bytes.size();
    for (std::size_t size : sizes_of(spec, bytes, 100'000))
      ends.insert(from_the_end -= size);
    return ends;
  };
  std::set<std::size_t> before = ends_of(content);
  std::set<std::size_t> after = ends_of(shifted);
  std::size_t common = 0;
  for (std::size_t end : before)
    common += after.contains(end);
  EXPECT_GT(common, before.size() * 9 / 10);
}

TEST(Chunker, ReadsKubosDescriptions) {
  EXPECT_EQ(ChunkerSpec::parse("", 1000), ChunkerSpec::fixed(1000));
  EXPECT_EQ(ChunkerSpec::parse("default", 1000), ChunkerSpec::fixed(1000));
  EXPECT_EQ(ChunkerSpec::parse("size-262144"), ChunkerSpec::fixed(262144));
  EXPECT_EQ(ChunkerSpec::parse("size-2096896"), ChunkerSpec::fixed(chunk_bytes_max));
  EXPECT_EQ(ChunkerSpec::parse("rabin"), ChunkerSpec::rabin(87381, 262144, 393216));
  EXPECT_EQ(ChunkerSpec::parse("rabin-999"), ChunkerSpec::rabin(333, 999, 1498));
  EXPECT_EQ(ChunkerSpec::parse("rabin-16-32-64"), ChunkerSpec::rabin(16, 32, 64));
  EXPECT_EQ(ChunkerSpec::parse("rabin-min:16-avg:32-max:64"), ChunkerSpec::rabin(16, 32, 64));
  EXPECT_EQ(ChunkerSpec::parse("buzhash"), ChunkerSpec::buzhash());
  for (std::string_view text : {"size-1000", "rabin-16-32-64", "buzhash"})
    EXPECT_EQ(ChunkerSpec::parse(text)->to_string(), text);
}

TEST(Chunker, RefusesImpossibleDescriptions) {
  for (std::string_view text : {"size",
                                "size-",
                                "size-0",
                                "size--1",
                                "size-abc",
                                "size-2096897",
                                "size-1-2",
                                "rabin-20",
                                "rabin-15-32-64",
                                "rabin-32-32-64",
                                "rabin-16-64-64",
                                "rabin-16-32",
                                "rabin-16-32-64-1",
                                "rabin-max:16-avg:32-min:64",
                                "rabin-16-32-2096897",
                                "rabin-1500000",
                                "fast",
                                "size-1k",
                                "rabin-99999999999999999999",
                                "-",
                                "Size-100"}) {
    EXPECT_EQ(ChunkerSpec::parse(text).error(), UnixfsError::bad_chunker) << text;
  }
}

TEST(Chunker, TellsAWrongFormFromImpossibleSizes) {
  for (std::string_view text : {"fast", "size", "size-", "size-1k", "size-1-2", "rabin-16-32"}) {
    const std::string why = ChunkerSpec::why_refused(text);
    EXPECT_TRUE(why.starts_with("unrecognized chunker option: " + std::string(text))) << why;
  }
  constexpr std::string_view too_large = "may not exceed the maximum chunk size of 2096896";
  const std::pair<std::string_view, std::string_view> impossible[] = {
      {"size-0", "must be greater than 0 and at most 2096896"},
      {"size-2097152", too_large},
      {"size-99999999999999999999", too_large},
      {"rabin-1-2-3", "rabin min must be at least 16"},
      {"rabin-20", "rabin min must be at least 16 (min is a third of the average"},
      {"rabin-32-32-64", "rabin-min must be smaller than rabin-avg"},
      {"rabin-16-64-64", "rabin-avg must be smaller than rabin-max"},
      {"rabin-1000-2000-3000000", too_large},
      {"rabin-99999999999999999999", too_large}};
  for (const auto& [text, told] : impossible) {
    const std::string why = ChunkerSpec::why_refused(text);
    EXPECT_TRUE(why.starts_with("chunker option " + std::string(text) + ": ")) << why;
    EXPECT_NE(why.find(told), std::string::npos) << why;
  }
}

TEST(Chunker, BuzhashTableIsBalanced) {
  // Its generator puts each bit into exactly half of the entries, whatever its random numbers are.
  std::array<int, 32> set{};
  for (std::uint32_t entry : detail::buzhash_table) {
    for (std::size_t bit = 0; bit < 32; ++bit)
      set[bit] += static_cast<int>(entry >> bit & 1);
  }
  for (int count : set)
    EXPECT_EQ(count, 128);
}

TEST(Chunker, RabinPolynomialIsIrreducible) {
  // x^(2^53) = x modulo it, and x^2 - x has no factor in common with it: 53 is prime.
  auto multiply = [](std::uint64_t a, std::uint64_t b) {
    std::uint64_t product = 0;
    for (int bit = 52; bit >= 0; --bit) {
      product <<= 1;
      if (product >> 53 & 1) product ^= detail::rabin_polynomial;
      if (b >> bit & 1) product ^= a;
    }
    return product;
  };
  std::uint64_t power = 2;
  for (int i = 0; i < 53; ++i)
    power = multiply(power, power);
  EXPECT_EQ(power, 2u);
  EXPECT_EQ(detail::rabin_polynomial & 1, 1u) << "not divisible by x";
  EXPECT_EQ(std::popcount(detail::rabin_polynomial) % 2, 1) << "not divisible by x + 1";
}

}  // namespace
}  // namespace kith::unixfs
