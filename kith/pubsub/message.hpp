// Messages of pubsub and the RPCs that carry them.
// Specification: libp2p/specs pubsub/README.md, pubsub/gossipsub/gossipsub-v1.{0,1,2}.md.
//
//   RPC        1 subscriptions*  2 publish*  3 control
//   SubOpts    1 subscribe (bool)  2 topic
//   Message    1 from  2 data  3 seqno  4 topic  5 signature  6 key
//   Control    1 ihave* {1 topic  2 ids*}  2 iwant* {1 ids*}  3 graft* {1 topic}
//              4 prune* {1 topic  2 peers* {1 peer  2 signed record}  3 backoff, seconds}
//              5 idontwant* {1 ids*}
//
// Fields of later versions (1.3's extensions) are skipped. On the wire an RPC has its length as an
// unsigned varint before it. A signature is over "libp2p-pubsub:" and the message without fields 5
// and 6, in the order of the fields, with what we don't know of it at the end, as go writes it.
//
// A Message is immutable and shared: its fields are views of its encoding, which is what is passed
// on, so that a message costs one piece of memory however many peers it goes to. Absent fields and
// empty ones are told apart. Pure. Limits: limits.hpp. Thread: any.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <kith/base/buffer.hpp>
#include <kith/base/result.hpp>
#include <kith/crypto/keys.hpp>
#include <kith/multiformats/peer_id.hpp>
#include <kith/pubsub/limits.hpp>

namespace kith::pubsub {

using multiformats::PeerId;

/// Any bytes: who makes them is said by MessageIdFunction.
using MessageId = std::string;

/// A message in parts, each somebody else's memory.
struct MessageFields {
  std::optional<ByteView> from{};
  std::optional<ByteView> data{};
  std::optional<ByteView> sequence{};
  std::string_view topic{};
  std::optional<ByteView> signature{};
  std::optional<ByteView> key{};
  std::vector<ByteView> unknown{};  ///< fields with their keys, which a signature covers, too
};

class Message;
using MessagePtr = std::shared_ptr<const Message>;

class Message {
 public:
  /// Copies the parts into one encoding.
  static MessagePtr make(const MessageFields& fields);
  /// Errc::corrupt if it is no protobuf or has no topic, Errc::limit_exceeded.
  static Result<MessagePtr> decode(ByteView encoded);

  std::optional<ByteView> from() const noexcept { return fields_.from; }
  ByteView data() const noexcept { return fields_.data.value_or(ByteView{}); }
  std::optional<ByteView> sequence() const noexcept { return fields_.sequence; }
  std::string_view topic() const noexcept { return fields_.topic; }
  std::optional<ByteView> signature() const noexcept { return fields_.signature; }
  std::optional<ByteView> key() const noexcept { return fields_.key; }
  const MessageFields& fields() const noexcept { return fields_; }
  /// The author, if it is named and could be a peer.
  std::optional<PeerId> author() const;

  const Buffer& encoded() const noexcept { return encoded_; }
  std::size_t bytes() const noexcept { return encoded_.size(); }

 private:
  Message() = default;
  MessageFields fields_;
  Buffer encoded_;
};

/// The message signed by `key`, with the key beside it if the author's id doesn't contain it. The
/// fields have an author, whose key it is, and no signature. Errors of PrivateKey::sign.
Result<MessagePtr> sign_message(MessageFields fields, const crypto::PrivateKey& key);

/// Whether the message is signed by the author that it names. Takes 40 to 200 us: for a worker.
bool verify_signature(const Message& message);

struct SubscriptionChange {
  std::string topic;
  bool subscribe = false;
};

struct IHave {
  std::string topic;
  std::vector<MessageId> ids;
};

/// Somebody else in a topic: peer exchange.
struct ExchangedPeer {
  PeerId peer;
  Bytes record;  ///< an envelope, not yet opened; may be empty
};

struct Prune {
  std::string topic;
  std::vector<ExchangedPeer> peers{};
  std::optional<std::uint64_t> backoff_seconds{};
};

struct Rpc {
  std::vector<SubscriptionChange> subscriptions;
  std::vector<MessagePtr> messages;
  std::vector<IHave> ihave;
  std::vector<MessageId> iwant;
  std::vector<std::string> graft;
  std::vector<Prune> prune;
  std::vector<MessageId> idontwant;

  bool empty() const noexcept {
    return subscriptions.empty() && messages.empty() && ihave.empty() && iwant.empty() &&
           graft.empty() && prune.empty() && idontwant.empty();
  }
};

/// Reads an RPC without its length. What can't be a topic, an id or a peer id is left out, and so
/// is a message that is too long or has no topic; Errc::corrupt if it is no protobuf,
/// Errc::limit_exceeded for more entries than limits.hpp allows.
Result<Rpc> decode_rpc(ByteView encoded);

/// Without its length. As long as what is in it: who makes it keeps to rpc_bytes_max.
Bytes encode_rpc(const Rpc& rpc);

/// How long that would be.
std::size_t rpc_bytes(const Rpc& rpc) noexcept;

}  // namespace kith::pubsub
