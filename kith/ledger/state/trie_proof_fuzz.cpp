// Strategy: the input is a key, and nodes behind their lengths in two bytes; the first node's hash
// is taken for the root, so that what was sent is read. Invariants: no proof throws, aborts or
// makes the reader go deeper than a key is long; and it proves one thing alone.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/ledger/state/trie.hpp>

namespace kith::fuzz {

using namespace ledger;

Kinds kinds_trie_proof{"present", "absent", "several nodes"};

void fuzz_trie_proof(ByteView input) {
  if (input.size() < Hash::size) return;
  const Hash key = *Hash::from_bytes(input.first(Hash::size));
  input = input.subspan(Hash::size);
  std::vector<Bytes> proof;
  while (input.size() >= 2) {
    const std::size_t size =
        std::min<std::size_t>(load_be<std::uint16_t>(input.data()), input.size() - 2);
    proof.push_back(to_bytes(input.subspan(2, size)));
    input = input.subspan(2 + size);
  }
  if (proof.empty()) return;
  const Hash root = keccak256(proof.front());
  const auto proved = verify_proof(root, key, proof);
  if (!proved) return;
  kinds_trie_proof.reached(*proved ? "present" : "absent");
  kinds_trie_proof.reached_if(proof.size() > 1, "several nodes");
  proof.push_back(proof.back());
  ASSERT(!verify_proof(root, key, proof).has_value());
}

}  // namespace kith::fuzz
