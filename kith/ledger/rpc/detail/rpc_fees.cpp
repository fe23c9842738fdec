#include <algorithm>

#include <kith/ledger/chain/blob_fee.hpp>
#include <kith/ledger/rpc/detail/rpc_fees.hpp>

namespace kith::ledger::detail {
namespace {

constexpr std::uint64_t blocks_looked_at = 20;
constexpr std::size_t percentile = 60;
constexpr std::uint64_t history_max = 1'024;

/// What the transaction leaves to the block's author for each unit of gas.
U256 tip_of(const Transaction& transaction, const Header& header) {
  const U256 base = header.base_fee.value_or(0);
  if (transaction.max_fee < base) return 0;
  return std::min(transaction.max_priority_fee, transaction.max_fee - base);
}

U256 next_blob_fee(const Chain& chain, const Header& header, Revision revision) {
  if (revision < Revision::cancun) return 0;
  const BlobSchedule blobs = chain.schedule().blob_schedule_at(header.timestamp, revision);
  return blob_base_fee(next_excess_blob_gas(header, blobs, revision), blobs.update_fraction);
}

/// The tips at these parts of the block's gas.
RpcResult<json::array> rewards_of(const Chain& chain, const Hash& hash,
                                  const std::vector<double>& percentiles) {
  KITH_TRY(const Block block, chain.block(hash));
  KITH_TRY(const std::vector<Receipt> receipts, chain.receipts(hash));
  struct Paid {
    U256 tip;
    std::uint64_t gas;
  };
  std::vector<Paid> paid;
  std::uint64_t before = 0;
  for (std::size_t i = 0; i < receipts.size(); ++i) {
    paid.push_back(
        {tip_of(block.transactions[i], block.header), receipts[i].cumulative_gas - before});
    before = receipts[i].cumulative_gas;
  }
  std::ranges::stable_sort(paid, {}, &Paid::tip);
  json::array out;
  for (const double part : percentiles) {
    const auto threshold =
        static_cast<std::uint64_t>(static_cast<double>(block.header.gas_used) * part / 100);
    std::uint64_t sum = 0;
    U256 tip;
    for (const Paid& one : paid) {
      tip = one.tip;
      sum += one.gas;
      if (sum >= threshold) break;
    }
    out.push_back(json::value(quantity(tip)));
  }
  return out;
}

}  // namespace

RpcResult<U256> suggested_tip(const Chain& chain, const RpcOptions& options) {
  std::vector<U256> tips;
  const std::uint64_t head = chain.head().number;
  for (std::uint64_t i = 0; i < blocks_looked_at && i < head; ++i) {
    KITH_TRY(const Hash hash, chain.hash_at(head - i));
    KITH_TRY(const Block block, chain.block(hash));
    // The three that tipped least: what sufficed.
    std::vector<U256> of_block;
    for (const Transaction& one : block.transactions)
      of_block.push_back(tip_of(one, block.header));
    std::ranges::sort(of_block);
    of_block.resize(std::min<std::size_t>(of_block.size(), 3));
    tips.insert(tips.end(), of_block.begin(), of_block.end());
  }
  if (tips.empty()) return options.default_tip;
  std::ranges::sort(tips);
  return tips[(tips.size() - 1) * percentile / 100];
}

RpcResult<U256> coming_base_fee(const Chain& chain) {
  const BlockName head = chain.head();
  KITH_TRY(const Header header, chain.header(head.hash));
  KITH_TRY(const Revision next, chain.revision_after(head.hash, header.timestamp + 1));
  if (next < Revision::london) return U256();
  return next_base_fee(header, chain.schedule());
}

RpcResult<U256> coming_blob_fee(const Chain& chain) {
  const BlockName head = chain.head();
  KITH_TRY(const Header header, chain.header(head.hash));
  KITH_TRY(const Revision revision, chain.revision_of(head.hash));
  return next_blob_fee(chain, header, revision);
}

RpcResult<json::object> fee_history(const Chain& chain, std::uint64_t blocks, std::uint64_t newest,
                                    const std::vector<double>& percentiles) {
  blocks = std::min({blocks, history_max, newest + 1});
  json::object out;
  const std::uint64_t oldest = newest + 1 - blocks;
  out["oldestBlock"] = quantity(blocks == 0 ? 0 : oldest);
  json::array base_fees;
  json::array blob_fees;
  json::array gas_ratios;
  json::array blob_ratios;
  json::array rewards;
  for (std::uint64_t number = oldest; blocks > 0 && number <= newest; ++number) {
    KITH_TRY(const Hash hash, chain.hash_at(number));
    KITH_TRY(const Header header, chain.header(hash));
    KITH_TRY(const Revision revision, chain.revision_of(hash));
    const BlobSchedule blobs = chain.schedule().blob_schedule_at(header.timestamp, revision);
    base_fees.push_back(json::value(quantity(header.base_fee.value_or(0))));
    blob_fees.push_back(json::value(quantity(
        header.excess_blob_gas ? blob_base_fee(*header.excess_blob_gas, blobs.update_fraction)
                               : U256())));
    gas_ratios.push_back(header.gas_limit == 0 ? 0.0
                                               : static_cast<double>(header.gas_used) /
                                                     static_cast<double>(header.gas_limit));
    const std::uint64_t blobs_max = blobs.max * blob_gas;
    blob_ratios.push_back(blobs_max == 0 ? 0.0
                                         : static_cast<double>(header.blob_gas_used.value_or(0)) /
                                               static_cast<double>(blobs_max));
    if (!percentiles.empty()) {
      KITH_TRY(json::array of_block, rewards_of(chain, hash, percentiles));
      rewards.push_back(std::move(of_block));
    }
    if (number < newest) continue;
    // And of the block after them.
    KITH_TRY(const Revision next, chain.revision_after(hash, header.timestamp + 1));
    base_fees.push_back(json::value(
        quantity(next < Revision::london ? U256() : next_base_fee(header, chain.schedule()))));
    blob_fees.push_back(json::value(quantity(next_blob_fee(chain, header, revision))));
  }
  out["baseFeePerGas"] = std::move(base_fees);
  out["baseFeePerBlobGas"] = std::move(blob_fees);
  out["gasUsedRatio"] = std::move(gas_ratios);
  out["blobGasUsedRatio"] = std::move(blob_ratios);
  if (!percentiles.empty()) out["reward"] = std::move(rewards);
  return out;
}

}  // namespace kith::ledger::detail
