#include <kith/ledger/chain/blob_fee.hpp>

namespace kith::ledger {

BlobSchedule blob_schedule(Revision revision) noexcept {
  if (revision >= Revision::osaka)
    return {.target = 6, .max = 9, .update_fraction = 5'007'716, .transaction_max = 6};
  if (revision >= Revision::prague)
    return {.target = 6, .max = 9, .update_fraction = 5'007'716, .transaction_max = 9};
  if (revision >= Revision::cancun)
    return {.target = 3, .max = 6, .update_fraction = 3'338'477, .transaction_max = 6};
  return {};
}

U256 blob_base_fee(std::uint64_t excess_blob_gas, std::uint64_t update_fraction) noexcept {
  // 1 * e^(excess / fraction) by its Taylor series, in fractions of `update_fraction`. Each term is
  // the last one times excess, divided by fraction and by its number.
  U256 sum;
  U256 term = update_fraction;
  const U256 most = U256::max() >> 65;
  for (std::uint64_t i = 1; !term.is_zero(); ++i) {
    if (term > most || sum > most) return U256::max();
    sum += term;
    term = term * excess_blob_gas / (U256(update_fraction) * i);
  }
  return sum / update_fraction;
}

}  // namespace kith::ledger
