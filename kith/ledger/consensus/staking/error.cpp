#include <kith/ledger/consensus/staking/error.hpp>

namespace kith::ledger::staking {
namespace {

class StakingDomain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "staking"; }
  std::string message(int code) const override {
    switch (static_cast<StakingError>(code)) {
      case StakingError::no_contract:
        return "this chain has no staking contract";
      case StakingError::address_taken:
        return "the genesis has something else at the staking contract's address";
      case StakingError::call_failed:
        return "the staking contract gave no answer";
      case StakingError::bad_answer:
        return "the staking contract's answer isn't what this contract answers";
      case StakingError::no_validators:
        return "nobody validates: no stake is there that isn't jailed";
      case StakingError::bad_parameter:
        return "a parameter of the staking contract is out of its bounds";
      case StakingError::bad_validator:
        return "a first validator has no account, no key, or a stake out of its bounds";
      case StakingError::same_validator:
        return "an operator or a key stands twice among the first validators";
    }
    return "unknown staking error";
  }
};

}  // namespace

const ErrorDomain& error_domain(StakingError) noexcept {
  static constexpr StakingDomain domain;
  return domain;
}

}  // namespace kith::ledger::staking
