// Invariants: what was read is written as it was, whatever it is; nothing in it, signatures apart,
// keeps who checks it from an answer.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/ledger/consensus/bft/evidence.hpp>
#include <kith/ledger/consensus/bft/test_validators.hpp>

namespace kith::fuzz {

using namespace ledger::bft;

Kinds kinds_bft_message{"vote", "certificate", "request", "response", "set", "evidence"};

namespace {

void judge(const Certificate& certificate) {
  static const auto small = test_set(4);
  static const auto large = test_set(validators_max);
  static_cast<void>(certificate_is_valid(certificate, *small, FakeVerifier()));
  static_cast<void>(certificate_is_valid(certificate, *large, FakeVerifier()));
}

}  // namespace

void fuzz_bft_message(ByteView input) {
  if (const auto message = decode_message(input)) {
    ASSERT(equal(encode_message(*message), input));
    constexpr std::string_view names[] = {"vote", "certificate", "request", "response"};
    kinds_bft_message.reached(names[message->index()]);
  }
  if (const auto certificate = Certificate::decode(input)) {
    ASSERT(equal(certificate->encode(), input));
    judge(*certificate);
  }
  if (const auto set = ValidatorSet::decode(input)) {
    ASSERT(equal(set->encode(), input));
    LeaderSchedule schedule(*set, 1);
    ASSERT(schedule.leader(view_max - 1) < set->size());
    kinds_bft_message.reached("set");
  }
  if (const auto evidence = Evidence::decode(input)) {
    ASSERT(equal(evidence->encode(), input));
    static_cast<void>(evidence->is_valid(*test_set(4), FakeVerifier()));
    kinds_bft_message.reached("evidence");
  }
}

}  // namespace kith::fuzz
