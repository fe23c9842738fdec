#include <system_error>

#include <kith/base/result.hpp>

namespace kith {
namespace {

class SystemDomain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "system"; }
  std::string message(int code) const override {
    std::string text = std::generic_category().message(code);
    if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z')
      text[0] = static_cast<char>(text[0] + 32);
    return text;
  }
};

class CommonDomain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "kith"; }
  std::string message(int code) const override {
    switch (static_cast<Errc>(code)) {
      case Errc::cancelled:
        return "cancelled";
      case Errc::timed_out:
        return "timed out";
      case Errc::closed:
        return "closed";
      case Errc::reset:
        return "reset by the other side";
      case Errc::end_of_stream:
        return "the data ended too early";
      case Errc::limit_exceeded:
        return "a limit was reached";
      case Errc::invalid_argument:
        return "invalid argument";
      case Errc::not_found:
        return "not found";
      case Errc::already_exists:
        return "exists already";
      case Errc::unsupported:
        return "not supported";
      case Errc::corrupt:
        return "stored data is damaged";
      case Errc::busy:
        return "in use by another";
      case Errc::refused:
        return "refused";
    }
    return "unknown error";
  }
};

constinit const SystemDomain system_domain;
constinit const CommonDomain common_domain;

}  // namespace

const ErrorDomain& error_domain(Errc) noexcept {
  return common_domain;
}

Error Error::from_errno(int number, std::string context) {
  Error error(system_domain, number);
  if (!context.empty()) error.context_ = std::make_shared<const std::string>(std::move(context));
  return error;
}

bool Error::is_errno(int number) const noexcept {
  return domain_ == &system_domain && code_ == number;
}

Error Error::with_context(std::string context) const {
  Error error = *this;
  if (context_) context += ": " + *context_;
  error.context_ = std::make_shared<const std::string>(std::move(context));
  return error;
}

std::string Error::message() const {
  std::string meaning = domain_->message(code_);
  if (!context_) return meaning;
  return meaning.empty() ? *context_ : *context_ + ": " + meaning;
}

}  // namespace kith
