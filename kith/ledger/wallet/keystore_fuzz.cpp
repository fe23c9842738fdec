// Invariants: a keystore that was read is written and read as the same; opening it costs no more
// than the limits say, and gives a key or an error.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/ledger/chain/transaction.hpp>
#include <kith/ledger/wallet/keystore.hpp>
#include <kith/ledger/wallet/limits.hpp>

namespace kith::fuzz {

using namespace ledger;

Kinds kinds_keystore{"scrypt", "pbkdf2", "without address", "opened"};

namespace {

constexpr std::uint64_t cheap = 1 << 10;

bool is_cheap(const Sealed& sealed) {
  if (const auto* pbkdf2 = std::get_if<Sealed::Pbkdf2>(&sealed.kdf)) return pbkdf2->rounds <= cheap;
  const auto& cost = std::get<crypto::ScryptCost>(sealed.kdf);
  ASSERT(128 * cost.n * cost.r <= scrypt_bytes_max && cost.n * cost.r * cost.p <= scrypt_work_max);
  return cost.n * cost.r * cost.p <= cheap;
}

}  // namespace

void fuzz_keystore(ByteView input) {
  const auto read = Keystore::parse(as_text(input));
  if (!read) return;
  ASSERT(Keystore::parse(read->to_json()) == *read);
  kinds_keystore.reached(std::holds_alternative<Sealed::Pbkdf2>(read->sealed.kdf) ? "pbkdf2"
                                                                                  : "scrypt");
  kinds_keystore.reached_if(!read->address, "without address");
  if (!is_cheap(read->sealed)) return;
  const auto plain = read->sealed.open(as_bytes("open sesame"));
  const auto secret = read->secret(as_bytes("open sesame"));
  ASSERT(plain || !secret);
  if (!secret) return;
  ASSERT(!read->address || address_of(*secret) == read->address);
  kinds_keystore.reached("opened");
}

}  // namespace kith::fuzz
