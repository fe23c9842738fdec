#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/crypto/hash.hpp>
#include <kith/ledger/consensus/bft/journal.hpp>
#include <kith/ledger/consensus/bft/test_validators.hpp>

namespace kith::ledger::bft {
namespace {

const ValidatorIndex three[] = {0, 1, 2};

std::vector<Record> records() {
  const Proposal about{3, 2, test_hash(30)};
  const auto notarization = fake_certificate(VoteKind::notarize, about, three);
  const Snapshot snapshot{
      0,
      test_hash(1),
      test_hash(2),
      {fake_vote(VoteKind::notarize, about, 1), fake_vote(VoteKind::nullify, about, 1)},
      {fake_certificate(VoteKind::finalize, {2, 1, test_hash(20)}, three), notarization}};
  return {snapshot, fake_vote(VoteKind::finalize, about, 1), notarization};
}

bool same(const Record& a, const Record& b) {
  if (a.index() != b.index()) return false;
  if (const auto* one = std::get_if<CertificatePtr>(&a))
    return **one == *std::get<CertificatePtr>(b);
  return a == b;
}

void expect_same(std::span<const Record> a, std::span<const Record> b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i)
    EXPECT_TRUE(same(a[i], b[i])) << i;
}

Bytes one_by_one() {
  Bytes log;
  for (const Record& record : records())
    append(log, encode_frame({&record, 1}));
  return log;
}

TEST(BftJournal, IsReadAsWritten) {
  for (const Bytes& log : {one_by_one(), encode_frame(records())}) {
    const auto contents = decode_journal(log);
    ASSERT_TRUE(contents);
    expect_same(contents->records, records());
    EXPECT_EQ(contents->whole_bytes, log.size());
  }
  EXPECT_TRUE(decode_journal({})->records.empty());
}

TEST(BftJournal, ACutTailIsLeftOut) {
  const Bytes log = one_by_one();
  std::vector<std::size_t> ends{0};
  for (const Record& record : records())
    ends.push_back(ends.back() + encode_frame({&record, 1}).size());
  for (std::size_t cut = 0; cut <= log.size(); ++cut) {
    const auto contents = decode_journal(ByteView(log).first(cut));
    ASSERT_TRUE(contents) << cut;
    const auto whole = static_cast<std::size_t>(
        std::ranges::count_if(ends, [&](std::size_t end) { return end > 0 && end <= cut; }));
    EXPECT_EQ(contents->records.size(), whole);
    EXPECT_EQ(contents->whole_bytes, ends[whole]);
  }
}

TEST(BftJournal, WhateverACrashMakesOfTheLastFrameIsLeftOut) {
  const Bytes log = one_by_one();
  const Record last = records().back();
  const std::size_t begin = log.size() - encode_frame({&last, 1}).size();
  Prng prng(1);
  for (int i = 0; i < 300; ++i) {
    Bytes torn = log;
    const std::size_t from = begin + prng.below(log.size() - begin);
    if (i % 3 == 0)
      std::fill(torn.begin() + static_cast<std::ptrdiff_t>(from), torn.end(), std::uint8_t{0});
    else if (i % 3 == 1)
      torn[from] ^= static_cast<std::uint8_t>(prng.between(1, 255));
    else
      prng.fill(MutableBytes(torn).subspan(from));
    if (torn == log) continue;
    const auto contents = decode_journal(torn);
    ASSERT_TRUE(contents);
    EXPECT_EQ(contents->records.size(), 2U);
    EXPECT_EQ(contents->whole_bytes, begin);
  }
}

TEST(BftJournal, DamageBeforeTheLastFrameIsNoCutTail) {
  const Bytes log = one_by_one();
  const Record last = records().back();
  const std::size_t begin = log.size() - encode_frame({&last, 1}).size();
  for (std::size_t i = 8; i < begin; i += 7) {
    Bytes damaged = log;
    damaged[i] ^= 1;
    const auto contents = decode_journal(damaged);
    // A frame's own length may be what is damaged: then nothing says where the next one is.
    if (contents) {
      EXPECT_LT(contents->whole_bytes, begin);
      continue;
    }
    EXPECT_EQ(contents.error(), BftError::corrupt);
  }
  Bytes damaged = log;
  damaged[20] ^= 1;
  EXPECT_EQ(decode_journal(damaged).error(), BftError::corrupt);
}

TEST(BftJournal, AWholeFrameOfSomethingElseIsCorrupt) {
  Bytes frame = encode_frame({});
  ASSERT_EQ(frame.size(), 9U);
  EXPECT_TRUE(decode_journal(frame)) << "no records";
  const Record record = records()[1];
  Bytes other = encode_frame({&record, 1});
  EXPECT_EQ(decode_journal(other)->records.size(), 1U);
  // A record of a type that doesn't exist, with the right checksum.
  const Bytes content = *from_hex("c2c109");
  Bytes strange(8);
  store_be(strange.data(), static_cast<std::uint32_t>(content.size()));
  std::copy_n(crypto::sha256(content).begin(), 4, strange.begin() + 4);
  append(strange, content);
  EXPECT_EQ(decode_journal(strange).error(), BftError::corrupt);
}

TEST(BftJournal, KnowsAboutHowLargeARecordIs) {
  for (const Record& record : records()) {
    const auto size = static_cast<double>(encode_frame({&record, 1}).size());
    EXPECT_NEAR(static_cast<double>(record_bytes(record)), size, 0.3 * size);
  }
}

}  // namespace
}  // namespace kith::ledger::bft
