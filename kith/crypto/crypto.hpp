// crypto: keys, signatures, hashes and ciphers; the only code that sees OpenSSL and libsodium, of
// which no header of ours shows anything.
//
//   hash.hpp      SHA-2 and what else a CID may name
//   aead.hpp      ChaCha20-Poly1305, AES-GCM
//   x25519.hpp    key agreement
//   hkdf.hpp      HMAC and HKDF
//   passphrase_kdf.hpp, aes_ctr.hpp   PBKDF2, scrypt and AES-CTR, for the files of others
//   keys.hpp      identity keys of libp2p: sign, verify, encode
//   secp256k1.hpp  signatures from which the signer is recovered, keys made of keys
//   p256.hpp       signatures on P-256 of hashes
//   envelope.hpp  signed envelopes (RFC 0002)
//   key_file.hpp  keys on disk, with or without passphrase
//   secret.hpp    bytes that are wiped; comparison in constant time
//   locked_secret.hpp   the same in memory that isn't swapped out
//   random.hpp    where randomness comes from
//   tls/engine.hpp               TLS 1.3, bytes in and out
//   tls/credentials.hpp          certificates and keys of operators
//   tls/libp2p_certificate.hpp   the certificate that proves an identity in TLS
//
// Pure: no I/O, no clock; randomness is handed in, but for RSA keys, which OpenSSL makes with its
// own, for TLS, and where it shows in no result (blinding). OpenSSL runs in a library context of
// ours, so openssl.cnf has no say. No data from outside makes anything here throw, abort or
// allocate past limits.hpp. Everything is safe on any thread unless its comment says that an object
// belongs to one.
#pragma once

#include <kith/crypto/aead.hpp>
#include <kith/crypto/aes_ctr.hpp>
#include <kith/crypto/envelope.hpp>
#include <kith/crypto/error.hpp>
#include <kith/crypto/hash.hpp>
#include <kith/crypto/hkdf.hpp>
#include <kith/crypto/key_file.hpp>
#include <kith/crypto/keys.hpp>
#include <kith/crypto/limits.hpp>
#include <kith/crypto/locked_secret.hpp>
#include <kith/crypto/p256.hpp>
#include <kith/crypto/passphrase_kdf.hpp>
#include <kith/crypto/random.hpp>
#include <kith/crypto/secp256k1.hpp>
#include <kith/crypto/secret.hpp>
#include <kith/crypto/tls/credentials.hpp>
#include <kith/crypto/tls/engine.hpp>
#include <kith/crypto/tls/libp2p_certificate.hpp>
#include <kith/crypto/x25519.hpp>
