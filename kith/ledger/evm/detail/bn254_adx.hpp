// What bn254_field.hpp computes limb by limb, for x86-64 processors whose multiplication leaves the
// flags alone (BMI2) and that add with two carries at a time (ADX): a pairing takes a fifth less,
// since a row of a product is one pass in which its low and its high halves are added side by side.
// The same numbers come out. Included by bn254_field.hpp alone. Thread: any.
#pragma once

#include <cpuid.h>

namespace kith::ledger::bn254 {

struct Adx {
  /// Of the processor. False until static objects are made, which is as right, only slower.
  static bool is_there() noexcept { return found_; }

  [[gnu::always_inline]] static Product multiply(const Limbs& a, const Limbs& b) noexcept;
  [[gnu::always_inline]] static Limbs reduced(const Product& product) noexcept;
  [[gnu::always_inline]] static Limbs product_of(const Limbs& a, const Limbs& b) noexcept;

 private:
  static bool look() noexcept {
    constexpr unsigned bmi2 = 1U << 8;
    constexpr unsigned adx = 1U << 19;
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bmi2) != 0 && (b & adx) != 0;
  }
  static inline const bool found_ = look();

  /// The prime, and what makes a lowest limb zero.
  struct Constants {
    Limbs prime;
    std::uint64_t negative_inverse;
  };
  static constexpr Constants constants{prime_limbs, negative_inverse};
};

// Instructions for rows of products; t0 to t4 are operands as texts.
// clang-format off

// The limb of b at `offset`, times a, added to t0..t3; t4 is set to what is carried.
#define KITH_BN254_ROW(offset, t0, t1, t2, t3, t4) \
  "movq " #offset "(%[b]), %%rdx\n\t"              \
  "xorq " t4 ", " t4 "\n\t"                        \
  "mulxq 0(%[a]), %[low], %[high]\n\t"             \
  "adoxq %[low], " t0 "\n\t"                       \
  "adcxq %[high], " t1 "\n\t"                      \
  "mulxq 8(%[a]), %[low], %[high]\n\t"             \
  "adoxq %[low], " t1 "\n\t"                       \
  "adcxq %[high], " t2 "\n\t"                      \
  "mulxq 16(%[a]), %[low], %[high]\n\t"            \
  "adoxq %[low], " t2 "\n\t"                       \
  "adcxq %[high], " t3 "\n\t"                      \
  "mulxq 24(%[a]), %[low], %[high]\n\t"            \
  "adoxq %[low], " t3 "\n\t"                       \
  "adcxq %[high], " t4 "\n\t"                      \
  "movl $0, %k[low]\n\t"                           \
  "adoxq %[low], " t4 "\n\t"

// The first row, which is added to nothing.
#define KITH_BN254_FIRST_ROW(t0, t1, t2, t3, t4) \
  "movq 0(%[b]), %%rdx\n\t"                      \
  "mulxq 0(%[a]), " t0 ", " t1 "\n\t"            \
  "mulxq 8(%[a]), %[low], " t2 "\n\t"            \
  "addq %[low], " t1 "\n\t"                      \
  "mulxq 16(%[a]), %[low], " t3 "\n\t"           \
  "adcq %[low], " t2 "\n\t"                      \
  "mulxq 24(%[a]), %[low], " t4 "\n\t"           \
  "adcq %[low], " t3 "\n\t"                      \
  "adcq $0, " t4 "\n\t"

// Adds to t0..t3 the multiple of p that makes t0 zero. In t0 is then the limb above t3, to which
// `above` is added.
#define KITH_BN254_REDUCTION(t0, t1, t2, t3, above) \
  "movq " t0 ", %%rdx\n\t"                          \
  "imulq 32(%[p]), %%rdx\n\t"                       \
  "xorl %k[high], %k[high]\n\t"                     \
  "mulxq 0(%[p]), %[low], %[high]\n\t"              \
  "adoxq %[low], " t0 "\n\t"                        \
  "adcxq %[high], " t1 "\n\t"                       \
  "mulxq 8(%[p]), %[low], %[high]\n\t"              \
  "adoxq %[low], " t1 "\n\t"                        \
  "adcxq %[high], " t2 "\n\t"                       \
  "mulxq 16(%[p]), %[low], %[high]\n\t"             \
  "adoxq %[low], " t2 "\n\t"                        \
  "adcxq %[high], " t3 "\n\t"                       \
  "mulxq 24(%[p]), %[low], " t0 "\n\t"              \
  "adoxq %[low], " t3 "\n\t"                        \
  "movl $0, %k[low]\n\t"                            \
  "adcxq " above ", " t0 "\n\t"                     \
  "adoxq %[low], " t0 "\n\t"

