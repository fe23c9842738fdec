#include <gmp.h>

#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/ledger/primitives/u256.hpp>

namespace kith::ledger {
namespace {

/// A number of GMP's, which knows no bounds: what ours are compared with.
class Reference {
 public:
  Reference() { mpz_init(value_); }
  Reference(const U256& number) : Reference() {
    const auto big_endian = number.to_be();
    mpz_import(value_, big_endian.size(), 1, 1, 1, 0, big_endian.data());
  }
  Reference(const Reference& other) { mpz_init_set(value_, other.value_); }
  Reference& operator=(const Reference&) = delete;
  ~Reference() { mpz_clear(value_); }

  static Reference signed_of(const U256& number) {
    Reference one(number);
    if (number.is_negative()) {
      Reference modulus(U256(1));
      mpz_mul_2exp(modulus.value_, modulus.value_, 256);
      mpz_sub(one.value_, one.value_, modulus.value_);
    }
    return one;
  }

  template <class Function>
  static Reference of(Function function, const Reference& a, const Reference& b) {
    Reference result;
    function(result.value_, a.value_, b.value_);
    return result;
  }

  /// Modulo 2^256, below zero as two's complement.
  U256 number() const {
    Reference rest;
    mpz_fdiv_r_2exp(rest.value_, value_, 256);
    std::array<std::uint8_t, 64> big_endian{};
    std::size_t size = 0;
    mpz_export(big_endian.data(), &size, 1, 1, 1, 0, rest.value_);
    return U256::from_be(ByteView(big_endian).first(size));
  }

  mpz_srcptr get() const { return value_; }

