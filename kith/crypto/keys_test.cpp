#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <rapidcheck/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/crypto/keys.hpp>

namespace kith::crypto {
namespace {

struct KeyPair {
  KeyType type;
  std::string_view private_hex;
  std::string_view public_hex;
};

// The vectors of libp2p/specs, peer-ids/peer-ids.md.
constexpr KeyPair vectors[] = {
    {KeyType::ed25519,
     "080112407e0830617c4a7de83925dfb2694556b12936c477a0e1feb2e148ec9da60fee7d1ed1e8fa"
     "e2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e",
     "080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e"},
    {KeyType::secp256k1, "0802122053dadf1d5a164d6b4acdb15e24aa4c5b1d3461bdbd42abedb0a4404d56ced8fb",
     "08021221037777e994e452c21604f91de093ce415f5432f701dd8cd1a7a6fea0e630bfca99"},
    {KeyType::ecdsa,
     "08031279307702010104203e5b1fe9712e6c314942a750bd67485de3c1efe85b1bfb520ae8f9ae3d"
     "fa4a4ca00a06082a8648ce3d030107a14403420004de3d300fa36ae0e8f5d530899d83abab44abf3"
     "161f162a4bc901d8e6ecda020e8b6d5f8da30525e71d6851510c098e5c47c646a597fb4dcec034e9"
     "f77c409e62",
     "0803125b3059301306072a8648ce3d020106082a8648ce3d03010703420004de3d300fa36ae0e8f5"
     "d530899d83abab44abf3161f162a4bc901d8e6ecda020e8b6d5f8da30525e71d6851510c098e5c47"
     "c646a597fb4dcec034e9f77c409e62"},
    {KeyType::rsa,
     "080012ae123082092a0201000282020100e1beab071d08200bde24eef00d049449b07770ff991025"
     "7b2d7d5dda242ce8f0e2f12e1af4b32d9efd2c090f66b0f29986dbb645dae9880089704a94e5066d"
     "594162ae6ee8892e6ec70701db0a6c445c04778eb3de1293aa1a23c3825b85c6620a2bc3f82f9b0c"
     "309bc0ab3aeb1873282bebd3da03c33e76c21e9beb172fd44c9e43be32e2c99827033cf8d0f0c606"
     "f4579326c930eb4e854395ad941256542c793902185153c474bed109d6ff5141ebf9cd256cf58893"
     "a37f83729f97e7cb435ec679d2e33901d27bb35aa0d7e20561da08885ef0abbf8e2fb48d6a548704"
     "7a9ecb1ad41fa7ed84f6e3e8ecd5d98b3982d2a901b4454991766da295ab78822add5612a2df83bc"
     "ee814cf50973e80d7ef38111b1bd87da2ae92438a2c8cbcc70b31ee319939a3b9c761dbc13b5c086"
     "d6b64bf7ae7dacc14622375d92a8ff9af7eb962162bbddebf90acb32adb5e4e4029f1c96019949ec"
     "fbfeffd7ac1e3fbcc6b6168c34be3d5a2e5999fcbb39bba7adbca78eab09b9bc39f7fa4b93411f4c"
     "c175e70c0a083e96bfaefb04a9580b4753c1738a6a760ae1afd851a1a4bdad231cf56e9284d83248"
     "3df215a46c1c21bdf0c6cfe951c18f1ee4078c79c13d63edb6e14feaeffabc90ad317e4875fe6481"
     "01b0864097e998f0ca3025ef9638cd2b0caecd3770ab54a1d9c6ca959b0f5dcbc90caeefc4135bac"
     "a6fd475224269bbe1b02030100010282020100a472ffa858efd8588ce59ee264b957452f3673acdf"
     "5631d7bfd5ba0ef59779c231b0bc838a8b14cae367b6d9ef572c03c7883b0a3c652f5c24c316b1cc"
     "fd979f13d0cd7da20c7d34d9ec32dfdc81ee7292167e706d705efde5b8f3edfcba41409e642f8897"
     "357df5d320d21c43b33600a7ae4e505db957c1afbc189d73f0b5d972d9aaaeeb232ca20eebd5de6f"
     "e7f29d01470354413cc9a0af1154b7af7c1029adcd67c74b4798afeb69e09f2cb387305e73a1b5f4"
     "50202d54f0ef096fe1bde340219a1194d1ac9026e90b366cce0c59b239d10e4888f52ca1780824d3"
     "9ae01a6b9f4dd6059191a7f12b2a3d8db3c2868cd4e5a5862b8b625a4197d52c6ac77710116ebd3c"
     "ed81c4d91ad5fdfbed68312ebce7eea45c1833ca3acf7da2052820eacf5c6b07d086dabeb893391c"
     "71417fd8a4b1829ae2cf60d1749d0e25da19530d889461c21da3492a8dc6ccac7de83ac1c2185262"
     "c7473c8cc42f547cc9864b02a8073b6aa54a037d8c0de3914784e6205e83d97918b944f11b877b12"
     "084c0dd1d36592f8a4f8b8da5bb404c3d2c079b22b6ceabfbcb637c0dbe0201f0909d533f8bf308a"
     "da47aee641a012a494d31b54c974e58b87f140258258bb82f31692659db7aa07e17a5b2a0832c24e"
     "122d3a8babcc9ee74cbb07d3058bb85b15f6f6b2674aba9fd34367be9782d444335fbed31e3c4086"
     "c652597c27104938b47fa10282010100e9fdf843c1550070ca711cb8ff28411466198f0e212511c3"
     "186623890c0071bf6561219682fe7dbdfd81176eba7c4faba21614a20721e0fcd63768e6d925688e"
     "cc90992059ac89256e0524de90bf3d8a052ce6a9f6adafa712f3107a016e20c80255c9e37d8206d1"
     "bc327e06e66eb24288da866b55904fd8b59e6b2ab31bc5eab47e597093c63fab7872102d57b4c589"
     "c66077f534a61f5f65127459a33c91f6db61fc431b1ae90be92b4149a3255291baf94304e3efb77b"
     "1107b5a3bda911359c40a53c347ff9100baf8f36dc5cd991066b5bdc28b39ed644f404afe9213f4d"
     "31c9d4e40f3a5f5e3c39bebeb244e84137544e1a1839c1c8aaebf0c78a7fad590282010100f6fa1f"
     "1e6b803742d5490b7441152f500970f46feb0b73a6e4baba2aaf3c0e245ed852fc31d86a8e46eb48"
     "e90fac409989dfee45238f97e8f1f8e83a136488c1b04b8a7fb695f37b8616307ff8a8d63e8cfa0b"
     "4fb9b9167ffaebabf111aa5a4344afbabd002ae8961c38c02da76a9149abdde93eb389eb32595c29"
     "ba30d8283a7885218a5a9d33f7f01dbdf85f3aad016c071395491338ec318d39220e1c7bd69d3d6b"
     "520a13a30d745c102b827ad9984b0dd6aed73916ffa82a06c1c111e7047dcd2668f988a0570a7147"
     "4992eecf416e068f029ec323d5d635fd24694fc9bf96973c255d26c772a95bf8b7f876547a5beabf"
     "86f06cd21b67994f944e7a5493028201010095b02fd30069e547426a8bea58e8a2816f33688dac6c"
     "6f6974415af8402244a22133baedf34ce499d7036f3f19b38eb00897c18949b0c5a25953c71aeecc"
     "fc8f6594173157cc854bd98f16dffe8f28ca13b77eb43a2730585c49fc3f608cd811bb54b03b84bd"
     "daa8ef910988567f783012266199667a546a18fd88271fbf63a45ae4fd4884706da8befb9117c0a4"
     "d73de5172f8640b1091ed8a4aea3ed4641463f5ff6a5e3401ad7d0c92811f87956d1fd5f9a1d15c7"
     "f3839a08698d9f35f9d966e5000f7cb2655d7b6c4adcd8a9d950ea5f61bb7c9a33c17508f9baa313"
     "eecfee4ae493249ebe05a5d7770bbd3551b2eeb752e3649e0636de08e3d672e66cb90282010100ad"
     "93e4c31072b063fc5ab5fe22afacece775c795d0efdf7c704cfc027bde0d626a7646fc905bb5a801"
     "17e3ca49059af14e0160089f9190065be9bfecf12c3b2145b211c8e89e42dd91c38e9aa23ca73697"
     "063564f6f6aa6590088a738722df056004d18d7bccac62b3bafef6172fc2a4b071ea37f31eff7a07"
     "6bcab7dd144e51a9da8754219352aef2c73478971539fa41de4759285ea626fa3c72e7085be47d55"
     "4d915bbb5149cb6ef835351f231043049cd941506a034bf2f8767f3e1e42ead92f91cb3d75549b57"
     "ef7d56ac39c2d80d67f6a2b4ca192974bfc5060e2dd171217971002193dba12e7e4133ab201f0750"
     "0a90495a38610279b13a48d54f0c99028201003e3a1ac0c2b67d54ed5c4bbe04a7db99103659d33a"
     "4f9d35809e1f60c282e5988dddc964527f3b05e6cc890eab3dcb571d66debf3a5527704c87264b39"
     "54d7265f4e8d2c637dd89b491b9cf23f264801f804b90454d65af0c4c830d1aef76f597ef61b26ca"
     "857ecce9cb78d4f6c2218c00d2975d46c2b013fbf59b750c3b92d8d3ed9e6d1fd0ef1ec091a5c286"
     "a3fe2dead292f40f380065731e2079ebb9f2a7ef2c415ecbb488da98f3a12609ca1b6ec8c734032c"
     "8bd513292ff842c375d4acd1b02dfb206b24cd815f8e2f9d4af8e7dea0370b19c1b23cc531d78b40"
     "e06e1119ee2e08f6f31c6e2e8444c568d13c5d451a291ae0c9f1d4f27d23b3a00d60ad",
     "080012a60430820222300d06092a864886f70d01010105000382020f003082020a0282020100e1be"
     "ab071d08200bde24eef00d049449b07770ff9910257b2d7d5dda242ce8f0e2f12e1af4b32d9efd2c"
     "090f66b0f29986dbb645dae9880089704a94e5066d594162ae6ee8892e6ec70701db0a6c445c0477"
     "8eb3de1293aa1a23c3825b85c6620a2bc3f82f9b0c309bc0ab3aeb1873282bebd3da03c33e76c21e"
     "9beb172fd44c9e43be32e2c99827033cf8d0f0c606f4579326c930eb4e854395ad941256542c7939"
     "02185153c474bed109d6ff5141ebf9cd256cf58893a37f83729f97e7cb435ec679d2e33901d27bb3"
     "5aa0d7e20561da08885ef0abbf8e2fb48d6a5487047a9ecb1ad41fa7ed84f6e3e8ecd5d98b3982d2"
     "a901b4454991766da295ab78822add5612a2df83bcee814cf50973e80d7ef38111b1bd87da2ae924"
     "38a2c8cbcc70b31ee319939a3b9c761dbc13b5c086d6b64bf7ae7dacc14622375d92a8ff9af7eb96"
     "2162bbddebf90acb32adb5e4e4029f1c96019949ecfbfeffd7ac1e3fbcc6b6168c34be3d5a2e5999"
     "fcbb39bba7adbca78eab09b9bc39f7fa4b93411f4cc175e70c0a083e96bfaefb04a9580b4753c173"
     "8a6a760ae1afd851a1a4bdad231cf56e9284d832483df215a46c1c21bdf0c6cfe951c18f1ee4078c"
     "79c13d63edb6e14feaeffabc90ad317e4875fe648101b0864097e998f0ca3025ef9638cd2b0caecd"
     "3770ab54a1d9c6ca959b0f5dcbc90caeefc4135baca6fd475224269bbe1b0203010001"},
};

const KeyPair& vector_of(KeyType type) {
  for (const KeyPair& pair : vectors) {
    if (pair.type == type) return pair;
  }
  ASSERT(false);
}

PrivateKey private_key(KeyType type) {
  return PrivateKey::decode(*from_hex(vector_of(type).private_hex)).value();
}

Bytes private_data(KeyType type) {
  const PrivateKey key = private_key(type);
  return to_bytes(key.data());
}

PublicKey public_key(KeyType type) {
  return PublicKey::decode(*from_hex(vector_of(type).public_hex)).value();
}

RandomFill seeded(std::uint64_t seed) {
  return [prng = Prng(seed)](MutableBytes out) mutable { prng.fill(out); };
}

template <class Key>
bool fails_with(const Result<Key>& result, CryptoError code) {
  return !result.has_value() && result.error().is(code);
}

class EveryKeyType : public testing::TestWithParam<KeyPair> {};
INSTANTIATE_TEST_SUITE_P(Keys, EveryKeyType, testing::ValuesIn(vectors),
                         [](const auto& info) { return std::string(to_string(info.param.type)); });

TEST_P(EveryKeyType, ReadsAndWritesTheSpecificationsVector) {
  const Bytes private_bytes = *from_hex(GetParam().private_hex);
  const Bytes public_bytes = *from_hex(GetParam().public_hex);
  auto secret = PrivateKey::decode(private_bytes);
  ASSERT_TRUE(secret.has_value()) << secret.error().message();
  EXPECT_EQ(secret->type(), GetParam().type);
  EXPECT_TRUE(equal(secret->encoded(), private_bytes));
  EXPECT_TRUE(equal(secret->public_key().encoded(), public_bytes));
  auto shown = PublicKey::decode(public_bytes);
  ASSERT_TRUE(shown.has_value());
  EXPECT_EQ(*shown, secret->public_key());
  EXPECT_EQ(PublicKey::from_data(shown->type(), shown->data()).value(), *shown);
  EXPECT_EQ(PrivateKey::from_data(secret->type(), secret->data()).value(), *secret);
}

TEST_P(EveryKeyType, VerifiesWhatItSignsAndNothingElse) {
  const PrivateKey secret = private_key(GetParam().type);
  const PublicKey shown = public_key(GetParam().type);
  const Bytes message = to_bytes("a message");
  const Bytes signature = secret.sign(message).value();
  EXPECT_LE(signature.size(), signature_bytes_max);
  EXPECT_TRUE(shown.verify(message, signature));

  EXPECT_FALSE(shown.verify(as_bytes("another"), signature));
  EXPECT_FALSE(shown.verify(message, ByteView{}));
  EXPECT_FALSE(shown.verify(message, Bytes(signature.size(), 0)));
  EXPECT_FALSE(shown.verify(message, Bytes(signature_bytes_max + 1, 1)));
  Bytes longer = signature;
  longer.push_back(0);
  EXPECT_FALSE(shown.verify(message, longer));
  EXPECT_FALSE(shown.verify(message, ByteView(signature).first(signature.size() - 1)));
  for (std::size_t i = 0; i < signature.size(); ++i) {
    Bytes changed = signature;
    changed[i] ^= 1;
    EXPECT_FALSE(shown.verify(message, changed)) << i;
  }
  const Bytes empty = secret.sign(ByteView{}).value();
  EXPECT_TRUE(shown.verify(ByteView{}, empty));
}

TEST_P(EveryKeyType, RefusesAnotherKeysSignature) {
  const PrivateKey other = PrivateKey::generate(GetParam().type, seeded(7)).value();
  const Bytes signature = other.sign(as_bytes("message")).value();
  EXPECT_TRUE(other.public_key().verify(as_bytes("message"), signature));
  EXPECT_FALSE(public_key(GetParam().type).verify(as_bytes("message"), signature));
}

TEST_P(EveryKeyType, ReadsBackAGeneratedKey) {
  const PrivateKey made = PrivateKey::generate(GetParam().type, seeded(8)).value();
  EXPECT_EQ(made.type(), GetParam().type);
  const PrivateKey read = PrivateKey::decode(made.encoded()).value();
  EXPECT_EQ(read, made);
  EXPECT_TRUE(equal(read.encoded(), made.encoded()));
  const Bytes signature = read.sign(as_bytes("message")).value();
  EXPECT_TRUE(
      PublicKey::decode(made.public_key().encoded())->verify(as_bytes("message"), signature));
}

TEST_P(EveryKeyType, ServesManyThreadsAtOnce) {
  const PrivateKey key = private_key(GetParam().type);
  std::vector<int> failures(4, 0);
  {
    std::vector<std::jthread> threads;
    threads.reserve(failures.size());
    for (int& count : failures) {
      threads.emplace_back([&count, key] {
        for (std::uint8_t i = 0; i < 10; ++i) {
          const Bytes signature = key.sign(Bytes{i}).value();
          if (!key.public_key().verify(Bytes{i}, signature)) ++count;
        }
      });
    }
  }
  EXPECT_EQ(failures, std::vector<int>(4, 0));
}

// Every proper prefix, and a byte more, of both encodings.
TEST_P(EveryKeyType, RefusesOtherLengths) {
  for (const bool is_public : {true, false}) {
    Bytes bytes = *from_hex(is_public ? GetParam().public_hex : GetParam().private_hex);
    auto accepted = [&](ByteView in) {
      return is_public ? PublicKey::decode(in).has_value() : PrivateKey::decode(in).has_value();
    };
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(accepted(ByteView(bytes).first(size))) << size;
    }
    bytes.push_back(0);
    EXPECT_FALSE(accepted(bytes));
  }
}

// What decodes encodes to the same bytes, whichever bit is changed; so no key has two encodings.
TEST_P(EveryKeyType, HasNoSecondEncoding) {
  const Bytes bytes = *from_hex(GetParam().public_hex);
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    Bytes changed = bytes;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    if (auto key = PublicKey::decode(changed)) {
      EXPECT_TRUE(equal(key->encoded(), changed)) << bit;
      EXPECT_NE(*key, public_key(GetParam().type));
    }
  }
}

