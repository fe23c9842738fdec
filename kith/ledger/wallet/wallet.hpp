// Wallet: the accounts of one person, in a folder.
//
//   keystore/UTC--...--<address>   an account's key under its passphrase (keystore.hpp); geth and
//                                  others can read it, and files of theirs may be put there
//   mnemonic.json                  a mnemonic under its passphrase, and the accounts that were
//                                  derived from it, so that they can be listed without it
//   labels.json                    what accounts are called
//   lock                           held while something changes
//
// wallet/ holds what makes it up: mnemonic.hpp (BIP-39), extended_key.hpp (BIP-32 and 44),
// keystore.hpp, signing.hpp, typed_data.hpp, transaction_json.hpp, key_ring.hpp (keys that are
// unlocked for a time). Specifications are named there.
//
// Invariants: what a function acknowledged is there after a crash; at any moment of a crash each
// file is its old or its new self; files have mode 0600, folders that are made 0700; no secret and
// no passphrase is in any error. Every call reads the folder anew, and may block or take a second,
// so it belongs on a worker. Two programs may use one folder: what changes it takes the lock
// (Errc::busy while another one has it). An object is not for two threads at a time.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <kith/base/result.hpp>
#include <kith/base/time.hpp>
#include <kith/crypto/random.hpp>
#include <kith/crypto/secret.hpp>
#include <kith/ledger/primitives/types.hpp>
#include <kith/ledger/wallet/extended_key.hpp>
#include <kith/ledger/wallet/keystore.hpp>
#include <kith/ledger/wallet/mnemonic.hpp>
#include <kith/port/file_system.hpp>

namespace kith::ledger {

struct Account {
  Address address;
  std::string label;            ///< empty: none
  std::string file;             ///< its path; empty for a derived one
  std::optional<KeyPath> path;  ///< of a derived one
};

struct Accounts {
  std::vector<Account> all;             ///< derived ones first, then files by name
  std::vector<std::string> unreadable;  ///< files in keystore/ that are no keystores, and why
};

/// What a mnemonic's file keeps.
struct OpenMnemonic {
  Mnemonic mnemonic;
  crypto::Secret passphrase;  ///< of BIP-39, which is part of the keys

  /// WalletError::not_ascii, bad_key, no_such_child.
  Result<crypto::SecretArray<32>> key(const KeyPath& path) const;
};

class Wallet {
 public:
  /// Nothing is read or made yet. `cost` is what opening a file that is written from now on takes.
  Wallet(port::FileSystem& files, crypto::RandomFill random, std::string folder,
         crypto::ScryptCost cost = standard_cost);

  /// None if the folder isn't there. Errc::limit_exceeded above accounts_max; errno errors.
  Result<Accounts> accounts() const;
  /// By address, with a right checksum if it has one, or by label. Errc::not_found.
  Result<Account> find(std::string_view who) const;
  Result<bool> has_mnemonic() const;

  /// Keeps a key in a file of its own. Errc::already_exists if the wallet has it;
  /// WalletError::bad_key, empty_passphrase; what check_label says.
  Result<Account> add_key(const crypto::SecretArray<32>& secret, const Passphrase& passphrase,
                          const std::string& label, WallTime now);
  /// Keeps a mnemonic, which is to be the only one (Errc::already_exists), with the account at
  /// `path`. What add_key says.
  Result<Account> set_mnemonic(const OpenMnemonic& mnemonic, const KeyPath& path,
                               const Passphrase& passphrase, const std::string& label);
  /// Derives one more account: at `path`, or else at the first of_account() after those there are.
  /// Errc::not_found without a mnemonic; WalletError::wrong_passphrase; what add_key says.
  Result<Account> derive(const std::optional<KeyPath>& path, ByteView passphrase,
                         const std::string& label);

  /// The account's secret key. WalletError::wrong_passphrase, and what Keystore::secret says.
  Result<crypto::SecretArray<32>> key(const Account& account, ByteView passphrase) const;
  /// Errc::not_found; WalletError::wrong_passphrase; Errc::corrupt.
  Result<OpenMnemonic> mnemonic(ByteView passphrase) const;

  /// An empty label takes the old one away.
  Result<void> set_label(const Account& account, const std::string& label);
  /// Takes the account's file away, or of a derived one the entry in the mnemonic's: the mnemonic
  /// still has its key. Errc::not_found.
  Result<void> remove(const Account& account);
  /// With all accounts that were derived from it. Errc::not_found.
  Result<void> remove_mnemonic();

 private:
  struct MnemonicFile;
  struct Labels;

  std::string keystore_folder() const { return folder_ + "/keystore"; }
  std::string mnemonic_file() const { return folder_ + "/mnemonic.json"; }
  std::string label_file() const { return folder_ + "/labels.json"; }

  Result<std::unique_ptr<port::FileLock>> begin_change();
  Result<std::optional<MnemonicFile>> read_mnemonic() const;
  Result<void> write_mnemonic(const MnemonicFile& file);
  Result<Labels> read_labels() const;
  Result<void> write_labels(const Labels& labels);
  Result<void> change_label(const Address& address, const std::string& label);
  Result<void> check_new(const Address& address, const std::string& label) const;
  Result<void> read_keystores(const Labels& labels, Accounts& into) const;

  port::FileSystem& files_;
  crypto::RandomFill random_;
  std::string folder_;
  crypto::ScryptCost cost_;
};

/// Up to label_bytes_max bytes of UTF-8 without control characters, which don't look like an
/// address.
/// Errc::invalid_argument.
Result<void> check_label(std::string_view label);

}  // namespace kith::ledger
