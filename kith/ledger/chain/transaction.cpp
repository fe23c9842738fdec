#include <kith/crypto/secp256k1.hpp>
#include <kith/ledger/chain/transaction.hpp>

namespace kith::ledger {
namespace {

constexpr std::uint8_t authorization_magic = 0x05;
constexpr std::uint64_t protected_base = 35;
constexpr std::uint64_t plain_base = 27;

/// Half of secp256k1's order, rounded down.
const U256 half_order{0xdfe92f46681b20a0, 0x5d576e7357a4501d, 0xffffffffffffffff,
                      0x7fffffffffffffff};

class TransactionDomain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "transaction"; }
  std::string message(int code) const override {
    switch (static_cast<TransactionError>(code)) {
      case TransactionError::malformed:
        return "these bytes are no transaction";
      case TransactionError::unknown_type:
        return "a transaction of a type that isn't known";
      case TransactionError::bad_signature:
        return "the transaction's signature is nobody's";
      case TransactionError::high_signature:
        return "the transaction's signature has an s in the upper half of the order";
      case TransactionError::foreign_chain:
        return "the transaction is signed for another chain";
      case TransactionError::number_too_large:
        return "a number in the transaction is too large";
      case TransactionError::missing_recipient:
        return "a transaction of this type needs a recipient";
    }
    return "unknown transaction error";
  }
};

TransactionError of_rlp(RlpError error) noexcept {
  return error == RlpError::number_too_large ? TransactionError::number_too_large
                                             : TransactionError::malformed;
}

void write_access_list(RlpWriter& writer, const std::vector<AccessListEntry>& entries) {
  const RlpWriter::List list = writer.begin_list();
  for (const AccessListEntry& entry : entries) {
    const RlpWriter::List pair = writer.begin_list();
    writer.address(entry.address);
    const RlpWriter::List keys = writer.begin_list();
    for (const U256& key : entry.keys)
      writer.string(key.to_be());
    writer.end_list(keys);
    writer.end_list(pair);
  }
  writer.end_list(list);
}

