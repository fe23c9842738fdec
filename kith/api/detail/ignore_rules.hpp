// IgnoreRules: which files of a folder `add` leaves out, by the rules of .gitignore (git's
// documentation, gitignore(5)): `*`, `?` and `[a-z]` stand for what is inside of a name, `**` for
// any folders, a pattern with a slash before its end is matched from the folder that is added on,
// one with a slash at its end matches folders alone, and `!` takes in again what an earlier rule
// left out. The last rule that matches counts. Kubo, whose flags these are, looks at names alone:
// there a pattern with a slash never matches.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kith::api {

class IgnoreRules {
 public:
  /// A rule a line; empty lines and those that begin with # are none.
  void add(std::string_view lines);
  bool empty() const noexcept { return rules_.empty(); }

  /// `path` is relative to the folder that is added. What is in a folder that is left out isn't
  /// asked for.
  bool ignores(std::string_view path, bool is_folder) const;

 private:
  struct Rule {
    std::vector<std::string> steps;
    bool negated = false;
    bool only_folders = false;
    bool any_folder = false;  ///< the name may be in any folder
  };
  void add_line(std::string_view line);
  static bool matches(const Rule& rule, const std::vector<std::string_view>& names);

  std::vector<Rule> rules_;
};

}  // namespace kith::api
