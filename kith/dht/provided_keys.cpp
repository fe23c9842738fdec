#include <utility>

#include <kith/dht/provided_keys.hpp>

namespace kith::dht {

bool ProvidedKeys::set(ByteView content, WallTime next) {
  const Key key = Key::of(content);
  auto known = keys_.find(key);
  if (known == keys_.end()) {
    if (keys_.size() >= keys_max_) return false;
    known = keys_.emplace(key, Held{to_bytes(content), next}).first;
    ++untold_;
  } else {
    due_.erase({known->second.next, &known->first});
    known->second.next = next;
  }
  due_.insert({next, &known->first});
  changed_.insert(known->second.content);
  return true;
}

void ProvidedKeys::told(ByteView content, WallTime next) {
  auto known = keys_.find(Key::of(content));
  if (known == keys_.end()) return;
  if (!std::exchange(known->second.told, true)) --untold_;
  set(content, next);
}

void ProvidedKeys::remove(ByteView content) {
  auto known = keys_.find(Key::of(content));
  if (known == keys_.end()) return;
  if (!known->second.told) --untold_;
  due_.erase({known->second.next, &known->first});
  changed_.insert(std::move(known->second.content));
  keys_.erase(known);
}

std::size_t ProvidedKeys::clear_untold() {
  const std::size_t count = untold_;
  for (auto at = keys_.begin(); untold_ > 0 && at != keys_.end();) {
    if (at->second.told) {
      ++at;
      continue;
    }
    due_.erase({at->second.next, &at->first});
    changed_.insert(std::move(at->second.content));
    at = keys_.erase(at);
    --untold_;
  }
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

ProvidedKeys::DueCount ProvidedKeys::due_count(WallTime now, std::size_t bits,
                                               std::size_t count_max) const {
  DueCount count;
  std::set<Key> untold;
  std::set<Key> told;
  for (const Due& one : due_) {
    if (one.at > now || count.told + count.untold == count_max) break;
    const bool first_time = !keys_.at(*one.key).told;
    ++(first_time ? count.untold : count.told);
    (first_time ? untold : told).insert(one.key->prefix(bits));
  }
  count.untold_regions = untold.size();
  count.told_regions = told.size();
  return count;
}

std::size_t ProvidedKeys::regions(std::size_t bits) const {
  std::size_t count = 0;
  for (auto at = keys_.begin(); at != keys_.end(); ++count)
    at = keys_.upper_bound(Region{at->first, bits}.last());
  return count;
}

std::optional<ProvidedKeys::Next> ProvidedKeys::next() const {
  if (due_.empty()) return std::nullopt;
  return Next{due_.begin()->at, *due_.begin()->key};
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
    some.push_back({at->second.content, at->second.next, at->second.told});
  }
  return some;
}

std::vector<ProvidedKeys::Entry> ProvidedKeys::take_changes(std::size_t count) {
  std::vector<Entry> changes;
  while (!changed_.empty() && changes.size() < count) {
    auto held = keys_.find(Key::of(*changed_.begin()));
    auto node = changed_.extract(changed_.begin());
    Entry& change = changes.emplace_back(std::move(node.value()));
    if (held == keys_.end()) continue;
    change.next = held->second.next;
    change.told = held->second.told;
  }
  return changes;
}

}  // namespace kith::dht