RlpResult<std::vector<AccessListEntry>> read_access_list(RlpReader& from) {
  KITH_TRY(RlpReader list, from.list());
  std::vector<AccessListEntry> entries;
  while (!list.at_end()) {
    KITH_TRY(RlpReader pair, list.list());
    AccessListEntry entry;
    KITH_TRY(entry.address, pair.address());
    KITH_TRY(RlpReader keys, pair.list());
    KITH_CHECK(pair.end());
    while (!keys.at_end()) {
      KITH_TRY(const Hash key, keys.hash());
      entry.keys.push_back(key.to_word());
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

void write_authorizations(RlpWriter& writer, const std::vector<Authorization>& all) {
  const RlpWriter::List list = writer.begin_list();
  for (const Authorization& one : all) {
    const RlpWriter::List tuple = writer.begin_list();
    writer.number(one.chain_id);
    writer.address(one.address);
    writer.number(one.nonce);
    writer.number(one.parity);
    writer.number(one.r);
    writer.number(one.s);
    writer.end_list(tuple);
  }
  writer.end_list(list);
}

RlpResult<std::vector<Authorization>> read_authorizations(RlpReader& from) {
  KITH_TRY(RlpReader list, from.list());
  std::vector<Authorization> all;
  while (!list.at_end()) {
    KITH_TRY(RlpReader tuple, list.list());
    Authorization one;
    KITH_TRY(one.chain_id, tuple.number());
    KITH_TRY(one.address, tuple.address());
    KITH_TRY(one.nonce, tuple.small_number());
    KITH_TRY(one.parity, tuple.number());
    if (one.parity > U256(0xff)) return std::unexpected(RlpError::number_too_large);
    KITH_TRY(one.r, tuple.number());
    KITH_TRY(one.s, tuple.number());
    KITH_CHECK(tuple.end());
    all.push_back(one);
  }
  return all;
}

/// All but the signature, and of a typed one the chain id.
void write_body(RlpWriter& writer, const Transaction& one) {
  writer.number(one.nonce);
  if (one.has_tip()) writer.number(one.max_priority_fee);
  writer.number(one.max_fee);
  writer.number(one.gas_limit);
  writer.address(one.to);
  writer.number(one.value);
  writer.string(one.data);
  if (one.type == Transaction::Type::legacy) return;
  write_access_list(writer, one.access_list);
  if (one.type == Transaction::Type::blob) {
    writer.number(one.max_blob_fee);
    const RlpWriter::List hashes = writer.begin_list();
    for (const Hash& hash : one.blob_hashes)
      writer.hash(hash);
    writer.end_list(hashes);
  }
  if (one.type == Transaction::Type::set_code) write_authorizations(writer, one.authorizations);
}

RlpResult<void> read_body(RlpReader& from, Transaction& into) {
  KITH_TRY(into.nonce, from.small_number());
  KITH_TRY(into.max_priority_fee, from.number());
  into.max_fee = into.max_priority_fee;
  if (into.has_tip()) {
    KITH_TRY(into.max_fee, from.number());
  }
  KITH_TRY(into.gas_limit, from.small_number());
  KITH_TRY(into.to, from.address_or_none());
  KITH_TRY(into.value, from.number());
  KITH_TRY(const ByteView data, from.string());
  into.data = to_bytes(data);
  if (into.type == Transaction::Type::legacy) return {};
  KITH_TRY(into.access_list, read_access_list(from));
  if (into.type == Transaction::Type::blob) {
    KITH_TRY(into.max_blob_fee, from.number());
    KITH_TRY(RlpReader hashes, from.list());
    while (!hashes.at_end()) {
      KITH_TRY(into.blob_hashes.emplace_back(), hashes.hash());
    }
  }
  if (into.type == Transaction::Type::set_code) {
    KITH_TRY(into.authorizations, read_authorizations(from));
  }
  return {};
}

/// EIP-155: of 27 and 28, or of the chain's id twice and 35 or 36.
bool read_legacy_parity(const U256& v, Transaction& into) {
  if (v == U256(plain_base) || v == U256(plain_base + 1)) {
    into.signature.is_odd = v == U256(plain_base + 1);
    return true;
  }
  if (v < U256(protected_base)) return false;
  const U256 rest = v - U256(protected_base);
  const U256 chain_id = rest >> 1;
  if (!chain_id.fits_64()) return false;
  into.chain_id = chain_id.low();
  into.signature.is_odd = rest.bit(0);
  return true;
}

U256 legacy_v(const Transaction& one) {
  const std::uint64_t parity = one.signature.is_odd ? 1 : 0;
  if (!one.chain_id) return plain_base + parity;
  return (U256(*one.chain_id) << 1) + U256(protected_base + parity);
}

RlpResult<Transaction> read_fields(Transaction::Type type, RlpReader from) {
  Transaction read;
  read.type = type;
  if (type != Transaction::Type::legacy) {
    KITH_TRY(read.chain_id, from.small_number());
  }
  KITH_CHECK(read_body(from, read));
  KITH_TRY(const U256 v, from.number());
  KITH_TRY(read.signature.r, from.number());
  KITH_TRY(read.signature.s, from.number());
  KITH_CHECK(from.end());
  if (type == Transaction::Type::legacy) {
    if (!read_legacy_parity(v, read)) return std::unexpected(RlpError::wrong_length);
  } else {
    if (v > U256(1)) return std::unexpected(RlpError::wrong_length);
    read.signature.is_odd = !v.is_zero();
  }
  return read;
}

std::expected<Transaction, TransactionError> read_type(Transaction::Type type, RlpReader fields) {
  auto read = read_fields(type, fields);
  if (!read) return std::unexpected(of_rlp(read.error()));
  if (type >= Transaction::Type::blob && !read->to)
    return std::unexpected(TransactionError::missing_recipient);
  return *std::move(read);
}

}  // namespace

const ErrorDomain& error_domain(TransactionError) noexcept {
  static constexpr TransactionDomain domain;
  return domain;
}

bool Signature::is_low() const noexcept {
  return s <= half_order;
}

std::optional<Address> signer_of(const Hash& hash, const Signature& signature) {
  const crypto::RecoverableSignature parts{
      .r = signature.r.to_be(), .s = signature.s.to_be(), .is_odd = signature.is_odd};
  const auto key = crypto::secp256k1_recover(hash.view(), parts);
  if (!key) return std::nullopt;
  return Address::from_word(keccak256(*key).to_word());
}

std::optional<Signature> sign(const Hash& hash, const crypto::SecretArray<32>& secret) {
  const auto made = crypto::secp256k1_sign(hash.view(), secret);
  if (!made) return std::nullopt;
  return Signature{U256::from_be(made->r.data()), U256::from_be(made->s.data()), made->is_odd};
}

std::optional<Address> Authorization::authority() const {
  const Signature signature{r, s, !parity.is_zero()};
  if (parity > U256(1) || !signature.is_low()) return std::nullopt;
  return signer_of(signing_hash(), signature);
}

Hash Authorization::signing_hash() const {
  Bytes preimage{authorization_magic};
  RlpWriter writer(preimage);
  const RlpWriter::List list = writer.begin_list();
  writer.number(chain_id);
  writer.address(address);
  writer.number(nonce);
  writer.end_list(list);
  return keccak256(preimage);
}

bool Authorization::sign(const crypto::SecretArray<32>& secret) {
  const auto made = ledger::sign(signing_hash(), secret);
  if (!made) return false;
  r = made->r;
  s = made->s;
  parity = made->is_odd ? 1 : 0;
  return true;
}

Bytes Transaction::encode() const {
  Bytes out;
  RlpWriter writer(out);
  if (type != Type::legacy) out.push_back(static_cast<std::uint8_t>(type));
  const RlpWriter::List list = writer.begin_list();
  if (type != Type::legacy) writer.number(chain_id.value_or(0));
  write_body(writer, *this);
  writer.number(type == Type::legacy ? legacy_v(*this) : U256(signature.is_odd ? 1 : 0));
  writer.number(signature.r);
  writer.number(signature.s);
  writer.end_list(list);
  return out;
}

std::expected<Transaction, TransactionError> Transaction::decode(ByteView input) {
  if (input.empty()) return std::unexpected(TransactionError::malformed);
  Type type = Type::legacy;
  if (input[0] < 0x80) {
    if (input[0] == 0 || input[0] > static_cast<std::uint8_t>(Type::set_code))
      return std::unexpected(TransactionError::unknown_type);
    type = static_cast<Type>(input[0]);
    input = input.subspan(1);
  }
  RlpReader reader(input);
  const auto fields = reader.list();
  if (!fields || !reader.at_end()) return std::unexpected(TransactionError::malformed);
  return read_type(type, *fields);
}

std::expected<Transaction, TransactionError> Transaction::read(RlpReader& from) {
  const auto item = from.item();
  if (!item) return std::unexpected(of_rlp(item.error()));
  if (item->is_list) return read_type(Type::legacy, RlpReader(item->payload));
  if (item->payload.empty() || item->payload[0] >= 0x80)
    return std::unexpected(TransactionError::malformed);
  return decode(item->payload);
}

void Transaction::write(RlpWriter& into) const {
  if (type == Type::legacy) {
    into.raw(encode());
  } else {
    into.string(encode());
  }
}

Hash Transaction::hash() const {
  return keccak256(encode());
}

Hash Transaction::signing_hash() const {
  Bytes out;
  RlpWriter writer(out);
  if (type != Type::legacy) out.push_back(static_cast<std::uint8_t>(type));
  const RlpWriter::List list = writer.begin_list();
  if (type != Type::legacy) writer.number(chain_id.value_or(0));
  write_body(writer, *this);
  if (type == Type::legacy && chain_id) {
    writer.number(*chain_id);
    writer.number(0);
    writer.number(0);
  }
  writer.end_list(list);
  return keccak256(out);
}

std::expected<Address, TransactionError> Transaction::sender(bool allow_high_s) const {
  if (!allow_high_s && !signature.is_low())
    return std::unexpected(TransactionError::high_signature);
  const auto signer = signer_of(signing_hash(), signature);
  if (!signer) return std::unexpected(TransactionError::bad_signature);
  return *signer;
}

bool Transaction::sign(const crypto::SecretArray<32>& secret) {
  const auto made = ledger::sign(signing_hash(), secret);
  if (made) signature = *made;
  return made.has_value();
}

std::optional<Address> address_of(const crypto::SecretArray<32>& secret) {
  const auto point = crypto::secp256k1_public_point(secret);
  if (!point) return std::nullopt;
  return Address::from_word(keccak256(*point).to_word());
}

}  // namespace kith::ledger
