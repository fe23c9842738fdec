#include <kith/crypto/hash.hpp>
#include <kith/dht/key.hpp>

namespace kith::dht {

Key Key::of(ByteView bytes) noexcept {
  return from_digest(crypto::sha256(bytes));
}

Key Key::from_digest(const std::array<std::uint8_t, 32>& digest) noexcept {
  Key key;
  for (std::size_t i = 0; i < key.words_.size(); ++i)
    key.words_[i] = load_be<std::uint64_t>(digest.data() + 8 * i);
  return key;
}

}  // namespace kith::dht
