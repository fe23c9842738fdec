#include <array>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/crypto/tls/libp2p_certificate.hpp>
#include <kith/crypto/tls/test_certificates.hpp>

namespace kith::crypto {
namespace {

using testing::Extension;
using testing::libp2p_extension;
using testing::make_certificate;
using testing::new_key;
using testing::Pkey;
using testing::Recipe;

constexpr WallTime now_2026 = WallTime(1'780'000'000s);

PrivateKey key_of(std::uint8_t seed) {
  const std::array<std::uint8_t, 32> bytes{seed};
  return PrivateKey::from_ed25519_seed(bytes);
}

RandomFill seeded(std::uint64_t seed) {
  auto prng = std::make_shared<Prng>(seed);
  return [prng](MutableBytes out) { prng->fill(out); };
}

std::optional<CertificateError> fault_of(ByteView certificate, WallTime now = now_2026) {
  auto key = verify_libp2p_certificate(certificate, now);
  if (key) return std::nullopt;
  EXPECT_EQ(&key.error().domain(), &error_domain(CertificateError::not_one));
  return static_cast<CertificateError>(key.error().code());
}

// libp2p/specs tls/tls.md, "Test vectors". The four certificates begin and go on alike.
const std::string vector_front =
    "a0030201020204499602d2300a06082a8648ce3d040302302031123010060355040a13096c69627032702e696f310a"
    "300806035504051301313020170d3735303130313133303030305a180f34303936303130313133303030305a302031"
    "123010060355040a13096c69627032702e696f310a300806035504051301313059301306072a8648ce3d020106082a"
    "8648ce3d030107034200040c901d423c831ca85e27c73c263ba132721bb9d7a84c4f0380b2a6756fd601331c887023"
    "4dec878504c174144fa4b14b66a651691606d8173e55bd37e381569ea3";
const std::string vector_signature = "300a06082a8648ce3d040302";

const std::string vector_ed25519 =
    "308201ae30820156" + vector_front +
    "7c307a3078060a2b0601040183a25a0101046a3068042408011220a77f1d92fedb59dddaea5a1c4abd1ac2fbde7d7b"
    "879ed364501809923d7c11b90440d90d2769db992d5e6195dbb08e706b6651e024fda6cfb8846694a435519941cac2"
    "15a8207792e42849cccc6cd8136c6e4bde92a58c5e08cfd4206eb5fe0bf909" +
    vector_signature +
    "0346003043021f50f6b6c52711a881778718238f650c9fb48943ae6ee6d28427dc6071ae55e702203625f116a7a454"
    "db9c56986c82a25682f7248ea1cb764d322ea983ed36a31b77";

const std::string vector_ecdsa =
    "308201f63082019d" + vector_front +
    "81c23081bf3081bc060a2b0601040183a25a01010481ad3081aa045f0803125b3059301306072a8648ce3d02010608"
    "2a8648ce3d03010703420004bf30511f909414ebdd3242178fd290f093a551cf75c973155de0bb5a96fedf6cb5d52d"
    "a7563e794b512f66e60c7f55ba8a3acf3dd72a801980d205e8a1ad29f2044730450220064ea8124774caf8f50e57f4"
    "36aa62350ce652418c019df5d98a3ac666c9386a022100aa59d704a931b5f72fb9222cb6cc51f954d04a4e2e5450f8"
    "805fe8918f71eaae" +
    vector_signature +
    "03470030440220799395b0b6c1e940a7e4484705f610ab51ed376f19ff9d7c16757cfbf61b8d4302206205c03fbb0f"
    "95205c779be86581d3e31c01871ad5d1f3435bcf375cb0e5088a";

const std::string vector_secp256k1 =
    "308201ba3082015f" + vector_front +
    "8184308181307f060a2b0601040183a25a01010471306f0425080212210206dc6968726765b820f050263ececf7f71"
    "e4955892776c0970542efd689d2382044630440220145e15a991961f0d08cd15425bb95ec93f6ffa03c5a385eedc34"
    "ecf464c7a8ab022026b3109b8a3f40ef833169777eb2aa337cfb6282f188de0666d1bcec2a4690dd" +
    vector_signature +
    "0349003046022100e1a217eeef9ec9204b3f774a08b70849646b6a1e6b8b27f93dc00ed58545d9fe022100b00dafa5"
    "49d0f03547878338c7b15e7502888f6d45db387e5ae6b5d46899cef0";

const std::string vector_invalid =
    "308201f73082019d" + vector_front +
    "81c23081bf3081bc060a2b0601040183a25a01010481ad3081aa045f0803125b3059301306072a8648ce3d02010608"
    "2a8648ce3d03010703420004bf30511f909414ebdd3242178fd290f093a551cf75c973155de0bb5a96fedf6cb5d52d"
    "a7563e794b512f66e60c7f55ba8a3acf3dd72a801980d205e8a1ad29f204473045022100bb6e03577b7cc7a3cd1558"
    "df0da2b117dfdcc0399bc2504ebe7de6f65cade72802206de96e2a5be9b6202adba24ee0362e490641ac45c240db71"
    "fe955f2c5cf8df6e" +
    vector_signature +
    "0348003045022100e847f267f43717358f850355bdcabbefb2cfbf8a3c043b203a14788a092fe8db022027c1d04a2d"
    "41fd6b57a7e8b3989e470325de4406e52e084e34a3fd56eef0d0df";

TEST(Libp2pCertificate, ReadsTheVectorsOfTheSpecification) {
  struct Vector {
    const std::string& certificate;
    KeyType type;
    std::string_view key;
  };
  const Vector vectors[] = {
      {vector_ed25519, KeyType::ed25519,
       "08011220a77f1d92fedb59dddaea5a1c4abd1ac2fbde7d7b879ed364501809923d7c11b9"},
      {vector_ecdsa, KeyType::ecdsa,
       "0803125b3059301306072a8648ce3d020106082a8648ce3d03010703420004bf30511f909414ebdd3242178fd29"
       "0"
       "f093a551cf75c973155de0bb5a96fedf6cb5d52da7563e794b512f66e60c7f55ba8a3acf3dd72a801980d205e8a"
       "1"
       "ad29f2"},
      {vector_secp256k1, KeyType::secp256k1,
       "080212210206dc6968726765b820f050263ececf7f71e4955892776c0970542efd689d2382"}};
  for (const Vector& vector : vectors) {
    auto key = verify_libp2p_certificate(*from_hex(vector.certificate), now_2026);
    ASSERT_TRUE(key.has_value()) << key.error().message();
    EXPECT_EQ(key->type(), vector.type);
    EXPECT_EQ(to_hex(key->encoded()), vector.key);
  }
  EXPECT_EQ(fault_of(*from_hex(vector_invalid)), CertificateError::bad_signature);
}

TEST(Libp2pCertificate, IsMadeForIdentitiesOfEveryType) {
  for (KeyType type : {KeyType::ed25519, KeyType::secp256k1, KeyType::ecdsa, KeyType::rsa}) {
    const PrivateKey identity = PrivateKey::generate(type, seeded(1)).value();
    auto made = make_libp2p_certificate(identity, seeded(2));
    ASSERT_TRUE(made.has_value()) << made.error().message();
    auto key = verify_libp2p_certificate(made->certificate, now_2026);
    ASSERT_TRUE(key.has_value()) << key.error().message();
    EXPECT_EQ(*key, identity.public_key());
  }
}

// What OpenSSL thinks of it stands for what other people's TLS libraries do.
TEST(Libp2pCertificate, IsSoundInTheEyesOfOpenSsl) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Libp2pCertificate made = make_libp2p_certificate(key_of(1), seeded(seed)).value();
    const unsigned char* at = made.certificate.data();
    const testing::X509Pointer certificate(
        d2i_X509(nullptr, &at, static_cast<long>(made.certificate.size())));
    ASSERT_NE(certificate, nullptr);
    EXPECT_EQ(at, made.certificate.data() + made.certificate.size());
    EXPECT_EQ(testing::der_of<i2d_X509>(certificate.get()), made.certificate);
    EXPECT_EQ(X509_self_signed(certificate.get(), 1), 1);
    at = made.key.data();
    const Pkey key(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(made.key.size())));
    ASSERT_NE(key, nullptr);
    EXPECT_EQ(X509_check_private_key(certificate.get(), key.get()), 1);
    EXPECT_EQ(testing::private_der_of(key.get()), to_bytes(made.key));
  }
}

