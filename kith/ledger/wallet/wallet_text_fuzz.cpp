// Texts that people type or paste: mnemonics, paths of keys, extended keys, signatures. Invariant:
// what was read is written as a text that is read as the same.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/ledger/wallet/extended_key.hpp>
#include <kith/ledger/wallet/mnemonic.hpp>
#include <kith/ledger/wallet/signing.hpp>

namespace kith::fuzz {

using namespace ledger;

// The last one has no checksum that a fuzzer would have to make.
Kinds kinds_wallet_text{"path",       "signature",  "compact signature",
                        "12 words",   "24 words",   "private key",
                        "public key", "test chain", "hardened path"};

namespace {

void check_path(std::string_view text) {
  const auto path = KeyPath::parse(text);
  if (!path) return;
  ASSERT(KeyPath::parse(path->to_string()) == *path);
  kinds_wallet_text.reached("path");
  for (const std::uint32_t step : path->steps)
    kinds_wallet_text.reached_if((step & KeyPath::hardened) != 0, "hardened path");
}

void check_mnemonic(std::string_view text) {
  const auto mnemonic = Mnemonic::parse(text);
  if (!mnemonic) return;
  const crypto::Secret words = mnemonic->words();
  ASSERT(equal(Mnemonic::parse(as_text(words.view()))->entropy(), mnemonic->entropy()));
  ASSERT(Mnemonic::from_entropy(mnemonic->entropy())->words() == words);
  kinds_wallet_text.reached_if(mnemonic->word_count() == 12, "12 words");
  kinds_wallet_text.reached_if(mnemonic->word_count() == 24, "24 words");
}

void check_extended_key(std::string_view text) {
  const auto key = ExtendedKey::parse(text);
  if (!key) return;
  const auto secret = key->private_text();
  ASSERT((secret ? as_text(secret->view()) : key->public_text()) == text);
  kinds_wallet_text.reached(secret ? "private key" : "public key");
  kinds_wallet_text.reached_if(text.starts_with('t'), "test chain");
  const auto child = key->child(0);
  ASSERT(!child || child->neutered().public_text() == key->neutered().child(0)->public_text());
}

void check_signature(std::string_view text) {
  const auto signature = parse_signature(text);
  if (!signature) return;
  ASSERT(parse_signature(signature_text(*signature)) == *signature);
  kinds_wallet_text.reached(text.size() <= 130 ? "compact signature" : "signature");
  static_cast<void>(strict_signer_of(Hash(), *signature));
}

}  // namespace

void fuzz_wallet_text(ByteView input) {
  const std::string_view text = as_text(input);
  check_path(text);
  check_mnemonic(text);
  check_extended_key(text);
  check_signature(text);
}

}  // namespace kith::fuzz
