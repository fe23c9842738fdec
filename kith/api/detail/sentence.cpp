#include <kith/api/detail/sentence.hpp>

namespace kith::api {
namespace {

class SaidDomain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "said"; }
  std::string message(int) const override { return ""; }
};
constinit const SaidDomain said_domain;

}  // namespace

const ErrorDomain& error_domain(Said) noexcept {
  return said_domain;
}

std::string sentence_of(const Error& error) {
  // How Go says it, and what Kubo's clients look for.
  if (error.is(Errc::timed_out)) return error.message() + ": context deadline exceeded";
  bool told = error.is(Errc::invalid_argument) || error.is(Errc::refused) ||
              error.is(Errc::unsupported) || error.is(Errc::limit_exceeded);
  return told && !error.context().empty() ? std::string(error.context()) : error.message();
}

}  // namespace kith::api
