#include <kith/base/assert.hpp>
#include <kith/multiformats/cid.hpp>

namespace kith::fuzz {
namespace {

using namespace multiformats;

void check(const Cid& cid) {
  ASSERT(!cid.empty());
  ASSERT(Cid::from_bytes(cid.bytes()) == cid);
  ASSERT(Cid::parse(cid.to_string()) == cid);
  ASSERT(cid.hash().digest().size() == cid.digest().size());
  Cid v1 = cid.to_v1();
  ASSERT(v1.version() == 1 && v1.codec() == cid.codec() && v1.hash() == cid.hash());
  if (auto v0 = cid.to_v0()) ASSERT(v0->version() == 0 && v0->to_v1() == v1);
  for (Base base : {Base::base16, Base::base36, Base::base58btc, Base::base64url}) {
    auto text = v1.to_string(base);
    ASSERT(text && Cid::parse(*text) == v1);
  }
  CidPrefix prefix = CidPrefix::of(cid);
  ASSERT(CidPrefix::from_bytes(prefix.to_bytes()) == prefix);
  ASSERT(prefix.complete(cid.digest()) == cid);
}

}  // namespace

// The input is read as a text, as a row of binary CIDs and as a prefix.
void fuzz_cid(ByteView input) {
  if (auto cid = Cid::parse(as_text(input))) check(*cid);
  if (auto prefix = CidPrefix::from_bytes(input)) ASSERT(equal(prefix->to_bytes(), input));
  while (true) {
    ByteView before = input;
    auto cid = Cid::take(input);
    if (!cid) {
      ASSERT(input.data() == before.data() && input.size() == before.size());
      return;
    }
    ASSERT(equal(cid->bytes(), before.first(before.size() - input.size())));
    check(*cid);
  }
}

}  // namespace kith::fuzz
