#include <algorithm>

#include <kith/pubsub/message_cache.hpp>

namespace kith::pubsub {

void MessageCache::put(const MessageId& id, MessagePtr message) {
  auto [place, added] = messages_.try_emplace(id, Entry{message});
  if (!added) return;
  bytes_ += message->bytes();
  windows_.front().push_back({id, std::move(message)});
  while (messages_.size() > cached_messages_max || bytes_ > cached_bytes_max)
    drop_oldest();
}

MessageCache::Asked MessageCache::get(const MessageId& id, const PeerId& peer) {
  auto found = messages_.find(id);
  if (found == messages_.end()) return {};
  return {found->second.message, ++found->second.asked[peer]};
}

std::map<std::string_view, std::vector<MessageId>> MessageCache::gossip() const {
  std::map<std::string_view, std::vector<MessageId>> ids;
  for (std::size_t i = 0; i < std::min(gossip_, windows_.size()); ++i) {
    for (const Kept& kept : windows_[i])
      ids[kept.message->topic()].push_back(kept.id);
  }
  return ids;
}

void MessageCache::shift() {
  windows_.emplace_front();
  while (windows_.size() > length_) {
    for (const Kept& kept : windows_.back())
      drop(kept);
    windows_.pop_back();
  }
}

void MessageCache::drop(const Kept& kept) {
  bytes_ -= kept.message->bytes();
  messages_.erase(kept.id);
}

void MessageCache::drop_oldest() {
  while (windows_.back().empty())
    windows_.pop_back();
  drop(windows_.back().front());
  windows_.back().pop_front();
}

}  // namespace kith::pubsub
