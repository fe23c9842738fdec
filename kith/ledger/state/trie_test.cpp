#include <map>

#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/ledger/primitives/rlp.hpp>
#include <kith/ledger/state/trie.hpp>
#include <kith/ledger/state/trie_root.hpp>

namespace kith::ledger {
namespace {

/// What a disk would have.
class StoredNodes final : public TrieNodeSource {
 public:
  Result<std::optional<Bytes>> node(const NibblePath& path) override {
    ++loads;
    const auto found = nodes.find(to_bytes(path.view()));
    if (found == nodes.end()) return std::nullopt;
    return found->second;
  }

  void take(Trie& trie) {
    trie.take_changes([this](const NibblePath& path, const Bytes* node) {
      if (node != nullptr) {
        nodes[to_bytes(path.view())] = *node;
      } else {
        nodes.erase(to_bytes(path.view()));
      }
    });
  }

  std::map<Bytes, Bytes> nodes;
  std::size_t loads = 0;
};

using Content = std::map<Hash, Bytes>;

Hash root_of(const Content& content) {
  std::vector<TrieEntry> entries;
  for (const auto& [key, value] : content)
    entries.push_back({to_bytes(key.view()), value});
  return trie_root(std::move(entries));
}

/// What is stored if all is put into an empty trie at once.
std::map<Bytes, Bytes> nodes_of(const Content& content) {
  StoredNodes fresh;
  Trie trie(fresh, empty_trie_root);
  for (const auto& [key, value] : content)
    EXPECT_TRUE(trie.put(key, value).has_value());
  fresh.take(trie);
  return fresh.nodes;
}

/// Keys that share their first nibbles, more often than hashes do.
Hash key_like(Prng& random, std::size_t alike) {
  Hash key;
  random.fill(key.bytes);
  for (std::size_t i = 0; i < alike; ++i)
    key.bytes[i] = random.chance(0.3) ? 0x11 : 0x10;
  return key;
}

Bytes value_like(Prng& random) {
  // Short ones make nodes that stand within their parents.
  Bytes value(random.chance(0.5) ? 1 + random.below(3) : 20 + random.below(60));
  random.fill(value);
  value[0] |= 0x80;
  return value;
}

TEST(Trie, HasTheRootOfWhatWasPutAndRemovedInAnyOrder) {
  for (const std::size_t alike : {0, 2, 31}) {
    Prng random(100 + alike);
    StoredNodes stored;
    Trie trie(stored, empty_trie_root);
    Content content;
    for (int round = 0; round < 60; ++round) {
      for (int i = 0; i < 20; ++i) {
        if (!content.empty() && random.chance(0.45)) {
          auto one = std::next(content.begin(), static_cast<long>(random.below(content.size())));
          ASSERT_TRUE(trie.remove(one->first).has_value());
          content.erase(one);
        } else {
          const Hash key = key_like(random, alike);
          const Bytes value = value_like(random);
          ASSERT_TRUE(trie.put(key, value).has_value());
          content[key] = value;
        }
      }
      ASSERT_EQ(trie.root(), root_of(content)) << "round " << round;
      if (round % 3 == 0) {
        stored.take(trie);
        ASSERT_EQ(trie.root(), root_of(content));
        // Nothing is left over of nodes that were there once.
        ASSERT_EQ(stored.nodes, nodes_of(content)) << "round " << round;
      }
    }
    while (!content.empty()) {
      ASSERT_TRUE(trie.remove(content.begin()->first).has_value());
      content.erase(content.begin());
    }
    EXPECT_EQ(trie.root(), empty_trie_root);
    stored.take(trie);
    EXPECT_TRUE(stored.nodes.empty());
  }
}

TEST(Trie, OpensWhereAnotherOneStopped) {
  Prng random(5);
  StoredNodes stored;
  Content content;
  Hash root = empty_trie_root;
  for (int round = 0; round < 20; ++round) {
    Trie trie(stored, root);
    for (int i = 0; i < 30; ++i) {
      const Hash key = key_like(random, 1);
      content[key] = value_like(random);
      ASSERT_TRUE(trie.put(key, content[key]).has_value());
    }
    root = trie.root();
    stored.take(trie);
    ASSERT_EQ(root, root_of(content));
  }
  Trie trie(stored, root);
  for (const auto& [key, value] : content)
    EXPECT_EQ(*trie.get(key), value);
  EXPECT_EQ(*trie.get(key_like(random, 0)), std::nullopt);
}

TEST(Trie, LoadsNoMoreThanTheWayToWhatIsChanged) {
  Prng random(6);
  StoredNodes stored;
  Trie trie(stored, empty_trie_root);
  Hash some;
  for (int i = 0; i < 5'000; ++i) {
    some = key_like(random, 0);
    ASSERT_TRUE(trie.put(some, value_like(random)).has_value());
  }
  stored.take(trie);
  stored.loads = 0;
  ASSERT_TRUE(trie.put(some, Bytes{0x99}).has_value());
  // 5,000 keys: four levels of branches, and the leaf.
  EXPECT_LE(stored.loads, 6U);
}

TEST(Trie, RemovingWhatIsNotThereChangesNothing) {
  Prng random(7);
  StoredNodes stored;
  Trie trie(stored, empty_trie_root);
  ASSERT_TRUE(trie.remove(key_like(random, 0)).has_value());
  EXPECT_EQ(trie.root(), empty_trie_root);
  Content content;
  for (int i = 0; i < 50; ++i) {
    const Hash key = key_like(random, 2);
    content[key] = value_like(random);
    ASSERT_TRUE(trie.put(key, content[key]).has_value());
  }
  stored.take(trie);
  const auto before = stored.nodes;
  for (int i = 0; i < 50; ++i)
    ASSERT_TRUE(trie.remove(key_like(random, 2)).has_value());
  EXPECT_EQ(trie.root(), root_of(content));
  stored.take(trie);
  EXPECT_EQ(stored.nodes, before);
}

TEST(Trie, SaysThatANodeIsMissingOrAnotherOne) {
  Prng random(8);
  StoredNodes stored;
  Trie full(stored, empty_trie_root);
  Content content;
  for (int i = 0; i < 200; ++i) {
    const Hash key = key_like(random, 0);
    content[key] = Bytes(40, 0x90);
    ASSERT_TRUE(full.put(key, content[key]).has_value());
  }
  const Hash root = full.root();
  stored.take(full);
  const auto whole = stored.nodes;
  for (const auto& [path, node] : whole) {
    for (const bool lost : {true, false}) {
      stored.nodes = whole;
      if (lost) {
        stored.nodes.erase(path);
      } else {
        stored.nodes[path].back() ^= 1;
      }
      Trie trie(stored, root);
      std::size_t faults = 0;
      for (const auto& [key, value] : content) {
        const auto read = trie.get(key);
        if (!read) {
          EXPECT_TRUE(read.error().is(Errc::corrupt));
          ++faults;
        } else {
          EXPECT_EQ(*read, value);
        }
      }
      EXPECT_GT(faults, 0U);
    }
  }
}

TEST(Trie, ProvesWhatIsThereAndWhatIsNot) {
  Prng random(9);
  for (const std::size_t alike : {0, 31}) {
    StoredNodes stored;
    Trie trie(stored, empty_trie_root);
    Content content;
    for (int i = 0; i < 100; ++i) {
      const Hash key = key_like(random, alike);
      content[key] = value_like(random);
      ASSERT_TRUE(trie.put(key, content[key]).has_value());
    }
    const Hash root = trie.root();
    stored.take(trie);
    for (const auto& [key, value] : content) {
      const auto proof = trie.prove(key);
      ASSERT_TRUE(proof.has_value());
      EXPECT_EQ(*verify_proof(root, key, *proof), value);
      // Nothing may be missing, changed or too much.
      for (std::size_t i = 0; i < proof->size(); ++i) {
        auto less = *proof;
        less.erase(less.begin() + static_cast<long>(i));
        EXPECT_FALSE(verify_proof(root, key, less).has_value());
        auto other = *proof;
        other[i].back() ^= 1;
        EXPECT_FALSE(verify_proof(root, key, other).has_value());
      }
      auto more = *proof;
      more.push_back(more.back());
      EXPECT_FALSE(verify_proof(root, key, more).has_value());
    }
    for (int i = 0; i < 100; ++i) {
      const Hash key = key_like(random, alike);
      if (content.contains(key)) continue;
      const auto proof = trie.prove(key);
      ASSERT_TRUE(proof.has_value());
      EXPECT_EQ(*verify_proof(root, key, *proof), std::nullopt);
    }
  }
}

TEST(Trie, TakesNoProofOfNonsense) {
  Prng random(10);
  StoredNodes stored;
  Trie trie(stored, empty_trie_root);
  Content content;
  for (int i = 0; i < 20; ++i) {
    const Hash key = key_like(random, 0);
    content[key] = value_like(random);
    ASSERT_TRUE(trie.put(key, content[key]).has_value());
  }
  stored.take(trie);
  const Hash key = content.begin()->first;
  const std::vector<Bytes> good = *trie.prove(key);
  for (int i = 0; i < 5'000; ++i) {
    auto bad = good;
    Bytes& one = bad[random.below(bad.size())];
    one[random.below(one.size())] ^= static_cast<std::uint8_t>(1 + random.below(255));
    // Under the hash of what was sent, so that it is read at all.
    const auto proved = verify_proof(keccak256(bad[0]), key, bad);
    if (proved && proved->has_value()) EXPECT_LE((*proved)->size(), one.size() + bad.back().size());
  }
}

}  // namespace
}  // namespace kith::ledger
