#include <algorithm>

#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/ledger/primitives/rlp.hpp>
#include <kith/ledger/state/trie_root.hpp>

namespace kith::ledger {
namespace {

TrieEntry entry(std::string_view key, std::string_view value) {
  return {to_bytes(key), to_bytes(value)};
}

TEST(TrieRoot, OfNothingIsTheHashOfAnEmptyString) {
  Bytes empty;
  RlpWriter(empty).string({});
  EXPECT_EQ(trie_root({}), keccak256(empty));
  EXPECT_EQ(trie_root({}), empty_trie_root);
}

// ethereum/tests, TrieTests/trieanyorder.json.
TEST(TrieRoot, IsThatOfTheOfficialTests) {
  EXPECT_EQ(trie_root({entry("A", std::string(50, 'a'))}).to_hex(),
            "0xd23786fb4a010da3ce639d66d5e904a11dbc02746d1ce25029e53290cabf28ab");
  EXPECT_EQ(
      trie_root({entry("doe", "reindeer"), entry("dog", "puppy"), entry("dogglesworth", "cat")})
          .to_hex(),
      "0x8aad789dff2f538bca5d8ea56e8abe10f4c7ba3a5dea95fea4cd6e7c3a1168d3");
  EXPECT_EQ(trie_root({entry("do", "verb"), entry("horse", "stallion"), entry("doge", "coin"),
                       entry("dog", "puppy")})
                .to_hex(),
            "0x5991bb8c6514148a29db676a14ac506cd2cd5775ace63c30a4fe457715e9ac84");
}

TEST(TrieRoot, DoesNotDependOnTheOrder) {
  Prng random(11);
  std::vector<TrieEntry> entries;
  for (int i = 0; i < 300; ++i) {
    TrieEntry& one = entries.emplace_back();
    one.key.resize(32);
    random.fill(one.key);
    one.value.resize(1 + random.below(80));
    random.fill(one.value);
    one.value[0] |= 1;
  }
  const Hash root = trie_root(entries);
  for (std::size_t i = entries.size(); i > 1; --i)
    std::swap(entries[i - 1], entries[random.below(i)]);
  EXPECT_EQ(trie_root(entries), root);
  entries.back().value[0] ^= 2;
  EXPECT_NE(trie_root(entries), root);
}

TEST(TrieRoot, OfAListHasItsIndexesForKeys) {
  EXPECT_EQ(list_root({}), empty_trie_root);
  std::vector<Bytes> values;
  std::vector<TrieEntry> entries;
  for (std::size_t i = 0; i < 300; ++i) {
    values.push_back(Bytes(40, static_cast<std::uint8_t>(i)));
    TrieEntry& one = entries.emplace_back();
    RlpWriter(one.key).number(i);
    one.value = values.back();
  }
  EXPECT_EQ(list_root(values), trie_root(entries));
}

}  // namespace
}  // namespace kith::ledger
