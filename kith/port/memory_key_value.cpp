#include <algorithm>
#include <mutex>
#include <ranges>

#include <kith/port/memory_key_value.hpp>

namespace kith::port {

class MemoryKeyValue::View final : public Snapshot {
 public:
  explicit View(std::shared_ptr<State> state) : state_(std::move(state)) {
    const std::unique_lock lock(state_->mutex);
    at_ = state_->commits;
    state_->seen.insert(at_);
  }
  ~View() override {
    const std::unique_lock lock(state_->mutex);
    state_->seen.erase(state_->seen.find(at_));
  }
  View(const View&) = delete;
  View& operator=(const View&) = delete;

  Result<std::optional<ByteView>> get(Namespace space, ByteView key) override {
    const std::shared_lock lock(state_->mutex);
    const Space& entries = state_->spaces.at(space);
    const auto found = entries.find(to_bytes(key));
    if (found == entries.end()) return std::nullopt;
    const auto value = value_of(found->second);
    if (!value) return std::nullopt;
    // A commit can't take away what this snapshot sees.
    return ByteView(*value);
  }

  Result<void> scan(Namespace space, ByteView from,
                    const std::function<bool(ByteView key, ByteView value)>& visit) override {
    Bytes next = to_bytes(from);
    for (;;) {
      Bytes key;
      std::shared_ptr<const Bytes> value;
      {
        const std::shared_lock lock(state_->mutex);
        const Space& entries = state_->spaces.at(space);
        auto at = entries.lower_bound(next);
        while (at != entries.end() && !(value = value_of(at->second)))
          ++at;
        if (at == entries.end()) return {};
        key = at->first;
      }
      if (!visit(key, *value)) return {};
      // The least key above it.
      next = std::move(key);
      next.push_back(0);
    }
  }

  Result<std::uint64_t> count(Namespace space) override {
    const std::shared_lock lock(state_->mutex);
    return static_cast<std::uint64_t>(std::ranges::count_if(
        state_->spaces.at(space),
        [&](const auto& entry) { return value_of(entry.second) != nullptr; }));
  }

 private:
  std::shared_ptr<const Bytes> value_of(const Versions& versions) const {
    for (std::size_t i = versions.size(); i > 0; --i) {
      if (versions[i - 1].since <= at_) return versions[i - 1].value;
    }
    return nullptr;
  }

  std::shared_ptr<State> state_;
  std::uint64_t at_ = 0;
};

MemoryKeyValue::MemoryKeyValue(std::size_t namespaces)
    : state_(std::make_shared<State>(namespaces)) {}

MemoryKeyValue::~MemoryKeyValue() = default;

Result<std::unique_ptr<Snapshot>> MemoryKeyValue::snapshot() {
  return std::make_unique<View>(state_);
}

void MemoryKeyValue::State::prune() {
  const std::uint64_t oldest = seen.empty() ? commits : *seen.begin();
  for (; !stale.empty() && stale.front().since <= oldest; stale.pop_front()) {
    Space& entries = spaces[stale.front().space];
    const auto found = entries.find(stale.front().key);
    if (found == entries.end()) continue;
    Versions& versions = found->second;
    const auto superseded = std::ranges::find_if(versions | std::views::reverse,
                                                 [&](auto& one) { return one.since <= oldest; });
    if (superseded == versions.rend()) continue;
    versions.erase(versions.begin(), superseded.base() - 1);
    if (versions.size() == 1 && versions.front().value == nullptr) entries.erase(found);
  }
}

Result<void> MemoryKeyValue::commit(const Batch& batch, Durability) {
  const std::unique_lock lock(state_->mutex);
  const std::uint64_t now = ++state_->commits;
  for (const Batch::Change& change : batch.changes()) {
    Versions& versions = state_->spaces.at(change.space)[change.key];
    if (!versions.empty() && versions.back().since == now) versions.pop_back();
    versions.push_back(
        {now, change.value ? std::make_shared<const Bytes>(*change.value) : nullptr});
    if (versions.size() > 1 || !change.value)
      state_->stale.push_back({now, change.space, change.key});
  }
  state_->prune();
  return {};
}

}  // namespace kith::port
