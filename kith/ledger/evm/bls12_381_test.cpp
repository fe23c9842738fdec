#include <algorithm>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/base/test_fixtures.hpp>
#include <kith/crypto/hash.hpp>
#include <kith/ledger/evm/machine.hpp>
#include <kith/ledger/evm/precompile.hpp>
#include <kith/ledger/primitives/u256.hpp>

namespace kith::ledger {
namespace {

constexpr std::uint16_t point_evaluation = 0x0a;
constexpr std::uint16_t g1_add = 0x0b;
constexpr std::uint16_t g1_msm = 0x0c;
constexpr std::uint16_t g2_add = 0x0d;
constexpr std::uint16_t g2_msm = 0x0e;
constexpr std::uint16_t pairing_check = 0x0f;
constexpr std::uint16_t map_fp_to_g1 = 0x10;
constexpr std::uint16_t map_fp2_to_g2 = 0x11;

const Precompile* contract_at(std::uint16_t number, Revision revision = Revision::prague) {
  Address address;
  store_be(address.bytes.data() + Address::size - 2, number);
  return precompile_at(address, revision);
}

std::optional<Bytes> run(std::uint16_t number, ByteView input) {
  return contract_at(number)->run(input, newest_revision);
}

std::int64_t gas(std::uint16_t number, std::size_t input_bytes) {
  return contract_at(number)->gas(Bytes(input_bytes), Revision::prague);
}

Bytes hex(std::string_view text) {
  return from_hex(text).value();
}

template <class... Parts>
Bytes joined(const Parts&... parts) {
  Bytes whole;
  (append(whole, parts), ...);
  return whole;
}

Bytes scalar(const U256& number) {
  return to_bytes(number.to_be());
}

/// 64 bytes.
Bytes number(const U256& small) {
  return joined(Bytes(32), scalar(small));
}

const U256 order =
    U256::parse("0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001").value();
const Bytes prime =
    hex("00000000000000000000000000000000"
        "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffff"
        "ffaaab");

/// (0, 2) solves y^2 = x^3 + 4, and its double is (0, -2).
const Bytes point_of_order_3 = joined(number(0), number(2));

/// What the tests of a group need of it.
struct Group {
  std::size_t number_bytes;
  std::uint16_t add;
  std::uint16_t msm;
  std::uint16_t map;

  std::size_t point_bytes() const { return 2 * number_bytes; }
  Bytes infinity() const { return Bytes(point_bytes()); }
  Bytes random_point(Prng& random) const {
    Bytes any;
    while (any.size() < number_bytes) {
      append(any, Bytes(20));
      for (int i = 0; i < 44; ++i)
        any.push_back(static_cast<std::uint8_t>(random.below(256)));
    }
    return run(map, any).value();
  }
  Bytes sum(const Bytes& a, const Bytes& b) const { return run(add, joined(a, b)).value(); }
  Bytes times(const Bytes& point, const U256& factor) const {
    return run(msm, joined(point, scalar(factor))).value();
  }
  Bytes minus(const Bytes& point) const { return times(point, order - 1); }
};
constexpr Group g1{64, g1_add, g1_msm, map_fp_to_g1};
constexpr Group g2{128, g2_add, g2_msm, map_fp2_to_g2};

U256 random_scalar(Prng& random) {
  return {random.next(), random.next(), random.next(), random.next()};
}

class Bls12381 : public ::testing::Test {
 protected:
  void SetUp() override {
    if (KITH_KZG == 0) GTEST_SKIP() << "built with KITH_KZG=OFF";
  }
  Prng random_{2537};
};
class PointEvaluation : public Bls12381 {};

// What go-ethereum runs as core/vm/testdata/precompiles, from the fixture precompiles.tar.zst.

struct Vector {
  std::string name;
  Bytes input;
  std::optional<Bytes> expected;
  std::int64_t gas = 0;
};

std::vector<Vector> read_vectors(const std::filesystem::path& path) {
  const Bytes file = kith::testing::read_test_file(path);
  const std::string text(as_text(file));
  std::vector<Vector> vectors;
  for (const auto& value : boost::json::parse(text).as_array()) {
    const auto& object = value.as_object();
    Vector one{.name = std::string(object.at("Name").as_string()),
               .input = hex(object.at("Input").as_string()),
               .expected = {}};
    if (const auto* expected = object.if_contains("Expected")) {
      one.expected = hex(expected->as_string());
      one.gas = object.at("Gas").to_number<std::int64_t>();
    }
    vectors.push_back(std::move(one));
  }
  return vectors;
}

class Bls12381Vectors : public Bls12381 {
 protected:
  void SetUp() override {
    Bls12381::SetUp();
    if (IsSkipped()) return;
    const bool is_there = kith::testing::unpack_fixture("precompiles", folder_.path());
    ASSERT_FALSE(HasFailure());
    if (!is_there) GTEST_SKIP() << "KITH_FIXTURES names no folder with precompiles.tar.zst";
  }

