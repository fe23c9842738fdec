#include <algorithm>
#include <utility>

#include <kith/base/assert.hpp>
#include <kith/ledger/primitives/rlp.hpp>
#include <kith/ledger/state/trie.hpp>
#include <kith/ledger/state/trie_root.hpp>

namespace kith::ledger {
namespace {

constexpr std::size_t branch_children = 16;
constexpr std::size_t branch_items = branch_children + 1;

constexpr auto corrupt = [] { return std::unexpected(Errc::corrupt); };

/// Yellow Paper, appendix C.
Bytes packed(const NibblePath& path, bool is_leaf) {
  const bool is_odd = path.size() % 2 != 0;
  Bytes out{static_cast<std::uint8_t>((is_leaf ? 0x20 : 0) | (is_odd ? 0x10 | path[0] : 0))};
  for (std::size_t i = is_odd ? 1 : 0; i < path.size(); i += 2)
    out.push_back(static_cast<std::uint8_t>(path[i] << 4 | path[i + 1]));
  return out;
}

struct Unpacked {
  NibblePath path;
  bool is_leaf = false;
};

std::optional<Unpacked> unpack(ByteView bytes) {
  if (bytes.empty() || bytes[0] >= 0x40) return std::nullopt;
  const bool is_odd = (bytes[0] & 0x10) != 0;
  if (!is_odd && (bytes[0] & 0x0f) != 0) return std::nullopt;
  if (2 * (bytes.size() - 1) + (is_odd ? 1 : 0) > NibblePath::size_max) return std::nullopt;
  Unpacked out;
  out.is_leaf = (bytes[0] & 0x20) != 0;
  if (is_odd) out.path.push(bytes[0] & 0x0f);
  for (const std::uint8_t byte : bytes.subspan(1)) {
    out.path.push(byte >> 4);
    out.path.push(byte & 0x0f);
  }
  return out;
}

std::size_t shared_length(const NibblePath& a, const NibblePath& b) noexcept {
  const auto [at, unused] = std::ranges::mismatch(a.view(), b.view());
  return static_cast<std::size_t>(at - a.view().begin());
}

}  // namespace

NibblePath::NibblePath(const Hash& key) noexcept : size_(size_max) {
  for (std::size_t i = 0; i < Hash::size; ++i) {
    nibbles_[2 * i] = key.bytes[i] >> 4;
    nibbles_[2 * i + 1] = key.bytes[i] & 0x0f;
  }
}

void NibblePath::push(std::uint8_t nibble) noexcept {
  ASSERT(size_ < size_max);
  nibbles_[size_++] = nibble;
}

void NibblePath::append(const NibblePath& other) noexcept {
  ASSERT(size_ + other.size_ <= size_max);
  std::ranges::copy(other.view(), nibbles_.begin() + size_);
  size_ = static_cast<std::uint8_t>(size_ + other.size_);
}

NibblePath NibblePath::from(std::size_t begin) const noexcept {
  NibblePath rest;
  std::copy(nibbles_.begin() + static_cast<std::ptrdiff_t>(begin), nibbles_.begin() + size_,
            rest.nibbles_.begin());
  rest.size_ = static_cast<std::uint8_t>(size_ - begin);
  return rest;
}

NibblePath NibblePath::first(std::size_t count) const noexcept {
  NibblePath front = *this;
  front.truncate(count);
  return front;
}

/// What a node knows of one below it: nothing, how its parent names it, or the node itself.
struct Trie::Child {
  Bytes reference;  ///< a hash, or the RLP of a node of less than 32 bytes; empty: no child
  std::unique_ptr<Node> node;
  bool changed = false;  ///< since it was loaded, or last taken
  bool stale = false;    ///< the reference isn't the node's any more

  void change() noexcept { changed = stale = true; }
  bool there() const noexcept { return !reference.empty() || node != nullptr; }
};

struct Trie::Node {
  NibblePath path;  ///< a leaf's rest of the key, an extension's part of it; empty: a branch
  bool is_leaf = false;
  bool is_stored = false;       ///< the source has something at its path
  Bytes value;                  ///< a leaf's
  std::vector<Child> children;  ///< a branch's sixteen, an extension's one

  bool is_branch() const noexcept { return children.size() == branch_children; }
  bool is_extension() const noexcept { return children.size() == 1; }

  static std::unique_ptr<Node> leaf(const NibblePath& path, ByteView value) {
    auto node = std::make_unique<Node>();
    node->path = path;
    node->is_leaf = true;
    node->value = to_bytes(value);
    return node;
  }
  static std::unique_ptr<Node> branch() {
    auto node = std::make_unique<Node>();
    node->children.resize(branch_children);
    return node;
  }

