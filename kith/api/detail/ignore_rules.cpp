#include <algorithm>
#include <optional>

#include <kith/api/detail/ignore_rules.hpp>

namespace kith::api {
namespace {

std::vector<std::string_view> steps_of(std::string_view path) {
  std::vector<std::string_view> steps;
  for (;;) {
    std::size_t slash = path.find('/');
    steps.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return steps;
    path.remove_prefix(slash + 1);
  }
}

/// Spaces at the end don't count, but for one behind a backslash.
std::string_view without_trailing_spaces(std::string_view line) {
  while (line.ends_with(' ') && !line.ends_with("\\ "))
    line.remove_suffix(1);
  return line;
}

/// One element of a pattern: what it takes, and how long its text is.
struct Element {
  std::size_t size = 1;
  bool star = false;
  bool fits = false;
};

/// A set such as [a-z], [!0-9] or []x]; nothing if it has no end, and `[` stands for itself.
std::optional<Element> set_at(std::string_view pattern, char c) {
  std::size_t at = 1;
  bool inverted = at < pattern.size() && (pattern[at] == '!' || pattern[at] == '^');
  if (inverted) ++at;
  bool found = false;
  for (bool first = true; at < pattern.size(); first = false) {
    if (pattern[at] == ']' && !first) return Element{at + 1, false, found != inverted};
    if (pattern[at] == '\\' && at + 1 < pattern.size()) ++at;
    char low = pattern[at++];
    char high = low;
    if (at + 1 < pattern.size() && pattern[at] == '-' && pattern[at + 1] != ']') {
      high = pattern[at + 1];
      at += 2;
    }
    auto byte = static_cast<unsigned char>(c);
    if (byte >= static_cast<unsigned char>(low) && byte <= static_cast<unsigned char>(high)) {
      found = true;
    }
  }
  return std::nullopt;
}

Element element_at(std::string_view pattern, char c) {
  switch (pattern[0]) {
    case '*':
      return {1, true, true};
    case '?':
      return {1, false, true};
    case '[':
      if (auto set = set_at(pattern, c)) return *set;
      return {1, false, c == '['};
    case '\\':
      if (pattern.size() > 1) return {2, false, pattern[1] == c};
      return {1, false, c == '\\'};
    default:
      return {1, false, pattern[0] == c};
  }
}

/// Whether a name fits a pattern without slashes. Only the last star is ever tried again, which is
/// enough: what an earlier one could take more, the last one can.
bool name_matches(std::string_view pattern, std::string_view name) {
  std::optional<std::string_view> after_star;
  std::string_view retry;
  while (!name.empty()) {
    Element element = pattern.empty() ? Element{0, false, false} : element_at(pattern, name[0]);
    if (element.star) {
      pattern.remove_prefix(1);
      after_star = pattern;
      retry = name;
    } else if (element.fits) {
      pattern.remove_prefix(element.size);
      name.remove_prefix(1);
    } else if (after_star) {
      retry.remove_prefix(1);
      name = retry;
      pattern = *after_star;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*') == std::string_view::npos;
}

}  // namespace

void IgnoreRules::add(std::string_view lines) {
  while (!lines.empty()) {
    std::size_t end = std::min(lines.find('\n'), lines.size());
    add_line(lines.substr(0, end));
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
}

void IgnoreRules::add_line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.starts_with('#')) return;
  line = without_trailing_spaces(line);
  Rule rule;
  if (line.starts_with('!')) {
    rule.negated = true;
    line.remove_prefix(1);
  }
  if (line.ends_with('/')) {
    rule.only_folders = true;
    line.remove_suffix(1);
  }
  rule.any_folder = line.find('/') == std::string_view::npos;
  if (line.starts_with('/')) line.remove_prefix(1);
  if (line.empty()) return;
  for (std::string_view step : steps_of(line))
    rule.steps.emplace_back(step);
  rules_.push_back(std::move(rule));
}

bool IgnoreRules::matches(const Rule& rule, const std::vector<std::string_view>& names) {
  if (rule.any_folder) return name_matches(rule.steps.front(), names.back());
  // fits[i]: the pattern's steps so far may end before the i-th name.
  std::vector<bool> fits(names.size() + 1);
  fits[0] = true;
  for (std::size_t s = 0; s < rule.steps.size(); ++s) {
    const std::string& step = rule.steps[s];
    std::vector<bool> next(names.size() + 1);
    bool last = s + 1 == rule.steps.size();
    for (std::size_t i = 0; i <= names.size(); ++i) {
      if (step == "**") {
        // In the end it stands for what is inside of a folder, elsewhere also for no folder at all.
        next[i] = (fits[i] && !last) || (i > 0 && (next[i - 1] || fits[i - 1]));
      } else if (i > 0) {
        next[i] = fits[i - 1] && name_matches(step, names[i - 1]);
      }
    }
    fits = std::move(next);
  }
  return fits.back();
}

bool IgnoreRules::ignores(std::string_view path, bool is_folder) const {
  std::vector<std::string_view> names = steps_of(path);
  for (auto rule = rules_.rbegin(); rule != rules_.rend(); ++rule) {
    if (rule->only_folders && !is_folder) continue;
    if (matches(*rule, names)) return !rule->negated;
  }
  return false;
}

}  // namespace kith::api
