#include <algorithm>

#include <kith/ledger/consensus/bft_driver/bft_consensus.hpp>

namespace kith::ledger {
namespace {

class BftFaultDomain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "bft rules"; }
  std::string message(int code) const override {
    switch (static_cast<BftFault>(code)) {
      case BftFault::too_early:
        return "the block is too far ahead of this node's clock";
    }
    return "unknown fault";
  }
};

std::unexpected<Error> refused(std::string why) {
  return std::unexpected(Error(Errc::invalid_argument, std::move(why)));
}

BlockValid invalid(InvalidBlock reason) {
  return std::unexpected(reason);
}

}  // namespace

const ErrorDomain& error_domain(BftFault) noexcept {
  static constexpr BftFaultDomain domain;
  return domain;
}

Result<std::unique_ptr<BftConsensus>> BftConsensus::make(const BftParameters& parameters,
                                                         const Header& genesis, Clock now_s) {
  KITH_CHECK(parameters.check());
  if (genesis.number != 0) return refused("a bft chain's genesis is block 0");
  if (!genesis.difficulty.is_zero() || genesis.nonce != Header().nonce)
    return refused("a bft chain's genesis has neither difficulty nor nonce");
  if (genesis.extra_data.size() != Hash::size)
    return refused("a bft chain's genesis has the hash of its first validators as extraData");
  if (!parameters.validators.empty()) {
    const auto set = parameters.first_set();
    if (!set || !equal(set->hash().view(), genesis.extra_data))
      return refused("the genesis' extraData isn't the hash of bft.validators");
  }
  return std::unique_ptr<BftConsensus>(new BftConsensus(parameters, std::move(now_s)));
}

Result<BlockValid> BftConsensus::check(const Header& header, const Header& parent) {
  if (!header.difficulty.is_zero()) return invalid(InvalidBlock::wrong_difficulty);
  if (header.nonce != Header().nonce) return invalid(InvalidBlock::contradicts_consensus);
  if (header.timestamp < earliest_after(parent)) return invalid(InvalidBlock::timestamp_not_later);
  if (header.mix_hash != mix_hash_after(parent))
    return invalid(InvalidBlock::contradicts_consensus);
  const bool may_change = is_epoch_end(header.number);
  if (header.extra_data.size() != Hash::size ||
      (!may_change && header.extra_data != parent.extra_data))
    return invalid(InvalidBlock::contradicts_consensus);
  const std::uint64_t ahead = parameters_.future_limit_s();
  if (header.timestamp > ahead && header.timestamp - ahead > now_s_())
    return std::unexpected(BftFault::too_early);
  return BlockValid();
}

U256 BftConsensus::weight(const Header& /*header*/) const {
  return 1;
}

Hash BftConsensus::mix_hash_after(const Header& parent) noexcept {
  Bytes both = to_bytes(parent.hash().view());
  append(both, parent.mix_hash.view());
  return keccak256(both);
}

/// At the end of time no block follows: a sum that overflowed would let any.
std::uint64_t BftConsensus::earliest_after(const Header& parent) const noexcept {
  const std::uint64_t room = ~std::uint64_t{0} - parent.timestamp;
  return parent.timestamp + std::min(room, parameters_.block_time_s);
}

}  // namespace kith::ledger
