#include <vector>

#include <kith/multiformats/detail/positional.hpp>
#include <kith/multiformats/limits.hpp>

namespace kith::multiformats::detail {
namespace {

// As many digits as a 32-bit number holds, worked off at once.
struct Chunk {
  std::size_t digits = 0;
  std::uint32_t power = 1;
};

constexpr Chunk chunk_of(std::uint32_t base) noexcept {
  Chunk chunk;
  while (static_cast<std::uint64_t>(chunk.power) * base <= 0xffffffff) {
    chunk.power *= base;
    ++chunk.digits;
  }
  return chunk;
}

// Little-endian 32-bit limbs of a big-endian number.
std::vector<std::uint32_t> limbs_of(ByteView bytes) {
  std::vector<std::uint32_t> limbs((bytes.size() + 3) / 4);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::size_t place = bytes.size() - 1 - i;
    limbs[place / 4] |= static_cast<std::uint32_t>(bytes[i]) << (8 * (place % 4));
  }
  return limbs;
}

// limbs = limbs * factor + addend
void multiply_add(std::vector<std::uint32_t>& limbs, std::uint32_t factor, std::uint32_t addend) {
  std::uint64_t carry = addend;
  for (std::uint32_t& limb : limbs) {
    carry += static_cast<std::uint64_t>(limb) * factor;
    limb = static_cast<std::uint32_t>(carry);
    carry >>= 32;
  }
  if (carry != 0) limbs.push_back(static_cast<std::uint32_t>(carry));
}

// limbs = limbs / divisor; returns the remainder.
std::uint32_t divide(std::vector<std::uint32_t>& limbs, std::uint32_t divisor) noexcept {
  std::uint64_t remainder = 0;
  for (std::size_t i = limbs.size(); i-- > 0;) {
    std::uint64_t value = (remainder << 32) | limbs[i];
    limbs[i] = static_cast<std::uint32_t>(value / divisor);
    remainder = value % divisor;
  }
  while (!limbs.empty() && limbs.back() == 0)
    limbs.pop_back();
  return static_cast<std::uint32_t>(remainder);
}

}  // namespace

Decoded<std::string> positional_encode(std::string_view digits, ByteView bytes) {
  if (bytes.size() > positional_bytes_max) return std::unexpected(MultiformatsError::too_long);
  auto base = static_cast<std::uint32_t>(digits.size());
  Chunk chunk = chunk_of(base);
  std::size_t zeros = 0;
  while (zeros < bytes.size() && bytes[zeros] == 0)
    ++zeros;

  std::vector<std::uint32_t> limbs = limbs_of(bytes.subspan(zeros));
  std::string reversed;
  while (!limbs.empty()) {
    std::uint32_t value = divide(limbs, chunk.power);
    for (std::size_t i = 0; i < chunk.digits && (!limbs.empty() || value != 0); ++i) {
      reversed.push_back(digits[value % base]);
      value /= base;
    }
  }
  reversed.append(zeros, digits[0]);
  return std::string(reversed.rbegin(), reversed.rend());
}

Decoded<Bytes> positional_decode(std::uint32_t base, const DigitTable& table,
                                 std::string_view text) {
  if (text.size() > positional_text_bytes_max) return std::unexpected(MultiformatsError::too_long);
  Chunk chunk = chunk_of(base);
  std::vector<std::uint32_t> limbs;
  std::size_t zeros = 0;
  bool leading = true;
  std::uint32_t value = 0;
  std::uint32_t factor = 1;
  for (char character : text) {
    int digit = table[static_cast<unsigned char>(character)];
    if (digit < 0) return std::unexpected(MultiformatsError::bad_character);
    leading = leading && digit == 0;
    if (leading) ++zeros;
    value = value * base + static_cast<std::uint32_t>(digit);
    factor *= base;
    if (factor == chunk.power) {
      multiply_add(limbs, factor, value);
      value = 0;
      factor = 1;
    }
  }
  if (factor != 1) multiply_add(limbs, factor, value);

  Bytes out(zeros, 0);
  bool started = false;
  for (std::size_t i = limbs.size() * 4; i-- > 0;) {
    auto byte = static_cast<std::uint8_t>(limbs[i / 4] >> (8 * (i % 4)));
    started = started || byte != 0;
    if (started) out.push_back(byte);
  }
  if (out.size() > positional_bytes_max) return std::unexpected(MultiformatsError::too_long);
  return out;
}

}  // namespace kith::multiformats::detail
