#include <algorithm>

#include <kith/base/protobuf_reader.hpp>
#include <kith/base/varint.hpp>
#include <kith/pubsub/message.hpp>

namespace kith::pubsub {
namespace {

using protozero::pbf_wire_type;
using protozero::tag_and_type;

constexpr std::string_view signature_prefix = "libp2p-pubsub:";

constexpr auto bytes_field(protozero::pbf_tag_type number) {
  return tag_and_type(number, pbf_wire_type::length_delimited);
}
constexpr auto number_field(protozero::pbf_tag_type number) {
  return tag_and_type(number, pbf_wire_type::varint);
}

// Writing. Field numbers are below 16, so that a key is one byte.

constexpr std::uint8_t key_of(int number, int type) {
  return static_cast<std::uint8_t>(number << 3 | type);
}

std::size_t field_size(std::size_t content) noexcept {
  return 1 + varint_size(content) + content;
}
std::size_t field_size(const std::optional<ByteView>& content) noexcept {
  return content ? field_size(content->size()) : 0;
}

void put_key_and_size(Bytes& out, int number, std::size_t size) {
  out.push_back(key_of(number, 2));
  append_varint(out, size);
}

void put(Bytes& out, int number, ByteView content) {
  put_key_and_size(out, number, content.size());
  append(out, content);
}

std::size_t message_size(const MessageFields& fields) noexcept {
  std::size_t size = field_size(fields.from) + field_size(fields.data) +
                     field_size(fields.sequence) + field_size(fields.topic.size()) +
                     field_size(fields.signature) + field_size(fields.key);
  for (ByteView field : fields.unknown)
    size += field.size();
  return size;
}

/// Writes the fields one after the other, and says where each is now.
class MessageWriter {
 public:
  explicit MessageWriter(MutableBytes out) noexcept : out_(out.data()) {}

  ByteView put(int number, ByteView content) noexcept {
    *out_++ = key_of(number, 2);
    out_ += write_varint(out_, content.size());
    return put_raw(content);
  }
  std::optional<ByteView> put(int number, const std::optional<ByteView>& content) noexcept {
    if (!content) return std::nullopt;
    return put(number, *content);
  }
  ByteView put_raw(ByteView content) noexcept {
    std::uint8_t* const begin = out_;
    out_ = std::ranges::copy(content, out_).out;
    return {begin, content.size()};
  }