#define T0 "%[t0]"
#define T1 "%[t1]"
#define T2 "%[t2]"
#define T3 "%[t3]"
#define T4 "%[t4]"
#define T5 "%[t5]"
#define T6 "%[t6]"
#define T7 "%[t7]"

inline Product Adx::multiply(const Limbs& a, const Limbs& b) noexcept {
  Product t;
  std::uint64_t low;
  std::uint64_t high;
  // In two halves, so that the registers suffice.
  asm(KITH_BN254_FIRST_ROW(T0, T1, T2, T3, T4)
      KITH_BN254_ROW(8, T1, T2, T3, T4, T5)
      : [t0] "=&r"(t.low[0]), [t1] "=&r"(t.low[1]), [t2] "=&r"(t.low[2]), [t3] "=&r"(t.low[3]),
        [t4] "=&r"(t.high[0]), [t5] "=&r"(t.high[1]), [low] "=&r"(low), [high] "=&r"(high)
      : [a] "r"(a.data()), [b] "r"(b.data()), "m"(a), "m"(b)
      : "rdx", "cc");
  asm(KITH_BN254_ROW(16, T2, T3, T4, T5, T6)
      KITH_BN254_ROW(24, T3, T4, T5, T6, T7)
      : [t2] "+&r"(t.low[2]), [t3] "+&r"(t.low[3]), [t4] "+&r"(t.high[0]), [t5] "+&r"(t.high[1]),
        [t6] "=&r"(t.high[2]), [t7] "=&r"(t.high[3]), [low] "=&r"(low), [high] "=&r"(high)
      : [a] "r"(a.data()), [b] "r"(b.data()), "m"(a), "m"(b)
      : "rdx", "cc");
  return t;
}

inline Limbs Adx::reduced(const Product& product) noexcept {
  Limbs t = product.low;
  std::uint64_t low;
  std::uint64_t high;
  asm(KITH_BN254_REDUCTION(T0, T1, T2, T3, "%[low]")
      KITH_BN254_REDUCTION(T1, T2, T3, T0, "%[low]")
      KITH_BN254_REDUCTION(T2, T3, T0, T1, "%[low]")
      KITH_BN254_REDUCTION(T3, T0, T1, T2, "%[low]")
      : [t0] "+&r"(t[0]), [t1] "+&r"(t[1]), [t2] "+&r"(t[2]), [t3] "+&r"(t[3]), [low] "=&r"(low),
        [high] "=&r"(high)
      : [p] "r"(&constants)
      : "rdx", "cc");
  add_limbs(t, t, product.high);
  return reduced_once(t);
}

inline Limbs Adx::product_of(const Limbs& a, const Limbs& b) noexcept {
  Limbs t;
  std::uint64_t above;
  std::uint64_t low;
  std::uint64_t high;
  asm(KITH_BN254_FIRST_ROW(T0, T1, T2, T3, T4)
      KITH_BN254_REDUCTION(T0, T1, T2, T3, T4)
      KITH_BN254_ROW(8, T1, T2, T3, T0, T4)
      KITH_BN254_REDUCTION(T1, T2, T3, T0, T4)
      KITH_BN254_ROW(16, T2, T3, T0, T1, T4)
      KITH_BN254_REDUCTION(T2, T3, T0, T1, T4)
      KITH_BN254_ROW(24, T3, T0, T1, T2, T4)
      KITH_BN254_REDUCTION(T3, T0, T1, T2, T4)
      : [t0] "=&r"(t[0]), [t1] "=&r"(t[1]), [t2] "=&r"(t[2]), [t3] "=&r"(t[3]), [t4] "=&r"(above),
        [low] "=&r"(low), [high] "=&r"(high)
      : [a] "r"(a.data()), [b] "r"(b.data()), [p] "r"(&constants), "m"(a), "m"(b)
      : "rdx", "cc");
  return reduced_once(t);
}

#undef KITH_BN254_ROW
#undef KITH_BN254_FIRST_ROW
#undef KITH_BN254_REDUCTION
#undef T0
#undef T1
#undef T2
#undef T3
#undef T4
#undef T5
#undef T6
#undef T7

// clang-format on

}  // namespace kith::ledger::bn254
