#include <kith/http/error.hpp>

namespace kith::http {
namespace {

class Domain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "http"; }
  std::string message(int code) const override {
    switch (static_cast<HttpError>(code)) {
      case HttpError::bad_start_line:
        return "malformed first line of an HTTP message";
      case HttpError::bad_target:
        return "malformed request target";
      case HttpError::bad_field:
        return "malformed header or trailer line";
      case HttpError::bad_line_ending:
        return "a line must end with CR LF";
      case HttpError::bad_framing:
        return "the message's length is ambiguous";
      case HttpError::bad_chunk:
        return "malformed chunk";
      case HttpError::bad_host:
        return "exactly one valid Host header is needed";
      case HttpError::head_too_large:
        return "the message's head is too large";
      case HttpError::body_too_large:
        return "the message's body is too large";
      case HttpError::unsupported_version:
        return "this version of HTTP isn't supported";
      case HttpError::unsupported_coding:
        return "this transfer coding isn't supported";
      case HttpError::unsupported_method:
        return "this method isn't supported";
      case HttpError::unsupported_expectation:
        return "this expectation isn't supported";
      case HttpError::bad_multipart:
        return "malformed multipart body";
      case HttpError::multipart_too_large:
        return "the multipart body has too many parts or too long part headers";
      case HttpError::wrong_length:
        return "the body isn't as long as was announced";
      case HttpError::head_already_sent:
        return "the response's head is already sent";
      case HttpError::too_many_connections:
        return "too many connections";
    }
    return "unknown error";
  }
};
constinit const Domain domain;

int status_of_code(HttpError code) noexcept {
  switch (code) {
    case HttpError::head_too_large:
      return 431;
    case HttpError::body_too_large:
    case HttpError::multipart_too_large:
      return 413;
    case HttpError::unsupported_version:
      return 505;
    case HttpError::unsupported_coding:
    case HttpError::unsupported_method:
      return 501;
    case HttpError::unsupported_expectation:
      return 417;
    case HttpError::wrong_length:
    case HttpError::head_already_sent:
      return 500;
    case HttpError::too_many_connections:
      return 503;
    default:
      return 400;
  }
}

}  // namespace

const ErrorDomain& error_domain(HttpError) noexcept {
  return domain;
}

int status_of(const Error& error) noexcept {
  if (&error.domain() == &domain) return status_of_code(static_cast<HttpError>(error.code()));
  if (error.is(Errc::invalid_argument)) return 400;
  if (error.is(Errc::not_found)) return 404;
  if (error.is(Errc::limit_exceeded)) return 413;
  if (error.is(Errc::unsupported)) return 501;
  if (error.is(Errc::busy)) return 503;
  if (error.is(Errc::refused)) return 403;
  if (error.is(Errc::timed_out)) return 504;
  return 500;
}

}  // namespace kith::http
