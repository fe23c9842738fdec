// Percent coding (RFC 3986), query strings as HTML forms and Go's net/url write them, and request
// targets (RFC 9112, section 3.2). Pure; any thread.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <kith/http/error.hpp>

namespace kith::http {

/// Everything but A-Z a-z 0-9 - . _ ~ becomes %XX: right for any component of a URI.
std::string percent_encode(std::string_view text);
/// For a whole path: '/' and what else a path may have raw (RFC 3986, pchar) stays too.
std::string percent_encode_path(std::string_view path);
/// For a form's or query's name or value: as percent_encode, but a space becomes '+'.
std::string query_encode(std::string_view text);

/// Nothing if a '%' isn't followed by two hexadecimal digits. The result may hold any bytes.
std::optional<std::string> percent_decode(std::string_view text);
/// The same, and '+' is a space.
std::optional<std::string> query_decode(std::string_view text);

/// The pairs of a query, decoded, in their order; a name may come several times.
class Query {
 public:
  using Pair = std::pair<std::string, std::string>;

  /// Reads "a=b&a=c&flag"; empty pairs are skipped. HttpError::bad_target for broken percent signs
  /// or more than query_pairs_max pairs.
  static std::expected<Query, HttpError> parse(std::string_view text);

  void add(std::string name, std::string value) {
    pairs_.emplace_back(std::move(name), std::move(value));
  }

  bool has(std::string_view name) const noexcept { return get(name).has_value(); }
  /// The first value of this name. It lives as long as the query isn't changed.
  std::optional<std::string_view> get(std::string_view name) const noexcept;
  std::vector<std::string_view> all(std::string_view name) const;

  const std::vector<Pair>& pairs() const noexcept { return pairs_; }
  bool empty() const noexcept { return pairs_.empty(); }
  /// "a=b&a=c&flag=", encoded; parse() reads it back.
  std::string to_string() const;

 private:
  std::vector<Pair> pairs_;
};

struct Target {
  std::string authority;  ///< of the absolute form, else empty
  std::string raw_path;   ///< as it came; "*" of the asterisk form
  std::string path;       ///< percent-decoded
  std::string raw_query;  ///< without '?'
  Query query;
};

/// Reads the origin form ("/path?query"), the absolute form ("http://host/path") and, for OPTIONS,
/// "*". HttpError::bad_target; HttpError::unsupported_method for CONNECT.
std::expected<Target, HttpError> parse_target(std::string_view method, std::string_view text);

}  // namespace kith::http
