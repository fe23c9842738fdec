// The contract's Ed25519 against the standard's vectors, Wycheproof's, crafted edges, and against
// the library that the node verifies with.
#include <algorithm>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/ledger/consensus/staking/test_staking.hpp>

namespace kith::ledger::staking {
namespace {

class Ed25519Contract : public ::testing::Test {
 protected:
  /// By the contract. A signature has 64 bytes there.
  bool verify(ByteView key, ByteView signature, ByteView message) {
    const Hash hash = keccak256(as_bytes("verify(bytes32,bytes32,bytes32,bytes)"));
    Bytes call(hash.bytes.begin(), hash.bytes.begin() + 4);
    append(call, key);
    append(call, signature);
    append(call, U256(128).to_be());
    append(call, U256(message.size()).to_be());
    append(call, message);
    call.resize(call.size() + (32 - message.size() % 32) % 32);
    World state(world.state, newest_revision, 0);
    state.begin_transaction();
    Machine machine(state);
    Message to_contract;
    to_contract.is_static = true;
    to_contract.gas = transaction_gas_max;
    to_contract.recipient = to_contract.code_from = staking_address;
    to_contract.input = call;
    const Outcome outcome = machine.execute(world.block, {}, to_contract);
    gas_used = transaction_gas_max - static_cast<std::uint64_t>(outcome.gas_left);
    EXPECT_TRUE(outcome.succeeded() && outcome.output.size() == 32);
    return outcome.succeeded() && outcome.output.back() == 1;
  }
  static bool by_library(ByteView key, ByteView signature, ByteView message) {
    return crypto::PublicKey::from_data(crypto::KeyType::ed25519, key)->verify(message, signature);
  }

  struct Case {
    Bytes key;
    Bytes signature;
    Bytes message;
    bool is_valid;
  };
  static std::vector<Case> cases_of(const std::string& name) {
    std::ifstream file(std::string(KITH_SOURCE_DIR) + "/tests/vectors/ed25519/" + name);
    EXPECT_TRUE(file.is_open());
    std::vector<Case> cases;
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with('#')) continue;
      std::istringstream words(line);
      std::string key;
      std::string signature;
      std::string message;
      std::string verdict;
      words >> key >> signature >> message >> verdict;
      const auto bytes = [](const std::string& word) { return *from_hex(word == "-" ? "" : word); };
      cases.push_back({bytes(key), bytes(signature), bytes(message), verdict == "valid"});
    }
    return cases;
  }

  StakingWorld world;
  std::uint64_t gas_used = 0;
};

TEST_F(Ed25519Contract, AgreesWithTheStandardsVectors) {
  struct Vector {
    std::string_view key, message, signature;
  };
  // RFC 8032, 7.1: tests 1, 2, 3 and "SHA(abc)".
  const Vector vectors[] = {
      {"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
       "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
       "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
      {"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
       "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
       "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
      {"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
       "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
       "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
      {"ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
       "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
       "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
       "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
       "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"},
  };
  for (const Vector& one : vectors) {
    Bytes message = *from_hex(one.message);
    EXPECT_TRUE(verify(*from_hex(one.key), *from_hex(one.signature), message));
    message.push_back(0);
    EXPECT_FALSE(verify(*from_hex(one.key), *from_hex(one.signature), message));
  }
}

TEST_F(Ed25519Contract, AgreesWithWycheproof) {
  std::size_t valid = 0;
  for (const Case& one : cases_of("wycheproof.txt")) {
    // Of another length, a signature can't be told to the contract.
    if (one.signature.size() != 64) {
      EXPECT_FALSE(one.is_valid);
      continue;
    }
    EXPECT_EQ(verify(one.key, one.signature, one.message), one.is_valid) << to_hex(one.signature);
    if (one.is_valid) ++valid;
  }
  EXPECT_EQ(valid, 88U);
}

TEST_F(Ed25519Contract, JudgesKeysAndPointsThatNobodyHasAsTheLibraryDoes) {
  const auto cases = cases_of("edges.txt");
  EXPECT_EQ(cases.size(), 212U);
  for (const Case& one : cases) {
    EXPECT_EQ(verify(one.key, one.signature, one.message), one.is_valid)
        << to_hex(one.key) << ' ' << to_hex(one.signature);
    EXPECT_EQ(by_library(one.key, one.signature, one.message), one.is_valid)
        << to_hex(one.key) << ' ' << to_hex(one.signature);
  }
}

TEST_F(Ed25519Contract, JudgesAnythingAsTheLibraryDoes) {
  Prng random(8032);
  std::size_t valid = 0;
  std::uint64_t most = 0;
  for (int round = 0; round < 300; ++round) {
    std::array<std::uint8_t, 32> seed{};
    random.fill(seed);
    const auto secret = crypto::PrivateKey::from_ed25519_seed(seed);
    Bytes key = to_bytes(secret.public_key().data());
    Bytes message(random.below(300));
    random.fill(message);
    Bytes signature = *secret.sign(message);
    if (random.chance(0.6)) {
      Bytes* const changed[] = {&key, &signature, &message};
      Bytes& one = *changed[random.below(message.empty() ? 2 : 3)];
      one[random.below(one.size())] ^= static_cast<std::uint8_t>(1U << random.below(8));
    }
    const bool expected = by_library(key, signature, message);
    EXPECT_EQ(verify(key, signature, message), expected)
        << to_hex(key) << ' ' << to_hex(signature) << ' ' << to_hex(message);
    if (expected) ++valid;
    most = std::max(most, gas_used);
  }
  EXPECT_GT(valid, 50U);
  EXPECT_LT(valid, 200U);
  RecordProperty("gas_most", std::to_string(most));
}

TEST_F(Ed25519Contract, CostsLittle) {
  const auto secret = crypto::PrivateKey::from_ed25519_seed(std::array<std::uint8_t, 32>{7});
  const Bytes message(bft::signed_bytes, 1);
  EXPECT_TRUE(verify(secret.public_key().data(), *secret.sign(message), message));
  EXPECT_LT(gas_used, 300'000U);
  RecordProperty("gas_vote", std::to_string(gas_used));
}

}  // namespace
}  // namespace kith::ledger::staking