 private:
  mpz_t value_;
};

/// Numbers as contracts have them: small ones, powers of two and what is beside them, runs of ones,
/// limbs that are all or nothing.
U256 interesting(Prng& random) {
  auto limb = [&]() -> std::uint64_t {
    switch (random.below(4)) {
      case 0:
        return 0;
      case 1:
        return ~0ULL;
      case 2:
        return random.next() >> random.below(64);
      default:
        return random.next();
    }
  };
  const U256 whole{limb(), limb(), limb(), limb()};
  switch (random.below(6)) {
    case 0:
      return random.below(4);
    case 1:
      return U256::power_of_two(static_cast<unsigned>(random.below(256))) + random.below(3) -
             U256(1);
    case 2:
      return whole >> random.below(256);
    case 3:
      return -(whole >> random.below(256));
    default:
      return whole;
  }
}

/// Calls check(a, b, c) with many triples of such numbers.
template <class Check>
void for_many(Check check) {
  Prng random(20'250'101);
  for (int i = 0; i < 20'000; ++i) {
    const U256 a = interesting(random);
    const U256 b = random.chance(0.1) ? a : interesting(random);
    const U256 c = interesting(random);
    check(a, b, c);
    if (::testing::Test::HasFailure()) {
      ADD_FAILURE() << "with " << a.to_hex() << ", " << b.to_hex() << ", " << c.to_hex();
      return;
    }
  }
}

TEST(U256, AddsSubtractsAndMultipliesAsGmpDoes) {
  for_many([](const U256& a, const U256& b, const U256&) {
    EXPECT_EQ(a + b, Reference::of(mpz_add, a, b).number());
    EXPECT_EQ(a - b, Reference::of(mpz_sub, a, b).number());
    EXPECT_EQ(a * b, Reference::of(mpz_mul, a, b).number());
    bool overflow = false;
    U256::add(a, b, overflow);
    EXPECT_EQ(overflow, mpz_sizeinbase(Reference::of(mpz_add, a, b).get(), 2) > 256);
  });
}

TEST(U256, DividesAsGmpDoesAndByZeroGivesZero) {
  for_many([](const U256& a, const U256& b, const U256&) {
    if (b.is_zero()) {
      EXPECT_EQ(a / b, U256());
      EXPECT_EQ(a % b, U256());
      EXPECT_EQ(signed_divide(a, b), U256());
      EXPECT_EQ(signed_modulo(a, b), U256());
      return;
    }
    EXPECT_EQ(a / b, Reference::of(mpz_tdiv_q, a, b).number());
    EXPECT_EQ(a % b, Reference::of(mpz_tdiv_r, a, b).number());
    const Reference x = Reference::signed_of(a);
    const Reference y = Reference::signed_of(b);
    EXPECT_EQ(signed_divide(a, b), Reference::of(mpz_tdiv_q, x, y).number());
    EXPECT_EQ(signed_modulo(a, b), Reference::of(mpz_tdiv_r, x, y).number());
  });
}

TEST(U256, LosesNothingBetweenAnOperationAndItsModulus) {
  for_many([](const U256& a, const U256& b, const U256& modulus) {
    if (modulus.is_zero()) {
      EXPECT_EQ(add_modulo(a, b, modulus), U256());
      EXPECT_EQ(multiply_modulo(a, b, modulus), U256());
      return;
    }
    EXPECT_EQ(add_modulo(a, b, modulus),
              Reference::of(mpz_mod, Reference::of(mpz_add, a, b), modulus).number());
    EXPECT_EQ(multiply_modulo(a, b, modulus),
              Reference::of(mpz_mod, Reference::of(mpz_mul, a, b), modulus).number());
  });
}

TEST(U256, RaisesToAPowerAsGmpDoes) {
  Prng random(7);
  Reference modulus(U256(1));
  const Reference all = Reference::of(
      [](mpz_ptr out, mpz_srcptr a, mpz_srcptr) { mpz_mul_2exp(out, a, 256); }, modulus, modulus);
  for (int i = 0; i < 500; ++i) {
    const U256 base = interesting(random);
    const U256 exponent = interesting(random);
    const Reference expected = Reference::of(
        [&](mpz_ptr out, mpz_srcptr a, mpz_srcptr b) { mpz_powm(out, a, b, all.get()); }, base,
        exponent);
    EXPECT_EQ(power(base, exponent), expected.number()) << base.to_hex() << exponent.to_hex();
  }
}

TEST(U256, ComparesAsGmpDoesWithSignAndWithout) {
  for_many([](const U256& a, const U256& b, const U256&) {
    const int order = mpz_cmp(Reference(a).get(), Reference(b).get());
    EXPECT_EQ(a < b, order < 0);
    EXPECT_EQ(a > b, order > 0);
    EXPECT_EQ(a <= b, order <= 0);
    EXPECT_EQ(a == b, order == 0);
    EXPECT_EQ(signed_less(a, b),
              mpz_cmp(Reference::signed_of(a).get(), Reference::signed_of(b).get()) < 0);
  });
}

TEST(U256, ShiftsAsGmpDoesAndToNothingFrom256On) {
  for_many([](const U256& a, const U256&, const U256& c) {
    const std::uint64_t count = c.low() % 300;
    const auto shifted = [&](auto function, const Reference& from) {
      return Reference::of([&](mpz_ptr out, mpz_srcptr x, mpz_srcptr) { function(out, x, count); },
                           from, from)
          .number();
    };
    EXPECT_EQ(a << count, shifted(mpz_mul_2exp, a));
    EXPECT_EQ(a >> count, shifted(mpz_fdiv_q_2exp, a));
    EXPECT_EQ(signed_shift_right(a, count), shifted(mpz_fdiv_q_2exp, Reference::signed_of(a)));
  });
  EXPECT_EQ(U256::max() << ~0ULL, U256());
  EXPECT_EQ(U256::max() >> ~0ULL, U256());
  EXPECT_EQ(signed_shift_right(U256::max(), ~0ULL), U256::max());
}

TEST(U256, ExtendsTheSignOfAnyByte) {
  for_many([](const U256& a, const U256&, const U256& c) {
    const std::uint64_t index = c.low() % 40;
    const std::uint64_t kept = index >= 31 ? 256 : 8 * (index + 1);
    EXPECT_EQ(sign_extend(index, a), signed_shift_right(a << (256 - kept), 256 - kept));
  });
  EXPECT_EQ(sign_extend(U256::max(), 0x80), U256(0x80));
}

TEST(U256, CountsItsBytesFromTheHighest) {
  const U256 number =
      *U256::parse("0x0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20");
  for (std::uint64_t i = 0; i < 32; ++i)
    EXPECT_EQ(byte_at(i, number), U256(i + 1));
  EXPECT_EQ(byte_at(32, number), U256());
  EXPECT_EQ(byte_at(U256::power_of_two(64), number), U256());
}

TEST(U256, ReadsWhatItWrites) {
  for_many([](const U256& a, const U256&, const U256&) {
    EXPECT_EQ(U256::parse(a.to_hex()), a);
    EXPECT_EQ(U256::parse(a.to_decimal()), a);
    EXPECT_EQ(U256::from_be(a.to_be().data()), a);
    char* expected = mpz_get_str(nullptr, 10, Reference(a).get());
    EXPECT_EQ(a.to_decimal(), expected);
    std::free(expected);
    EXPECT_EQ(a.bit_width(), a.is_zero() ? 0 : mpz_sizeinbase(Reference(a).get(), 2));
  });
  EXPECT_EQ(U256().to_hex(), "0x0");
  EXPECT_EQ(U256(0x1f).to_hex(), "0x1f");
}

TEST(U256, ReadsNoTextThatIsNoNumberOrTooLarge) {
  for (const char* text :
       {"", "0x", "-1", "1a", "0xg", " 1", "1 ",
        "115792089237316195423570985008687907853269984665640564039457584007913129639936",
        "0x10000000000000000000000000000000000000000000000000000000000000000"})
    EXPECT_FALSE(U256::parse(text)) << text;
  EXPECT_EQ(
      U256::parse("115792089237316195423570985008687907853269984665640564039457584007913129639935"),
      U256::max());
  EXPECT_EQ(U256::parse("0x00ff"), U256(255));
}

}  // namespace
}  // namespace kith::ledger