// A changed private key either has another public key or isn't one; never the same public key.
TEST_P(EveryKeyType, NoticesADamagedPrivateKey) {
  const Bytes bytes = *from_hex(GetParam().private_hex);
  for (std::size_t at = 0; at < bytes.size(); at += GetParam().type == KeyType::rsa ? 37 : 1) {
    Bytes changed = bytes;
    changed[at] ^= 0x10;
    auto key = PrivateKey::decode(changed);
    if (!key) continue;
    EXPECT_EQ(GetParam().type, KeyType::secp256k1) << "only its scalar has no redundancy: " << at;
    EXPECT_NE(key->public_key(), public_key(GetParam().type));
  }
}

TEST_P(EveryKeyType, LeavesNothingInOpensslsErrorQueue) {
  const PublicKey key = public_key(GetParam().type);
  EXPECT_FALSE(key.verify(as_bytes("message"), Bytes(64, 3)));
  EXPECT_FALSE(key.verify(as_bytes("message"), Bytes(512, 3)));
  Bytes broken = *from_hex(GetParam().public_hex);
  broken.back() ^= 1;
  const auto decoded = PublicKey::decode(broken);
  EXPECT_EQ(decoded.has_value(),
            GetParam().type == KeyType::ed25519 || GetParam().type == KeyType::secp256k1);
  EXPECT_EQ(ERR_peek_error(), 0UL);
}

