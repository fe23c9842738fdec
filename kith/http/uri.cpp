#include <kith/http/limits.hpp>
#include <kith/http/uri.hpp>

namespace kith::http {
namespace {

bool is_unreserved(char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

int digit_of(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string encode(std::string_view text, std::string_view kept, bool plus_for_space) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    if (is_unreserved(c) || kept.find(c) != std::string_view::npos) {
      out += c;
    } else if (c == ' ' && plus_for_space) {
      out += '+';
    } else {
      auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
  }
  return out;
}

std::optional<std::string> decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (text.size() - i < 3) return std::nullopt;
      int high = digit_of(text[i + 1]);
      int low = digit_of(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    out += c;
  }
  return out;
}

/// The length of "http://" or "https://" at the start of `text`, in any case; 0 if neither.
std::size_t scheme_size(std::string_view text) noexcept {
  for (std::string_view scheme : {std::string_view("http://"), std::string_view("https://")}) {
    if (text.size() < scheme.size()) continue;
    bool same = true;
    for (std::size_t i = 0; i < scheme.size(); ++i) {
      char c = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] + 32) : text[i];
      same = same && c == scheme[i];
    }
    if (same) return scheme.size();
  }
  return 0;
}

}  // namespace

std::string percent_encode(std::string_view text) {
  return encode(text, "", false);
}
std::string percent_encode_path(std::string_view path) {
  return encode(path, "/!$&'()*+,;=:@", false);
}
std::string query_encode(std::string_view text) {
  return encode(text, "", true);
}
std::optional<std::string> percent_decode(std::string_view text) {
  return decode(text, false);
}
std::optional<std::string> query_decode(std::string_view text) {
  return decode(text, true);
}

std::expected<Query, HttpError> Query::parse(std::string_view text) {
  Query query;
  while (!text.empty()) {
    std::size_t end = std::min(text.find('&'), text.size());
    std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    if (query.pairs_.size() == query_pairs_max) return std::unexpected(HttpError::bad_target);
    std::size_t equals = std::min(pair.find('='), pair.size());
    auto name = query_decode(pair.substr(0, equals));
    auto value = query_decode(pair.substr(std::min(equals + 1, pair.size())));
    if (!name || !value) return std::unexpected(HttpError::bad_target);
    query.add(*std::move(name), *std::move(value));
  }
  return query;
}

std::optional<std::string_view> Query::get(std::string_view name) const noexcept {
  for (const Pair& pair : pairs_) {
    if (pair.first == name) return pair.second;
  }
  return std::nullopt;
}

std::vector<std::string_view> Query::all(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const Pair& pair : pairs_) {
    if (pair.first == name) values.push_back(pair.second);
  }
  return values;
}

std::string Query::to_string() const {
  std::string out;
  for (const Pair& pair : pairs_) {
    if (!out.empty()) out += '&';
    out += query_encode(pair.first) + '=' + query_encode(pair.second);
  }
  return out;
}

std::expected<Target, HttpError> parse_target(std::string_view method, std::string_view text) {
  if (method == "CONNECT") return std::unexpected(HttpError::unsupported_method);
  Target target;
  if (text == "*") {
    if (method != "OPTIONS") return std::unexpected(HttpError::bad_target);
    target.raw_path = target.path = "*";
    return target;
  }
  if (std::size_t scheme = scheme_size(text); scheme != 0) {
    text.remove_prefix(scheme);
    std::size_t end = std::min(text.find_first_of("/?"), text.size());
    target.authority = text.substr(0, end);
    text.remove_prefix(end);
    // Names and passwords before a host are a disguise, not an address (RFC 9110, 4.2.4).
    if (target.authority.empty() || target.authority.find('@') != std::string::npos)
      return std::unexpected(HttpError::bad_target);
  } else if (!text.starts_with('/')) {
    return std::unexpected(HttpError::bad_target);
  }
  if (text.find('#') != std::string_view::npos) return std::unexpected(HttpError::bad_target);
  std::size_t mark = std::min(text.find('?'), text.size());
  target.raw_path = mark == 0 ? "/" : std::string(text.substr(0, mark));
  target.raw_query = text.substr(std::min(mark + 1, text.size()));
  auto path = percent_decode(target.raw_path);
  if (!path) return std::unexpected(HttpError::bad_target);
  target.path = *std::move(path);
  auto query = Query::parse(target.raw_query);
  if (!query) return std::unexpected(query.error());
  target.query = *std::move(query);
  return target;
}

}  // namespace kith::http
