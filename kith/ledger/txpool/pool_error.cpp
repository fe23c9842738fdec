#include <kith/ledger/txpool/pool_error.hpp>

namespace kith::ledger {
namespace {

class PoolDomain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "txpool"; }
  std::string message(int code) const override {
    switch (static_cast<PoolError>(code)) {
      case PoolError::already_known:
        return "already known";
      case PoolError::type_not_supported:
        return "transaction type not supported";
      case PoolError::no_blobs:
        return "transaction type not supported: this pool takes no blob transactions";
      case PoolError::oversized:
        return "oversized data";
      case PoolError::foreign_chain:
        return "invalid sender: invalid chain id for signer";
      case PoolError::init_code_too_large:
        return "max initcode size exceeded";
      case PoolError::gas_limit_too_high:
        return "transaction gas limit too high";
      case PoolError::exceeds_block_gas_limit:
        return "exceeds block gas limit";
      case PoolError::tip_above_fee:
        return "max priority fee per gas higher than max fee per gas";
      case PoolError::nonce_max:
        return "nonce has max value";
      case PoolError::intrinsic_gas_too_low:
        return "intrinsic gas too low";
      case PoolError::floor_gas_too_low:
        return "insufficient gas for floor data gas cost";
      case PoolError::no_authorizations:
        return "EIP-7702 transaction with empty auth list";
      case PoolError::missing_recipient:
        return "EIP-7702 transaction cannot be used to create contract";
      case PoolError::price_too_low:
        return "transaction gas price below minimum";
      case PoolError::fee_below_base_fee:
        return "max fee per gas less than block base fee";
      case PoolError::nonce_too_low:
        return "nonce too low";
      case PoolError::sender_is_contract:
        return "sender not an eoa";
      case PoolError::insufficient_funds:
        return "insufficient funds for gas * price + value";
      case PoolError::replacement_underpriced:
        return "replacement transaction underpriced";
      case PoolError::underpriced:
        return "transaction underpriced";
      case PoolError::full:
        return "txpool is full";
      case PoolError::future_replaces_pending:
        return "future transaction tries to replace pending";
      case PoolError::account_limit_exceeded:
        return "account limit exceeded";
      case PoolError::delegated_account_in_use:
        return "in-flight transaction limit reached for delegated accounts";
      case PoolError::delegated_account_gap:
        return "gapped-nonce tx from delegated accounts";
      case PoolError::authority_reserved:
        return "authority already reserved";
    }
    return "unknown pool error";
  }
};

}  // namespace

const ErrorDomain& error_domain(PoolError) noexcept {
  static constexpr PoolDomain domain;
  return domain;
}

std::string refusal_text(const Error& error) {
  std::string text = error.domain().message(error.code());
  if (!error.context().empty()) text.append(": ").append(error.context());
  return text;
}

std::string_view name_of(DropReason reason) noexcept {
  switch (reason) {
    case DropReason::included:
      return "included";
    case DropReason::overtaken:
      return "overtaken";
    case DropReason::replaced:
      return "replaced";
    case DropReason::unpayable:
      return "unpayable";
    case DropReason::gas_limit:
      return "gas limit";
    case DropReason::invalid:
      return "invalid";
    case DropReason::priced_out:
      return "priced out";
    case DropReason::truncated:
      return "truncated";
    case DropReason::expired:
      return "expired";
  }
  return "unknown";
}

}  // namespace kith::ledger
