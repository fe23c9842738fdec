// The error codes of http/, and the status each is told to a client with.
#pragma once

#include <kith/base/result.hpp>

namespace kith::http {

enum class HttpError {
  bad_start_line = 1,   ///< no request line or status line of RFC 9112
  bad_target,           ///< a request target that is none, or with broken percent signs
  bad_field,            ///< a header or trailer line that isn't name, colon, value
  bad_line_ending,      ///< a CR or LF alone
  bad_framing,          ///< Content-Length or Transfer-Encoding ambiguous, doubled or contradictory
  bad_chunk,            ///< a chunk's size, extension or end
  bad_host,             ///< no Host, or more than one
  head_too_large,       ///< past the limit of bytes or fields
  body_too_large,       ///< past what this request may bring
  unsupported_version,  ///< not HTTP/1.x
  unsupported_coding,   ///< a transfer coding besides chunked
  unsupported_method,   ///< CONNECT
  unsupported_expectation,
  bad_multipart,        ///< not multipart/form-data as RFC 7578 and RFC 2046 have it
  multipart_too_large,  ///< past a limit of parts or of a part's head
  wrong_length,         ///< a body longer or shorter than its announced length
  head_already_sent,    ///< status and headers can't be changed any more
  too_many_connections,
};
const ErrorDomain& error_domain(HttpError) noexcept;

/// The status that tells a client of this error: 4xx or 5xx; 500 for errors of other modules,
/// except those of Errc that have a status of their own.
int status_of(const Error& error) noexcept;

}  // namespace kith::http
