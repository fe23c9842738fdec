#include <optional>

#include <kith/base/protobuf_reader.hpp>
#include <kith/base/varint.hpp>
#include <kith/crypto/envelope.hpp>

namespace kith::crypto {
namespace {

enum class Field : protozero::pbf_tag_type {
  public_key = 1,
  payload_type = 2,
  payload = 3,
  signature = 5,
};

/// The fields as they lie in the encoded envelope. Only the key must be there: proto3 leaves out
/// what is empty.
struct Fields {
  std::optional<ByteView> public_key, payload_type, payload, signature;

  std::optional<ByteView>* find(Field field) noexcept {
    switch (field) {
      case Field::public_key:
        return &public_key;
      case Field::payload_type:
        return &payload_type;
      case Field::payload:
        return &payload;
      case Field::signature:
        return &signature;
    }
    return nullptr;
  }
};

void append_sized(Bytes& out, ByteView part) {
  append_varint(out, part.size());
  append(out, part);
}

void append_field(Bytes& out, Field field, ByteView value) {
  if (value.empty()) return;
  out.push_back(static_cast<std::uint8_t>(static_cast<unsigned>(field) << 3 | 2));
  append_sized(out, value);
}

Bytes signed_bytes(std::string_view domain, ByteView payload_type, ByteView payload) {
  Bytes out;
  out.reserve(domain.size() + payload_type.size() + payload.size() + 3 * varint_bytes_max);
  append_sized(out, as_bytes(domain));
  append_sized(out, payload_type);
  append_sized(out, payload);
  return out;
}

Result<Fields> read_fields(ByteView encoded) {
  Fields fields;
  try {
    ProtobufReader reader(encoded);
    while (reader.next()) {
      std::optional<ByteView>* field = fields.find(static_cast<Field>(reader.tag()));
      if (field == nullptr) {
        reader.skip();
        continue;
      }
      if (reader.wire_type() != protozero::pbf_wire_type::length_delimited || field->has_value()) {
        return std::unexpected(CryptoError::bad_encoding);
      }
      *field = reader.get_bytes();
    }
  } catch (const protozero::exception&) {
    return std::unexpected(CryptoError::bad_encoding);
  }
  return fields;
}

}  // namespace

Result<Bytes> seal_envelope(const PrivateKey& signer, std::string_view domain,
                            ByteView payload_type, ByteView payload) {
  if (domain.empty() || domain.size() > envelope_domain_bytes_max) {
    return std::unexpected(Errc::invalid_argument);
  }
  if (payload_type.size() > envelope_bytes_max || payload.size() > envelope_bytes_max) {
    return std::unexpected(Errc::limit_exceeded);
  }
  KITH_TRY(const Bytes signature, signer.sign(signed_bytes(domain, payload_type, payload)));
  Bytes out;
  append_field(out, Field::public_key, signer.public_key().encoded());
  append_field(out, Field::payload_type, payload_type);
  append_field(out, Field::payload, payload);
  append_field(out, Field::signature, signature);
  if (out.size() > envelope_bytes_max) return std::unexpected(Errc::limit_exceeded);
  return out;
}

Result<Envelope> open_envelope(ByteView encoded, std::string_view domain) {
  if (encoded.size() > envelope_bytes_max) return std::unexpected(Errc::limit_exceeded);
  KITH_TRY(const Fields fields, read_fields(encoded));
  if (!fields.public_key) return std::unexpected(CryptoError::bad_encoding);
  KITH_TRY(PublicKey signer, PublicKey::decode(*fields.public_key));
  const ByteView payload_type = fields.payload_type.value_or(ByteView{});
  const ByteView payload = fields.payload.value_or(ByteView{});
  const ByteView signature = fields.signature.value_or(ByteView{});
  if (!signer.verify(signed_bytes(domain, payload_type, payload), signature)) {
    return std::unexpected(CryptoError::bad_signature);
  }
  return Envelope{std::move(signer), to_bytes(payload_type), to_bytes(payload)};
}

}  // namespace kith::crypto
