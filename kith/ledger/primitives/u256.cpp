#include <algorithm>
#include <charconv>
#include <span>

#include <kith/ledger/primitives/u256.hpp>

namespace kith::ledger {
namespace {

using Wide = unsigned __int128;

constexpr std::size_t limbs_of(std::span<const std::uint64_t> number) noexcept {
  std::size_t count = number.size();
  while (count > 0 && number[count - 1] == 0)
    --count;
  return count;
}

// A division by a constant limb is a multiplication by its reciprocal (Möller and Granlund,
// "Improved division by invariant integers", 2011): the hardware's division of 128 bits takes
// several times as long.

/// floor((2^128 - 1) / divisor) - 2^64, for a divisor with its highest bit set.
std::uint64_t reciprocal(std::uint64_t divisor) noexcept {
  return static_cast<std::uint64_t>(~Wide{0} / divisor);
}

/// floor((2^192 - 1) / (high:low)) - 2^64, the highest bit being set.
std::uint64_t reciprocal(std::uint64_t high, std::uint64_t low) noexcept {
  std::uint64_t inverse = reciprocal(high);
  std::uint64_t product = high * inverse + low;
  if (product < low) {
    --inverse;
    if (product >= high) {
      --inverse;
      product -= high;
    }
    product -= high;
  }
  const Wide scaled = Wide{inverse} * low;
  const auto top = static_cast<std::uint64_t>(scaled >> 64);
  product += top;
  if (product < top) {
    --inverse;
    const Wide rest = Wide{product} << 64 | static_cast<std::uint64_t>(scaled);
    if (rest >= (Wide{high} << 64 | low)) --inverse;
  }
  return inverse;
}

struct Part {
  std::uint64_t quotient;
  std::uint64_t remainder;
};

/// (high:low) / divisor where high < divisor and the divisor's highest bit is set.
Part divide_two(std::uint64_t high, std::uint64_t low, std::uint64_t divisor,
                std::uint64_t inverse) noexcept {
  Wide guess = Wide{inverse} * high + (Wide{high} << 64 | low);
  auto quotient = static_cast<std::uint64_t>(guess >> 64) + 1;
  std::uint64_t remainder = low - quotient * divisor;
  if (remainder > static_cast<std::uint64_t>(guess)) {
    --quotient;
    remainder += divisor;
  }
  if (remainder >= divisor) [[unlikely]] {
    ++quotient;
    remainder -= divisor;
  }
  return {quotient, remainder};
}

struct PartOfTwo {
  std::uint64_t quotient;
  Wide remainder;
};

/// (high:middle:low) / divisor, of two limbs, where (high:middle) < divisor.
PartOfTwo divide_three(std::uint64_t high, std::uint64_t middle, std::uint64_t low, Wide divisor,
                       std::uint64_t inverse) noexcept {
  const auto divisor_high = static_cast<std::uint64_t>(divisor >> 64);
  const auto divisor_low = static_cast<std::uint64_t>(divisor);
  const Wide guess = Wide{inverse} * high + (Wide{high} << 64 | middle);
  auto quotient = static_cast<std::uint64_t>(guess >> 64);
  const std::uint64_t rest_high = middle - quotient * divisor_high;
  Wide remainder = (Wide{rest_high} << 64 | low) - Wide{divisor_low} * quotient - divisor;
  ++quotient;
  if (static_cast<std::uint64_t>(remainder >> 64) >= static_cast<std::uint64_t>(guess)) {
    --quotient;
    remainder += divisor;
  }
  if (remainder >= divisor) [[unlikely]] {
    ++quotient;
    remainder -= divisor;
  }
  return {quotient, remainder};
}

/// numerator - quotient * divisor in the limbs at `at`; true if it was below zero.
bool subtract_product(std::uint64_t* at, std::span<const std::uint64_t> divisor,
                      std::uint64_t quotient) noexcept {
  std::uint64_t borrow = 0;
  for (std::size_t i = 0; i < divisor.size(); ++i) {
    const Wide product = Wide{quotient} * divisor[i] + borrow;
    const auto low = static_cast<std::uint64_t>(product);
    borrow = static_cast<std::uint64_t>(product >> 64) + (at[i] < low ? 1 : 0);
    at[i] -= low;
  }
  const bool below = at[divisor.size()] < borrow;
  at[divisor.size()] -= borrow;
  return below;
}

void add_back(std::uint64_t* at, std::span<const std::uint64_t> divisor) noexcept {
  std::uint64_t carry = 0;
  for (std::size_t i = 0; i < divisor.size(); ++i) {
    const Wide sum = Wide{at[i]} + divisor[i] + carry;
    at[i] = static_cast<std::uint64_t>(sum);
    carry = static_cast<std::uint64_t>(sum >> 64);
  }
  at[divisor.size()] += carry;
}

/// Knuth's algorithm D (The Art of Computer Programming 2, 4.3.1). `numerator` has a limb more than
/// the number, ends as the remainder, and both have been shifted so that the divisor's highest bit
/// is set. The quotient is written if there is room for it.
void divide_long(std::span<std::uint64_t> numerator, std::span<const std::uint64_t> divisor,
                 std::span<std::uint64_t> quotient) noexcept {
  const std::size_t size = divisor.size();
  if (size == 1) {
    const std::uint64_t inverse = reciprocal(divisor[0]);
    std::uint64_t remainder = numerator.back();
    for (std::size_t i = numerator.size() - 1; i-- > 0;) {
      const Part part = divide_two(remainder, numerator[i], divisor[0], inverse);
      if (i < quotient.size()) quotient[i] = part.quotient;
      remainder = part.remainder;
      numerator[i + 1] = 0;
    }
    numerator[0] = remainder;
    return;
  }
  const Wide top = Wide{divisor[size - 1]} << 64 | divisor[size - 2];
  const std::uint64_t inverse = reciprocal(divisor[size - 1], divisor[size - 2]);
  for (std::size_t i = numerator.size() - size; i-- > 0;) {
    std::uint64_t* at = numerator.data() + i;
    std::uint64_t digit = ~0ULL;
    if ((Wide{at[size]} << 64 | at[size - 1]) < top)
      digit = divide_three(at[size], at[size - 1], at[size - 2], top, inverse).quotient;
    if (subtract_product(at, divisor, digit)) {
      --digit;
      add_back(at, divisor);
    }
    if (i < quotient.size()) quotient[i] = digit;
  }
}

/// Divides a number of up to eight limbs. Returns the remainder; `quotient` may be empty.
U256 divide_limbs(std::span<const std::uint64_t> a, const U256& b,
                  std::span<std::uint64_t> quotient) noexcept {
  const std::array<std::uint64_t, 4> limbs{b.limb(0), b.limb(1), b.limb(2), b.limb(3)};
  const std::size_t size = limbs_of(limbs);
  const std::size_t length = limbs_of(a);
  std::array<std::uint64_t, 9> numerator{};
  if (length < size) {
    std::ranges::copy(a.first(length), numerator.begin());
    return {numerator[0], numerator[1], numerator[2], numerator[3]};
  }
  const auto shift = static_cast<unsigned>(std::countl_zero(limbs[size - 1]));
  std::array<std::uint64_t, 4> divisor{};
  for (std::size_t i = size; i-- > 0;)
    divisor[i] = limbs[i] << shift | (i > 0 ? (limbs[i - 1] >> 1) >> (63 - shift) : 0);
  for (std::size_t i = length; i-- > 0;) {
    numerator[i + 1] |= (a[i] >> 1) >> (63 - shift);
    numerator[i] = a[i] << shift;
  }
  divide_long(std::span(numerator).first(length + 1), std::span(divisor).first(size), quotient);
  return U256(numerator[0], numerator[1], numerator[2], numerator[3]) >> shift;
}

U256 magnitude(const U256& a) noexcept {
  return a.is_negative() ? -a : a;
}

int digit_of(char character) noexcept {
  if (character >= '0' && character <= '9') return character - '0';
  if (character >= 'a' && character <= 'f') return character - 'a' + 10;
  if (character >= 'A' && character <= 'F') return character - 'A' + 10;
  return -1;
}

}  // namespace

Divided divide(const U256& a, const U256& b) noexcept {
  if (b.is_zero()) return {};
  if (a.fits_64() && b.fits_64()) return {a.low() / b.low(), a.low() % b.low()};
  const std::array<std::uint64_t, 4> limbs{a.limb(0), a.limb(1), a.limb(2), a.limb(3)};
  std::array<std::uint64_t, 4> quotient{};
  const U256 remainder = divide_limbs(limbs, b, quotient);
  return {{quotient[0], quotient[1], quotient[2], quotient[3]}, remainder};
}

U256 operator/(const U256& a, const U256& b) noexcept {
  return divide(a, b).quotient;
}

U256 operator%(const U256& a, const U256& b) noexcept {
  return divide(a, b).remainder;
}

U256 signed_divide(const U256& a, const U256& b) noexcept {
  const U256 quotient = magnitude(a) / magnitude(b);
  return a.is_negative() == b.is_negative() ? quotient : -quotient;
}

U256 signed_modulo(const U256& a, const U256& b) noexcept {
  const U256 remainder = magnitude(a) % magnitude(b);
  return a.is_negative() ? -remainder : remainder;
}

U256 add_modulo(const U256& a, const U256& b, const U256& modulus) noexcept {
  if (modulus.is_zero()) return 0;
  bool overflow = false;
  const U256 sum = U256::add(a, b, overflow);
  if (!overflow) return sum < modulus ? sum : sum % modulus;
  const std::array<std::uint64_t, 5> limbs{sum.limb(0), sum.limb(1), sum.limb(2), sum.limb(3), 1};
  return divide_limbs(limbs, modulus, {});
}

U256 multiply_modulo(const U256& a, const U256& b, const U256& modulus) noexcept {
  if (modulus.is_zero()) return 0;
  std::array<std::uint64_t, 8> product{};
  for (std::size_t i = 0; i < 4; ++i) {
    std::uint64_t carry = 0;
    for (std::size_t j = 0; j < 4; ++j) {
      const Wide sum = Wide{a.limb(j)} * b.limb(i) + product[i + j] + carry;
      product[i + j] = static_cast<std::uint64_t>(sum);
      carry = static_cast<std::uint64_t>(sum >> 64);
    }
    product[i + 4] = carry;
  }
  return divide_limbs(product, modulus, {});
}

U256 power(const U256& base, const U256& exponent) noexcept {
  if (base == U256(2)) return U256::power_of_two(exponent < U256(256) ? exponent.low() : 256);
  U256 result = 1;
  for (unsigned i = exponent.bit_width(); i-- > 0;) {
    result = result * result;
    if (exponent.bit(i)) result = result * base;
  }
  return result;
}

U256 U256::from_be(ByteView number) noexcept {
  if (number.size() > bytes) number = number.last(bytes);
  std::array<std::uint8_t, bytes> whole{};
  std::ranges::copy(number, whole.end() - static_cast<std::ptrdiff_t>(number.size()));
  return from_be(whole.data());
}

std::optional<U256> U256::parse(std::string_view text) {
  const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
  if (hexadecimal) text.remove_prefix(2);
  if (text.empty()) return std::nullopt;
  const U256 radix = hexadecimal ? 16 : 10;
  const U256 limit = max() / radix;
  U256 number;
  for (const char character : text) {
    const int digit = digit_of(character);
    if (digit < 0 || U256(static_cast<std::uint64_t>(digit)) >= radix) return std::nullopt;
    if (number > limit) return std::nullopt;
    bool overflow = false;
    number = add(number * radix, static_cast<std::uint64_t>(digit), overflow);
    if (overflow) return std::nullopt;
  }
  return number;
}

std::string U256::to_hex() const {
  std::string text = "0x";
  const unsigned digits = std::max(1U, (bit_width() + 3) / 4);
  for (unsigned i = digits; i-- > 0;)
    text += "0123456789abcdef"[limbs_[i / 16] >> (4 * (i % 16)) & 0xf];
  return text;
}

std::string U256::to_decimal() const {
  // Nineteen digits are the most that a limb holds.
  constexpr std::uint64_t chunk = 10'000'000'000'000'000'000ULL;
  constexpr std::size_t chunk_digits = 19;
  std::string text;
  U256 rest = *this;
  while (!rest.fits_64() || rest.low() >= chunk) {
    const Divided parts = divide(rest, chunk);
    const std::string digits = std::to_string(parts.remainder.low());
    text.insert(0, std::string(chunk_digits - digits.size(), '0') + digits);
    rest = parts.quotient;
  }
  return std::to_string(rest.low()) + text;
}

}  // namespace kith::ledger
