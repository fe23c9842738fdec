// What one block changes of a state, and a state as it is read: the disk at one moment, below
// layers.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include <kith/ledger/state/state_tree.hpp>

namespace kith::ledger::detail {

/// Offsets into the tree's namespaces.
enum Space : port::Namespace {
  accounts,
  storage,
  codes,
  account_nodes,
  storage_nodes,
  account_past,
  storage_past,
  block_past,
  meta,
  space_count,
};

/// Node by path, as the store has it; nothing: it isn't there any more.
using NodeChanges = std::map<Bytes, std::optional<Bytes>>;

struct StateLayer {
  struct Account {
    std::optional<AccountRecord> before;
    std::optional<AccountRecord> now;
    /// All that was stored before is gone, but for what is in `slots`.
    bool cleared = false;
    struct Slot {
      U256 before;
      U256 now;
    };
    std::map<Hash, Slot> slots;
    NodeChanges nodes;
  };

  Hash root;
  std::map<Hash, Account> accounts;
  std::map<Hash, CodePointer> codes;
  NodeChanges nodes;
};

Bytes node_key(const NibblePath& path);
Bytes joined(ByteView first, ByteView second);
Bytes with_number(ByteView key, std::uint64_t block);
Bytes value_bytes(const U256& value);

/// Reads are of one thread at a time: the snapshot's.
class StateView {
 public:
  StateView(std::vector<std::shared_ptr<const StateLayer>> newest_first,
            std::unique_ptr<port::Snapshot> disk, port::Namespace first_space, const Hash& root)
      : layers_(std::move(newest_first)),
        disk_(std::move(disk)),
        first_space_(first_space),
        root_(root) {}

  const Hash& root() const noexcept { return root_; }
  port::Snapshot& disk() const noexcept { return *disk_; }
  port::Namespace space(Space one) const noexcept { return first_space_ + one; }

  Result<std::optional<AccountRecord>> account(const Hash& address) const;
  Result<U256> slot(const Hash& address, const Hash& key) const;
  Result<CodePointer> code(const Hash& hash) const;
  /// All that the account has stored.
  Result<std::map<Hash, U256>> slots(const Hash& address) const;
  Result<std::optional<Bytes>> account_node(const NibblePath& path) const;
  Result<std::optional<Bytes>> storage_node(const Hash& address, const NibblePath& path) const;

 private:
  std::vector<std::shared_ptr<const StateLayer>> layers_;
  std::unique_ptr<port::Snapshot> disk_;
  port::Namespace first_space_;
  Hash root_;
};

class AccountNodes final : public TrieNodeSource {
 public:
  explicit AccountNodes(const StateView& view) : view_(view) {}
  Result<std::optional<Bytes>> node(const NibblePath& path) override {
    return view_.account_node(path);
  }

 private:
  const StateView& view_;
};

class StorageNodes final : public TrieNodeSource {
 public:
  StorageNodes(const StateView& view, const Hash& address) : view_(view), address_(address) {}
  Result<std::optional<Bytes>> node(const NibblePath& path) override {
    return view_.storage_node(address_, path);
  }

 private:
  const StateView& view_;
  Hash address_;
};

/// What an account is to be: without `now`, nothing.
struct AccountChange {
  std::optional<AccountRecord> now;  ///< its storage's root is found
  bool cleared = false;
  std::map<Hash, U256> slots;
};

/// The layer that makes these changes, with its tries' nodes and its root.
Result<std::shared_ptr<StateLayer>> layer_of(const StateView& view,
                                             const std::map<Hash, AccountChange>& changes);

/// One layer that does what both do, `above` having been made on `below`.
std::shared_ptr<StateLayer> merged(const StateLayer& below, const StateLayer& above);

/// What the layer writes; as a block of the number `past_of`, with the values before.
Result<void> write_layer(const StateLayer& layer, const StateView& below,
                         std::optional<std::uint64_t> past_of, port::Namespace first_space,
                         port::Batch& batch);

}  // namespace kith::ledger::detail
