#include <kith/routing/routing.hpp>

namespace kith::routing {
namespace {

class Domain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "routing"; }
  std::string message(int code) const override {
    switch (static_cast<RoutingError>(code)) {
      case RoutingError::no_peers:
        return "no peer is known that could be asked";
      case RoutingError::not_found:
        return "nobody who was asked knows it";
      case RoutingError::none_took_it:
        return "no peer took the record";
      case RoutingError::unknown_kind:
        return "values of this kind can't be checked";
      case RoutingError::bad_key:
        return "that is no key for a value";
      case RoutingError::bad_value:
        return "the value isn't valid for its key";
      case RoutingError::too_long:
        return "the key or the value is too long";
      case RoutingError::older_value:
        return "a newer value is known";
    }
    return "unknown error";
  }
};
constinit const Domain domain;

}  // namespace

const ErrorDomain& error_domain(RoutingError) noexcept {
  return domain;
}

}  // namespace kith::routing
