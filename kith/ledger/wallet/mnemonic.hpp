// Mnemonics: a wallet's secret as words that can be written down (BIP-39, English words).
//
//   entropy of 128 to 256 bits | the first bits of its SHA-256, one for 32 of the entropy's
//   cut into 11 bits a word: 12 words for 128 bits, 24 for 256
//
// A mnemonic is its entropy: the words are made of it. What keys are made of is the seed, which
// takes the words and a passphrase of the owner's, so that each passphrase, the empty one too,
// opens a wallet of its own. Not here: other languages, and passphrases with characters beyond
// ASCII, which would need Unicode's tables (NFKD) to give the keys that other wallets do.
// Thread: any; a seed takes a millisecond.
#pragma once

#include <cstddef>
#include <string_view>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/crypto/random.hpp>
#include <kith/crypto/secret.hpp>
#include <kith/ledger/wallet/error.hpp>

namespace kith::ledger {

class Mnemonic {
 public:
  using Seed = crypto::SecretArray<64>;

  /// WalletError::bad_word_count if that many words there aren't.
  static Result<Mnemonic> generate(std::size_t words, const crypto::RandomFill& random);
  /// 16, 20, 24, 28 or 32 bytes; else WalletError::bad_word_count.
  static Result<Mnemonic> from_entropy(ByteView entropy);
  /// Words with white space between them, in letters of either case. WalletError::bad_word_count,
  /// unknown_word (which tells of its place, not of what it is), bad_mnemonic;
  /// Errc::limit_exceeded.
  static Result<Mnemonic> parse(std::string_view words);

  std::size_t word_count() const noexcept { return size_ * 3 / 4; }
  /// The words with a space between them.
  crypto::Secret words() const;
  ByteView entropy() const noexcept { return ByteView(entropy_).first(size_); }
  /// WalletError::not_ascii for a passphrase that isn't.
  Result<Seed> seed(ByteView passphrase = {}) const;

 private:
  crypto::SecretArray<32> entropy_;
  std::size_t size_ = 0;
};

}  // namespace kith::ledger
