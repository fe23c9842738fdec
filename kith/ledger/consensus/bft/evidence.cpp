#include <kith/base/assert.hpp>
#include <kith/ledger/consensus/bft/detail/codec.hpp>
#include <kith/ledger/consensus/bft/evidence.hpp>

namespace kith::ledger::bft {

bool votes_conflict(const Vote& a, const Vote& b) noexcept {
  if (a.by != b.by || a.says.epoch != b.says.epoch || a.view() != b.view()) return false;
  if (a.kind() == b.kind()) return a.says != b.says;
  const auto is = [&](VoteKind x, VoteKind y) { return a.kind() == x && b.kind() == y; };
  return is(VoteKind::nullify, VoteKind::finalize) || is(VoteKind::finalize, VoteKind::nullify);
}

Evidence Evidence::of(const Vote& a, const Vote& b) {
  ASSERT(votes_conflict(a, b));
  return a.says < b.says ? Evidence{a, b} : Evidence{b, a};
}

bool Evidence::is_valid(const ValidatorSet& set, const Verifier& verifier) const {
  return votes_conflict(first, second) && first.says.is_well_formed() &&
         second.says.is_well_formed() && first.by < set.size() &&
         verifier.verify(first.says, first.by, first.signature) &&
         verifier.verify(second.says, second.by, second.signature);
}

Bytes Evidence::encode() const {
  Bytes out;
  RlpWriter writer(out);
  const RlpWriter::List list = writer.begin_list();
  first.write(writer);
  second.write(writer);
  writer.end_list(list);
  return out;
}

Decoded<Evidence> Evidence::decode(ByteView input) {
  RlpReader reader(input);
  KITH_TRY(RlpReader list, of_rlp(reader.list()));
  KITH_CHECK(of_rlp(reader.end()));
  Evidence read;
  KITH_TRY(read.first, Vote::read(list));
  KITH_TRY(read.second, Vote::read(list));
  KITH_CHECK(of_rlp(list.end()));
  if (!votes_conflict(read.first, read.second)) return std::unexpected(BftError::no_conflict);
  if (!(read.first.says < read.second.says)) return std::unexpected(BftError::not_canonical);
  return read;
}

}  // namespace kith::ledger::bft
