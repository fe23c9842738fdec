#include <gtest/gtest.h>

#include <kith/ledger/consensus/bft/evidence.hpp>
#include <kith/ledger/consensus/bft/test_validators.hpp>

namespace kith::ledger::bft {
namespace {

const Proposal proposal{7, 5, test_hash(70)};

Message request() {
  return Request{4,
                 {{2, Request::notarization}, {3, Request::nullification}, {9, Request::either}}};
}

Message response() {
  const ValidatorIndex by[] = {0, 2, 3};
  return Response{4,
                  {fake_certificate(VoteKind::notarize, proposal, by, 4),
                   fake_certificate(VoteKind::nullify, {6, 0, {}}, by, 4)}};
}

std::vector<Message> messages() {
  const ValidatorIndex by[] = {1, 2, 127};
  std::vector<Message> all{request(), response(), Response{4, {}}};
  for (const VoteKind kind : {VoteKind::notarize, VoteKind::nullify, VoteKind::finalize}) {
    all.emplace_back(fake_vote(kind, proposal, 3, 4));
    all.emplace_back(fake_certificate(kind, proposal, by, 4));
  }
  return all;
}

bool same(const Message& a, const Message& b) {
  if (a.index() != b.index()) return false;
  if (const auto* one = std::get_if<CertificatePtr>(&a))
    return **one == *std::get<CertificatePtr>(b);
  return a == b;
}

BftError error_of(const Message& message) {
  const auto decoded = decode_message(encode_message(message));
  return decoded ? BftError{} : decoded.error();
}

TEST(BftMessage, IsReadAsWritten) {
  for (const Message& message : messages()) {
    const auto again = decode_message(encode_message(message));
    ASSERT_TRUE(again);
    EXPECT_TRUE(same(*again, message));
  }
}

std::string repeated(std::string_view digits, int times) {
  std::string all;
  for (int i = 0; i < times; ++i)
    all += digits;
  return all;
}

TEST(BftMessage, HasTheDocumentedForm) {
  Vote vote{{2, VoteKind::finalize, {300, 299, test_hash(0x0a0b)}}, 5, {}};
  vote.signature.fill(0xee);
  EXPECT_EQ(to_hex(encode_message(vote)),
            "f86d"
            "01"
            "02"
            "03"
            "82012c"
            "82012b"
            "a00000000000000a0b" +
                repeated("00", 24) + "05" + "b840" + repeated("ee", 64));
  Certificate nullification{{2, VoteKind::nullify, {300, 0, {}}}, {}, {}};
  nullification.by.set(0);
  nullification.by.set(9);
  nullification.signatures.resize(2);
  nullification.signatures[0].fill(0x11);
  nullification.signatures[1].fill(0x22);
  EXPECT_EQ(to_hex(nullification.encode()),
            "f8bb"
            "02"
            "02"
            "02"
            "82012c"
            "80"
            "a0" +
                repeated("00", 32) +
                "90"
                "0102" +
                repeated("00", 14) + "b880" + repeated("11", 64) + repeated("22", 64));
  EXPECT_EQ(to_hex(encode_message(Request{2, {{300, Request::either}}})), "c80302c5c482012c03");
}

TEST(BftMessage, EveryChangedByteIsAnErrorOrAnotherMessage) {
  for (const Message& message : messages()) {
    const Bytes right = encode_message(message);
    for (std::size_t i = 0; i < right.size(); ++i) {
      for (const std::uint8_t bit : {1, 16, 128}) {
        Bytes changed = right;
        changed[i] ^= bit;
        if (const auto read = decode_message(changed)) {
          EXPECT_FALSE(same(*read, message));
          EXPECT_EQ(encode_message(*read), changed);
        }
      }
      EXPECT_FALSE(decode_message(ByteView(right).first(i)));
    }
    Bytes longer = right;
    longer.push_back(0);
    EXPECT_EQ(decode_message(longer).error(), BftError::malformed);
  }
}

TEST(BftMessage, SaysNothingOfImpossibleViews) {
  EXPECT_EQ(error_of(fake_vote(VoteKind::notarize, {0, 0, {}}, 1)), BftError::view_out_of_range);
  EXPECT_EQ(error_of(fake_vote(VoteKind::notarize, {5, 5, {}}, 1)), BftError::view_out_of_range);
  EXPECT_EQ(error_of(fake_vote(VoteKind::finalize, {view_max, 1, {}}, 1)),
            BftError::view_out_of_range);
  EXPECT_EQ(error_of(fake_vote(VoteKind::finalize, {view_max - 1, 1, {}}, 1)), BftError{});
  EXPECT_EQ(error_of(Request{0, {{0, Request::either}}}), BftError::view_out_of_range);
}

TEST(BftMessage, ANullifyVoteSaysNothingButItsView) {
  Vote vote = fake_vote(VoteKind::nullify, proposal, 1);
  vote.says.about.parent = 1;
  EXPECT_EQ(error_of(vote), BftError::not_canonical);
  vote.says.about = {7, 0, test_hash(1)};
  EXPECT_EQ(error_of(vote), BftError::not_canonical);
}

TEST(BftMessage, HasLimits) {
  Request asked{0, {}};
  EXPECT_EQ(error_of(asked), BftError::not_canonical);
  for (View view = 1; view <= request_views_max; ++view)
    asked.items.push_back({view, Request::either});
  EXPECT_EQ(error_of(asked), BftError{});
  asked.items.push_back({1000, Request::either});
  EXPECT_EQ(error_of(asked), BftError::too_many);

  std::vector<ValidatorIndex> everyone;
  for (ValidatorIndex i = 0; i < validators_max; ++i)
    everyone.push_back(i);
  Response largest{0, {}};
  for (std::size_t i = 0; i < response_certificates_max; ++i)
    largest.certificates.push_back(
        fake_certificate(VoteKind::notarize, {view_max - 1, view_max - 2, test_hash(1)}, everyone));
  EXPECT_LT(encode_message(largest).size(), message_bytes_max);
  EXPECT_EQ(error_of(largest), BftError{});
  largest.certificates.push_back(largest.certificates.back());
  EXPECT_EQ(error_of(largest), BftError::too_many);
  EXPECT_EQ(decode_message(Bytes(message_bytes_max + 1)).error(), BftError::too_many);
}

TEST(BftMessage, ARequestNamesEachViewOnceInOrder) {
  EXPECT_EQ(error_of(Request{0, {{4, Request::either}, {4, Request::either}}}),
            BftError::not_canonical);
  EXPECT_EQ(error_of(Request{0, {{4, Request::either}, {3, Request::either}}}),
            BftError::not_canonical);
  EXPECT_EQ(error_of(Request{0, {{4, 4}}}), BftError::unknown_kind);
  EXPECT_EQ(error_of(Request{0, {{4, 0}}}), BftError::unknown_kind);
}

TEST(BftMessage, AResponseIsOfOneEpoch) {
  Response mixed = std::get<Response>(response());
  mixed.epoch = 5;
  EXPECT_EQ(error_of(mixed), BftError::not_canonical);
}

// Real keys: a light client's check.

struct Keys {
  std::vector<crypto::PrivateKey> keys;
  std::shared_ptr<const ValidatorSet> set;
  Hash genesis = test_hash(99);

