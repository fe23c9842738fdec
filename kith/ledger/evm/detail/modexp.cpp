#include <algorithm>
#include <gmp.h>
#include <limits>

#include <kith/ledger/evm/detail/modexp.hpp>
#include <kith/ledger/evm/detail/padded.hpp>
#include <kith/ledger/primitives/u256.hpp>

namespace kith::ledger::detail {
namespace {

using Wide = unsigned __int128;

constexpr std::size_t length_bytes = 32;
constexpr std::size_t head_bytes = 3 * length_bytes;

struct Lengths {
  U256 base;
  U256 exponent;
  U256 modulus;
};

Lengths lengths_of(ByteView input) noexcept {
  const auto head = padded<head_bytes>(input);
  return {U256::from_be(head.data()), U256::from_be(head.data() + length_bytes),
          U256::from_be(head.data() + 2 * length_bytes)};
}

/// What the input has of a number of `length` bytes at `offset`; zeros follow it.
ByteView present(ByteView input, std::uint64_t offset, std::uint64_t length) noexcept {
  if (offset >= input.size()) return {};
  const ByteView rest = input.subspan(offset);
  return rest.first(std::min<std::uint64_t>(length, rest.size()));
}

/// The bits after the highest one of the exponent's first 32 bytes; 0 if they are zeros.
unsigned exponent_head_bits(ByteView input, const Lengths& lengths) noexcept {
  const std::uint64_t length = std::min<std::uint64_t>(length_bytes, lengths.exponent.saturated());
  // A base that long lies behind all input.
  const std::uint64_t base = std::min<std::uint64_t>(lengths.base.saturated(), input.size());
  const ByteView head = present(input, head_bytes + base, length);
  const unsigned bits = (U256::from_be(head) << (8 * (length - head.size()))).bit_width();
  return bits == 0 ? 0 : bits - 1;
}

/// At least 1; each byte of the exponent after its first 32 counts as `for_byte` steps.
Wide steps(ByteView input, const Lengths& lengths, unsigned for_byte) noexcept {
  // Steps beyond this can't be paid, whatever one costs.
  constexpr Wide far = Wide{1} << 80;
  const unsigned head = exponent_head_bits(input, lengths);
  if (lengths.exponent <= length_bytes) return std::max(1U, head);
  if (lengths.exponent.bit_width() > 75) return far;
  const Wide length = Wide{lengths.exponent.limb(1)} << 64 | lengths.exponent.limb(0);
  return std::max(Wide{1}, for_byte * (length - length_bytes) + head);
}

Wide eip198_complexity(Wide length) noexcept {
  if (length <= 64) return length * length;
  if (length <= 1024) return length * length / 4 + 96 * length - 3072;
  return length * length / 16 + 480 * length - 199'680;
}

std::int64_t saturated(Wide gas) noexcept {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  return gas > static_cast<Wide>(most) ? most : static_cast<std::int64_t>(gas);
}

std::int64_t price(Wide complexity, Wide step_count, unsigned divisor) noexcept {
  Wide product = 0;
  if (__builtin_mul_overflow(complexity, step_count, &product))
    return std::numeric_limits<std::int64_t>::max();
  return saturated(product / divisor);
}

class Integer {
 public:
  Integer() noexcept { mpz_init(value_); }
  /// `length` bytes that begin with those of `bytes` and go on with zeros.
  Integer(ByteView bytes, std::uint64_t length) : Integer() {
    mpz_import(value_, bytes.size(), 1, 1, 0, 0, bytes.data());
    if (mpz_sgn(value_) != 0) mpz_mul_2exp(value_, value_, 8 * (length - bytes.size()));
  }
  ~Integer() { mpz_clear(value_); }
  Integer(const Integer&) = delete;
  Integer& operator=(const Integer&) = delete;

  bool is_zero() const noexcept { return mpz_sgn(value_) == 0; }
  mpz_ptr get() noexcept { return value_; }
  mpz_srcptr get() const noexcept { return value_; }

 private:
  mpz_t value_;
};

}  // namespace

std::int64_t modexp_gas(ByteView input, Revision revision) {
  const Lengths lengths = lengths_of(input);
  const Wide length = std::max(lengths.base.saturated(), lengths.modulus.saturated());
  const Wide words = (length + 7) / 8;
  if (revision >= Revision::osaka) {
    const Wide complexity = length <= 32 ? 16 : 2 * words * words;
    return std::max<std::int64_t>(500, price(complexity, steps(input, lengths, 16), 1));
  }
  if (revision >= Revision::berlin)
    return std::max<std::int64_t>(200, price(words * words, steps(input, lengths, 8), 3));
  return price(eip198_complexity(length), steps(input, lengths, 8), 20);
}

std::optional<Bytes> modexp(ByteView input, Revision revision) {
  const Lengths lengths = lengths_of(input);
  if (revision >= Revision::osaka &&
      std::max({lengths.base, lengths.exponent, lengths.modulus}) > modexp_length_max)
    return std::nullopt;
  // Without base and modulus an exponent of any length is cheap.
  if (lengths.modulus.is_zero()) return Bytes();
  if (std::max(lengths.base, lengths.modulus) > modexp_operand_bytes_max ||
      lengths.exponent > modexp_exponent_bytes_max)
    return std::nullopt;
  const std::uint64_t exponent_at = head_bytes + lengths.base.low();
  const std::uint64_t modulus_at = exponent_at + lengths.exponent.low();
  Bytes output(lengths.modulus.low());
  const Integer modulus(present(input, modulus_at, output.size()), output.size());
  if (modulus.is_zero()) return output;
  const Integer base(present(input, head_bytes, lengths.base.low()), lengths.base.low());
  const Integer exponent(present(input, exponent_at, lengths.exponent.low()),
                         lengths.exponent.low());
  Integer power;
  mpz_powm(power.get(), base.get(), exponent.get(), modulus.get());
  const std::size_t width = power.is_zero() ? 0 : (mpz_sizeinbase(power.get(), 2) + 7) / 8;
  mpz_export(output.data() + (output.size() - width), nullptr, 1, 1, 0, 0, power.get());
  return output;
}

}  // namespace kith::ledger::detail
