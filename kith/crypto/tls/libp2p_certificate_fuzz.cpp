// Strategy: the input is a certificate, whose signatures a fuzzer can't forge: what it says after
// them is reached by the seeds alone; so the last kind is one that stands before. Invariants: a
// certificate that passes names an identity key that encodes to bytes within it, passes alone only,
// and not before 1950.
#include <algorithm>
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/crypto/tls/libp2p_certificate.hpp>

namespace kith::fuzz {
namespace {

using crypto::CertificateError;

constexpr std::pair<CertificateError, std::string_view> faults[] = {
    {CertificateError::too_long, "too long"},
    {CertificateError::bad_encoding, "bad encoding"},
    {CertificateError::not_yet_valid, "not yet valid"},
    {CertificateError::expired, "expired"},
    {CertificateError::unsupported_algorithm, "unsupported algorithm"},
    {CertificateError::bad_key, "bad key"},
    {CertificateError::bad_self_signature, "bad self-signature"},
    {CertificateError::critical_extension, "critical extension"},
    {CertificateError::missing_extension, "missing extension"},
    {CertificateError::bad_extension, "bad extension"},
    {CertificateError::bad_identity_key, "bad identity key"},
    {CertificateError::bad_signature, "bad signature"}};

}  // namespace

Kinds kinds_libp2p_certificate{"rsa",
                               "ed25519",
                               "ecdsa",
                               "secp256k1",
                               "too long",
                               "bad encoding",
                               "not yet valid",
                               "unsupported algorithm",
                               "bad key",
                               "bad self-signature",
                               "critical extension",
                               "missing extension",
                               "bad extension",
                               "bad identity key",
                               "bad signature",
                               "expired"};

void fuzz_libp2p_certificate(ByteView input) {
  constexpr WallTime now = WallTime(1'780'000'000s);
  auto key = crypto::verify_libp2p_certificate(input, now);
  if (!key) {
    for (const auto& [fault, name] : faults)
      kinds_libp2p_certificate.reached_if(key.error().is(fault), name);
    return;
  }
  kinds_libp2p_certificate.reached(to_string(key->type()));
  ASSERT(!std::ranges::search(input, key->encoded()).empty());
  ASSERT(!crypto::verify_libp2p_certificate(input, WallTime(-631'152'001s)));
  const ByteView chain[] = {input, input};
  ASSERT(!crypto::verify_libp2p_chain(chain, now));
}

}  // namespace kith::fuzz
