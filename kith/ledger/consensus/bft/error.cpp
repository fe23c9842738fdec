#include <kith/ledger/consensus/bft/error.hpp>

namespace kith::ledger::bft {
namespace {

class BftDomain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "bft"; }
  std::string message(int code) const override {
    switch (static_cast<BftError>(code)) {
      case BftError::malformed:
        return "the bytes aren't a consensus message of that form";
      case BftError::unknown_kind:
        return "a consensus message of an unknown kind";
      case BftError::not_canonical:
        return "a consensus message isn't in its only form";
      case BftError::too_many:
        return "a consensus message holds more than it may";
      case BftError::view_out_of_range:
        return "a view, or its parent, can't have that number";
      case BftError::no_validators:
        return "there are no validators";
      case BftError::no_stake:
        return "a validator has no stake";
      case BftError::too_much_stake:
        return "the validators' stake is larger than 2^60 in all";
      case BftError::same_validator:
        return "a validator's key stands twice in the set";
      case BftError::no_conflict:
        return "the two votes don't contradict each other";
      case BftError::corrupt:
        return "the log of votes is damaged before its end; voting with it could mean voting twice";
      case BftError::other_log:
        return "the log of votes belongs to another chain, epoch or set of validators";
    }
    return "unknown consensus error";
  }
};

}  // namespace

const ErrorDomain& error_domain(BftError) noexcept {
  static constexpr BftDomain domain;
  return domain;
}

}  // namespace kith::ledger::bft
