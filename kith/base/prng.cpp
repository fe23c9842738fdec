#include <bit>

#include <kith/base/prng.hpp>

namespace kith {
namespace {

std::uint64_t splitmix64(std::uint64_t& state) noexcept {
  std::uint64_t z = (state += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace

Prng::Prng(std::uint64_t seed) noexcept {
  for (std::uint64_t& word : state_)
    word = splitmix64(seed);
}

std::uint64_t Prng::next() noexcept {
  std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  std::uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

std::uint64_t Prng::below(std::uint64_t bound) noexcept {
  ASSERT(bound > 0);
  // Numbers below 2^64 mod bound are drawn again, so that no remainder is likelier than another.
  std::uint64_t threshold = (0 - bound) % bound;
  std::uint64_t number = next();
  while (number < threshold)
    number = next();
  return number % bound;
}

std::uint64_t Prng::between(std::uint64_t low, std::uint64_t high) noexcept {
  ASSERT(low <= high);
  std::uint64_t width = high - low + 1;
  return width == 0 ? next() : low + below(width);
}

double Prng::unit() noexcept {
  return static_cast<double>(next() >> 11) * 0x1.0p-53;
}

void Prng::fill(MutableBytes out) noexcept {
  while (!out.empty()) {
    std::uint8_t word[8];
    store_le(word, next());
    std::size_t size = std::min<std::size_t>(out.size(), 8);
    std::memcpy(out.data(), word, size);
    out = out.subspan(size);
  }
}

Prng Prng::split(std::uint64_t label) noexcept {
  std::uint64_t seed = state_[0] ^ std::rotl(state_[2], 17) ^ label;
  return Prng(splitmix64(seed));
}

}  // namespace kith
