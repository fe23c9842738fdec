#include <fstream>
#include <iterator>

#include <gtest/gtest.h>
#include <protozero/pbf_writer.hpp>

#include <kith/ipld/dag_cbor.hpp>
#include <kith/names/ipns_record.hpp>
#include <kith/names/ipns_validator.hpp>
#include <kith/names/limits.hpp>
#include <kith/routing/routing.hpp>

namespace kith::names {
namespace {

using multiformats::PeerId;
using routing::RoutingError;

const std::string v1 = "k51qzi5uqu5dm4tm0wt8srkg9h9suud4wuiwjimndrkydqm81cqtlb5ak6p7ku_v1";
const std::string both = "k51qzi5uqu5dlkw8pxuw9qmqayfdeh4kfebhmreauqdc6a7c3y7d5i9fi8mk9w_v1-v2";
const std::string other_value =
    "k51qzi5uqu5dlmit2tuwdvnx4sbnyqgmvbxftl0eo3f33wwtb9gr7yozae9kpw_v1-v2-broken-v1-value";
const std::string bad_v2 =
    "k51qzi5uqu5diamp7qnnvs1p1gzmku3eijkeijs3418j23j077zrkok63xdm8c_v1-v2-broken-signature-v2";
const std::string bad_v1 =
    "k51qzi5uqu5dilgf7gorsh9vcqqq4myo6jd4zmqkuy9pxyxi5fua3uf7axph4y_v1-v2-broken-signature-v1";
const std::string v2 = "k51qzi5uqu5dit2ku9mutlfgwyz8u730on38kd10m97m36bjt66my99hb6103f_v2";
const std::string rsa = "QmVujd5Vb7moysJj8itnGufN7MEtPRCNHkKpNuA4onsRa3";

Bytes vector(const std::string& name) {
  std::ifstream file(KITH_SOURCE_DIR "/tests/vectors/ipns/" + name + ".ipns-record",
                     std::ios::binary);
  Bytes bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  EXPECT_FALSE(bytes.empty()) << name;
  return bytes;
}

PeerId name_of(const std::string& vector) {
  return PeerId::parse(vector.substr(0, vector.find('_'))).value();
}

/// 2026.
constexpr WallTime now(1'780'000'000s);

EndOfLife after(Duration time) {
  return EndOfLife::at(now + time);
}

crypto::PrivateKey key_of(std::uint8_t number) {
  std::array<std::uint8_t, 32> seed{};
  seed[0] = number;
  return crypto::PrivateKey::from_ed25519_seed(seed);
}

PeerId id_of(const crypto::PrivateKey& key) {
  return PeerId::from_public_key(key.public_key());
}

/// A P-256 key, whose id is a hash of it.
crypto::PrivateKey hashed_key() {
  auto fill = [](MutableBytes out) { std::ranges::fill(out, std::uint8_t{7}); };
  return *crypto::PrivateKey::generate(crypto::KeyType::ecdsa, fill);
}

IpnsContent content(std::string_view value, std::uint64_t sequence = 1, Duration life = 24h) {
  return {to_bytes(value), after(life), sequence, 5min};
}

Bytes record(const crypto::PrivateKey& key, IpnsContent content) {
  return encode_ipns_record(sign_ipns_record(key, std::move(content)).value());
}

/// An entry of these fields, signed by key 1.
struct Handmade {
  ipld::Map data = {{"TTL", ipld::Value(ipld::Integer::of(60))},
                    {"Value", ipld::Value(to_bytes("/ipfs/x"))},
                    {"Sequence", ipld::Value(ipld::Integer::of(7))},
                    {"Validity", ipld::Value(to_bytes("2030-01-02T03:04:05Z"))},
                    {"ValidityType", ipld::Value(ipld::Integer::of(0))}};

  Handmade& set(std::string_view key, ipld::Value value) {
    for (ipld::MapEntry& entry : data) {
      if (entry.key == key) entry.value = std::move(value);
    }
    return *this;
  }
  Handmade& drop(std::string_view key) {
    std::erase_if(data, [key](const ipld::MapEntry& entry) { return entry.key == key; });
    return *this;
  }
  Bytes encode() const { return sealed(ipld::encode_dag_cbor(ipld::Value(data)).value()); }

  static Bytes sealed(const Bytes& data) {
    Bytes message = to_bytes("ipns-signature:");
    append(message, data);
    return encode_ipns_record({{}, data, key_of(1).sign(message).value(), {}});
  }
};

std::optional<IpnsError> fault_of(ByteView encoded, const PeerId& name) {
  auto decoded = decode_ipns_record(encoded);
  if (!decoded) return decoded.error();
  auto verified = verify_ipns_record(*decoded, name);
  if (!verified) return verified.error();
  return std::nullopt;
}

std::optional<IpnsError> fault_of(const Handmade& made) {
  return fault_of(made.encode(), id_of(key_of(1)));
}

// The vectors of the specification ("Test Vectors").

TEST(IpnsRecord, AreJudgedAsTheSpecificationDoes) {
  EXPECT_EQ(fault_of(vector(v1), name_of(v1)), IpnsError::unsigned_record);
  EXPECT_EQ(fault_of(vector(both), name_of(both)), std::nullopt);
  EXPECT_EQ(fault_of(vector(other_value), name_of(other_value)), IpnsError::copies_differ);
  EXPECT_EQ(fault_of(vector(bad_v2), name_of(bad_v2)), IpnsError::bad_signature);
  EXPECT_EQ(fault_of(vector(bad_v1), name_of(bad_v1)), std::nullopt);
  EXPECT_EQ(fault_of(vector(v2), name_of(v2)), std::nullopt);
  EXPECT_EQ(fault_of(vector(rsa), name_of(rsa)), std::nullopt);
}

TEST(IpnsRecord, SaysWhatTheVectorsSay) {
  auto value_of = [](const std::string& name) {
    return std::string(as_text(decode_ipns_record(vector(name)).value().content.value));
  };
  EXPECT_EQ(value_of(both), "/ipfs/bafkqaddwgevxmmraojswg33smq");
  EXPECT_EQ(value_of(bad_v1), "/ipfs/bafkqahtwgevxmmrao5uxi2bamjzg623fnyqhg2lhnzqxi5lsmuqhmmi");
  auto old = decode_ipns_record(vector(rsa));
  ASSERT_TRUE(old.has_value());
  EXPECT_EQ(old->content.end, EndOfLife::parse("2123-04-12T13:43:57.238038Z"));
  EXPECT_FALSE(old->public_key.empty());
}

TEST(IpnsRecord, IsOfTheNameAlone) {
  EXPECT_EQ(fault_of(vector(v2), name_of(both)), IpnsError::bad_signature);
  EXPECT_EQ(fault_of(vector(rsa), name_of(both)), IpnsError::other_key);
  EXPECT_EQ(fault_of(vector(v2), name_of(rsa)), IpnsError::no_key);
}

// What we sign.

TEST(IpnsRecord, SignedIsWhatWasToBeSaid) {
  for (const crypto::PrivateKey& key : {key_of(1), hashed_key()}) {
    IpnsRecord made = sign_ipns_record(key, content("/ipfs/bafkqaaa", 9)).value();
    auto read = decode_ipns_record(encode_ipns_record(made));
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(*read, made);
    EXPECT_EQ(read->content, content("/ipfs/bafkqaaa", 9));
    EXPECT_TRUE(verify_ipns_record(*read, id_of(key)));
    EXPECT_EQ(read->public_key.empty(), key == key_of(1)) << "where the name doesn't have it";
  }
}

TEST(IpnsRecord, IsNotSignedIfItCanBeNone) {
  auto fails = [](const IpnsContent& what, auto error) {
    auto made = sign_ipns_record(key_of(1), what);
    return !made && made.error().is(error);
  };
  EXPECT_TRUE(fails(content(std::string(ipns_record_bytes_max, 'x')), IpnsError::too_long));
  IpnsContent no_time = content("/ipfs/x");
  no_time.end.seconds = 300'000'000'000;
  EXPECT_TRUE(fails(no_time, IpnsError::bad_data)) << "after the year 9999";
  IpnsContent negative = content("/ipfs/x");
  negative.ttl = -1s;
  EXPECT_TRUE(fails(negative, IpnsError::bad_data));
}

// What can be wrong with others'.

TEST(IpnsRecord, AnyChangedByteIsNoticed) {
  const Bytes good = record(key_of(1), content("/ipfs/bafkqaaa"));
  const PeerId name = id_of(key_of(1));
  ASSERT_EQ(fault_of(good, name), std::nullopt);
  for (std::size_t i = 0; i < good.size(); ++i) {
    Bytes changed = good;
    changed[i] ^= 1;
    EXPECT_NE(fault_of(changed, name), std::nullopt) << i;
    changed = good;
    changed.resize(i);
    EXPECT_NE(fault_of(changed, name), std::nullopt) << i;
  }
}

TEST(IpnsRecord, HasASizeLimit) {
  // A field of a later version fills it up to the last byte.
  Bytes largest = record(key_of(1), content("/ipfs/x"));
  const std::size_t rest = ipns_record_bytes_max - largest.size() - 3;
  append(largest, Bytes{10 << 3 | 2, static_cast<std::uint8_t>(rest % 128 | 128),
                        static_cast<std::uint8_t>(rest / 128)});
  largest.resize(ipns_record_bytes_max);
  EXPECT_EQ(fault_of(largest, id_of(key_of(1))), std::nullopt);
  largest.push_back(0);
  EXPECT_EQ(decode_ipns_record(largest).error(), IpnsError::too_long);
}

TEST(IpnsRecord, NeedsItsFields) {
  EXPECT_EQ(fault_of(Handmade()), std::nullopt);
  for (const char* field : {"Value", "Validity", "ValidityType", "Sequence"})
    EXPECT_EQ(fault_of(Handmade().drop(field)), IpnsError::bad_data) << field;
  EXPECT_EQ(fault_of(Handmade().drop("TTL")), std::nullopt) << "old ones may lack it";
  for (const char* field : {"Value", "Validity", "ValidityType", "Sequence", "TTL"}) {
    EXPECT_EQ(fault_of(Handmade().set(field, ipld::Value())), IpnsError::bad_data) << field;
    EXPECT_EQ(fault_of(Handmade().set(field, ipld::Value(std::string("0")))), IpnsError::bad_data)
        << field;
  }
  const ipld::Value minus_one(ipld::Integer::of(-1));
  for (const char* field : {"ValidityType", "Sequence", "TTL"})
    EXPECT_EQ(fault_of(Handmade().set(field, minus_one)), IpnsError::bad_data) << field;
  const ipld::Value one(ipld::Integer::of(1));
  EXPECT_EQ(fault_of(Handmade().set("ValidityType", one)), IpnsError::unknown_validity);
  const ipld::Value largest(ipld::Integer{false, UINT64_MAX});
  EXPECT_EQ(fault_of(Handmade().set("Sequence", largest)), std::nullopt);
  EXPECT_EQ(fault_of(Handmade().set("TTL", largest)), IpnsError::bad_data);
}

TEST(IpnsRecord, MayHaveMoreInItsData) {
  Handmade more;
  more.data.push_back({"_mine", ipld::Value(true)});
  EXPECT_EQ(fault_of(more), std::nullopt);
}

TEST(IpnsRecord, NeedNotHaveItsDataInOrder) {
  Bytes turned = {0xa2};
  for (const char* key : {"Value", "TTL"}) {
    Bytes entry = ipld::encode_dag_cbor(ipld::Value(std::string(key))).value();
    append(turned, entry);
    append(turned, ipld::encode_dag_cbor(ipld::Value(ipld::Integer::of(1))).value());
  }
  // It gets as far as its fields.
  EXPECT_EQ(fault_of(Handmade::sealed(turned), id_of(key_of(1))), IpnsError::bad_data);
  Bytes good = ipld::encode_dag_cbor(ipld::Value(Handmade().data)).value();
  // TTL, the first of the sorted entries, becomes the last.
  const std::ptrdiff_t head = 1;
  const std::ptrdiff_t ttl = 4 + 2;
  std::rotate(good.begin() + head, good.begin() + head + ttl, good.end());
  EXPECT_EQ(fault_of(Handmade::sealed(good), id_of(key_of(1))), std::nullopt);
}

TEST(IpnsRecord, OfNonsenseIsNone) {
  const PeerId name = id_of(key_of(1));
  EXPECT_EQ(fault_of({}, name), IpnsError::unsigned_record);
  EXPECT_EQ(fault_of(as_bytes("not a record"), name), IpnsError::bad_encoding);
  for (std::string_view data : {"x", "\x80", "\xa0", "\xf6"})
    EXPECT_EQ(fault_of(Handmade::sealed(to_bytes(data)), name), IpnsError::bad_data) << data;
}

TEST(IpnsRecord, OldCopiesMustAgreeInEachField) {
  struct Copies {
    std::string value = "/ipfs/x";
    std::string validity = "2030-01-02T03:04:05Z";
    std::uint64_t type = 0, sequence = 7, ttl = 60;
    bool signature = true;
  };
  auto fault = [](const Copies& copies) {
    std::string encoded(as_text(Handmade().encode()));
    protozero::pbf_writer writer(encoded);
    writer.add_bytes(1, copies.value);
    if (copies.signature) writer.add_bytes(2, "what it says doesn't matter");
    writer.add_uint64(3, copies.type);
    writer.add_bytes(4, copies.validity);
    writer.add_uint64(5, copies.sequence);
    writer.add_uint64(6, copies.ttl);
    return fault_of(as_bytes(encoded), id_of(key_of(1)));
  };
  EXPECT_EQ(fault({}), std::nullopt);
  EXPECT_EQ(fault({.value = "/ipfs/y"}), IpnsError::copies_differ);
  EXPECT_EQ(fault({.value = ""}), IpnsError::copies_differ);
  EXPECT_EQ(fault({.validity = "2031-01-02T03:04:05Z"}), IpnsError::copies_differ);
  EXPECT_EQ(fault({.type = 1}), IpnsError::copies_differ);
  EXPECT_EQ(fault({.sequence = 8}), IpnsError::copies_differ);
  EXPECT_EQ(fault({.ttl = 61}), IpnsError::copies_differ);
  EXPECT_EQ(fault({.value = "", .sequence = 8, .signature = false}), std::nullopt)
      << "without value and signature they say nothing";
}

// Times.

TEST(EndOfLife, IsReadAsRfc3339) {
  auto at = [](std::int64_t seconds, std::uint32_t nanoseconds = 0) {
    return std::optional(EndOfLife{seconds, nanoseconds});
  };
  EXPECT_EQ(EndOfLife::parse("1970-01-01T00:00:00.000000001Z"), at(0, 1));
  EXPECT_EQ(EndOfLife::parse("2000-02-29T23:59:59Z"), at(951'868'799));
  EXPECT_EQ(EndOfLife::parse("2000-03-01T01:29:59.5+01:30"), at(951'868'799, 500'000'000));
  EXPECT_EQ(EndOfLife::parse("2000-02-29T13:59:59-10:00"), at(951'868'799));
  EXPECT_EQ(EndOfLife::parse("1969-12-31T23:59:59.1234567899Z"), at(-1, 123'456'789));
  EXPECT_EQ(EndOfLife::parse("9999-12-31T23:59:59Z"), at(253'402'300'799));
  EXPECT_EQ(EndOfLife::parse("0000-01-01T00:00:00Z"), at(-62'167'219'200));
}

TEST(EndOfLife, IsNothingElse) {
  for (const char* text : {"",
                           "2030",
                           "2030-01-02",
                           "2030-01-02T03:04:05",
                           "2030-01-02T03:04Z",
                           "2030-01-02 03:04:05Z",
                           "2030-01-02t03:04:05Z",
                           "2030-01-02T03:04:05z",
                           "2030-1-02T03:04:05Z",
                           "12030-01-02T03:04:05Z",
                           "2030-13-02T03:04:05Z",
                           "2030-02-30T03:04:05Z",
                           "2030-00-02T03:04:05Z",
                           "2030-01-00T03:04:05Z",
                           "2030-01-02T24:00:00Z",
                           "2030-01-02T03:60:05Z",
                           "2030-01-02T03:04:60Z",
                           "2030-01-02T03:04:05.Z",
                           "2030-01-02T03:04:05.1",
                           "2030-01-02T03:04:05+1:00",
                           "2030-01-02T03:04:05+24:00",
                           "2030-01-02T03:04:05Z ",
                           "+030-01-02T03:04:05Z",
                           "2030-01-02T03:04:05.-1Z",
                           "20:0-01-02T03:04:05.123Z",
                           "2030-01-02T24:04:05.1"})
    EXPECT_EQ(EndOfLife::parse(text), std::nullopt) << text;
}

TEST(EndOfLife, IsWrittenAsItIsRead) {
  for (EndOfLife time : {EndOfLife{0, 1}, EndOfLife{951'868'799, 0}, EndOfLife{-1, 999'999'999}})
    EXPECT_EQ(EndOfLife::parse(time.to_string()), time);
  EXPECT_EQ((EndOfLife{0, 1}.to_string()), "1970-01-01T00:00:00.000000001Z");
  EXPECT_EQ(EndOfLife::at(WallTime(-1ns)), (EndOfLife{-1, 999'999'999}));
}

// In a ValueStore.

struct Store {
  Store() { validators.add("ipns", std::make_shared<IpnsValidator>()); }
  bool takes(const Bytes& key, const Bytes& value, WallTime at = now) const {
    return validators.check(key, value, at).has_value();
  }
  routing::Validators validators;
};

TEST(IpnsValidator, TakesWhatIsSignedUntilItsEnd) {
  const Store store;
  const Bytes key = ipns_routing_key(id_of(key_of(1)));
  const Bytes value = record(key_of(1), content("/ipfs/x", 1, 1h));
  EXPECT_TRUE(store.takes(key, value));
  EXPECT_TRUE(store.takes(key, value, now + 1h - 1ns));
  EXPECT_FALSE(store.validators.expired(key, value, now + 1h - 1ns));
  EXPECT_FALSE(store.takes(key, value, now + 1h));
  EXPECT_TRUE(store.validators.expired(key, value, now + 1h));
  auto refused = store.validators.check(key, record(key_of(2), content("/ipfs/x")), now);
  EXPECT_TRUE(!refused && refused.error().is(RoutingError::bad_value));
  EXPECT_FALSE(store.takes(key, {}));
  EXPECT_TRUE(store.takes(ipns_routing_key(name_of(rsa)), vector(rsa)));
  auto nobody = store.validators.check_key(as_bytes("/ipns/example.org"));
  EXPECT_TRUE(!nobody && nobody.error().is(RoutingError::bad_key));
}

TEST(IpnsValidator, KeepsTheNewest) {
  const Store store;
  const Bytes key = ipns_routing_key(id_of(key_of(1)));
  auto better = [&](const IpnsContent& a, const IpnsContent& b) {
    const Bytes one = record(key_of(1), a);
    const Bytes other = record(key_of(1), b);
    const bool first = store.validators.better(key, one, other);
    EXPECT_FALSE(first && store.validators.better(key, other, one)) << "at most one is";
    return first;
  };
  EXPECT_TRUE(better(content("/ipfs/old", 2, 1h), content("/ipfs/new", 1, 9h)));
  EXPECT_FALSE(better(content("/ipfs/old", 1, 9h), content("/ipfs/new", 2, 1h)));
  EXPECT_TRUE(better(content("/ipfs/a", 1, 2h), content("/ipfs/b", 1, 1h)));
  EXPECT_FALSE(better(content("/ipfs/a"), content("/ipfs/a")));
  EXPECT_NE(better(content("/ipfs/a"), content("/ipfs/b")),
            better(content("/ipfs/b"), content("/ipfs/a")))
      << "everybody decides alike";
}

}  // namespace
}  // namespace kith::names