  Keys() {
    std::vector<Validator> validators;
    for (std::uint8_t i = 0; i < 4; ++i) {
      std::array<std::uint8_t, 32> seed{};
      seed[0] = i;
      keys.push_back(crypto::PrivateKey::from_ed25519_seed(seed));
      Validator one{{}, 1};
      std::ranges::copy(keys.back().public_key().data(), one.key.begin());
      validators.push_back(one);
    }
    set = std::make_shared<const ValidatorSet>(*ValidatorSet::make(validators));
    // As the set has them.
    std::ranges::sort(keys, [](const auto& a, const auto& b) {
      return std::ranges::lexicographical_compare(a.public_key().data(), b.public_key().data());
    });
  }

  Vote vote(VoteKind kind, const Proposal& about, ValidatorIndex by) const {
    const Statement says{1, kind, about};
    return {says, by, Ed25519Signer(genesis, keys[by]).sign(says)};
  }
  Certificate certificate(std::size_t count) const {
    Certificate made;
    for (std::size_t i = 0; i < count; ++i) {
      const Vote one = vote(VoteKind::finalize, proposal, static_cast<ValidatorIndex>(i));
      made.says = one.says;
      made.by.set(one.by);
      made.signatures.push_back(one.signature);
    }
    return made;
  }
};

TEST(BftCertificate, IsProofAloneWithItsSet) {
  const Keys keys;
  const Ed25519Verifier verifier(keys.genesis, *keys.set);
  const auto read = Certificate::decode(keys.certificate(3).encode());
  ASSERT_TRUE(read);
  EXPECT_TRUE(certificate_is_valid(*read, *keys.set, verifier));
  EXPECT_TRUE(certificate_is_valid(keys.certificate(4), *keys.set, verifier));
  EXPECT_FALSE(certificate_is_valid(keys.certificate(2), *keys.set, verifier));
  EXPECT_FALSE(certificate_is_valid(*read, *keys.set, Ed25519Verifier(test_hash(1), *keys.set)))
      << "of another chain";
}

TEST(BftCertificate, EachPartIsSigned) {
  const Keys keys;
  const Ed25519Verifier verifier(keys.genesis, *keys.set);
  const auto refused = [&](auto change) {
    Certificate changed = keys.certificate(3);
    change(changed);
    return !certificate_is_valid(changed, *keys.set, verifier);
  };
  EXPECT_TRUE(refused([](Certificate& one) { ++one.says.epoch; }));
  EXPECT_TRUE(refused([](Certificate& one) { one.says.kind = VoteKind::notarize; }));
  EXPECT_TRUE(refused([](Certificate& one) { ++one.says.about.view; }));
  EXPECT_TRUE(refused([](Certificate& one) { ++one.says.about.parent; }));
  EXPECT_TRUE(refused([](Certificate& one) { one.says.about.payload.bytes[31] ^= 1; }));
  EXPECT_TRUE(refused([](Certificate& one) { one.signatures[2][5] ^= 1; }));
  EXPECT_TRUE(refused([](Certificate& one) { std::swap(one.signatures[0], one.signatures[1]); }));
  EXPECT_TRUE(refused([](Certificate& one) { one.by.set(3); })) << "a bit without signature";
  EXPECT_TRUE(refused([](Certificate& one) {
    one.by.clear(2);
    one.by.set(100);
  })) << "a bit beyond the set";
  EXPECT_FALSE(refused([](Certificate&) {}));
}

TEST(BftEvidence, IsOfTwoVotesThatNoHonestValidatorCasts) {
  const Proposal other{7, 5, test_hash(71)};
  const Proposal elsewhere{7, 4, proposal.payload};
  const auto conflict = [](VoteKind a, const Proposal& of_a, VoteKind b, const Proposal& of_b) {
    const bool is = votes_conflict(fake_vote(a, of_a, 1), fake_vote(b, of_b, 1));
    EXPECT_EQ(is, votes_conflict(fake_vote(b, of_b, 1), fake_vote(a, of_a, 1)));
    return is;
  };
  using enum VoteKind;
  EXPECT_TRUE(conflict(notarize, proposal, notarize, other));
  EXPECT_TRUE(conflict(notarize, proposal, notarize, elsewhere));
  EXPECT_TRUE(conflict(finalize, proposal, finalize, other));
  EXPECT_TRUE(conflict(nullify, proposal, finalize, proposal));
  EXPECT_FALSE(conflict(notarize, proposal, notarize, proposal));
  EXPECT_FALSE(conflict(notarize, proposal, nullify, proposal));
  EXPECT_FALSE(conflict(notarize, proposal, finalize, other));
  EXPECT_FALSE(conflict(nullify, proposal, nullify, proposal));
  EXPECT_FALSE(conflict(nullify, proposal, finalize, {8, 5, {}}));
  EXPECT_FALSE(votes_conflict(fake_vote(notarize, proposal, 1), fake_vote(notarize, other, 2)));
  EXPECT_FALSE(
      votes_conflict(fake_vote(notarize, proposal, 1, 1), fake_vote(notarize, other, 1, 2)));
}

TEST(BftEvidence, ConvictsAloneWithItsSet) {
  const Keys keys;
  const Ed25519Verifier verifier(keys.genesis, *keys.set);
  const Vote a = keys.vote(VoteKind::notarize, proposal, 2);
  const Vote b = keys.vote(VoteKind::notarize, {7, 5, test_hash(71)}, 2);
  EXPECT_EQ(Evidence::of(a, b), Evidence::of(b, a));
  const auto read = Evidence::decode(Evidence::of(b, a).encode());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->accused(), 2);
  EXPECT_TRUE(read->is_valid(*keys.set, verifier));
  Evidence forged = *read;
  forged.second.signature[0] ^= 1;
  EXPECT_FALSE(forged.is_valid(*keys.set, verifier));
  Evidence nobody = *read;
  nobody.first.by = nobody.second.by = 4;
  EXPECT_FALSE(nobody.is_valid(*keys.set, verifier));
}

TEST(BftEvidence, HasOneEncoding) {
  const Vote a = fake_vote(VoteKind::notarize, proposal, 2);
  const Vote b = fake_vote(VoteKind::notarize, {7, 5, test_hash(71)}, 2);
  EXPECT_EQ(Evidence::decode(Evidence{b, a}.encode()).error(), BftError::not_canonical);
  EXPECT_EQ(Evidence::decode(Evidence{a, a}.encode()).error(), BftError::no_conflict);
  EXPECT_EQ(Evidence::decode(Bytes{0xc0}).error(), BftError::malformed);
}

TEST(BftSigning, BytesAreTheDocumentedOnes) {
  const auto bytes =
      bytes_to_sign(test_hash(0x0102), {3, VoteKind::finalize, {4, 2, test_hash(9)}});
  EXPECT_EQ(to_hex(bytes), to_hex(as_bytes("kith bft vote 01")) +
                               "0000000000000102000000000000000000000000000000000000000000000000" +
                               "0000000000000003" + "03" + "0000000000000004" + "0000000000000002" +
                               "0000000000000009000000000000000000000000000000000000000000000000");
}

}  // namespace
}  // namespace kith::ledger::bft
