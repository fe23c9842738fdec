// The kinds of input that a fuzz target knows: message types, fields, forms. Each target declares
// them, as kinds_NAME beside fuzz_NAME, and says which ones an input was once it has been read:
//
//   Kinds kinds_ping{"request", "answer"};
//   void fuzz_ping(ByteView input) {
//     auto message = decode_ping(input);
//     if (message) kinds_ping.reached(message->answer ? "answer" : "request");
//
// fuzz_smoke wants the seeds of each target to reach all of them, so that the fuzzer begins where
// its own luck would take hours to come. The last is the one that is hardest to reach: there
// libFuzzer must find a planted overflow (plant_overflow), or its silence means nothing.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace kith::fuzz {

class Kinds {
 public:
  Kinds(std::initializer_list<std::string_view> names) { add(names.begin(), names.end()); }
  template <class Range>
  Kinds(const Range& names, std::initializer_list<std::string_view> more) {
    add(names.begin(), names.end());
    add(more.begin(), more.end());
  }

  /// The input was of this kind, which is a declared one (asserted).
  void reached(std::string_view name);
  void reached_if(bool is_so, std::string_view name) {
    if (is_so) reached(name);
  }

  /// Those that no input was of, since forget().
  std::vector<std::string> missing() const;
  void forget() noexcept;

 private:
  struct Kind {
    std::string name;
    bool reached = false;
  };
  template <class Iterator>
  void add(Iterator first, Iterator last) {
    for (; first != last; ++first)
      kinds_.push_back({std::string(*first)});
  }

  std::vector<Kind> kinds_;
};

/// From now on, or no longer, whoever reaches the last kind of a target reads a byte beyond the end
/// of a heap buffer.
void plant_overflow(bool planted) noexcept;

}  // namespace kith::fuzz
