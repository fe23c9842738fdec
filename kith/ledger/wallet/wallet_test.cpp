#include <cerrno>

#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/ledger/chain/transaction.hpp>
#include <kith/ledger/wallet/limits.hpp>
#include <kith/ledger/wallet/wallet.hpp>
#include <kith/sim/disk.hpp>

namespace kith::ledger {
namespace {

using crypto::SecretArray;

constexpr crypto::ScryptCost cheap{2, 8, 1};
const std::string folder = "/data/wallet";
constexpr WallTime now{1'709'210'096s};

const Passphrase open_sesame{as_bytes("open sesame"), false};

SecretArray<32> secret(std::uint8_t number) {
  SecretArray<32> made;
  made.data()[31] = number;
  return made;
}

OpenMnemonic words(std::string_view passphrase = "") {
  return {Mnemonic::from_entropy(Bytes(16)).value(), crypto::Secret(as_bytes(passphrase))};
}

/// A disk, and the program on it.
struct Machine {
  explicit Machine(std::uint64_t seed = 1) : disk(Prng(seed)), random(seed) { start(); }

  void start() {
    files = std::make_unique<sim::SimFileSystem>(disk);
    wallet = std::make_unique<Wallet>(
        *files, [this](MutableBytes out) { random.fill(out); }, folder, cheap);
  }
  Result<Account> add(std::uint8_t number, const std::string& label = "") {
    return wallet->add_key(secret(number), open_sesame, label, now + std::chrono::seconds(number));
  }
  std::vector<Account> all() const { return wallet->accounts().value().all; }

  sim::Disk disk;
  Prng random;
  std::unique_ptr<sim::SimFileSystem> files;
  std::unique_ptr<Wallet> wallet;
};

TEST(Wallet, OfNoFolderIsEmpty) {
  Machine machine;
  EXPECT_TRUE(machine.all().empty());
  EXPECT_FALSE(machine.wallet->has_mnemonic().value());
  EXPECT_TRUE(machine.wallet->find("nobody").error().is(Errc::not_found));
  EXPECT_TRUE(machine.wallet->mnemonic({}).error().is(Errc::not_found));
  EXPECT_TRUE(machine.files->info(folder).error().is_errno(ENOENT)) << "looking makes nothing";
}

TEST(Wallet, KeepsKeysInFilesOfGethsForm) {
  Machine machine;
  const Account account = machine.add(1, "savings").value();
  EXPECT_EQ(account.address, address_of(secret(1)));
  EXPECT_EQ(account.file, folder + "/keystore/UTC--2024-02-29T12-34-57.000000000Z--" +
                              to_hex(account.address.view()));
  EXPECT_EQ(machine.files->info(account.file)->mode, 0600U);
  EXPECT_EQ(machine.files->info(folder)->mode, 0700U);
  EXPECT_EQ(machine.files->info(folder + "/keystore")->mode, 0700U);
  machine.start();
  const auto found = machine.wallet->find("savings").value();
  EXPECT_EQ(found.address, account.address);
  EXPECT_EQ(machine.wallet->find(account.address.to_checksum())->file, account.file);
  EXPECT_EQ(machine.wallet->find(account.address.to_hex())->label, "savings");
  EXPECT_EQ(machine.wallet->key(found, open_sesame.bytes), secret(1));
  EXPECT_TRUE(machine.wallet->key(found, as_bytes("x")).error().is(WalletError::wrong_passphrase));
}

TEST(Wallet, RefusesWhatItHasAndWhatIsNoLabel) {
  Machine machine;
  ASSERT_TRUE(machine.add(1, "a").has_value());
  EXPECT_TRUE(machine.add(1).error().is(Errc::already_exists));
  EXPECT_TRUE(machine.add(2, "a").error().is(Errc::already_exists));
  for (const std::string& label : {std::string("0x12"), std::string("a\nb"), std::string("\x1b[2J"),
                                   std::string("\xff"), std::string(label_bytes_max + 1, 'x')}) {
    EXPECT_TRUE(machine.add(2, label).error().is(Errc::invalid_argument)) << label;
  }
  EXPECT_TRUE(
      machine.wallet->add_key(secret(2), {}, "", now).error().is(WalletError::empty_passphrase));
  EXPECT_EQ(machine.all().size(), 1U);
}

TEST(Wallet, ChecksTheChecksumOfAnAddress) {
  Machine machine;
  std::string address = machine.add(1)->address.to_checksum();
  const auto letter = std::ranges::find_if(address.begin() + 2, address.end(),
                                           [](char c) { return c >= 'A' && c <= 'F'; });
  *letter = static_cast<char>(*letter | 0x20);
  EXPECT_TRUE(machine.wallet->find(address).error().is(Errc::invalid_argument));
  EXPECT_TRUE(machine.wallet->find("0x12").error().is(Errc::invalid_argument));
}

TEST(Wallet, DerivesAccountsOfItsMnemonic) {
  Machine machine;
  const Account first =
      machine.wallet->set_mnemonic(words(), KeyPath::of_account(0), open_sesame, "main").value();
  // Of "abandon ... about", as every wallet has it.
  EXPECT_EQ(first.address.to_checksum(), "0x9858EfFD232B4033E47d90003D41EC34EcaEda94");
  EXPECT_EQ(machine.files->info(folder + "/mnemonic.json")->mode, 0600U);
  const Account second = machine.wallet->derive({}, open_sesame.bytes, "").value();
  EXPECT_EQ(second.address.to_checksum(), "0x6Fac4D18c912343BF86fa7049364Dd4E424Ab9C0");
  const KeyPath far = KeyPath::parse("m/44'/60'/7'/0/0").value();
  ASSERT_TRUE(machine.wallet->derive(far, open_sesame.bytes, "far").has_value());
  machine.start();
  EXPECT_EQ(machine.all().size(), 3U);
  EXPECT_EQ(machine.wallet->find("far")->path, far);
  EXPECT_EQ(machine.wallet->derive({}, open_sesame.bytes, "")->path, KeyPath::of_account(2));
  EXPECT_EQ(machine.wallet->find("main")->address, first.address);
  const auto key = machine.wallet->key(second, open_sesame.bytes).value();
  EXPECT_EQ(address_of(key), second.address);
  EXPECT_TRUE(machine.wallet->derive(far, open_sesame.bytes, "").error().is(Errc::already_exists));
  EXPECT_TRUE(
      machine.wallet->derive({}, as_bytes("no"), "").error().is(WalletError::wrong_passphrase));
  EXPECT_EQ(machine.all().size(), 4U);
}

TEST(Wallet, KeepsTheMnemonicsOwnPassphrase) {
  Machine machine;
  const Account account =
      machine.wallet->set_mnemonic(words("TREZOR"), KeyPath::of_account(0), open_sesame, "")
          .value();
  EXPECT_NE(account.address.to_checksum(), "0x9858EfFD232B4033E47d90003D41EC34EcaEda94");
  const OpenMnemonic open = machine.wallet->mnemonic(open_sesame.bytes).value();
  EXPECT_EQ(as_text(open.passphrase.view()), "TREZOR");
  EXPECT_EQ(as_text(open.mnemonic.words().view()),
            "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon "
            "abandon about");
  EXPECT_EQ(address_of(machine.wallet->key(account, open_sesame.bytes).value()), account.address);
  EXPECT_TRUE(
      machine.wallet->set_mnemonic(words("caf\xc3\xa9"), KeyPath::of_account(0), open_sesame, "")
          .error()
          .is(WalletError::not_ascii));
  EXPECT_TRUE(machine.wallet->set_mnemonic(words(), KeyPath::of_account(0), open_sesame, "")
                  .error()
                  .is(Errc::already_exists));
}

TEST(Wallet, RemovesAccountsAndTheirLabels) {
  Machine machine;
  const Account file = machine.add(1, "file").value();
  ASSERT_TRUE(machine.wallet->set_mnemonic(words(), KeyPath::of_account(0), open_sesame, "first")
                  .has_value());
  const Account second = machine.wallet->derive({}, open_sesame.bytes, "second").value();
  ASSERT_TRUE(machine.wallet->remove(second).has_value());
  EXPECT_TRUE(machine.wallet->remove(second).error().is(Errc::not_found));
  EXPECT_EQ(machine.wallet->derive({}, open_sesame.bytes, "")->address, second.address);
  EXPECT_TRUE(machine.wallet->find("second").error().is(Errc::not_found));
  ASSERT_TRUE(machine.wallet->remove(file).has_value());
  EXPECT_EQ(machine.files->list(folder + "/keystore")->size(), 0U);
  ASSERT_TRUE(machine.wallet->remove_mnemonic().has_value());
  EXPECT_TRUE(machine.wallet->remove_mnemonic().error().is(Errc::not_found));
  EXPECT_TRUE(machine.all().empty());
  ASSERT_TRUE(machine.add(1).has_value());
  EXPECT_EQ(machine.all()[0].label, "");
}

TEST(Wallet, ChangesLabels) {
  Machine machine;
  const Account first = machine.add(1, "a").value();
  const Account second = machine.add(2).value();
  EXPECT_TRUE(machine.wallet->set_label(second, "a").error().is(Errc::already_exists));
  ASSERT_TRUE(machine.wallet->set_label(first, "b").has_value());
  ASSERT_TRUE(machine.wallet->set_label(second, "a").has_value());
  ASSERT_TRUE(machine.wallet->set_label(first, "").has_value());
  EXPECT_EQ(machine.wallet->find("a")->address, second.address);
  EXPECT_TRUE(machine.wallet->find("b").error().is(Errc::not_found));
  EXPECT_TRUE(machine.wallet->find("").error().is(Errc::not_found));
}

TEST(Wallet, ReadsFilesOfOtherProgramsAndTellsOfWhatItCannotRead) {
  Machine machine;
  const Account account = machine.add(1).value();
  const Bytes content = port::read_file(*machine.files, account.file, 4096).value();
  const std::string keystore(as_text(content));
  const auto put = [&](const std::string& name, std::string_view text) {
    ASSERT_TRUE(port::replace_file(*machine.files, folder + "/keystore/" + name, as_bytes(text)));
  };
  ASSERT_TRUE(machine.wallet->remove(account).has_value());
  put("anything.json", keystore);
  put("broken", "{");
  put(".hidden", "{");
  put("backup~", "{");
  std::string anonymous = keystore;
  anonymous.replace(anonymous.find("\"address\""), 9, "\"x\"");
  put("nobody", anonymous);
  put("UTC--then--" + to_hex(Address::of_number(5).view()), anonymous);
  const Accounts accounts = machine.wallet->accounts().value();
  ASSERT_EQ(accounts.all.size(), 2U);
  EXPECT_EQ(accounts.all[0].address, Address::of_number(5));
  EXPECT_EQ(accounts.all[1].address, account.address);
  EXPECT_EQ(accounts.unreadable.size(), 2U);
  // Its name says that it's another one's.
  EXPECT_TRUE(machine.wallet->key(accounts.all[0], open_sesame.bytes).error().is(Errc::corrupt));
}

TEST(Wallet, ReadsNoMoreThanItsLimits) {
  Machine machine;
  ASSERT_TRUE(machine.add(1).has_value());
  const Bytes long_file(wallet_file_bytes_max + 1, ' ');
  for (const std::string& name : {folder + "/mnemonic.json", folder + "/labels.json"}) {
    ASSERT_TRUE(port::replace_file(*machine.files, name, long_file).has_value());
    EXPECT_TRUE(machine.wallet->accounts().error().is(Errc::limit_exceeded)) << name;
    ASSERT_TRUE(machine.files->remove(name).has_value());
  }
  ASSERT_EQ(machine.all().size(), 1U);
  for (std::size_t i = 0; i < accounts_max; ++i) {
    ASSERT_TRUE(
        machine.files->open(folder + "/keystore/" + std::to_string(i), port::OpenMode::create_new)
            .has_value());
  }
  EXPECT_TRUE(machine.wallet->accounts().error().is(Errc::limit_exceeded));
}

TEST(Wallet, IsChangedByOneProgramAtATime) {
  Machine machine;
  ASSERT_TRUE(machine.add(1).has_value());
  const auto lock = machine.files->lock(folder + "/lock").value();
  EXPECT_TRUE(machine.add(2).error().is(Errc::busy));
  EXPECT_EQ(machine.all().size(), 1U);
}

TEST(Wallet, DoesNotReadAFileThatWasChangedAsIfItWereItsOwn) {
  for (const std::string& name : {std::string("/mnemonic.json"), std::string("/labels.json")}) {
    for (const std::string_view text :
         {"", "[]", "{", R"({"version":1})", R"({"0x1":"x"})",
          R"({"version":1,"crypto":{},"accounts":[]})", R"({"version":2})"}) {
      Machine machine;
      ASSERT_TRUE(machine.files->make_directories(folder).has_value());
      ASSERT_TRUE(port::replace_file(*machine.files, folder + name, as_bytes(text)).has_value());
      EXPECT_FALSE(machine.wallet->accounts()) << name << text;
    }
  }
}

/// What is tried on a machine that may stop at any write.
struct Acknowledged {
  bool key = false;
  bool mnemonic = false;
  bool derived = false;
  bool removed = false;

  static Acknowledged before_the_machine_stops(Machine& machine) {
    Acknowledged done;
    const auto first = machine.add(1, "first");
    done.key = first.has_value();
    done.mnemonic =
        done.key &&
        machine.wallet->set_mnemonic(words(), KeyPath::of_account(0), open_sesame, "m").has_value();
    done.derived = done.mnemonic && machine.wallet->derive({}, open_sesame.bytes, "d").has_value();
    done.removed = done.derived && machine.wallet->remove(*first).has_value();
    return done;
  }
};

TEST(Wallet, KeepsWhatItAcknowledgedThroughACrashAtAnyWrite) {
  bool all_done = false;
  for (std::uint64_t at = 0; !all_done; ++at) {
    Machine machine(100 + at);
    machine.disk.faults().crash_at(machine.disk.faults().operations() + at);
    const Acknowledged done = Acknowledged::before_the_machine_stops(machine);
    all_done = done.removed;
    machine.disk.crash();
    machine.start();
    const auto accounts = machine.wallet->accounts();
    ASSERT_TRUE(accounts) << at << ": " << accounts.error().message();
    EXPECT_TRUE(accounts->unreadable.empty()) << at;
    for (const Account& account : accounts->all) {
      const auto key = machine.wallet->key(account, open_sesame.bytes);
      ASSERT_TRUE(key) << at << ": " << key.error().message();
      EXPECT_EQ(address_of(*key), account.address) << at;
    }
    const auto has = [&](const char* label) { return machine.wallet->find(label).has_value(); };
    if (done.key && !done.derived) EXPECT_TRUE(has("first")) << at;
    if (done.mnemonic) EXPECT_TRUE(has("m")) << at;
    if (done.derived) EXPECT_TRUE(has("d")) << at;
    if (done.removed) EXPECT_FALSE(has("first")) << at;
    // What the crash left doesn't stand in the way, and goes.
    ASSERT_TRUE(machine.add(9).has_value()) << at;
    for (const auto& entry : machine.files->list(folder + "/keystore").value())
      EXPECT_EQ(entry.name.find(".new"), std::string::npos) << at;
    ASSERT_LT(at, 1000U);
  }
}

TEST(Wallet, SaysSoWhenAWriteFailsAndLosesNothing) {
  for (std::uint64_t at = 0;; ++at) {
    Machine machine(7);
    ASSERT_TRUE(machine.add(1, "first").has_value());
    machine.disk.faults().fail_at(machine.disk.faults().operations() + at, EIO);
    const auto second = machine.add(2, "second");
    EXPECT_TRUE(machine.wallet->find("first").has_value()) << at;
    if (second) {
      EXPECT_TRUE(machine.wallet->find("second").has_value());
      EXPECT_GT(at, 5U);
      break;
    }
    EXPECT_TRUE(second.error().is_errno(EIO)) << at << second.error().message();
  }
}

}  // namespace
}  // namespace kith::ledger
