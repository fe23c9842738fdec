#include <algorithm>
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/multiformats/cid.hpp>

namespace kith::fuzz {
namespace {

using namespace multiformats;

/// What a block may be, of the codes that have a name in Codec.
constexpr Codec content_codecs[] = {Codec::cbor,         Codec::raw,          Codec::dag_pb,
                                    Codec::dag_cbor,     Codec::libp2p_key,   Codec::git_raw,
                                    Codec::dag_jose,     Codec::dag_json,     Codec::json,
                                    Codec::torrent_info, Codec::torrent_file, Codec::car};

std::string kind_of(Codec codec) {
  return std::string(codec_name(codec).value());
}

std::vector<std::string> codec_kinds() {
  std::vector<std::string> names;
  for (Codec codec : content_codecs)
    names.push_back(kind_of(codec));
  return names;
}

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

Kinds kinds_cid(codec_kinds(),
                {"version 0", "version 1", "text", "prefix", "identity", "in a row"});

// The input is read as a text, as a row of binary CIDs and as a prefix.
void fuzz_cid(ByteView input) {
  if (auto cid = Cid::parse(as_text(input))) {
    kinds_cid.reached("text");
    check(*cid);
  }
  if (auto prefix = CidPrefix::from_bytes(input)) {
    kinds_cid.reached("prefix");
    ASSERT(equal(prefix->to_bytes(), input));
  }
  for (bool first = true;; first = false) {
    ByteView before = input;
    auto cid = Cid::take(input);
    if (!cid) {
      ASSERT(input.data() == before.data() && input.size() == before.size());
      return;
    }
    ASSERT(equal(cid->bytes(), before.first(before.size() - input.size())));
    check(*cid);
    kinds_cid.reached_if(!first, "in a row");
    kinds_cid.reached(cid->version() == 0 ? "version 0" : "version 1");
    kinds_cid.reached_if(cid->is_identity(), "identity");
    if (std::ranges::find(content_codecs, cid->codec()) != std::end(content_codecs))
      kinds_cid.reached(kind_of(cid->codec()));
  }
}

}  // namespace kith::fuzz