TEST(Libp2pCertificate, RepeatsItselfWithTheSameRandomness) {
  const Libp2pCertificate first = make_libp2p_certificate(key_of(1), seeded(5)).value();
  const Libp2pCertificate again = make_libp2p_certificate(key_of(1), seeded(5)).value();
  const Libp2pCertificate other = make_libp2p_certificate(key_of(1), seeded(6)).value();
  EXPECT_EQ(first.certificate, again.certificate);
  EXPECT_TRUE(first.key == again.key);
  EXPECT_NE(first.certificate, other.certificate);
}

TEST(Libp2pCertificate, IsTakenWithEveryKeyAndSignatureThatPeersUse) {
  struct Case {
    const char* kind;
    const char* curve;
    const EVP_MD* digest;
    bool pss;
  };
  const Case cases[] = {{"EC", "P-256", EVP_sha256(), false}, {"EC", "P-256", EVP_sha384(), false},
                        {"EC", "P-384", EVP_sha384(), false}, {"EC", "P-521", EVP_sha512(), false},
                        {"RSA", "2048", EVP_sha256(), false}, {"RSA", "2048", EVP_sha384(), false},
                        {"RSA", "2048", EVP_sha512(), false}, {"RSA", "2048", EVP_sha256(), true},
                        {"RSA", "2048", EVP_sha384(), true},  {"RSA", "2048", EVP_sha512(), true},
                        {"ED25519", nullptr, nullptr, false}};
  for (const Case& each : cases) {
    const Pkey key = new_key(each.kind, each.curve);
    Recipe recipe{.key = key.get(), .extensions = {libp2p_extension(key_of(3), key.get())}};
    recipe.digest = each.digest;
    recipe.pss = each.pss;
    EXPECT_EQ(fault_of(make_certificate(recipe)), std::nullopt) << each.kind;
    const Pkey other = new_key(each.kind, each.curve);
    recipe.signer = other.get();
    EXPECT_EQ(fault_of(make_certificate(recipe)), CertificateError::bad_self_signature);
  }
}

