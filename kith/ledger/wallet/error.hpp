// The error codes of wallet/.
#pragma once

#include <kith/base/result.hpp>

namespace kith::ledger {

enum class WalletError {
  bad_word_count = 1,  ///< a mnemonic has 12, 15, 18, 21 or 24 words
  unknown_word,        ///< a word that isn't in BIP-39's English list
  bad_mnemonic,        ///< the words are known, but their checksum is wrong
  not_ascii,           ///< a passphrase that BIP-39 would have normalised first
  bad_path,            ///< not of the form m/44'/60'/0'/0/0
  bad_extended_key,    ///< no xprv or xpub
  no_such_child,       ///< a hardened child of a public key; or one of the 2^-127 that don't exist
  bad_key,             ///< not between 1 and the curve's order
  bad_keystore,        ///< not Web3 Secret Storage of version 3
  costs_too_much,      ///< a keystore that asks for more memory or work than we allow
  wrong_passphrase,    ///< or the file is damaged
  empty_passphrase,    ///< where none was asked for
  bad_typed_data,      ///< not of EIP-712's form
  bad_transaction,     ///< JSON that isn't a transaction
  bad_signature_text,  ///< not 65 or 64 bytes of hexadecimal
};
const ErrorDomain& error_domain(WalletError) noexcept;

}  // namespace kith::ledger
