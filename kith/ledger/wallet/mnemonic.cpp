#include <algorithm>
#include <string>

#include <kith/base/assert.hpp>
#include <kith/crypto/hash.hpp>
#include <kith/crypto/passphrase_kdf.hpp>
#include <kith/ledger/wallet/detail/english_words.hpp>
#include <kith/ledger/wallet/limits.hpp>
#include <kith/ledger/wallet/mnemonic.hpp>

namespace kith::ledger {
namespace {

constexpr std::size_t words_max = 24;
constexpr std::size_t bits_per_word = 11;
constexpr std::uint32_t seed_rounds = 2048;

bool is_word_count(std::size_t words) noexcept {
  return words >= 12 && words <= words_max && words % 3 == 0;
}

bool is_space(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// The entropy and behind it the byte that has the checksum's bits first.
using Bits = crypto::SecretArray<33>;

Bits with_checksum(ByteView entropy) {
  Bits bits;
  std::ranges::copy(entropy, bits.data());
  bits.data()[entropy.size()] = crypto::sha256(entropy)[0];
  return bits;
}

std::size_t word_at(const Bits& bits, std::size_t number) noexcept {
  std::size_t index = 0;
  for (std::size_t i = number * bits_per_word; i < (number + 1) * bits_per_word; ++i)
    index = index << 1 | ((bits.data()[i / 8] >> (7 - i % 8)) & 1);
  return index;
}

void put_word(Bits& bits, std::size_t number, std::size_t index) noexcept {
  for (std::size_t i = 0; i < bits_per_word; ++i) {
    const std::size_t at = number * bits_per_word + i;
    const auto bit = static_cast<std::uint8_t>((index >> (bits_per_word - 1 - i)) & 1);
    bits.data()[at / 8] |= static_cast<std::uint8_t>(bit << (7 - at % 8));
  }
}

/// Takes the next word off, in lower case; empty at the end. Longer ones are no words, and are cut.
std::string_view next_word(std::string_view& rest, crypto::SecretArray<9>& into) noexcept {
  while (!rest.empty() && is_space(rest.front()))
    rest.remove_prefix(1);
  std::size_t size = 0;
  for (; !rest.empty() && !is_space(rest.front()); rest.remove_prefix(1)) {
    const char c = rest.front();
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    if (size < into.size()) into.data()[size++] = static_cast<std::uint8_t>(lower);
  }
  return as_text(ByteView(into).first(size));
}

}  // namespace

Result<Mnemonic> Mnemonic::generate(std::size_t words, const crypto::RandomFill& random) {
  if (!is_word_count(words)) return std::unexpected(WalletError::bad_word_count);
  Mnemonic made;
  made.size_ = words * 4 / 3;
  random(made.entropy_.mutable_bytes().first(made.size_));
  return made;
}

Result<Mnemonic> Mnemonic::from_entropy(ByteView entropy) {
  if (entropy.size() % 4 != 0 || !is_word_count(entropy.size() * 3 / 4))
    return std::unexpected(WalletError::bad_word_count);
  Mnemonic made;
  made.size_ = entropy.size();
  std::ranges::copy(entropy, made.entropy_.data());
  return made;
}

Result<Mnemonic> Mnemonic::parse(std::string_view words) {
  if (words.size() > mnemonic_bytes_max) return std::unexpected(Errc::limit_exceeded);
  Bits bits;
  crypto::SecretArray<9> buffer;
  std::size_t count = 0;
  while (true) {
    const std::string_view word = next_word(words, buffer);
    if (word.empty()) break;
    if (count == words_max) return std::unexpected(WalletError::bad_word_count);
    const auto index = detail::english_index(word);
    if (!index) {
      return std::unexpected(Error(WalletError::unknown_word, "word " + std::to_string(count + 1)));
    }
    put_word(bits, count++, *index);
  }
  if (!is_word_count(count)) return std::unexpected(WalletError::bad_word_count);
  KITH_TRY(Mnemonic read, from_entropy(ByteView(bits).first(count * 4 / 3)));
  const std::size_t checksum_bits = count / 3;
  const std::size_t at = read.size_;
  const auto wrong =
      static_cast<std::uint8_t>(bits.data()[at] ^ with_checksum(read.entropy()).data()[at]);
  if (wrong >> (8 - checksum_bits) != 0) return std::unexpected(WalletError::bad_mnemonic);
  return read;
}

crypto::Secret Mnemonic::words() const {
  const Bits bits = with_checksum(entropy());
  std::size_t size = word_count() - 1;
  for (std::size_t i = 0; i < word_count(); ++i)
    size += detail::english_word(word_at(bits, i)).size();
  crypto::Secret text(size);
  std::size_t at = 0;
  for (std::size_t i = 0; i < word_count(); ++i) {
    if (i > 0) text.mutable_bytes()[at++] = ' ';
    const std::string_view word = detail::english_word(word_at(bits, i));
    std::ranges::copy(word, text.mutable_bytes().begin() + static_cast<std::ptrdiff_t>(at));
    at += word.size();
  }
  return text;
}

Result<Mnemonic::Seed> Mnemonic::seed(ByteView passphrase) const {
  if (passphrase.size() > passphrase_bytes_max) return std::unexpected(Errc::limit_exceeded);
  if (std::ranges::any_of(passphrase, [](std::uint8_t byte) { return byte >= 0x80; }))
    return std::unexpected(WalletError::not_ascii);
  constexpr std::string_view prefix = "mnemonic";
  crypto::Secret salt(prefix.size() + passphrase.size());
  std::ranges::copy(prefix, salt.mutable_bytes().begin());
  std::ranges::copy(passphrase, salt.mutable_bytes().begin() + prefix.size());
  Seed seed;
  crypto::pbkdf2_hmac_sha512(words(), salt, seed_rounds, seed.mutable_bytes());
  return seed;
}

}  // namespace kith::ledger
