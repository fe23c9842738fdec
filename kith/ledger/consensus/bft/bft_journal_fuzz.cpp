// Invariants: what a log says can be written again and read the same; an engine that is given it
// begins, or says that it can't, and doesn't vote against it.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/ledger/consensus/bft/engine.hpp>
#include <kith/ledger/consensus/bft/test_validators.hpp>

namespace kith::fuzz {

using namespace ledger::bft;

Kinds kinds_bft_journal{"vote", "certificate", "snapshot", "another's log", "goes on from it"};

namespace {

/// Validator 1 of four, in epoch 0.
void start_from(const std::vector<Record>& log) {
  static const auto set = test_set(4);
  FakeVerifier verifier;
  FakeSigner signer(1);
  Engine engine(set, Options{}, verifier, &signer, 1);
  Actions actions;
  if (!engine.start(log, actions)) return kinds_bft_journal.reached("another's log");
  kinds_bft_journal.reached_if(!log.empty(), "goes on from it");
  for (const Record& record : log) {
    const Vote* before = std::get_if<Vote>(&record);
    if (before == nullptr) continue;
    for (const Action& action : actions) {
      const Persist* persist = std::get_if<Persist>(&action);
      const Vote* vote = persist == nullptr ? nullptr : std::get_if<Vote>(&persist->record);
      ASSERT(vote == nullptr || !votes_conflict(*before, *vote));
    }
  }
}

}  // namespace

void fuzz_bft_journal(ByteView input) {
  const auto contents = decode_journal(input);
  if (!contents) return;
  ASSERT(contents->whole_bytes <= input.size());
  constexpr std::string_view names[] = {"vote", "certificate", "snapshot"};
  for (const Record& record : contents->records)
    kinds_bft_journal.reached(names[record.index()]);
  const Bytes again = encode_frame(contents->records);
  const auto read = decode_journal(again);
  ASSERT(read && read->records.size() == contents->records.size());
  ASSERT(encode_frame(read->records) == again);
  start_from(contents->records);
}

}  // namespace kith::fuzz
