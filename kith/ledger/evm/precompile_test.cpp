// The precompiled contracts with go-ethereum's vectors, and with what nobody should send them.
// Those of BN254's arithmetic are in detail/bn254_test.cpp.
#include <gmp.h>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/base/test_fixtures.hpp>
#include <kith/ledger/evm/precompile.hpp>

namespace kith::ledger {
namespace {

const Precompile& contract_at(std::uint64_t number, Revision revision = newest_revision) {
  const Precompile* contract = precompile_at(Address::of_number(number), revision);
  EXPECT_NE(contract, nullptr) << number;
  return *contract;
}

std::optional<Bytes> run(std::uint64_t number, ByteView input,
                         Revision revision = newest_revision) {
  return contract_at(number, revision).run(input, revision);
}

Bytes hex(std::string_view text) {
  return from_hex(text).value();
}

class PrecompileVectors : public ::testing::Test {
 protected:
  void SetUp() override {
    const bool is_there = testing::unpack_fixture("precompiles", folder_.path());
    ASSERT_FALSE(HasFailure());
    if (!is_there) GTEST_SKIP() << "KITH_FIXTURES names no folder with precompiles.tar.zst";
  }

  boost::json::array read(const std::string& name) {
    const Bytes text = testing::read_test_file(folder_.path() / "precompiles" / (name + ".json"));
    return boost::json::parse(std::string(as_text(text))).as_array();
  }

  static Bytes bytes_of(const boost::json::value& vector, const char* key) {
    return hex(std::string_view(vector.at(key).as_string()));
  }

  /// How many there are.
  std::size_t check(const std::string& name, std::uint64_t number, Revision revision) {
    const Precompile& contract = contract_at(number, revision);
    const auto vectors = read(name);
    for (const auto& vector : vectors) {
      SCOPED_TRACE(std::string_view(vector.at("Name").as_string()));
      const Bytes input = bytes_of(vector, "Input");
      EXPECT_EQ(contract.gas(input, revision), vector.at("Gas").to_number<std::int64_t>());
      EXPECT_EQ(contract.run(input, revision), bytes_of(vector, "Expected"));
    }
    return vectors.size();
  }

