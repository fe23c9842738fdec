#include <algorithm>
#include <charconv>

#include <kith/net/nat/limits.hpp>
#include <kith/net/nat/xml.hpp>

namespace kith::net {
namespace {

constexpr std::string_view blanks = " \t\r\n";

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= xml_name_bytes_max &&
         std::ranges::all_of(name, [](unsigned char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-' || c == '.' || c == ':';
         });
}

std::string_view without_prefix(std::string_view name) {
  return name.substr(name.find(':') + 1);
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// What stands between & and ;.
std::optional<char> entity(std::string_view name) {
  if (name == "amp") return '&';
  if (name == "lt") return '<';
  if (name == "gt") return '>';
  if (name == "quot") return '"';
  if (name == "apos") return '\'';
  if (!name.starts_with('#')) return std::nullopt;
  name.remove_prefix(1);
  const bool hexadecimal = name.starts_with('x');
  if (hexadecimal) name.remove_prefix(1);
  unsigned value = 0;
  const char* end = name.data() + name.size();
  const auto [stop, failure] = std::from_chars(name.data(), end, value, hexadecimal ? 16 : 10);
  if (failure != std::errc{} || stop != end || value == 0 || value > 127) return std::nullopt;
  return static_cast<char>(value);
}

class Parser {
 public:
  Parser(std::string_view text, std::vector<XmlElement>& into) : rest_(text), elements_(into) {}

  Result<void> parse() {
    while (!rest_.empty()) {
      const std::size_t tag = std::min(rest_.find('<'), rest_.size());
      KITH_CHECK(characters(rest_.substr(0, tag)));
      rest_.remove_prefix(tag);
      if (!rest_.empty()) KITH_CHECK(markup());
    }
    if (elements_.empty() || !open_.empty()) return std::unexpected(Errc::corrupt);
    return {};
  }

 private:
  Result<void> characters(std::string_view raw) {
    if (open_.empty()) {
      const bool blank = trimmed(raw).empty() || (elements_.empty() && raw == "\xEF\xBB\xBF");
      if (!blank) return std::unexpected(Errc::corrupt);
      return {};
    }
    std::string& text = elements_[open_.back().element].text;
    while (!raw.empty()) {
      const std::size_t plain = std::min(raw.find('&'), raw.size());
      text.append(raw.substr(0, std::min(plain, room_in(text))));
      raw.remove_prefix(plain);
      if (raw.empty()) break;
      const std::size_t end = raw.find(';');
      if (end == std::string_view::npos) return std::unexpected(Errc::corrupt);
      const std::optional<char> meant = entity(raw.substr(1, end - 1));
      if (!meant) return std::unexpected(Errc::corrupt);
      if (room_in(text) > 0) text.push_back(*meant);
      raw.remove_prefix(end + 1);
    }
    return {};
  }

  static std::size_t room_in(const std::string& text) { return xml_text_bytes_max - text.size(); }

  Result<void> markup() {
    if (rest_.starts_with("<?")) return pass_over("?>");
    if (rest_.starts_with("<!--")) return pass_over("-->");
    if (rest_.starts_with("<!")) return std::unexpected(Errc::corrupt);
    const std::optional<std::size_t> end = end_of_tag();
    if (!end) return std::unexpected(Errc::corrupt);
    std::string_view tag = rest_.substr(1, *end - 1);
    rest_.remove_prefix(*end + 1);
    if (tag.starts_with('/')) return close(trimmed(tag.substr(1)));
    const bool empty = tag.ends_with('/');
    if (empty) tag.remove_suffix(1);
    const std::string_view name = tag.substr(0, tag.find_first_of(blanks));
    KITH_CHECK(open(name));
    return empty ? close(name) : Result<void>{};
  }

  Result<void> pass_over(std::string_view end) {
    const std::size_t at = rest_.find(end);
    if (at == std::string_view::npos) return std::unexpected(Errc::corrupt);
    rest_.remove_prefix(at + end.size());
    return {};
  }

  /// Where the > is that ends the tag: not one within a quoted value.
  std::optional<std::size_t> end_of_tag() const {
    char quote = 0;
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      const char c = rest_[i];
      if (quote != 0) {
        if (c == quote) quote = 0;
      } else if (c == '"' || c == '\'') {
        quote = c;
      } else if (c == '>') {
        return i;
      } else if (c == '<') {
        return std::nullopt;
      }
    }
    return std::nullopt;
  }

  Result<void> open(std::string_view name) {
    const bool second_root = open_.empty() && !elements_.empty();
    if (!is_name(name) || second_root) return std::unexpected(Errc::corrupt);
    if (elements_.size() >= xml_elements_max || open_.size() >= xml_depth_max) {
      return std::unexpected(Errc::limit_exceeded);
    }
    const std::size_t parent = open_.empty() ? 0 : open_.back().element;
    open_.push_back({name, elements_.size()});
    elements_.push_back({std::string(without_prefix(name)), {}, parent});
    return {};
  }

  Result<void> close(std::string_view name) {
    if (open_.empty() || open_.back().name != name) return std::unexpected(Errc::corrupt);
    std::string& text = elements_[open_.back().element].text;
    text = std::string(trimmed(text));
    open_.pop_back();
    return {};
  }

  struct Open {
    std::string_view name;
    std::size_t element;
  };
  std::string_view rest_;
  std::vector<XmlElement>& elements_;
  std::vector<Open> open_;
};

}  // namespace

Result<XmlDocument> XmlDocument::parse(std::string_view text) {
  if (text.size() > upnp_document_bytes_max) return std::unexpected(Errc::limit_exceeded);
  XmlDocument document;
  KITH_CHECK(Parser(text, document.elements_).parse());
  return document;
}

std::optional<std::size_t> XmlDocument::child(std::size_t of, std::string_view name) const {
  for (std::size_t i = of + 1; i < elements_.size(); ++i) {
    if (elements_[i].parent == of && elements_[i].name == name) return i;
  }
  return std::nullopt;
}

std::string_view XmlDocument::text_of_child(std::size_t of, std::string_view name) const {
  const std::optional<std::size_t> found = child(of, name);
  return found ? std::string_view(elements_[*found].text) : std::string_view();
}

std::optional<std::size_t> XmlDocument::find(std::string_view name) const {
  for (std::size_t i = 0; i < elements_.size(); ++i) {
    if (elements_[i].name == name) return i;
  }
  return std::nullopt;
}

std::string xml_escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&apos;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

}  // namespace kith::net
