#include <gtest/gtest.h>

#include <kith/api/detail/gzip.hpp>

namespace kith::api {
namespace {

Bytes packed(ByteView content) {
  GzipWriter writer = *GzipWriter::create(6);
  Bytes all = writer.add(content);
  Bytes rest = writer.finish();
  all.insert(all.end(), rest.begin(), rest.end());
  return all;
}

TEST(Gzip, GivesBackWhatWasPacked) {
  for (std::size_t size : {0u, 1u, 1000u, 64u * 1024, 300'000u}) {
    Bytes content(size);
    for (std::size_t i = 0; i < size; ++i)
      content[i] = static_cast<std::uint8_t>(i * i / 7);
    auto back = gunzip(packed(content), 300'000);
    ASSERT_TRUE(back.has_value()) << size;
    EXPECT_EQ(*back, content);
  }
}

TEST(Gzip, RefusesWhatIsCutChangedOrFollowedByMore) {
  Bytes whole = packed(as_bytes("the same words, the same words, the same words"));
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(gunzip(ByteView(whole).first(size), 1000).has_value()) << size;
  Bytes changed = whole;
  changed[changed.size() - 6] ^= 1;  // of the checksum
  EXPECT_TRUE(gunzip(changed, 1000).error().is(Errc::corrupt));
  Bytes longer = whole;
  longer.push_back(0);
  EXPECT_TRUE(gunzip(longer, 1000).error().is(Errc::corrupt));
}

TEST(Gzip, StopsAtItsLimit) {
  Bytes zeros(1'000'000);
  EXPECT_TRUE(gunzip(packed(zeros), 999'999).error().is(Errc::limit_exceeded));
  EXPECT_TRUE(gunzip(packed(zeros), 1'000'000).has_value());
}

}  // namespace
}  // namespace kith::api
