#include <algorithm>

#include <kith/pubsub/send_queue.hpp>

namespace kith::pubsub {
namespace {
/// Of a field's key and length, and of what it is in.
constexpr std::size_t overhead = 8;
}  // namespace

/// Counts what goes into one RPC.
class SendQueue::Packer {
 public:
  /// Whether so much more goes in. The first thing always does.
  bool takes(std::size_t bytes) noexcept {
    bytes += overhead;
    if (used_ > 0 && used_ + bytes > rpc_target_bytes) return false;
    used_ += bytes;
    return true;
  }
  /// Whether a message of so many bytes goes into an RPC at all.
  bool has_place_for(std::size_t bytes) const noexcept {
    return used_ + bytes + overhead <= rpc_bytes_max;
  }

 private:
  std::size_t used_ = 0;
};

void SendQueue::push(Rpc rpc, bool own) {
  for (SubscriptionChange& change : rpc.subscriptions)
    subscriptions_[std::move(change.topic)] = change.subscribe;
  for (std::string& topic : rpc.graft)
    mesh_[std::move(topic)] = Graft{};
  for (Prune& prune : rpc.prune) {
    std::string topic = prune.topic;
    mesh_[std::move(topic)] = std::move(prune);
  }
  push_ids(idontwant_, rpc.idontwant);
  push_ids(iwant_, rpc.iwant);
  for (MessagePtr& message : rpc.messages)
    push_message(std::move(message), own);
  for (IHave& ihave : rpc.ihave)
    push_ihave(std::move(ihave));
}

void SendQueue::push_ids(std::deque<MessageId>& queue, std::vector<MessageId>& ids) {
  for (MessageId& id : ids) {
    if (queue.size() >= queued_gossip_ids_max) {
      ++dropped_gossip_;
    } else {
      queue.push_back(std::move(id));
    }
  }
}

void SendQueue::push_ihave(IHave ihave) {
  // Who is behind with messages needn't hear of more.
  if (ihave_ids_ + ihave.ids.size() > queued_gossip_ids_max || bytes_ > queued_bytes_max / 2) {
    dropped_gossip_ += ihave.ids.size();
    return;
  }
  ihave_ids_ += ihave.ids.size();
  ihave_.push_back(std::move(ihave));
}

bool SendQueue::has_room(std::size_t bytes) const noexcept {
  return messages_.size() < queued_messages_max && bytes_ + bytes <= queued_bytes_max;
}

void SendQueue::push_message(MessagePtr message, bool own) {
  const std::size_t size = message->bytes();
  if (!has_room(size)) {
    dropped_gossip_ += ihave_ids_;
    ihave_.clear();
    ihave_ids_ = 0;
  }
  while (own && !has_room(size) && drop_newest_of_others()) {
  }
  if (!has_room(size)) {
    ++dropped_messages_;
    return;
  }
  bytes_ += size;
  messages_.push_back({std::move(message), own});
}

bool SendQueue::drop_newest_of_others() {
  auto newest = std::find_if(messages_.rbegin(), messages_.rend(),
                             [](const Waiting& waiting) { return !waiting.own; });
  if (newest == messages_.rend()) return false;
  bytes_ -= newest->message->bytes();
  messages_.erase(std::next(newest).base());
  ++dropped_messages_;
  return true;
}

void SendQueue::clear() noexcept {
  subscriptions_.clear();
  mesh_.clear();
  idontwant_.clear();
  iwant_.clear();
  ihave_.clear();
  messages_.clear();
  ihave_ids_ = bytes_ = 0;
  message_first_ = false;
}

bool SendQueue::empty() const noexcept {
  return subscriptions_.empty() && mesh_.empty() && idontwant_.empty() && iwant_.empty() &&
         ihave_.empty() && messages_.empty();
}

void SendQueue::take_ids(Packer& packer, std::deque<MessageId>& queue,
                         std::vector<MessageId>& into) {
  while (!queue.empty() && packer.takes(queue.front().size())) {
    into.push_back(std::move(queue.front()));
    queue.pop_front();
  }
}

void SendQueue::take_ihaves(Packer& packer, Rpc& rpc) {
  while (!ihave_.empty() && packer.takes(ihave_.front().topic.size())) {
    IHave& all = ihave_.front();
    IHave& part = rpc.ihave.emplace_back(IHave{all.topic, {}});
    while (!all.ids.empty() && packer.takes(all.ids.back().size())) {
      part.ids.push_back(std::move(all.ids.back()));
      all.ids.pop_back();
      --ihave_ids_;
    }
    if (!all.ids.empty()) return;
    ihave_.pop_front();
  }
}

void SendQueue::put_back(Rpc rpc) {
  for (SubscriptionChange& change : rpc.subscriptions)
    subscriptions_.try_emplace(std::move(change.topic), change.subscribe);
  for (std::string& topic : rpc.graft)
    mesh_.try_emplace(std::move(topic), Graft{});
  for (Prune& prune : rpc.prune) {
    std::string topic = prune.topic;
    mesh_.try_emplace(std::move(topic), std::move(prune));
  }
}

void SendQueue::take_message(Rpc& rpc) {
  bytes_ -= messages_.front().message->bytes();
  rpc.messages.push_back(std::move(messages_.front().message));
  messages_.pop_front();
}

void SendQueue::take_control(Packer& packer, Rpc& rpc) {
  while (!subscriptions_.empty() && packer.takes(subscriptions_.begin()->first.size())) {
    auto change = subscriptions_.extract(subscriptions_.begin());
    rpc.subscriptions.push_back({std::move(change.key()), change.mapped()});
  }
  while (!mesh_.empty()) {
    auto first = mesh_.begin();
    std::size_t size = first->first.size();
    if (const auto* prune = std::get_if<Prune>(&first->second)) {
      for (const ExchangedPeer& peer : prune->peers)
        size += peer.peer.bytes().size() + peer.record.size() + overhead;
    }
    if (!packer.takes(size)) break;
    auto change = mesh_.extract(first);
    if (auto* prune = std::get_if<Prune>(&change.mapped())) {
      rpc.prune.push_back(std::move(*prune));
    } else {
      rpc.graft.push_back(std::move(change.key()));
    }
  }
  take_ids(packer, idontwant_, rpc.idontwant);
  take_ids(packer, iwant_, rpc.iwant);
}

Rpc SendQueue::next() {
  Rpc rpc;
  Packer packer;
  if (message_first_ && !messages_.empty()) {
    static_cast<void>(packer.takes(messages_.front().message->bytes()));
    take_message(rpc);
  }
  take_control(packer, rpc);
  while (!messages_.empty()) {
    const std::size_t size = messages_.front().message->bytes();
    const bool is_long = size + overhead > rpc_target_bytes;
    const bool goes_along = is_long && rpc.messages.empty() && packer.has_place_for(size);
    if (!packer.takes(size) && !goes_along) break;
    take_message(rpc);
  }
  message_first_ = !messages_.empty() && rpc.messages.empty();
  take_ihaves(packer, rpc);
  return rpc;
}

}  // namespace kith::pubsub
