// A KeyValue that is in memory alone: of what needn't outlive the process.
//
// Each entry keeps the values that a snapshot may still see. Thread: as KeyValue says; a snapshot
// is of one thread at a time.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <shared_mutex>

#include <kith/port/key_value.hpp>

namespace kith::port {

class MemoryKeyValue final : public KeyValue {
 public:
  explicit MemoryKeyValue(std::size_t namespaces);
  ~MemoryKeyValue() override;

  Result<std::unique_ptr<Snapshot>> snapshot() override;
  Result<void> commit(const Batch& batch, Durability durability) override;
  Result<void> sync() override { return {}; }

 private:
  class View;
  /// A value from some commit on; an empty one: erased.
  struct Version {
    std::uint64_t since;
    std::shared_ptr<const Bytes> value;
  };
  using Versions = std::vector<Version>;  ///< the oldest first, never empty
  using Space = std::map<Bytes, Versions, std::less<>>;

  struct State {
    explicit State(std::size_t namespaces) : spaces(namespaces) {}
    mutable std::shared_mutex mutex;
    std::vector<Space> spaces;
    std::uint64_t commits = 0;
    std::multiset<std::uint64_t> seen;  ///< by snapshots
    /// Entries that have more than a value, by the commit that made them so.
    struct Stale {
      std::uint64_t since;
      Namespace space;
      Bytes key;
    };
    std::deque<Stale> stale;

    /// Forgets what no snapshot sees any more.
    void prune();
  };
  std::shared_ptr<State> state_;
};

}  // namespace kith::port