  bool fits_below(const NibblePath& above) const noexcept;

  static std::unique_ptr<Node> decode(ByteView encoded);
  static bool read_reference(RlpReader& from, Child& into);
};

/// As a parent names it: 32 bytes of hash, a short node itself, or an empty string.
bool Trie::Node::read_reference(RlpReader& from, Child& into) {
  const auto item = from.item();
  if (!item) return false;
  if (item->is_list) {
    if (item->whole.size() >= Hash::size) return false;
    into.reference = to_bytes(item->whole);
    return true;
  }
  if (!item->payload.empty() && item->payload.size() != Hash::size) return false;
  into.reference = to_bytes(item->payload);
  return true;
}

std::unique_ptr<Trie::Node> Trie::Node::decode(ByteView encoded) {
  RlpReader whole(encoded);
  auto list = whole.list();
  if (!list || !whole.at_end()) return nullptr;
  std::size_t items = 0;
  for (RlpReader counter = *list; !counter.at_end(); ++items) {
    if (!counter.item()) return nullptr;
  }
  auto node = std::make_unique<Node>();
  if (items == branch_items) {
    node->children.resize(branch_children);
    for (Child& child : node->children) {
      if (!read_reference(*list, child)) return nullptr;
    }
    // Keys are of one length, so that none ends in a branch.
    const auto value = list->string();
    return value && value->empty() ? std::move(node) : nullptr;
  }
  if (items != 2) return nullptr;
  const auto path = list->string();
  if (!path) return nullptr;
  const auto unpacked = unpack(*path);
  if (!unpacked) return nullptr;
  node->path = unpacked->path;
  node->is_leaf = unpacked->is_leaf;
  if (node->is_leaf) {
    const auto value = list->string();
    if (!value || value->empty()) return nullptr;
    node->value = to_bytes(*value);
    return node;
  }
  node->children.resize(1);
  if (node->path.empty() || !read_reference(*list, node->children[0]) ||
      !node->children[0].there()) {
    return nullptr;
  }
  return node;
}

Trie::Trie(TrieNodeSource& source, const Hash& root)
    : source_(&source), root_(std::make_unique<Child>()) {
  if (root != empty_trie_root) root_->reference = to_bytes(root.view());
}
Trie::~Trie() = default;
Trie::Trie(Trie&&) noexcept = default;
Trie& Trie::operator=(Trie&&) noexcept = default;

/// No node goes deeper than keys are long, and a leaf exactly so.
bool Trie::Node::fits_below(const NibblePath& above) const noexcept {
  const std::size_t depth = above.size() + path.size();
  return is_leaf ? depth == NibblePath::size_max : depth < NibblePath::size_max;
}

Result<Trie::Node*> Trie::load(Child& child, const NibblePath& path) {
  if (child.node != nullptr) return child.node.get();
  std::unique_ptr<Node> read;
  if (child.reference.size() != Hash::size) {
    read = Node::decode(child.reference);
  } else {
    KITH_TRY(const std::optional<Bytes> stored, source_->node(path));
    if (!stored || !equal(keccak256(*stored).view(), child.reference)) return corrupt();
    read = Node::decode(*stored);
    if (read != nullptr) read->is_stored = true;
  }
  if (read == nullptr || !read->fits_below(path)) return corrupt();
  child.node = std::move(read);
  return child.node.get();
}

Result<std::optional<Bytes>> Trie::get(const Hash& key) {
  const NibblePath whole(key);
  NibblePath path;
  Child* child = root_.get();
  for (;;) {
    if (!child->there()) return std::nullopt;
    KITH_TRY(Node* const node, load(*child, path));
    if (node->is_branch()) {
      const std::uint8_t nibble = whole[path.size()];
      path.push(nibble);
      child = &node->children[nibble];
      continue;
    }
    const NibblePath rest = whole.from(path.size());
    if (node->is_leaf) return rest == node->path ? std::optional<Bytes>(node->value) : std::nullopt;
    if (shared_length(rest, node->path) != node->path.size()) return std::nullopt;
    path.append(node->path);
    child = &node->children[0];
  }
}

Result<void> Trie::put(const Hash& key, ByteView value) {
  if (value.empty()) return remove(key);
  NibblePath path;
  return put_at(*root_, path, NibblePath(key), value);
}

Result<void> Trie::put_at(Child& child, NibblePath& path, const NibblePath& key, ByteView value) {
  if (!child.there()) {
    child.node = Node::leaf(key.from(path.size()), value);
    child.change();
    return {};
  }
  KITH_TRY(Node* const node, load(child, path));
  KITH_CHECK(put_below(*node, child, path, key, value));
  child.change();
  return {};
}

Result<void> Trie::put_below(Node& node, Child& child, NibblePath& path, const NibblePath& key,
                             ByteView value) {
  if (node.is_branch()) {
    const std::uint8_t nibble = key[path.size()];
    path.push(nibble);
    return put_at(node.children[nibble], path, key, value);
  }
  const NibblePath rest = key.from(path.size());
  const std::size_t shared = shared_length(rest, node.path);
  if (shared < node.path.size()) {
    split(child, rest, shared, value);
    return {};
  }
  if (node.is_leaf) {
    node.value = to_bytes(value);
    return {};
  }
  path.append(node.path);
  return put_at(node.children[0], path, key, value);
}

/// Where the node's path and the new key's part, a branch: the node goes below it, and a leaf
/// beside.
void Trie::split(Child& child, const NibblePath& rest, std::size_t shared, ByteView value) {
  std::unique_ptr<Node> old = std::move(child.node);
  const bool was_stored = std::exchange(old->is_stored, false);
  auto branch = Node::branch();
  Child& theirs = branch->children[old->path[shared]];
  if (old->is_extension() && old->path.size() == shared + 1) {
    theirs = std::move(old->children[0]);
  } else {
    old->path = old->path.from(shared + 1);
    theirs.node = std::move(old);
    theirs.change();
  }
  Child& ours = branch->children[rest[shared]];
  ours.node = Node::leaf(rest.from(shared + 1), value);
  ours.change();
  child.change();
  if (shared == 0) {
    branch->is_stored = was_stored;
    child.node = std::move(branch);
    return;
  }
  auto extension = std::make_unique<Node>();
  extension->path = rest.first(shared);
  extension->is_stored = was_stored;
  extension->children.resize(1);
  extension->children[0].node = std::move(branch);
  extension->children[0].change();
  child.node = std::move(extension);
}

Result<void> Trie::remove(const Hash& key) {
  NibblePath path;
  KITH_CHECK(remove_at(*root_, path, NibblePath(key)));
  return {};
}

void Trie::forget_stored(const NibblePath& path, const Node& node) {
  if (node.is_stored) gone_.push_back(path);
}

/// Whether anything was removed.
Result<bool> Trie::remove_at(Child& child, NibblePath& path, const NibblePath& key) {
  if (!child.there()) return false;
  KITH_TRY(Node* const node, load(child, path));
  const NibblePath here = path;
  if (node->is_leaf) {
    if (key.from(path.size()) != node->path) return false;
    forget_stored(here, *node);
    child = Child();
    child.change();
    return true;
  }
  Child* below = nullptr;
  if (node->is_branch()) {
    const std::uint8_t nibble = key[path.size()];
    path.push(nibble);
    below = &node->children[nibble];
  } else {
    const NibblePath rest = key.from(path.size());
    if (shared_length(rest, node->path) != node->path.size()) return false;
    path.append(node->path);
    below = &node->children[0];
  }
  KITH_TRY(const bool removed, remove_at(*below, path, key));
  if (!removed) return false;
  child.change();
  KITH_CHECK(shrink(child, here));
  return true;
}

/// After something went below: a branch of one child and an extension of no branch aren't nodes.
Result<void> Trie::shrink(Child& child, const NibblePath& path) {
  Node& node = *child.node;
  if (node.is_extension()) {
    NibblePath below = path;
    below.append(node.path);
    Child only = std::move(node.children[0]);
    ASSERT(only.there());
    const NibblePath front = node.path;
    const bool was_stored = node.is_stored;
    KITH_TRY(Node* const next, load(only, below));
    if (next->is_branch()) {
      node.children[0] = std::move(only);
      return {};
    }
    lengthen(only, below, front);
    only.node->is_stored = was_stored;
    child = std::move(only);
    child.change();
    return {};
  }
  std::size_t left = 0;
  std::uint8_t last = 0;
  for (std::uint8_t i = 0; i < branch_children; ++i) {
    if (!node.children[i].there()) continue;
    ++left;
    last = i;
  }
  if (left > 1) return {};
  ASSERT(left == 1);
  Child only = std::move(node.children[last]);
  NibblePath below = path;
  below.push(last);
  NibblePath front;
  front.push(last);
  const bool was_stored = node.is_stored;
  KITH_TRY(Node* const next, load(only, below));
  if (next->is_branch()) {
    auto extension = std::make_unique<Node>();
    extension->path = front;
    extension->is_stored = was_stored;
    extension->children.resize(1);
    extension->children[0] = std::move(only);
    child.node = std::move(extension);
  } else {
    lengthen(only, below, front);
    only.node->is_stored = was_stored;
    child = std::move(only);
  }
  child.change();
  return {};
}

/// A leaf or an extension moves up to where `front` begins.
void Trie::lengthen(Child& child, const NibblePath& path, const NibblePath& front) {
  Node& node = *child.node;
  forget_stored(path, node);
  NibblePath whole = front;
  whole.append(node.path);
  node.path = whole;
  node.is_stored = false;
}

Bytes Trie::encode(Node& node) {
  Bytes out;
  RlpWriter writer(out);
  const RlpWriter::List list = writer.begin_list();
  if (!node.is_branch()) writer.string(packed(node.path, node.is_leaf));
  for (Child& child : node.children) {
    refer(child);
    if (child.reference.empty() || child.reference.size() == Hash::size) {
      writer.string(child.reference);
    } else {
      writer.raw(child.reference);
    }
  }
  if (!node.is_extension()) writer.string(node.value);
  writer.end_list(list);
  return out;
}

/// Names the node as it is now.
void Trie::refer(Child& child) {
  // Once, however often its parents are encoded.
  if (!child.stale || child.node == nullptr) return;
  child.stale = false;
  const Bytes encoded = encode(*child.node);
  child.reference = encoded.size() < Hash::size ? encoded : to_bytes(keccak256(encoded).view());
}

Hash Trie::root() {
  if (!root_->there()) return empty_trie_root;
  if (root_->changed && root_->node != nullptr) {
    // A root is named by its hash, however short it is.
    return keccak256(encode(*root_->node));
  }
  return *Hash::from_bytes(root_->reference);
}

void Trie::collect(Child& child, NibblePath& path,
                   const std::function<void(const NibblePath& path, const Bytes* node)>& change) {
  if (!child.changed || child.node == nullptr) return;
  Node& node = *child.node;
  const std::size_t here = path.size();
  for (std::uint8_t i = 0; i < node.children.size(); ++i) {
    if (node.is_branch()) {
      path.push(i);
    } else {
      path.append(node.path);
    }
    collect(node.children[i], path, change);
    path.truncate(here);
  }
  const Bytes encoded = encode(node);
  const bool stands_alone = encoded.size() >= Hash::size || here == 0;
  if (stands_alone) {
    change(path, &encoded);
  } else if (node.is_stored) {
    change(path, nullptr);
  }
}

void Trie::take_changes(
    const std::function<void(const NibblePath& path, const Bytes* node)>& change) {
  const Hash now = root();
  // Those that are gone first: another node may stand at the same path now.
  for (const NibblePath& path : gone_)
    change(path, nullptr);
  gone_.clear();
  NibblePath path;
  collect(*root_, path, change);
  *root_ = Child();
  if (now != empty_trie_root) root_->reference = to_bytes(now.view());
}

Result<std::vector<Bytes>> Trie::prove(const Hash& key) {
  std::vector<Bytes> proof;
  const NibblePath whole(key);
  NibblePath path;
  Child* child = root_.get();
  while (child->there()) {
    KITH_TRY(Node* const node, load(*child, path));
    // A short one stands within its parent, which has been told.
    if (path.empty() || child->reference.size() == Hash::size) proof.push_back(encode(*node));
    if (node->is_leaf) break;
    if (node->is_branch()) {
      const std::uint8_t nibble = whole[path.size()];
      path.push(nibble);
      child = &node->children[nibble];
      continue;
    }
    if (shared_length(whole.from(path.size()), node->path) != node->path.size()) break;
    path.append(node->path);
    child = &node->children[0];
  }
  return proof;
}

Result<std::optional<Bytes>> verify_proof(const Hash& root, const Hash& key,
                                          const std::vector<Bytes>& proof) {
  /// Tells each of the proof's nodes once, in their order.
  class Told final : public TrieNodeSource {
   public:
    explicit Told(const std::vector<Bytes>& proof) : proof_(proof) {}
    Result<std::optional<Bytes>> node(const NibblePath& /*path*/) override {
      if (next_ == proof_.size()) return std::nullopt;
      return proof_[next_++];
    }
    bool all_told() const { return next_ == proof_.size(); }

   private:
    const std::vector<Bytes>& proof_;
    std::size_t next_ = 0;
  };

  Told told(proof);
  Trie trie(told, root);
  auto value = trie.get(key);
  // A node that isn't there or another one is the proof's fault, not the disk's.
  if (!value || !told.all_told())
    return std::unexpected(Error(Errc::invalid_argument, "the proof proves nothing"));
  return value;
}

}  // namespace kith::ledger