 private:
  std::uint8_t* out_;
};

Bytes ids_message(int number, const std::vector<MessageId>& ids, std::string_view topic = {}) {
  Bytes out;
  if (!topic.empty()) put(out, 1, as_bytes(topic));
  for (const MessageId& id : ids)
    put(out, number, as_bytes(id));
  return out;
}

std::size_t ids_size(const std::vector<MessageId>& ids) noexcept {
  std::size_t size = 0;
  for (const MessageId& id : ids)
    size += field_size(id.size());
  return size;
}

std::size_t exchanged_size(const ExchangedPeer& peer) noexcept {
  return field_size(peer.peer.bytes().size()) +
         (peer.record.empty() ? 0 : field_size(peer.record.size()));
}

std::size_t prune_size(const Prune& prune) noexcept {
  std::size_t size = field_size(prune.topic.size());
  for (const ExchangedPeer& peer : prune.peers)
    size += field_size(exchanged_size(peer));
  if (prune.backoff_seconds) size += 1 + varint_size(*prune.backoff_seconds);
  return size;
}

std::size_t control_size(const Rpc& rpc) noexcept {
  std::size_t size = 0;
  for (const IHave& ihave : rpc.ihave)
    size += field_size((ihave.topic.empty() ? 0 : field_size(ihave.topic.size())) +
                       ids_size(ihave.ids));
  if (!rpc.iwant.empty()) size += field_size(ids_size(rpc.iwant));
  for (const std::string& topic : rpc.graft)
    size += field_size(field_size(topic.size()));
  for (const Prune& prune : rpc.prune)
    size += field_size(prune_size(prune));
  if (!rpc.idontwant.empty()) size += field_size(ids_size(rpc.idontwant));
  return size;
}

void put_prune(Bytes& out, const Prune& prune) {
  put_key_and_size(out, 4, prune_size(prune));
  put(out, 1, as_bytes(prune.topic));
  for (const ExchangedPeer& peer : prune.peers) {
    put_key_and_size(out, 2, exchanged_size(peer));
    put(out, 1, peer.peer.bytes());
    if (!peer.record.empty()) put(out, 2, peer.record);
  }
  if (!prune.backoff_seconds) return;
  out.push_back(key_of(3, 0));
  append_varint(out, *prune.backoff_seconds);
}

void put_control(Bytes& out, const Rpc& rpc) {
  for (const IHave& ihave : rpc.ihave)
    put(out, 1, ids_message(2, ihave.ids, ihave.topic));
  if (!rpc.iwant.empty()) put(out, 2, ids_message(1, rpc.iwant));
  for (const std::string& topic : rpc.graft) {
    put_key_and_size(out, 3, field_size(topic.size()));
    put(out, 1, as_bytes(topic));
  }
  for (const Prune& prune : rpc.prune)
    put_prune(out, prune);
  if (!rpc.idontwant.empty()) put(out, 5, ids_message(1, rpc.idontwant));
}

// Reading.

/// The field that `rest` begins with, of which a reader has said that it is of this type.
ByteView first_field(ByteView rest, pbf_wire_type type) {
  const char* const begin = as_text(rest).data();
  const char* const end = begin + rest.size();
  const char* at = begin;
  protozero::decode_varint(&at, end);
  std::uint64_t content = 0;
  if (type == pbf_wire_type::varint) protozero::decode_varint(&at, end);
  if (type == pbf_wire_type::fixed32) content = 4;
  if (type == pbf_wire_type::fixed64) content = 8;
  if (type == pbf_wire_type::length_delimited) content = protozero::decode_varint(&at, end);
  if (content > static_cast<std::uint64_t>(end - at)) throw protozero::end_of_buffer_exception{};
  return rest.first(static_cast<std::size_t>(at - begin) + content);
}

Result<void> read_message_fields(ByteView encoded, MessageFields& fields) {
  ProtobufReader reader(encoded);
  ByteView rest = encoded;
  while (reader.next()) {
    const ByteView field = first_field(rest, reader.wire_type());
    rest = rest.subspan(field.size());
    switch (reader.tag_and_type()) {
      case bytes_field(1):
        fields.from = reader.get_bytes();
        break;
      case bytes_field(2):
        fields.data = reader.get_bytes();
        break;
      case bytes_field(3):
        fields.sequence = reader.get_bytes();
        break;
      case bytes_field(4):
        fields.topic = as_text(reader.get_bytes());
        break;
      case bytes_field(5):
        fields.signature = reader.get_bytes();
        break;
      case bytes_field(6):
        fields.key = reader.get_bytes();
        break;
      default:
        // A field of ours with another type isn't what a signer of ours has written.
        if (reader.tag() <= 6) return std::unexpected(Errc::corrupt);
        reader.skip();
        if (fields.unknown.size() >= unknown_fields_max)
          return std::unexpected(Errc::limit_exceeded);
        fields.unknown.push_back(field);
    }
  }
  return {};
}

Result<void> read_subscription(ProtobufReader reader, Rpc& rpc) {
  if (rpc.subscriptions.size() >= rpc_subscriptions_max)
    return std::unexpected(Errc::limit_exceeded);
  SubscriptionChange change;
  while (reader.next()) {
    if (reader.tag_and_type() == number_field(1)) {
      change.subscribe = reader.get_uint64() != 0;
    } else if (reader.tag_and_type() == bytes_field(2)) {
      change.topic = as_text(reader.get_bytes());
    } else {
      reader.skip();
    }
  }
  if (change.topic.size() <= topic_bytes_max) rpc.subscriptions.push_back(std::move(change));
  return {};
}

/// Reads the lists of ids, of whatever number they have, and tells of all other fields.
class IdReader {
 public:
  Result<void> read(ProtobufReader reader, protozero::pbf_tag_type number, std::string* topic,
                    std::vector<MessageId>& ids) {
    while (reader.next()) {
      if (reader.tag_and_type() == bytes_field(number)) {
        const ByteView id = reader.get_bytes();
        // Go fits more into an RPC when it has many topics to tell of: they aren't needed.
        if (++count_ > rpc_ids_max) continue;
        if (!id.empty() && id.size() <= message_id_bytes_max) ids.emplace_back(as_text(id));
      } else if (topic != nullptr && reader.tag_and_type() == bytes_field(1)) {
        *topic = as_text(reader.get_bytes());
      } else {
        reader.skip();
      }
    }
    return {};
  }