  std::vector<Vector> vectors(const std::string& name) const {
    return read_vectors(folder_.path() / "precompiles" / (name + ".json"));
  }

 private:
  kith::testing::TemporaryFolder folder_;
};

struct VectorFile {
  const char* name;
  std::uint16_t contract;
  std::size_t count;
};

TEST_F(Bls12381Vectors, GiveWhatTheySayForThePriceTheySay) {
  // Those named Mul are of a contract that the EIP's final form hasn't got: a sum of one pair.
  for (const auto& [file, contract, count] :
       {VectorFile{"blsG1Add", g1_add, 112}, VectorFile{"blsG1Mul", g1_msm, 11},
        VectorFile{"blsG1MultiExp", g1_msm, 154}, VectorFile{"blsG2Add", g2_add, 112},
        VectorFile{"blsG2Mul", g2_msm, 11}, VectorFile{"blsG2MultiExp", g2_msm, 153},
        VectorFile{"blsMapG1", map_fp_to_g1, 105}, VectorFile{"blsMapG2", map_fp2_to_g2, 105},
        VectorFile{"blsPairing", pairing_check, 106},
        VectorFile{"pointEvaluation", point_evaluation, 1}}) {
    const auto all = vectors(file);
    EXPECT_GE(all.size(), count) << file;
    for (const Vector& vector : all) {
      SCOPED_TRACE(std::string(file) + " " + vector.name);
      ASSERT_TRUE(vector.expected);
      EXPECT_EQ(contract_at(contract)->gas(vector.input, Revision::prague), vector.gas);
      const auto output = run(contract, vector.input);
      ASSERT_TRUE(output);
      EXPECT_EQ(to_hex(*output), to_hex(*vector.expected));
    }
  }
}

TEST_F(Bls12381Vectors, FailWhereTheySay) {
  for (const auto& [file, contract, count] :
       {VectorFile{"fail-blsG1Add", g1_add, 6}, VectorFile{"fail-blsG1Mul", g1_msm, 7},
        VectorFile{"fail-blsG1MultiExp", g1_msm, 7}, VectorFile{"fail-blsG2Add", g2_add, 6},
        VectorFile{"fail-blsG2Mul", g2_msm, 7}, VectorFile{"fail-blsG2MultiExp", g2_msm, 7},
        VectorFile{"fail-blsMapG1", map_fp_to_g1, 5}, VectorFile{"fail-blsMapG2", map_fp2_to_g2, 5},
        VectorFile{"fail-blsPairing", pairing_check, 9}}) {
    const auto all = vectors(file);
    EXPECT_GE(all.size(), count) << file;
    for (const Vector& vector : all) {
      EXPECT_FALSE(vector.expected);
      EXPECT_FALSE(run(contract, vector.input)) << file << " " << vector.name;
    }
  }
}

// Without fixtures, and what they leave out.

TEST(Bls12381Contracts, AreThereFromTheirForksOnInEveryBuild) {
  EXPECT_EQ(contract_at(point_evaluation, Revision::shanghai), nullptr);
  ASSERT_NE(contract_at(point_evaluation, Revision::cancun), nullptr);
  EXPECT_STREQ(contract_at(point_evaluation)->name, "KZG_POINT_EVALUATION");
  for (std::uint16_t number = g1_add; number <= map_fp2_to_g2; ++number) {
    EXPECT_EQ(contract_at(number, Revision::cancun), nullptr);
    EXPECT_NE(contract_at(number, Revision::prague), nullptr);
    EXPECT_NE(contract_at(number, Revision::osaka), nullptr);
  }
  EXPECT_EQ(contract_at(map_fp2_to_g2 + 1, Revision::osaka), nullptr);
}

TEST(Bls12381Contracts, CanBeRunIfTheBuildHasBlst) {
  for (std::uint16_t number = point_evaluation; number <= map_fp2_to_g2; ++number)
    EXPECT_EQ(contract_at(number)->run != nullptr, KITH_KZG != 0);
}

/// There is nothing.
class NoState : public StateReader {
 public:
  Result<std::optional<AccountState>> account(const Address& /*address*/) override {
    return std::optional<AccountState>();
  }
  Result<U256> storage(const Address& /*address*/, const U256& /*key*/) override { return U256(); }
  Result<CodePointer> code(const Hash& /*hash*/) override {
    return std::unexpected(Errc::not_found);
  }
};

TEST(Bls12381Contracts, AreTheNodesFaultWhereTheyCantBeRun) {
  if (KITH_KZG != 0) GTEST_SKIP() << "this build can run them";
  NoState state;
  for (std::uint16_t number = point_evaluation; number <= map_fp2_to_g2; ++number) {
    World world(state, Revision::prague, 0);
    Machine machine(world);
    world.begin_transaction();
    Message message;
    store_be(message.code_from.bytes.data() + Address::size - 2, number);
    message.recipient = message.code_from;
    const std::int64_t price = contract_at(number)->gas({}, Revision::prague);
    if (price > 0) {
      message.gas = price - 1;
      EXPECT_EQ(machine.execute({}, {}, message).halt, Halt::out_of_gas);
      EXPECT_FALSE(world.fault());
    }
    message.gas = price;
    EXPECT_EQ(machine.execute({}, {}, message).halt, Halt::fault);
    ASSERT_TRUE(world.fault());
    EXPECT_TRUE(world.fault()->is(Errc::unsupported));
    EXPECT_NE(world.fault()->message().find(contract_at(number)->name), std::string::npos);
  }
}

TEST(Bls12381Contracts, CostWhatTheirEipsSayInEveryBuild) {
  EXPECT_EQ(gas(point_evaluation, 192), 50'000);
  EXPECT_EQ(gas(g1_add, 256), 375);
  EXPECT_EQ(gas(g2_add, 512), 600);
  EXPECT_EQ(gas(map_fp_to_g1, 64), 5'500);
  EXPECT_EQ(gas(map_fp2_to_g2, 128), 23'800);
  EXPECT_EQ(gas(pairing_check, 0), 37'700);
  EXPECT_EQ(gas(pairing_check, 383), 37'700);
  EXPECT_EQ(gas(pairing_check, 384), 70'300);
  EXPECT_EQ(gas(pairing_check, 3 * 384), 135'500);
}

TEST(Bls12381Contracts, GiveDiscountsForSumsOfManyPairs) {
  EXPECT_EQ(gas(g1_msm, 0), 0);
  EXPECT_EQ(gas(g1_msm, 159), 0);
  EXPECT_EQ(gas(g1_msm, 160), 12'000);
  EXPECT_EQ(gas(g1_msm, 2 * 160), 2 * 12'000 * 949 / 1000);
  EXPECT_EQ(gas(g1_msm, 64 * 160), 64 * 12'000 * 576 / 1000);
  EXPECT_EQ(gas(g1_msm, 127 * 160), 127 * 12'000 * 520 / 1000);
  EXPECT_EQ(gas(g1_msm, 128 * 160), 128 * 12'000 * 519 / 1000);
  EXPECT_EQ(gas(g1_msm, 129 * 160), 129 * 12'000 * 519 / 1000);
  EXPECT_EQ(gas(g1_msm, 4'877 * 160), 4'877LL * 12'000 * 519 / 1000);
  EXPECT_EQ(gas(g2_msm, 287), 0);
  EXPECT_EQ(gas(g2_msm, 288), 22'500);
  EXPECT_EQ(gas(g2_msm, 2 * 288), 2 * 22'500);
  EXPECT_EQ(gas(g2_msm, 64 * 288), 64 * 22'500LL * 582 / 1000);
  EXPECT_EQ(gas(g2_msm, 128 * 288), 128 * 22'500LL * 524 / 1000);
  EXPECT_EQ(gas(g2_msm, 1'000 * 288), 1'000 * 22'500LL * 524 / 1000);
  // The whole of both tables.
  std::int64_t g1_total = 0;
  std::int64_t g2_total = 0;
  for (std::size_t pairs = 1; pairs <= 128; ++pairs) {
    g1_total += gas(g1_msm, pairs * 160);
    g2_total += gas(g2_msm, pairs * 288);
  }
  EXPECT_EQ(g1_total, 55'429'812);
  EXPECT_EQ(g2_total, 105'183'659);
}

TEST_F(Bls12381, RefusesEveryOtherLength) {
  const std::pair<std::uint16_t, std::size_t> lengths[] = {
      {point_evaluation, 192}, {g1_add, 256},        {g1_msm, 160},      {g2_add, 512},
      {g2_msm, 288},           {pairing_check, 384}, {map_fp_to_g1, 64}, {map_fp2_to_g2, 128},
  };
  for (const auto& [contract, length] : lengths) {
    // Zeros are infinities and numbers; of a point evaluation they are nothing.
    EXPECT_EQ(run(contract, Bytes(length)).has_value(), contract != point_evaluation) << contract;
    for (std::size_t other : {std::size_t{0}, std::size_t{1}, length / 2, length - 1, length + 1})
      EXPECT_FALSE(run(contract, Bytes(other))) << contract << ", " << other << " bytes";
  }
  EXPECT_FALSE(run(g1_add, Bytes(512)));
  EXPECT_FALSE(run(map_fp_to_g1, Bytes(128)));
}

TEST_F(Bls12381, RefusesNumbersThatAreNotBelowThePrime) {
  Bytes largest = prime;
  --largest.back();
  EXPECT_TRUE(run(map_fp_to_g1, largest));
  EXPECT_FALSE(run(map_fp_to_g1, prime));
  EXPECT_TRUE(run(map_fp2_to_g2, joined(largest, largest)));
  EXPECT_FALSE(run(map_fp2_to_g2, joined(largest, prime)));
  EXPECT_FALSE(run(map_fp2_to_g2, joined(prime, largest)));
  for (std::size_t at = 0; at < 16; ++at) {
    Bytes padded = number(7);
    padded[at] = 1;
    EXPECT_FALSE(run(map_fp_to_g1, padded)) << at;
  }
  // Infinity has but one form.
  EXPECT_FALSE(run(g1_add, joined(prime, prime, g1.infinity())));
}

TEST_F(Bls12381, RefusesPointsThatAreNotOnTheCurve) {
  for (const Group& group : {g1, g2}) {
    const Bytes good = group.random_point(random_);
    for (std::size_t number_at = 0; number_at < group.point_bytes(); number_at += 64) {
      Bytes bad = good;
      bad[number_at + 63] ^= 1;
      EXPECT_FALSE(run(group.add, joined(bad, good)));
      EXPECT_FALSE(run(group.add, joined(good, bad)));
      EXPECT_FALSE(run(group.msm, joined(bad, scalar(1))));
    }
  }
}

TEST_F(Bls12381, AddsPointsOutsideTheGroupAndMultipliesThemNot) {
  Bytes minus_two = prime;
  minus_two.back() -= 2;
  const Bytes& point = point_of_order_3;
  const Bytes negative = joined(number(0), minus_two);
  EXPECT_EQ(g1.sum(point, point), negative);
  EXPECT_EQ(g1.sum(negative, negative), point);
  EXPECT_EQ(g1.sum(point, negative), g1.infinity());
  EXPECT_EQ(g1.sum(point, g1.infinity()), point);
  EXPECT_FALSE(run(g1_msm, joined(point, scalar(1))));
  EXPECT_FALSE(run(g1_msm, joined(point, scalar(0))));
  EXPECT_FALSE(run(pairing_check, joined(point, g2.random_point(random_))));
  EXPECT_FALSE(run(pairing_check, joined(point, g2.infinity())));
}

TEST_F(Bls12381, AddsByTheRulesOfAGroup) {
  for (const Group& group : {g1, g2}) {
    const Bytes a = group.random_point(random_);
    const Bytes b = group.random_point(random_);
    const Bytes c = group.random_point(random_);
    EXPECT_NE(a, b);
    EXPECT_EQ(group.sum(a, b), group.sum(b, a));
    EXPECT_EQ(group.sum(group.sum(a, b), c), group.sum(a, group.sum(b, c)));
    EXPECT_EQ(group.sum(a, a), group.times(a, 2));
    EXPECT_EQ(group.sum(a, group.minus(a)), group.infinity());
    EXPECT_EQ(group.sum(a, group.infinity()), a);
    EXPECT_EQ(group.sum(group.infinity(), a), a);
    EXPECT_EQ(group.sum(group.infinity(), group.infinity()), group.infinity());
  }
}

TEST_F(Bls12381, TakesScalarsModuloTheOrder) {
  for (const Group& group : {g1, g2}) {
    const Bytes point = group.random_point(random_);
    EXPECT_EQ(group.times(point, 0), group.infinity());
    EXPECT_EQ(group.times(point, 1), point);
    EXPECT_EQ(group.times(point, order), group.infinity());
    EXPECT_EQ(group.times(point, order + 1), point);
    EXPECT_EQ(group.times(point, U256::max()), group.times(point, U256::max() % order));
    EXPECT_EQ(group.times(group.infinity(), 5), group.infinity());
  }
}

TEST_F(Bls12381, SumsManyPairsAsOneAfterTheOther) {
  for (const Group& group : {g1, g2}) {
    Bytes input;
    Bytes expected = group.infinity();
    Bytes last = group.infinity();
    std::size_t pairs = 0;
    // blst takes three ways, by how many there are.
    for (std::size_t count : {2u, 3u, 31u, 33u, 64u, 65u, 150u}) {
      for (; pairs < count; ++pairs) {
        Bytes point = group.random_point(random_);
        if (pairs % 5 == 1) point = last;
        if (pairs % 7 == 2) point = group.minus(last);
        if (pairs % 11 == 3) point = group.infinity();
        const U256 factor = pairs % 13 == 4 ? U256(pairs % 2) : random_scalar(random_);
        input = joined(input, point, scalar(factor));
        expected = group.sum(expected, group.times(point, factor));
        last = point;
      }
      EXPECT_EQ(to_hex(run(group.msm, input).value()), to_hex(expected)) << count;
    }
  }
}

TEST_F(Bls12381, SumsWhatCancelsOutToInfinity) {
  for (const Group& group : {g1, g2}) {
    const Bytes point = group.random_point(random_);
    const Bytes pair = joined(point, scalar(9));
    const Bytes opposite = joined(point, scalar(order - 9));
    const Bytes nothing = joined(group.infinity(), scalar(9));
    EXPECT_EQ(run(group.msm, joined(pair, opposite)), group.infinity());
    EXPECT_EQ(run(group.msm, joined(nothing, nothing, nothing)), group.infinity());
    EXPECT_EQ(run(group.msm, joined(pair, joined(point, scalar(0)), nothing)),
              group.times(point, 9));
    Bytes many;
    for (int i = 0; i < 100; ++i)
      many = joined(many, pair, opposite);
    EXPECT_EQ(run(group.msm, many), group.infinity());
  }
}

TEST_F(Bls12381, PairsAreBilinear) {
  const auto check = [](const Bytes& input) {
    const Bytes output = run(pairing_check, input).value();
    EXPECT_EQ(output.size(), 32u);
    EXPECT_EQ(U256::from_be(ByteView(output)).byte_width(), output.back());
    return output.back() == 1;
  };
  const Bytes p = g1.random_point(random_);
  const Bytes q = g2.random_point(random_);
  const U256 a = random_scalar(random_);
  EXPECT_FALSE(check(joined(p, q)));
  EXPECT_TRUE(check(joined(p, q, g1.minus(p), q)));
  EXPECT_TRUE(check(joined(g1.times(p, a), q, g1.minus(p), g2.times(q, a))));
  EXPECT_FALSE(check(joined(g1.times(p, a), q, g1.minus(p), g2.times(q, a + 1))));
  // Infinity pairs to one, on either side.
  EXPECT_TRUE(check(joined(g1.infinity(), q)));
  EXPECT_TRUE(check(joined(p, g2.infinity())));
  EXPECT_TRUE(check(joined(g1.infinity(), g2.infinity())));
  EXPECT_FALSE(check(joined(p, q, g1.infinity(), q)));
  // More pairs than blst takes at a time, which is 16.
  Bytes many;
  U256 sum;
  for (std::uint64_t i = 1; i <= 32; ++i) {
    many = joined(many, g1.times(p, i), q);
    sum += i;
    EXPECT_TRUE(check(joined(many, g1.minus(p), g2.times(q, sum)))) << i;
    EXPECT_FALSE(check(joined(many, g1.minus(p), g2.times(q, sum + 1)))) << i;
  }
}

// Point evaluation.

const Bytes generator =
    hex("97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb"
        "22c6bb");
const Bytes compressed_infinity = joined(Bytes{0xc0}, Bytes(47));
/// tau * G1 of Ethereum's ceremony: what commits to the polynomial x.
const Bytes tau_g1 =
    hex("ad3eb50121139aa34db1d545093ac9374ab7bca2c0f3bf28e27c8dcd8fc7cb42d25926fc0c97b336e9f0fb35e5"
        "a04c81");

/// A point of G1 that isn't infinity, as proofs have it: x, with the sign of y.
Bytes compressed(const Bytes& point) {
  const Bytes half =
      hex("0d0088f51cbff34d258dd3db21a5d66bb23ba5c279c2895fb39869507b587b120f55ffff58a9ffffdcff7fff"
          "ffffd555");
  Bytes x(point.begin() + 16, point.begin() + 64);
  x.front() |= 0x80;
  if (std::ranges::lexicographical_compare(half, ByteView(point).subspan(80))) x.front() |= 0x20;
  return x;
}

Bytes question(const Bytes& commitment, const U256& z, const U256& y, const Bytes& proof) {
  Bytes hash = to_bytes(crypto::sha256(commitment));
  hash[0] = 1;
  return joined(hash, scalar(z), scalar(y), commitment, proof);
}

TEST_F(PointEvaluation, TellsTheSizeAndModulusOfBlobs) {
  const auto output = run(point_evaluation, question(generator, 3, 1, compressed_infinity));
  EXPECT_EQ(output, joined(scalar(4096), scalar(order)));
}

TEST_F(PointEvaluation, TakesTheProofsOfPolynomialsThatEverybodyKnows) {
  for (const U256& z : {U256(0), U256(1), random_scalar(random_) % order, order - 1}) {
    SCOPED_TRACE(z.to_hex());
    // 0 and 1: the quotient is 0.
    const Bytes zero = compressed_infinity;
    EXPECT_TRUE(run(point_evaluation, question(zero, z, 0, compressed_infinity)));
    EXPECT_FALSE(run(point_evaluation, question(zero, z, 1, compressed_infinity)));
    EXPECT_TRUE(run(point_evaluation, question(generator, z, 1, compressed_infinity)));
    EXPECT_FALSE(run(point_evaluation, question(generator, z, 0, compressed_infinity)));
    EXPECT_FALSE(run(point_evaluation, question(generator, z, 1, generator)));
    // x: the quotient (x - z) / (x - z) is 1.
    EXPECT_TRUE(run(point_evaluation, question(tau_g1, z, z, generator)));
    const U256 next = (z + 1) % order;
    EXPECT_FALSE(run(point_evaluation, question(tau_g1, z, next, generator)));
    EXPECT_FALSE(run(point_evaluation, question(tau_g1, next, z, generator)));
    EXPECT_FALSE(run(point_evaluation, question(tau_g1, z, z, compressed_infinity)));
    EXPECT_FALSE(run(point_evaluation, question(tau_g1, z, z, tau_g1)));
  }
}

TEST_F(PointEvaluation, RefusesNumbersThatAreNotBelowTheModulus) {
  EXPECT_TRUE(run(point_evaluation, question(generator, order - 1, 1, compressed_infinity)));
  EXPECT_FALSE(run(point_evaluation, question(generator, order, 1, compressed_infinity)));
  EXPECT_FALSE(run(point_evaluation, question(generator, U256::max(), 1, compressed_infinity)));
  EXPECT_FALSE(run(point_evaluation, question(generator, 3, order + 1, compressed_infinity)));
  EXPECT_FALSE(run(point_evaluation, question(compressed_infinity, 3, order, compressed_infinity)));
}

TEST_F(PointEvaluation, RefusesPointsThatAreBadlyWrittenOrOutsideTheGroup) {
  std::vector<Bytes> bad;
  Bytes infinity_with_more = compressed_infinity;
  infinity_with_more.back() = 1;
  bad.push_back(infinity_with_more);
  Bytes infinity_with_sign = compressed_infinity;
  infinity_with_sign.front() = 0xe0;
  bad.push_back(infinity_with_sign);
  bad.push_back(Bytes(48));  // not compressed
  Bytes uncompressed = generator;
  uncompressed.front() &= 0x7f;
  bad.push_back(uncompressed);
  Bytes above(prime.begin() + 16, prime.end());
  above.front() |= 0x80;
  bad.push_back(above);
  // No small x is one of the group's; some are of the curve, as 0 is.
  for (std::uint8_t x = 0; x < 20; ++x)
    bad.push_back(joined(Bytes{0x80}, Bytes(46), Bytes{x}));
  for (const Bytes& point : bad) {
    SCOPED_TRACE(to_hex(point));
    EXPECT_FALSE(run(point_evaluation, question(point, 3, 0, compressed_infinity)));
    EXPECT_FALSE(run(point_evaluation, question(compressed_infinity, 3, 0, point)));
  }
}

TEST_F(PointEvaluation, RefusesPointsThatAPairingWouldNotTellFromTheGroups) {
  const Bytes y =
      hex("08b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa2329"
          "46c5e7e1");
  Bytes x = generator;
  x.front() &= 0x1f;
  const Bytes good = joined(Bytes(16), x, Bytes(16), y);
  EXPECT_EQ(compressed(good), generator);
  // Pairings of a point of order 3 are one.
  const Bytes bad = compressed(g1.sum(good, point_of_order_3));
  EXPECT_TRUE(run(point_evaluation, question(generator, 3, 1, compressed_infinity)));
  EXPECT_FALSE(run(point_evaluation, question(bad, 3, 1, compressed_infinity)));
  EXPECT_TRUE(run(point_evaluation, question(tau_g1, 3, 3, generator)));
  EXPECT_FALSE(run(point_evaluation, question(tau_g1, 3, 3, bad)));
}

TEST_F(PointEvaluation, FailsIfAnyBitIsAnother) {
  const Bytes good = question(tau_g1, 5, 5, generator);
  ASSERT_TRUE(run(point_evaluation, good));
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    EXPECT_FALSE(run(point_evaluation, bad)) << bit;
  }
}

}  // namespace
}  // namespace kith::ledger
