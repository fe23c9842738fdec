// Invariants: parameters that were read are within their limits, and give targets that can be met
// and aren't above the easiest one, wherever a chain is; a compact target that is one comes back.
#include <fuzz/kinds.hpp>

#include <boost/json.hpp>

#include <kith/base/assert.hpp>
#include <kith/ledger/consensus/pow/parameters.hpp>

namespace kith::fuzz {

using namespace ledger;

Kinds kinds_pow_parameters{"compact target", "no target", "parameters",
                           "randomx",        "half-life", "limit"};

namespace {

void check_compact(ByteView input) {
  if (input.size() != 4) return;
  const CompactTarget compact{load_be<std::uint32_t>(input.data())};
  const auto target = compact.target();
  kinds_pow_parameters.reached(target ? "compact target" : "no target");
  if (!target) return;
  ASSERT(CompactTarget::at_most(*target).target() == target);
  ASSERT(target_of_difficulty(difficulty_of_target(*target)) >= *target);
}

void check_targets(const PowParameters& parameters, ByteView input) {
  ASSERT(parameters.check());
  // Numbers that the input chose too.
  Bytes drawn = to_bytes(input);
  drawn.resize(32);
  const AsertAnchor anchor{.number = load_be<std::uint64_t>(drawn.data()),
                           .time_s = load_be<std::uint64_t>(drawn.data() + 8),
                           .target = parameters.asert.easiest_target};
  const auto next =
      next_asert_target(parameters.asert, anchor, load_be<std::uint64_t>(drawn.data() + 16),
                        load_be<std::uint64_t>(drawn.data() + 24));
  ASSERT(next.target() && *next.target() <= parameters.asert.easiest_target);
}

}  // namespace

void fuzz_pow_parameters(ByteView input) {
  check_compact(input);
  boost::system::error_code failed;
  const boost::json::value config = boost::json::parse(as_text(input), failed);
  if (failed) return;
  const auto read = read_pow_parameters(config);
  ASSERT(!read || has_pow(config));
  if (!read) return;
  check_targets(*read, input);
  kinds_pow_parameters.reached("parameters");
  kinds_pow_parameters.reached_if(read->algorithm == WorkAlgorithm::randomx, "randomx");
  kinds_pow_parameters.reached_if(read->asert.half_life_s != 288 * read->asert.target_spacing_s,
                                  "half-life");
  kinds_pow_parameters.reached_if(read->asert.easiest_target != U256::max() >> 1, "limit");
}

}  // namespace kith::fuzz