 private:
  std::size_t count_ = 0;
};

/// What one control message holds, of however many an RPC has.
class ControlReader {
 public:
  explicit ControlReader(Rpc& rpc) noexcept : rpc_(rpc) {}

  Result<void> read(ProtobufReader reader) {
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case bytes_field(1):
          KITH_CHECK(read_ihave(reader.get_message()));
          break;
        case bytes_field(2):
          KITH_CHECK(ids_.read(reader.get_message(), 1, nullptr, rpc_.iwant));
          break;
        case bytes_field(3):
          KITH_CHECK(read_graft(reader.get_message()));
          break;
        case bytes_field(4):
          KITH_CHECK(read_prune(reader.get_message()));
          break;
        case bytes_field(5):
          KITH_CHECK(ids_.read(reader.get_message(), 1, nullptr, rpc_.idontwant));
          break;
        default:
          reader.skip();
      }
    }
    return {};
  }

 private:
  Result<void> read_ihave(ProtobufReader reader) {
    // Each of them counts as an id, or empty ones would be without limit.
    if (++ihaves_ > rpc_grafts_max) return std::unexpected(Errc::limit_exceeded);
    IHave ihave;
    KITH_CHECK(ids_.read(reader, 2, &ihave.topic, ihave.ids));
    if (ihave.topic.size() <= topic_bytes_max && !ihave.ids.empty())
      rpc_.ihave.push_back(std::move(ihave));
    return {};
  }

  Result<void> read_graft(ProtobufReader reader) {
    if (rpc_.graft.size() >= rpc_grafts_max) return std::unexpected(Errc::limit_exceeded);
    std::string topic;
    while (reader.next(1, pbf_wire_type::length_delimited))
      topic = as_text(reader.get_bytes());
    if (topic.size() <= topic_bytes_max) rpc_.graft.push_back(std::move(topic));
    return {};
  }

  Result<void> read_prune(ProtobufReader reader) {
    if (rpc_.prune.size() >= rpc_prunes_max) return std::unexpected(Errc::limit_exceeded);
    Prune prune;
    while (reader.next()) {
      if (reader.tag_and_type() == bytes_field(1)) {
        prune.topic = as_text(reader.get_bytes());
      } else if (reader.tag_and_type() == bytes_field(2)) {
        KITH_CHECK(read_exchanged(reader.get_message(), prune));
      } else if (reader.tag_and_type() == number_field(3)) {
        prune.backoff_seconds = reader.get_uint64() & ~(std::uint64_t{1} << 63);
      } else {
        reader.skip();
      }
    }
    if (prune.topic.size() <= topic_bytes_max) rpc_.prune.push_back(std::move(prune));
    return {};
  }

  Result<void> read_exchanged(ProtobufReader reader, Prune& prune) {
    if (++exchanged_ > rpc_exchanged_peers_max) return std::unexpected(Errc::limit_exceeded);
    ExchangedPeer peer;
    while (reader.next()) {
      if (reader.tag_and_type() == bytes_field(1)) {
        auto id = PeerId::from_bytes(reader.get_bytes());
        peer.peer = id ? *id : PeerId();
      } else if (reader.tag_and_type() == bytes_field(2)) {
        const ByteView record = reader.get_bytes();
        peer.record = record.size() <= peer_record_bytes_max ? to_bytes(record) : Bytes();
      } else {
        reader.skip();
      }
    }
    if (!peer.peer.empty()) prune.peers.push_back(std::move(peer));
    return {};
  }

  Rpc& rpc_;
  IdReader ids_;
  std::size_t ihaves_ = 0;
  std::size_t exchanged_ = 0;
};

}  // namespace

MessagePtr Message::make(const MessageFields& fields) {
  auto* made = new Message;
  MessagePtr message(made);
  made->encoded_ = Buffer::allocate(message_size(fields));
  MessageWriter writer(made->encoded_.mutable_bytes());
  MessageFields& kept = made->fields_;
  kept.from = writer.put(1, fields.from);
  kept.data = writer.put(2, fields.data);
  kept.sequence = writer.put(3, fields.sequence);
  kept.topic = as_text(writer.put(4, as_bytes(fields.topic)));
  kept.signature = writer.put(5, fields.signature);
  kept.key = writer.put(6, fields.key);
  for (ByteView field : fields.unknown)
    kept.unknown.push_back(writer.put_raw(field));
  return message;
}

