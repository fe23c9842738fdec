#include <kith/ledger/wallet/error.hpp>

namespace kith::ledger {
namespace {

class Domain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "wallet"; }
  std::string message(int code) const override {
    switch (static_cast<WalletError>(code)) {
      case WalletError::bad_word_count:
        return "a mnemonic has 12, 15, 18, 21 or 24 words";
      case WalletError::unknown_word:
        return "the word isn't in the list of English words (BIP-39)";
      case WalletError::bad_mnemonic:
        return "the mnemonic's checksum is wrong: a word is, or their order";
      case WalletError::not_ascii:
        return "the mnemonic's passphrase may have ASCII characters alone, since others have "
               "several forms that look alike and give different keys";
      case WalletError::bad_path:
        return "a path of keys looks like m/44'/60'/0'/0/0";
      case WalletError::bad_extended_key:
        return "this is no extended key (xprv, xpub)";
      case WalletError::no_such_child:
        return "the key has no such child";
      case WalletError::bad_key:
        return "this is no private key";
      case WalletError::bad_keystore:
        return "this is no keystore file of version 3";
      case WalletError::costs_too_much:
        return "the keystore file asks for more memory or work than is allowed";
      case WalletError::wrong_passphrase:
        return "the passphrase is wrong or the file is damaged";
      case WalletError::empty_passphrase:
        return "the passphrase is empty";
      case WalletError::bad_typed_data:
        return "this is no typed data (EIP-712)";
      case WalletError::bad_transaction:
        return "this is no transaction";
      case WalletError::bad_signature_text:
        return "a signature has 65 bytes as hexadecimal, or 64 if it is a compact one";
    }
    return "unknown error";
  }
};
constinit const Domain domain;

}  // namespace

const ErrorDomain& error_domain(WalletError) noexcept {
  return domain;
}

}  // namespace kith::ledger
