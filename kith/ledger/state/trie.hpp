// A Merkle-Patricia trie that is on disk but for what is being changed (Yellow Paper, appendix D):
// of keys of 32 bytes, hashes of what is stored, as the state's and each contract's storage are.
//
// A node is stored under its path, the nibbles from the root to it, so that there is one version of
// it and a change writes over it. The trie loads nodes on the way to what is changed, and no
// others.
//
//   Trie trie(source, root);         the nodes that a source has for that root
//   trie.put(key, value); ...        changes, in memory
//   trie.root();                     hashes what changed
//   trie.take_changes(...)           what to write and what to delete, so that the source has them
//   too
//
// Nodes of less than 32 bytes stand within their parents and aren't stored by themselves. A source
// that hasn't the node that its parent names is corrupt (Errc::corrupt); nothing that is read is
// believed unless its hash is the one that its parent names.
//
// Thread: one at a time.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/ledger/primitives/types.hpp>

namespace kith::ledger {

/// The nibbles of a key or of a part of it, one a byte.
class NibblePath {
 public:
  static constexpr std::size_t size_max = 2 * Hash::size;

  NibblePath() = default;
  /// Of a whole key.
  explicit NibblePath(const Hash& key) noexcept;

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  std::uint8_t operator[](std::size_t at) const noexcept { return nibbles_[at]; }
  ByteView view() const noexcept { return {nibbles_.data(), size_}; }

  void push(std::uint8_t nibble) noexcept;
  void append(const NibblePath& other) noexcept;
  void truncate(std::size_t size) noexcept { size_ = static_cast<std::uint8_t>(size); }
  NibblePath from(std::size_t begin) const noexcept;
  NibblePath first(std::size_t count) const noexcept;

  friend bool operator==(const NibblePath& a, const NibblePath& b) noexcept {
    return equal(a.view(), b.view());
  }

 private:
  std::array<std::uint8_t, size_max> nibbles_{};
  std::uint8_t size_ = 0;
};

class TrieNodeSource {
 public:
  virtual ~TrieNodeSource() = default;
  /// The node that is stored at that path; nothing if there is none.
  virtual Result<std::optional<Bytes>> node(const NibblePath& path) = 0;
};

class Trie {
 public:
  /// The source outlives the trie.
  Trie(TrieNodeSource& source, const Hash& root);
  ~Trie();
  Trie(Trie&&) noexcept;
  Trie& operator=(Trie&&) noexcept;

  Result<std::optional<Bytes>> get(const Hash& key);
  /// An empty value removes.
  Result<void> put(const Hash& key, ByteView value);
  Result<void> remove(const Hash& key);

  Hash root();

  /// Calls `change` for each node that must be written at its path, and without one for each that
  /// is there no more. They are the source's from then on. What was loaded is forgotten.
  void take_changes(const std::function<void(const NibblePath& path, const Bytes* node)>& change);

  /// The nodes from the root to the key or to where it would be: what eth_getProof tells
  /// (EIP-1186). Changes count only once they have been taken.
  Result<std::vector<Bytes>> prove(const Hash& key);

 private:
  struct Node;
  struct Child;

  Result<Node*> load(Child& child, const NibblePath& path);
  Result<void> put_at(Child& child, NibblePath& path, const NibblePath& key, ByteView value);
  Result<void> put_below(Node& node, Child& child, NibblePath& path, const NibblePath& key,
                         ByteView value);
  void split(Child& child, const NibblePath& rest, std::size_t shared, ByteView value);
  Result<bool> remove_at(Child& child, NibblePath& path, const NibblePath& key);
  Result<void> shrink(Child& child, const NibblePath& path);
  void lengthen(Child& child, const NibblePath& path, const NibblePath& front);
  Bytes encode(Node& node);
  void refer(Child& child);
  void collect(Child& child, NibblePath& path,
               const std::function<void(const NibblePath& path, const Bytes* node)>& change);
  void forget_stored(const NibblePath& path, const Node& node);

  TrieNodeSource* source_;
  std::unique_ptr<Child> root_;
  /// Stored nodes that aren't there any more.
  std::vector<NibblePath> gone_;
};

/// The value that a proof proves for that key under that root; nothing if it proves that there is
/// none. Errc::invalid_argument if it proves nothing.
Result<std::optional<Bytes>> verify_proof(const Hash& root, const Hash& key,
                                          const std::vector<Bytes>& proof);

}  // namespace kith::ledger