TEST(Libp2pCertificate, IsRefusedWithOtherKeysAndSignatures) {
  struct Case {
    const char* kind;
    const char* curve;
    const EVP_MD* digest;
  };
  const Case cases[] = {{"EC", "P-256", EVP_sha1()},
                        {"EC", "secp256k1", EVP_sha256()},
                        {"RSA", "1024", EVP_sha256()},
                        {"RSA", "2048", EVP_sha1()},
                        {"ED448", nullptr, nullptr}};
  for (const Case& each : cases) {
    const Pkey key = new_key(each.kind, each.curve);
    Recipe recipe{.key = key.get(), .extensions = {libp2p_extension(key_of(3), key.get())}};
    recipe.digest = each.digest;
    EXPECT_EQ(fault_of(make_certificate(recipe)), CertificateError::unsupported_algorithm)
        << each.kind;
  }
}

struct Libp2pCertificateFaults : ::testing::Test {
  Bytes make(std::vector<Extension> extensions) {
    return make_certificate({.key = key.get(), .extensions = std::move(extensions)});
  }
  Pkey key = new_key("EC", "P-256");
  Extension good = libp2p_extension(key_of(3), key.get());
};

TEST_F(Libp2pCertificateFaults, TheTimeIsLookedAt) {
  const Bytes certificate = make({good});  // 2020 to 2099
  EXPECT_EQ(fault_of(certificate, WallTime(1'577'836'799s)), CertificateError::not_yet_valid);
  EXPECT_EQ(fault_of(certificate, WallTime(1'577'836'800s)), std::nullopt);
  EXPECT_EQ(fault_of(certificate, WallTime(4'102'444'799s)), std::nullopt);
  EXPECT_EQ(fault_of(certificate, WallTime(4'102'444'800s)), CertificateError::expired);
}

TEST_F(Libp2pCertificateFaults, ACriticalExtensionMustBeOurs) {
  Extension critical = good;
  critical.critical = true;
  EXPECT_EQ(fault_of(make({critical})), std::nullopt);
  const Extension other{"1.2.3.4", {1, 2, 3}};
  EXPECT_EQ(fault_of(make({other, good})), std::nullopt);
  Extension other_critical = other;
  other_critical.critical = true;
  EXPECT_EQ(fault_of(make({good, other_critical})), CertificateError::critical_extension);
}

TEST_F(Libp2pCertificateFaults, TheIdentityMustBeThereOnce) {
  EXPECT_EQ(fault_of(make({})), CertificateError::missing_extension);
  EXPECT_EQ(fault_of(make({{"1.2.3.4", {1}}})), CertificateError::missing_extension);
  EXPECT_EQ(fault_of(make({good, good})), CertificateError::bad_extension);
}

TEST_F(Libp2pCertificateFaults, TheIdentityMustBeWellFormed) {
  Extension longer = good;
  longer.value.push_back(0);
  EXPECT_EQ(fault_of(make({longer})), CertificateError::bad_extension);
  EXPECT_EQ(fault_of(make({{testing::libp2p_extension_id, {0x30, 0}}})),
            CertificateError::bad_extension);
  EXPECT_EQ(fault_of(make({libp2p_extension(Bytes{8, 9, 0x12, 0}, Bytes(64))})),
            CertificateError::bad_identity_key);
  EXPECT_EQ(fault_of(make({libp2p_extension(key_of(3).public_key().encoded(), Bytes(64))})),
            CertificateError::bad_signature);
}

TEST_F(Libp2pCertificateFaults, TheIdentityOfAnotherCertificateIsNoUse) {
  const Pkey other = new_key("EC", "P-256");
  EXPECT_EQ(fault_of(make({libp2p_extension(key_of(3), other.get())})),
            CertificateError::bad_signature);
}

TEST_F(Libp2pCertificateFaults, ItHasALimit) {
  std::vector<Extension> many(libp2p_certificate_extensions_max - 1, {"1.2.3.4", {1}});
  many.push_back(good);
  EXPECT_EQ(fault_of(make(many)), std::nullopt);
  many.push_back({"1.2.3.4", {1}});
  EXPECT_EQ(fault_of(make(many)), CertificateError::too_long);
  const Extension huge{"1.2.3.4", Bytes(libp2p_certificate_bytes_max)};
  EXPECT_EQ(fault_of(make({huge, good})), CertificateError::too_long);
}

TEST_F(Libp2pCertificateFaults, AChainHasOneCertificate) {
  const Bytes certificate = make({good});
  const std::vector<ByteView> chain(3, certificate);
  for (std::size_t size = 0; size <= chain.size(); ++size) {
    auto key = verify_libp2p_chain(std::span(chain).first(size), now_2026);
    if (size == 1) {
      EXPECT_TRUE(key.has_value());
    } else {
      EXPECT_TRUE(key.error().is(CertificateError::not_one));
    }
  }
}

TEST(Libp2pCertificate, NoticesEveryChangedBit) {
  const Bytes certificate = make_libp2p_certificate(key_of(1), seeded(1))->certificate;
  for (std::size_t bit = 0; bit < 8 * certificate.size(); ++bit) {
    Bytes changed = certificate;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_NE(fault_of(changed), std::nullopt) << bit;
  }
}

TEST(Libp2pCertificate, NoticesEveryCutAndWhatIsAppended) {
  Bytes certificate = make_libp2p_certificate(key_of(1), seeded(1))->certificate;
  for (std::size_t size = 0; size < certificate.size(); ++size) {
    EXPECT_EQ(fault_of(ByteView(certificate).first(size)), CertificateError::bad_encoding);
  }
  certificate.push_back(0);
  EXPECT_EQ(fault_of(certificate), CertificateError::bad_encoding);
}

}  // namespace
}  // namespace kith::crypto