TEST(KeyEncoding, IsStrict) {
  const std::string key(64, 'a');  // 32 bytes in hexadecimal
  auto decode = [](std::string_view hex) { return PublicKey::decode(*from_hex(hex)); };
  EXPECT_TRUE(decode("08011220" + key).has_value());
  // A padded type, a padded length, the fields exchanged, a third field, the type left out.
  EXPECT_TRUE(fails_with(decode("0881001220" + key), CryptoError::bad_encoding));
  EXPECT_TRUE(fails_with(decode("080112a000" + key), CryptoError::bad_encoding));
  EXPECT_TRUE(fails_with(decode("1220" + key + "0801"), CryptoError::bad_encoding));
  EXPECT_TRUE(fails_with(decode("08011220" + key + "1800"), CryptoError::bad_encoding));
  EXPECT_TRUE(fails_with(decode("1220" + key), CryptoError::bad_encoding));
  EXPECT_TRUE(fails_with(decode(""), CryptoError::bad_encoding));
  EXPECT_TRUE(fails_with(decode("08041220" + key), CryptoError::unsupported_key));
  EXPECT_TRUE(fails_with(PublicKey::decode(Bytes(100'000, 8)), CryptoError::key_too_long));
  EXPECT_TRUE(fails_with(PrivateKey::decode(Bytes(100'000, 8)), CryptoError::key_too_long));
}

TEST(KeyEncoding, KnowsTheTypesByName) {
  for (const KeyPair& pair : vectors)
    EXPECT_EQ(key_type_from(to_string(pair.type)), pair.type);
  EXPECT_EQ(key_type_from("Ed25519"), std::nullopt);
}

// RFC 8032, 7.1, tests 1, 2, 3.
TEST(Ed25519, AgreesWithTheStandardsVectors) {
  struct Case {
    std::string_view seed, key, message, signature;
  };
  const Case cases[] = {
      {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
       "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
       "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
       "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
      {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
       "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
       "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
       "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
      {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
       "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
       "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
       "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
  };
  for (const Case& test : cases) {
    const Bytes seed = *from_hex(test.seed);
    const PrivateKey key = PrivateKey::from_ed25519_seed(ByteView(seed).first<32>());
    EXPECT_EQ(to_hex(key.public_key().data()), test.key);
    EXPECT_EQ(to_hex(*key.sign(*from_hex(test.message))), test.signature);
  }
}

TEST(Ed25519, RefusesASignatureWhoseScalarIsNotReduced) {
  const PrivateKey key = private_key(KeyType::ed25519);
  Bytes signature = *key.sign(as_bytes("message"));
  const Bytes order = *from_hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  unsigned carry = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    carry += signature[32 + i] + order[i];
    signature[32 + i] = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
  EXPECT_FALSE(key.public_key().verify(as_bytes("message"), signature));
}

TEST(Ed25519, RefusesAKeyOfSmallOrder) {
  Bytes identity(32, 0);
  identity[0] = 1;
  const PublicKey key = PublicKey::from_data(KeyType::ed25519, identity).value();
  Bytes signature(64, 0);
  signature[0] = 1;
  EXPECT_FALSE(key.verify(as_bytes("message"), signature));
}

TEST(Ed25519, ReadsTheOldFormOf96Bytes) {
  const PrivateKey key = private_key(KeyType::ed25519);
  Bytes old = to_bytes(key.data());
  append(old, key.public_key().data());
  EXPECT_EQ(PrivateKey::from_data(KeyType::ed25519, old).value(), key);
  EXPECT_EQ(PrivateKey::from_data(KeyType::ed25519, old)->data().size(), 64u);
  old.back() ^= 1;
  EXPECT_TRUE(fails_with(PrivateKey::from_data(KeyType::ed25519, old), CryptoError::bad_key));
}

TEST(Ed25519, RefusesAPublicKeyThatIsNotTheSeeds) {
  Bytes data = private_data(KeyType::ed25519);
  data[40] ^= 1;
  EXPECT_TRUE(fails_with(PrivateKey::from_data(KeyType::ed25519, data), CryptoError::bad_key));
}

constexpr std::string_view secp256k1_order =
    "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
constexpr std::string_view p256_order =
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

TEST(Secp256k1, RefusesScalarsOutOfRange) {
  EXPECT_TRUE(
      fails_with(PrivateKey::from_data(KeyType::secp256k1, Bytes(32, 0)), CryptoError::bad_key));
  EXPECT_TRUE(fails_with(PrivateKey::from_data(KeyType::secp256k1, *from_hex(secp256k1_order)),
                         CryptoError::bad_key));
}

TEST(Secp256k1, RefusesPointsOffTheCurveAndUncompressedOnes) {
  // x = 5 is no point's.
  Bytes off(33, 0);
  off[0] = 2;
  off[32] = 5;
  EXPECT_TRUE(fails_with(PublicKey::from_data(KeyType::secp256k1, off), CryptoError::bad_key));
  // The generator, uncompressed (SEC 2, 2.4.1).
  const Bytes generator = *from_hex(
      "0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
      "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8");
  EXPECT_TRUE(
      fails_with(PublicKey::from_data(KeyType::secp256k1, generator), CryptoError::bad_encoding));
}

/// order - s, big-endian.
Bytes negated(ByteView scalar, std::string_view order_hex) {
  Bytes out = *from_hex(order_hex);
  int borrow = 0;
  for (std::size_t i = out.size(); i-- > 0;) {
    const int value = out[i] - scalar[i] - borrow;
    out[i] = static_cast<std::uint8_t>(value);
    borrow = value < 0 ? 1 : 0;
  }
  return out;
}

// (r, s) and (r, order - s) are both solutions; only the lower passes, so that nobody but the
// signer can make a second signature of a message.
TEST(Secp256k1, RefusesTheHighS) {
  const PrivateKey key = private_key(KeyType::secp256k1);
  Bytes message;
  Bytes signature;
  // A message whose two numbers have 32 bytes each: 30 44 02 20 r 02 20 s.
  for (std::uint8_t i = 0; signature.size() != 70 || signature[3] != 32; ++i) {
    message = {i};
    signature = *key.sign(message);
  }
  ASSERT_TRUE(key.public_key().verify(message, signature));
  Bytes high = *from_hex("3045");
  append(high, ByteView(signature).subspan(2, 34));
  append(high, *from_hex("022100"));
  append(high, negated(ByteView(signature).last(32), secp256k1_order));
  EXPECT_FALSE(key.public_key().verify(message, high));
}

TEST(Ecdsa, RefusesPointsOffTheCurveAndScalarsOutOfRange) {
  const PublicKey shown = public_key(KeyType::ecdsa);
  Bytes point = to_bytes(shown.data());
  point.back() ^= 1;
  EXPECT_TRUE(fails_with(PublicKey::from_data(KeyType::ecdsa, point), CryptoError::bad_key));
  Bytes scalar = private_data(KeyType::ecdsa);
  std::ranges::copy(*from_hex(p256_order), scalar.begin() + 7);
  EXPECT_TRUE(fails_with(PrivateKey::from_data(KeyType::ecdsa, scalar), CryptoError::bad_key));
  std::fill_n(scalar.begin() + 7, 32, std::uint8_t{0});
  EXPECT_TRUE(fails_with(PrivateKey::from_data(KeyType::ecdsa, scalar), CryptoError::bad_key));
}

/// A key of its 32 bytes, the public half as it comes.
PrivateKey ecdsa_of_scalar(std::string_view scalar_hex) {
  return PrivateKey::generate(KeyType::ecdsa,
                              [scalar_hex](MutableBytes out) {
                                std::ranges::copy(from_hex(scalar_hex).value(), out.begin());
                              })
      .value();
}

// RFC 6979, A.2.5: the key, and the signatures with SHA-256.
TEST(Ecdsa, SignsAsRfc6979Says) {
  const PrivateKey key =
      ecdsa_of_scalar("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
  EXPECT_EQ(to_hex(key.public_key().data().last(64)),
            "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
            "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299");
  EXPECT_EQ(to_hex(key.sign(as_bytes("sample")).value()),
            "3046"
            "022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
            "022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");
  EXPECT_EQ(to_hex(key.sign(as_bytes("test")).value()),
            "3045"
            "022100f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367"
            "0220019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083");
}

TEST(Ecdsa, SignsWithTheSmallestAndTheLargestScalar) {
  for (const char* scalar : {"0000000000000000000000000000000000000000000000000000000000000001",
                             "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550"}) {
    const PrivateKey key = ecdsa_of_scalar(scalar);
    EXPECT_TRUE(key.public_key().verify(as_bytes("edge"), key.sign(as_bytes("edge")).value()));
  }
}

TEST(Ecdsa, RefusesAPublicKeyThatIsNotTheScalars) {
  Bytes data = private_data(KeyType::ecdsa);
  const PrivateKey other = PrivateKey::generate(KeyType::ecdsa, seeded(3)).value();
  std::ranges::copy(other.data().last(64), data.end() - 64);
  EXPECT_TRUE(fails_with(PrivateKey::from_data(KeyType::ecdsa, data), CryptoError::bad_key));
}

Bytes der(std::uint8_t tag, ByteView content) {
  Bytes out = {tag};
  if (content.size() >= 0x100) {
    out.insert(out.end(), {0x82, static_cast<std::uint8_t>(content.size() >> 8)});
  } else if (content.size() >= 0x80) {
    out.push_back(0x81);
  }
  out.push_back(static_cast<std::uint8_t>(content.size()));
  append(out, content);
  return out;
}

/// An RSA public key's Data with these contents of its two INTEGERs.
Bytes rsa_data(ByteView n, ByteView e) {
  Bytes integers = der(0x02, n);
  append(integers, der(0x02, e));
  Bytes bits = {0};
  append(bits, der(0x30, integers));
  Bytes info = *from_hex("300d06092a864886f70d0101010500");
  append(info, der(0x03, bits));
  return der(0x30, info);
}

Bytes modulus(std::size_t bits) {
  Bytes n(bits / 8 + 1, 0xff);
  n[0] = 0;
  return n;
}

TEST(Rsa, AcceptsModuliWithinItsBounds) {
  const Bytes e = {1, 0, 1};
  auto decode = [&](std::size_t bits) {
    return PublicKey::from_data(KeyType::rsa, rsa_data(modulus(bits), e));
  };
  EXPECT_TRUE(decode(rsa_bits_min).has_value());
  EXPECT_TRUE(decode(rsa_bits_max).has_value());
  EXPECT_LE(decode(rsa_bits_max)->encoded().size(), public_key_bytes_max);
  EXPECT_TRUE(fails_with(decode(1024), CryptoError::unsupported_key));
  EXPECT_TRUE(fails_with(decode(rsa_bits_min - 8), CryptoError::unsupported_key));
  EXPECT_TRUE(fails_with(decode(rsa_bits_max + 8), CryptoError::unsupported_key));
  EXPECT_TRUE(fails_with(decode(16384), CryptoError::key_too_long));
}

TEST(Rsa, RefusesExponentsThatAreEvenOneOrSlow) {
  auto decode = [&](ByteView e) {
    return PublicKey::from_data(KeyType::rsa, rsa_data(modulus(2048), e));
  };
  EXPECT_TRUE(decode(Bytes{3}).has_value());
  EXPECT_TRUE(decode(Bytes{0x7f, 0xff, 0xff, 0xff}).has_value());
  EXPECT_TRUE(fails_with(decode(Bytes{1}), CryptoError::bad_key));
  EXPECT_TRUE(fails_with(decode(Bytes{4}), CryptoError::bad_key));
  EXPECT_TRUE(fails_with(decode(Bytes{0}), CryptoError::bad_encoding));
  EXPECT_TRUE(fails_with(decode(Bytes{0, 0x80, 0, 0, 1}), CryptoError::unsupported_key));
  EXPECT_TRUE(fails_with(decode(Bytes(255, 0x7f)), CryptoError::unsupported_key));
}

TEST(Rsa, RefusesDerThatIsNotCanonical) {
  const Bytes e = {1, 0, 1};
  auto refused = [](ByteView data) {
    return fails_with(PublicKey::from_data(KeyType::rsa, data), CryptoError::bad_encoding);
  };
  Bytes padded = modulus(2048);
  padded.insert(padded.begin(), 0);
  EXPECT_TRUE(refused(rsa_data(padded, e)));
  EXPECT_TRUE(refused(rsa_data(modulus(2048), Bytes{0, 3})));
  EXPECT_TRUE(refused(rsa_data(Bytes(256, 0xff), e)));  // negative
  EXPECT_TRUE(refused(rsa_data(Bytes{}, e)));
  // The outer length in three bytes where two do.
  Bytes longer = rsa_data(modulus(2048), e);
  longer[1] = 0x83;
  longer.insert(longer.begin() + 2, 0);
  EXPECT_TRUE(refused(longer));
}

TEST(Rsa, RefusesToGenerateOutOfBounds) {
  EXPECT_TRUE(fails_with(PrivateKey::generate_rsa(1024), CryptoError::unsupported_key));
  EXPECT_TRUE(fails_with(PrivateKey::generate_rsa(65536), CryptoError::unsupported_key));
}

TEST(KeyGeneration, IsDeterministicInItsRandomness) {
  for (const KeyType type : {KeyType::ed25519, KeyType::secp256k1, KeyType::ecdsa}) {
    const PrivateKey first = PrivateKey::generate(type, seeded(1)).value();
    EXPECT_TRUE(equal(first.encoded(), PrivateKey::generate(type, seeded(1))->encoded()));
    EXPECT_NE(first, PrivateKey::generate(type, seeded(2)).value());
  }
}

TEST(KeyGeneration, GivesUpOnABrokenSource) {
  const RandomFill zeros = [](MutableBytes out) { std::ranges::fill(out, std::uint8_t{0}); };
  EXPECT_TRUE(fails_with(PrivateKey::generate(KeyType::secp256k1, zeros), CryptoError::internal));
  EXPECT_TRUE(fails_with(PrivateKey::generate(KeyType::ecdsa, zeros), CryptoError::internal));
}

RC_GTEST_PROP(Keys, SignTheSameMessageAlike, (const Bytes& message, std::uint64_t seed)) {
  const KeyType type = *rc::gen::element(KeyType::ed25519, KeyType::secp256k1, KeyType::ecdsa);
  const PrivateKey first = PrivateKey::generate(type, seeded(seed)).value();
  const PrivateKey second = PrivateKey::generate(type, seeded(seed)).value();
  RC_ASSERT(first.sign(message).value() == second.sign(message).value());
}

RC_GTEST_PROP(Keys, SignAndVerifyAnyMessage, (const Bytes& message, std::uint64_t seed)) {
  const KeyType type = *rc::gen::element(KeyType::ed25519, KeyType::secp256k1, KeyType::ecdsa);
  const PrivateKey key = PrivateKey::generate(type, seeded(seed)).value();
  const PublicKey shown = PublicKey::decode(key.public_key().encoded()).value();
  const Bytes signature = key.sign(message).value();
  RC_ASSERT(shown.verify(message, signature));
  Bytes other = message;
  other.push_back(0);
  RC_ASSERT(!shown.verify(other, signature));
}

RC_GTEST_PROP(Keys, DecodeNothingThatDoesNotEncodeToTheSame, (Bytes data, std::uint8_t any)) {
  const auto type = static_cast<KeyType>(any % 4);
  if (type == KeyType::ed25519) data.resize(32);
  if (auto key = PublicKey::from_data(type, data)) {
    RC_ASSERT(to_bytes(key->data()) == data);
    RC_ASSERT(PublicKey::decode(key->encoded()).value() == *key);
  }
}

}  // namespace
}  // namespace kith::crypto
