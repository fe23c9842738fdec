#include <kith/ledger/conformance/detail/test_chain.hpp>

namespace kith::ledger::detail {
namespace {

std::string text_of(const BlockRefusal& refusal) {
  return refusal.cause ? refusal.cause->message() : Error(refusal.reason).message();
}

}  // namespace

TestChain::TestChain(const Genesis& genesis) : store_(Chain::namespaces().size()) {
  // Branches leave the chain wherever the test wants.
  auto opened = Chain::open(store_, 0, log_, genesis, rules_, {.unsettled_depth = 1'000'000});
  if (opened) {
    chain_ = *std::move(opened);
  } else {
    fault_ = opened.error();
  }
}

std::optional<std::string> TestChain::add(ByteView encoded) {
  const auto block = Block::decode(encoded);
  if (!block) return Error(block.error()).message();
  const auto added = chain_->add(*block);
  if (!added) return added.error().message();
  if (!*added) return Error(added->error()).message();
  const Hash hash = block->header.hash();
  const auto ran = chain_->run(hash);
  if (!ran) return ran.error().message();
  if (!*ran) return text_of(ran->error().why);
  // A block without work is the head when it's told of; of two that have it, the first stays.
  const bool better = *chain_->revision_of(hash) >= Revision::paris ||
                      *chain_->total_weight(hash) > *chain_->total_weight(head());
  return better ? become_head(hash) : std::nullopt;
}

std::optional<std::string> TestChain::become_head(const Hash& hash) {
  const auto moved = chain_->set_head(hash);
  if (!moved) return moved.error().message();
  if (!*moved) return text_of(moved->error().why);
  return std::nullopt;
}

}  // namespace kith::ledger::detail
