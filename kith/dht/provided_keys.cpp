#include <kith/dht/provided_keys.hpp>

namespace kith::dht {

bool ProvidedKeys::set(ByteView content, WallTime next) {
  const Key key = Key::of(content);
  auto known = keys_.find(key);
  if (known == keys_.end()) {
    if (keys_.size() >= keys_max_) return false;
    known = keys_.emplace(key, Held{to_bytes(content), next}).first;
  } else {
    due_.erase({known->second.next, &known->first});
    known->second.next = next;
  }
  due_.insert({next, &known->first});
  changed_.insert(known->second.content);
  return true;
}

void ProvidedKeys::remove(ByteView content) {
  auto known = keys_.find(Key::of(content));
  if (known == keys_.end()) return;
  due_.erase({known->second.next, &known->first});
  changed_.insert(std::move(known->second.content));
  keys_.erase(known);
}

std::size_t ProvidedKeys::clear() {
  const std::size_t count = keys_.size();
  due_.clear();
  for (auto& [key, held] : keys_)
    changed_.insert(std::move(held.content));
  keys_.clear();
  return count;
}

std::vector<Bytes> ProvidedKeys::due(WallTime now, std::size_t count) const {
  std::vector<Bytes> contents;
  for (const Due& one : due_) {
    if (one.at > now || contents.size() == count) break;
    contents.push_back(keys_.at(*one.key).content);
  }
  return contents;
}

std::size_t ProvidedKeys::due_count(WallTime now, std::size_t count_max) const {
  std::size_t count = 0;
  for (auto one = due_.begin(); one != due_.end() && one->at <= now && count < count_max; ++one)
    ++count;
  return count;
}

std::optional<WallTime> ProvidedKeys::next() const {
  if (due_.empty()) return std::nullopt;
  return due_.begin()->at;
}

std::vector<Bytes> ProvidedKeys::within(const Region& region, WallTime end,
                                        std::size_t count) const {
  std::vector<Bytes> contents;
  for (auto at = keys_.lower_bound(region.first()); at != keys_.end() && contents.size() < count;
       ++at) {
    if (!region.contains(at->first)) break;
    if (at->second.next < end) contents.push_back(at->second.content);
  }
  return contents;
}

std::vector<ProvidedKeys::Entry> ProvidedKeys::some_after(std::optional<Key>& after,
                                                          std::size_t count) const {
  std::vector<Entry> some;
  auto at = after ? keys_.upper_bound(*after) : keys_.begin();
  for (; at != keys_.end() && some.size() < count; ++at) {
    after = at->first;
    some.push_back({at->second.content, at->second.next});
  }
  return some;
}

std::vector<ProvidedKeys::Entry> ProvidedKeys::take_changes(std::size_t count) {
  std::vector<Entry> changes;
  while (!changed_.empty() && changes.size() < count) {
    auto held = keys_.find(Key::of(*changed_.begin()));
    auto node = changed_.extract(changed_.begin());
    std::optional<WallTime> next;
    if (held != keys_.end()) next = held->second.next;
    changes.push_back({std::move(node.value()), next});
  }
  return changes;
}

}  // namespace kith::dht
