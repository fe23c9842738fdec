#include <kith/ledger/conformance/detail/test_chain.hpp>

namespace kith::ledger::detail {
namespace {

constexpr std::uint64_t ommer_generations = 6;

}  // namespace

BlockValid TestChain::check_after(const Header& header, const Stored& parent) const {
  const Header& old = parent.block.header;
  // Whether the parent had London's rules its own header says best.
  const Revision old_revision = old.base_fee ? Revision::london : Revision::frontier;
  return check_header(header, old, schedule_, revision_of(header, parent), old_revision);
}

/// Yellow Paper, 11.1: children of this chain's blocks of the last six generations, none of them
/// twice.
BlockValid TestChain::check_ommers(const Block& block) const {
  std::vector<Hash> known;      // ancestors
  std::vector<Hash> mentioned;  // ommers of theirs
  Hash at = block.header.parent;
  for (std::uint64_t i = 0; i <= ommer_generations; ++i) {
    const auto found = blocks_.find(at);
    if (found == blocks_.end()) break;
    known.push_back(at);
    for (const Header& ommer : found->second.block.ommers)
      mentioned.push_back(ommer.hash());
    at = found->second.block.header.parent;
  }
  for (const Header& ommer : block.ommers) {
    const Hash hash = ommer.hash();
    if (std::ranges::find(known, hash) != known.end())
      return std::unexpected(InvalidBlock::ommer_is_ancestor);
    if (std::ranges::find(mentioned, hash) != mentioned.end())
      return std::unexpected(InvalidBlock::ommer_twice);
    mentioned.push_back(hash);
    const bool of_this_chain = std::ranges::find(known, ommer.parent) != known.end();
    if (!of_this_chain || ommer.parent == block.header.parent)
      return std::unexpected(InvalidBlock::ommer_not_of_this_chain);
    KITH_CHECK(check_after(ommer, blocks_.at(ommer.parent)));
  }
  return {};
}

std::optional<std::string> TestChain::add(ByteView encoded) {
  auto block = Block::decode(encoded);
  if (!block) return Error(block.error()).message();
  const Header& header = block->header;
  const auto parent = blocks_.find(header.parent);
  if (parent == blocks_.end()) return Error(InvalidBlock::unknown_parent).message();
  Stored& before = parent->second;
  const Revision revision = revision_of(header, before);
  if (auto valid = check_after(header, before); !valid) return Error(valid.error()).message();
  if (auto valid = check_body(*block, revision); !valid) return Error(valid.error()).message();
  if (auto valid = check_ommers(*block); !valid) return Error(valid.error()).message();
  return run(*block, before, revision);
}

std::optional<std::string> TestChain::run(const Block& block, Stored& parent, Revision revision) {
  World world(parent.state, revision, 0);
  Processor processor(schedule_, world, [&](std::uint64_t number) -> Result<Hash> {
    Hash at = block.header.parent;
    while (blocks_.at(at).block.header.number > number)
      at = blocks_.at(at).block.header.parent;
    return at;
  });
  processor.set_root_of_state([&]() -> Result<Hash> {
    MemoryState between = parent.state;
    between.apply(world);
    return between.root();
  });
  auto done = processor.run(block);
  if (!done) return done.error().message();
  if (!*done) {
    const BlockRefusal& refusal = done->error();
    return refusal.cause ? refusal.cause->message() : Error(refusal.reason).message();
  }
  if (auto valid = Processor::compare(**done, block.header); !valid)
    return Error(valid.error()).message();
  MemoryState state = parent.state;
  state.apply(world);
  if (state.root() != block.header.state_root)
    return Error(InvalidBlock::wrong_state_root).message();
  const U256 total = parent.total_difficulty + block.header.difficulty;
  const Hash hash = block.header.hash();
  // A block without work is the head when it's told of; of two that have it, the first stays.
  if (revision >= Revision::paris || total > blocks_.at(head_).total_difficulty) head_ = hash;
  blocks_.emplace(hash, Stored{block, std::move(state), total});
  return std::nullopt;
}

}  // namespace kith::ledger::detail
