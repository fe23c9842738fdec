// Invariants: parameters that were read are within their limits, every block is of one epoch whose
// borders fit together, and the first set is one or there is none.
#include <fuzz/kinds.hpp>

#include <boost/json.hpp>

#include <kith/base/assert.hpp>
#include <kith/ledger/consensus/bft_driver/bft_parameters.hpp>

namespace kith::fuzz {

using namespace ledger;

Kinds kinds_bft_parameters{"parameters", "times",        "no empty blocks",
                           "refused",    "other epochs", "validators"};

namespace {

void check_epochs(const BftParameters& read, ByteView input) {
  Bytes drawn = to_bytes(input);
  drawn.resize(8);
  const std::uint64_t number = load_be<std::uint64_t>(drawn.data()) >> 24;
  const bft::Epoch epoch = read.epoch_of(number);
  ASSERT(number <= read.last_block_of(epoch));
  ASSERT(number == 0 || number > read.block_before(epoch));
  ASSERT(read.epoch_after(number) == epoch + (read.is_epoch_end(number) ? 1 : 0));
  ASSERT(read.epoch_of(number + 1) == read.epoch_after(number));
}

}  // namespace

void fuzz_bft_parameters(ByteView input) {
  boost::system::error_code failed;
  const boost::json::value config = boost::json::parse(as_text(input), failed);
  if (failed) return;
  const auto read = read_bft_parameters(config);
  ASSERT(!read || has_bft(config));
  kinds_bft_parameters.reached_if(!read && has_bft(config), "refused");
  if (!read) return;
  ASSERT(read->check());
  ASSERT(read->notarization_timeout > read->leader_timeout);
  check_epochs(*read, input);
  const auto set = read->first_set();
  ASSERT(set.has_value() == !read->validators.empty());
  if (set) ASSERT(set->size() == read->validators.size());
  kinds_bft_parameters.reached("parameters");
  kinds_bft_parameters.reached_if(read->leader_timeout != bft::Options().leader_timeout, "times");
  kinds_bft_parameters.reached_if(!read->empty_blocks, "no empty blocks");
  kinds_bft_parameters.reached_if(read->epoch_length != 600, "other epochs");
  kinds_bft_parameters.reached_if(set.has_value(), "validators");
}

}  // namespace kith::fuzz
