// Strategy: the input is a record; its name is that of the key in it, or else of the seed of zeros
// with a 1 before them. Invariants: what decodes says the same after it was written without its old
// copies and read again, its end too; who is better than another isn't worse.
#include <array>
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/names/ipns_record.hpp>
#include <kith/names/ipns_validator.hpp>
#include <kith/names/limits.hpp>

namespace kith::fuzz {

Kinds kinds_ipns_record{"no data",       "contradiction", "old copies",       "no ttl",
                        "more in data",  "key in it",     "part of a second", "bad signature",
                        "another's key", "signed"};

namespace {

using multiformats::PeerId;

PeerId name_for(const names::IpnsRecord& record) {
  if (!record.public_key.empty()) return PeerId::from_public_key(record.public_key);
  std::array<std::uint8_t, 32> seed{};
  seed[0] = 1;
  return PeerId::from_public_key(crypto::PrivateKey::from_ed25519_seed(seed).public_key());
}

void tell(const names::IpnsRecord& record, ByteView input) {
  Kinds& kinds = kinds_ipns_record;
  kinds.reached_if(encode_ipns_record(record).size() < input.size(), "old copies");
  kinds.reached_if(!record.content.ttl, "no ttl");
  kinds.reached_if(as_text(record.data).find("_") != std::string_view::npos, "more in data");
  kinds.reached_if(!record.public_key.empty(), "key in it");
  kinds.reached_if(record.content.end.nanoseconds != 0, "part of a second");
  auto verified = verify_ipns_record(record, name_for(record));
  if (verified) return kinds.reached("signed");
  kinds.reached_if(verified.error() == names::IpnsError::bad_signature, "bad signature");
  kinds.reached_if(verified.error() == names::IpnsError::other_key, "another's key");
}

}  // namespace

void fuzz_ipns_record(ByteView input) {
  using namespace names;
  auto record = decode_ipns_record(input);
  if (!record) {
    kinds_ipns_record.reached_if(record.error() == IpnsError::unsigned_record, "no data");
    kinds_ipns_record.reached_if(record.error() == IpnsError::copies_differ, "contradiction");
    return;
  }
  ASSERT(input.size() <= ipns_record_bytes_max);
  tell(*record, input);
  const Bytes written = encode_ipns_record(*record);
  auto again = decode_ipns_record(written);
  ASSERT(again.has_value() && *again == *record);
  // An offset leads beyond the years that can be written.
  auto end = EndOfLife::parse(record->content.end.to_string());
  ASSERT(!end || *end == record->content.end);
  const IpnsValidator validator;
  const bool better = validator.better({}, input, written);
  const bool worse = validator.better({}, written, input);
  ASSERT(!(better && worse) && (better || worse || equal(input, written)));
}

}  // namespace kith::fuzz