  testing::TemporaryFolder folder_;
};

TEST_F(PrecompileVectors, OfSignersRecovered) {
  EXPECT_EQ(check("ecRecover", 0x01, Revision::frontier), 5U);
}

TEST_F(PrecompileVectors, OfPowersOfEachPrice) {
  EXPECT_EQ(check("modexp", 0x05, Revision::byzantium), 17U);
  EXPECT_EQ(check("modexp_eip2565", 0x05, Revision::berlin), 47U);
  EXPECT_EQ(check("modexp_eip7883", 0x05, Revision::osaka), 45U);
}

TEST_F(PrecompileVectors, OfPointsAdded) {
  EXPECT_EQ(check("bn256Add", 0x06, Revision::istanbul), 16U);
}

TEST_F(PrecompileVectors, OfPointsMultiplied) {
  EXPECT_EQ(check("bn256ScalarMul", 0x07, Revision::istanbul), 19U);
}

TEST_F(PrecompileVectors, OfPairings) {
  EXPECT_EQ(check("bn256Pairing", 0x08, Revision::istanbul), 14U);
}

TEST_F(PrecompileVectors, OfBlake2) {
  EXPECT_EQ(check("blake2F", 0x09, Revision::istanbul), 5U);
  const auto failing = read("fail-blake2f");
  EXPECT_EQ(failing.size(), 4U);
  for (const auto& vector : failing)
    EXPECT_FALSE(run(0x09, bytes_of(vector, "Input"))) << vector.at("Name").as_string();
}

TEST_F(PrecompileVectors, OfP256Signatures) {
  EXPECT_EQ(check("p256Verify", 0x100, Revision::osaka), 782U);
}

TEST(Precompile, IsThereFromItsForkOn) {
  const auto is_there = [](std::uint64_t number, Revision revision) {
    return precompile_at(Address::of_number(number), revision) != nullptr;
  };
  EXPECT_TRUE(is_there(0x04, Revision::frontier));
  for (const std::uint64_t number : {0x05, 0x06, 0x07, 0x08}) {
    EXPECT_FALSE(is_there(number, Revision::spurious_dragon)) << number;
    EXPECT_TRUE(is_there(number, Revision::byzantium)) << number;
  }
  EXPECT_FALSE(is_there(0x09, Revision::petersburg));
  EXPECT_TRUE(is_there(0x09, Revision::istanbul));
  EXPECT_FALSE(is_there(0x100, Revision::prague));
  EXPECT_TRUE(is_there(0x100, Revision::osaka));
  EXPECT_FALSE(is_there(0x00, Revision::osaka));
  Address far = Address::of_number(0x05);
  far.bytes[0] = 1;
  EXPECT_EQ(precompile_at(far, Revision::osaka), nullptr);
}

TEST(Precompile, OfPointsCostsMoreBeforeIstanbul) {
  const Bytes two_pairs(384);
  const auto gas = [&](std::uint64_t number) {
    return contract_at(number).gas(two_pairs, Revision::petersburg);
  };
  EXPECT_EQ(gas(0x06), 500);
  EXPECT_EQ(gas(0x07), 40'000);
  EXPECT_EQ(gas(0x08), 260'000);
}

// MODEXP

/// The input for numbers of which the lengths tell other sizes than they have, if asked to.
Bytes modexp_input(const U256& base, const U256& exponent, const U256& modulus,
                   ByteView numbers = {}) {
  Bytes input;
  for (const U256& length : {base, exponent, modulus})
    append(input, length.to_be());
  append(input, numbers);
  return input;
}

/// What GMP says, from the numbers themselves.
Bytes expected_power(ByteView base, ByteView exponent, ByteView modulus) {
  mpz_t numbers[3];
  const ByteView views[] = {base, exponent, modulus};
  for (std::size_t i = 0; i < 3; ++i) {
    mpz_init(numbers[i]);
    mpz_import(numbers[i], views[i].size(), 1, 1, 0, 0, views[i].data());
  }
  Bytes output(modulus.size());
  if (mpz_sgn(numbers[2]) != 0) {
    // By squaring, so that it isn't the function under test that is asked.
    mpz_t power;
    mpz_init_set_ui(power, 1);
    mpz_mod(power, power, numbers[2]);
    for (std::size_t bit = mpz_sizeinbase(numbers[1], 2); bit-- > 0;) {
      mpz_mul(power, power, power);
      if (mpz_tstbit(numbers[1], bit) != 0) mpz_mul(power, power, numbers[0]);
      mpz_mod(power, power, numbers[2]);
    }
    for (std::size_t i = output.size(); i-- > 0;)
      output[i] = static_cast<std::uint8_t>(mpz_fdiv_q_ui(power, power, 256));
    mpz_clear(power);
  }
  for (auto& number : numbers)
    mpz_clear(number);
  return output;
}

/// Up to `longest` bytes, at times all zeros, at times with zeros at their beginning or end.
Bytes random_number(Prng& random, std::size_t longest) {
  Bytes number(random.below(longest + 1));
  random.fill(number);
  if (number.empty()) return number;
  switch (random.below(6)) {
    case 0:
      std::ranges::fill(number, 0);
      break;
    case 1:
      std::fill_n(number.begin(), random.below(number.size()), 0);
      break;
    case 2:
      std::fill_n(number.rbegin(), random.below(number.size()), 0);
      break;
    case 3:
      std::ranges::fill(number, 0);
      number.back() = 1;
      break;
    default:
      break;
  }
  return number;
}

TEST(Modexp, IsAsMultiplyingSaysForNumbersOfAllShapes) {
  Prng random(5);
  for (int i = 0; i < 3000; ++i) {
    const std::size_t longest = i % 10 == 0 ? 200 : 40;
    const Bytes base = random_number(random, longest);
    const Bytes exponent = random_number(random, longest);
    const Bytes modulus = random_number(random, longest);
    Bytes numbers = base;
    append(numbers, exponent);
    append(numbers, modulus);
    // What is zero at the end need not be sent, and what is too much is ignored.
    if (random.chance(0.3)) {
      while (!numbers.empty() && numbers.back() == 0)
        numbers.pop_back();
    } else if (random.chance(0.2)) {
      numbers.resize(numbers.size() + 7, 0xff);
    }
    const Bytes input = modexp_input(base.size(), exponent.size(), modulus.size(), numbers);
    const auto expected = expected_power(base, exponent, modulus);
    ASSERT_EQ(run(0x05, input, Revision::byzantium), expected) << to_hex(input);
    ASSERT_EQ(run(0x05, input, Revision::osaka), expected) << to_hex(input);
  }
}

TEST(Modexp, OfAnyInputIsCutOffAnywhere) {
  const Bytes whole = modexp_input(3, 2, 4, hex("0500010003ffffff01"));
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    Bytes input = whole;
    input.resize(size);
    const auto cut = run(0x05, input);
    input.resize(whole.size());
    EXPECT_EQ(cut, run(0x05, input)) << size;
    ASSERT_TRUE(cut);
  }
}

TEST(Modexp, CostsWhatNobodyHasIfLengthsAreHuge) {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  const std::vector<U256> lengths = {
      0, 1, 1024, ~0ULL, U256::power_of_two(64), U256::max() - 95, U256::max()};
  for (const Revision revision : {Revision::byzantium, Revision::berlin, Revision::osaka}) {
    for (const U256& base : lengths) {
      for (const U256& exponent : lengths) {
        for (const U256& modulus : lengths) {
          const Bytes input = modexp_input(base, exponent, modulus);
          const std::int64_t gas = contract_at(0x05, revision).gas(input, revision);
          ASSERT_GE(gas, 0);
          const bool is_long = std::max(base, modulus) > 1024;
          if (is_long) ASSERT_EQ(gas, most) << to_hex(input);
          // With all that gas it fails all the same, or there is nothing to reckon.
          const auto output = run(0x05, input, revision);
          const bool is_refused = std::max({base, exponent, modulus}) > 1024;
          if (revision == Revision::osaka)
            ASSERT_EQ(!output, is_refused) << to_hex(input);
          else
            ASSERT_EQ(!output, is_refused && !modulus.is_zero()) << to_hex(input);
        }
      }
    }
  }
}

TEST(Modexp, IsFreeWithoutBaseAndModulusHoweverLongTheExponentUntilOsaka) {
  const Bytes input = modexp_input(0, U256::max(), 0);
  EXPECT_EQ(contract_at(0x05).gas(input, Revision::byzantium), 0);
  EXPECT_EQ(contract_at(0x05).gas(input, Revision::berlin), 200);
  EXPECT_EQ(run(0x05, input, Revision::byzantium), Bytes());
  EXPECT_EQ(run(0x05, input, Revision::prague), Bytes());
  EXPECT_FALSE(run(0x05, input, Revision::osaka));
}

TEST(Modexp, TakesNumbersOf1024BytesAndNoLongerOnesFromOsakaOn) {
  const Bytes longest = modexp_input(1024, 1024, 1024);
  EXPECT_EQ(run(0x05, longest, Revision::osaka), Bytes(1024));
  for (const Bytes& input :
       {modexp_input(1025, 1, 1), modexp_input(1, 1025, 1), modexp_input(1, 1, 1025)}) {
    EXPECT_FALSE(run(0x05, input, Revision::osaka));
    EXPECT_TRUE(run(0x05, input, Revision::prague));
  }
}

TEST(Modexp, PricesAnExponentByItsFirstBytes) {
  // Base and modulus of 8 bytes: one word. The exponent has 33 bytes, the first 32 of them 1.
  Bytes numbers(8 + 33 + 8);
  numbers[8 + 31] = 1;
  const Bytes low = modexp_input(8, 33, 8, numbers);
  EXPECT_EQ(contract_at(0x05).gas(low, Revision::byzantium), 64 * 8 / 20);
  EXPECT_EQ(contract_at(0x05).gas(low, Revision::berlin), 200);
  EXPECT_EQ(contract_at(0x05).gas(low, Revision::osaka), 500);
  numbers[8] = 0x80;
  const Bytes high = modexp_input(8, 33, 8, numbers);
  EXPECT_EQ(contract_at(0x05).gas(high, Revision::byzantium), 64 * (8 + 255) / 20);
  EXPECT_EQ(contract_at(0x05).gas(high, Revision::osaka), 16 * (16 + 255));
}

// BN254

/// The point (1, 2), which makes G1, and the one EIP-197 names for G2.
const std::string_view generator =
    "0000000000000000000000000000000000000000000000000000000000000001"
    "0000000000000000000000000000000000000000000000000000000000000002";
const std::string_view twist_generator =
    "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2"
    "1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed"
    "090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b"
    "12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa";
const std::string_view prime = "30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47";

Bytes point(std::string_view x, std::string_view y) {
  const auto filled = [](std::string_view digits) {
    return std::string(64 - digits.size(), '0') + std::string(digits);
  };
  return hex(filled(x) + filled(y));
}

TEST(Bn254, RefusesPointsThatAreNone) {
  const Bytes outside[] = {point("1", "1"), point("1", "0"), point("0", "1"), point(prime, "0"),
                           point("0", prime),
                           // (1, 2) with p added to a coordinate
                           hex("30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd48"
                               "0000000000000000000000000000000000000000000000000000000000000002"),
                           Bytes(64, 0xff)};
  for (const Bytes& bad : outside) {
    SCOPED_TRACE(to_hex(bad));
    Bytes second = hex(generator);
    append(second, bad);
    EXPECT_FALSE(run(0x06, bad));
    EXPECT_FALSE(run(0x06, second));
    EXPECT_FALSE(run(0x07, bad));
    Bytes pair = bad;
    append(pair, hex(twist_generator));
    EXPECT_FALSE(run(0x08, pair));
    pair = bad;
    pair.resize(192);
    EXPECT_FALSE(run(0x08, pair));
  }
}

TEST(Bn254, PairsNothingButWholePairs) {
  Bytes pair = hex(generator);
  append(pair, hex(twist_generator));
  for (std::size_t size = 1; size < pair.size(); ++size)
    ASSERT_FALSE(run(0x08, ByteView(pair).first(size))) << size;
  EXPECT_EQ(run(0x08, pair), Bytes(32));
  pair.push_back(0);
  EXPECT_FALSE(run(0x08, pair));
}

TEST(Bn254, PairsInfinityToOne) {
  Bytes one(32);
  one.back() = 1;
  EXPECT_EQ(run(0x08, Bytes(192)), one);
  EXPECT_EQ(run(0x08, Bytes(960)), one);
  Bytes pair(64);
  append(pair, hex(twist_generator));
  EXPECT_EQ(run(0x08, pair), one);
  pair = hex(generator);
  pair.resize(192);
  EXPECT_EQ(run(0x08, pair), one);
}

TEST(Bn254, RefusesPointsBesideTheTwist) {
  for (std::size_t i = 0; i < 128; i += 32) {
    Bytes pair = hex(generator);
    append(pair, hex(twist_generator));
    pair[64 + i + 31] ^= 1;
    EXPECT_FALSE(run(0x08, pair)) << i;
    std::ranges::copy(hex(prime), pair.begin() + 64 + static_cast<std::ptrdiff_t>(i));
    EXPECT_FALSE(run(0x08, pair)) << i;
  }
}

TEST(Bn254, CutsOffWhatItDoesNotRead) {
  Bytes input = hex(generator);
  append(input, hex(generator));
  const auto sum = run(0x06, input);
  input.push_back(1);
  EXPECT_EQ(run(0x06, input), sum);
  Bytes doubled = hex(generator);
  append(doubled, U256(2).to_be());
  EXPECT_EQ(run(0x07, doubled), sum);
  doubled.push_back(1);
  EXPECT_EQ(run(0x07, doubled), sum);
}

// BLAKE2F

TEST(Blake2f, HasAPriceOfAsManyRoundsAsThereCanBe) {
  Bytes input(213);
  std::fill_n(input.begin(), 4, 0xff);
  EXPECT_EQ(contract_at(0x09).gas(input, Revision::osaka), 0xffffffff);
  input.push_back(0);
  EXPECT_EQ(contract_at(0x09).gas(input, Revision::osaka), 0);
  EXPECT_EQ(contract_at(0x09).gas({}, Revision::osaka), 0);
}

TEST(Blake2f, TakesUpTheOrderAgainAfterTenRounds) {
  // RFC 7693, appendix A: BLAKE2b-512 of "abc" is one compression of twelve rounds.
  Bytes input = hex("0000000c");
  append(input, hex("48c9bdf267e6096a3ba7ca8485ae67bb2bf894fe72f36e3cf1361d5f3af54fa5"
                    "d182e6ad7f520e511f6c3e2b8c68059b6bbd41fbabd9831f79217e1319cde05b"));
  append(input, as_bytes("abc"));
  input.resize(196);
  input.push_back(3);
  input.resize(212);
  input.push_back(1);
  EXPECT_EQ(to_hex(run(0x09, input).value()),
            "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
            "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923");
}

// P256VERIFY

TEST(P256Verify, HasNoOutputForInputOfAnotherLength) {
  for (const std::size_t size : {0, 1, 159, 161, 320}) {
    EXPECT_EQ(run(0x100, Bytes(size, 1)), Bytes()) << size;
    EXPECT_EQ(contract_at(0x100).gas(Bytes(size), Revision::osaka), 6'900);
  }
  EXPECT_EQ(run(0x100, Bytes(160)), Bytes());
  EXPECT_EQ(run(0x100, Bytes(160, 0xff)), Bytes());
}

}  // namespace
}  // namespace kith::ledger