Result<MessagePtr> Message::decode(ByteView encoded) {
  if (encoded.size() > message_bytes_max) return std::unexpected(Errc::limit_exceeded);
  try {
    MessageFields fields;
    KITH_CHECK(read_message_fields(encoded, fields));
    if (fields.topic.empty()) return std::unexpected(Errc::corrupt);
    if (fields.topic.size() > topic_bytes_max) return std::unexpected(Errc::limit_exceeded);
    return make(fields);
  } catch (const protozero::exception&) {
    return std::unexpected(Errc::corrupt);
  }
}

std::optional<PeerId> Message::author() const {
  if (!fields_.from) return std::nullopt;
  auto peer = PeerId::from_bytes(*fields_.from);
  if (!peer) return std::nullopt;
  return *peer;
}

namespace {

Bytes signed_bytes(MessageFields fields) {
  fields.signature.reset();
  fields.key.reset();
  const MessagePtr bare = Message::make(fields);
  Bytes text = to_bytes(signature_prefix);
  append(text, bare->encoded());
  return text;
}

}  // namespace

Result<MessagePtr> sign_message(MessageFields fields, const crypto::PrivateKey& key) {
  KITH_TRY(const Bytes signature, key.sign(signed_bytes(fields)));
  fields.signature = signature;
  const crypto::PublicKey& public_key = key.public_key();
  if (!PeerId::from_public_key(public_key).inline_public_key()) fields.key = public_key.encoded();
  return Message::make(fields);
}

bool verify_signature(const Message& message) {
  const std::optional<PeerId> author = message.author();
  if (!author || !message.signature()) return false;
  std::optional<ByteView> encoded = message.key();
  if (!encoded) encoded = author->inline_public_key();
  if (!encoded) return false;
  auto key = crypto::PublicKey::decode(*encoded);
  if (!key || PeerId::from_public_key(*key) != *author) return false;
  return key->verify(signed_bytes(message.fields()), *message.signature());
}

Result<Rpc> decode_rpc(ByteView encoded) {
  Rpc rpc;
  if (encoded.size() > rpc_bytes_max) return std::unexpected(Errc::limit_exceeded);
  try {
    ControlReader control(rpc);
    ProtobufReader reader(encoded);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case bytes_field(1):
          KITH_CHECK(read_subscription(reader.get_message(), rpc));
          break;
        case bytes_field(2): {
          if (rpc.messages.size() >= rpc_messages_max) return std::unexpected(Errc::limit_exceeded);
          auto message = Message::decode(reader.get_bytes());
          if (message) rpc.messages.push_back(*std::move(message));
          break;
        }
        case bytes_field(3):
          KITH_CHECK(control.read(reader.get_message()));
          break;
        default:
          reader.skip();
      }
    }
  } catch (const protozero::exception&) {
    return std::unexpected(Errc::corrupt);
  }
  return rpc;
}

Bytes encode_rpc(const Rpc& rpc) {
  Bytes out;
  out.reserve(rpc_bytes(rpc));
  for (const SubscriptionChange& change : rpc.subscriptions) {
    put_key_and_size(out, 1, 2 + field_size(change.topic.size()));
    out.push_back(key_of(1, 0));
    out.push_back(change.subscribe ? 1 : 0);
    put(out, 2, as_bytes(change.topic));
  }
  for (const MessagePtr& message : rpc.messages)
    put(out, 2, message->encoded());
  if (const std::size_t size = control_size(rpc); size > 0) {
    put_key_and_size(out, 3, size);
    put_control(out, rpc);
  }
  return out;
}

std::size_t rpc_bytes(const Rpc& rpc) noexcept {
  std::size_t size = 0;
  for (const SubscriptionChange& change : rpc.subscriptions)
    size += field_size(2 + field_size(change.topic.size()));
  for (const MessagePtr& message : rpc.messages)
    size += field_size(message->bytes());
  const std::size_t control = control_size(rpc);
  return control > 0 ? size + field_size(control) : size;
}

}  // namespace kith::pubsub
