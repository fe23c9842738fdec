#include <algorithm>
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/base/bytes.hpp>

namespace kith::fuzz {
namespace {

bool overflow_planted = false;

void overflow(std::string_view text) {
  const Bytes copy(text.begin(), text.end());
  volatile std::uint8_t beyond = copy.data()[copy.size()];
  static_cast<void>(beyond);
}

}  // namespace

void plant_overflow(bool planted) noexcept {
  overflow_planted = planted;
}

void Kinds::reached(std::string_view name) {
  auto kind = std::ranges::find(kinds_, name, &Kind::name);
  ASSERT(kind != kinds_.end());
  kind->reached = true;
  if (overflow_planted && kind + 1 == kinds_.end()) overflow(name);
}

std::vector<std::string> Kinds::missing() const {
  std::vector<std::string> names;
  for (const Kind& kind : kinds_) {
    if (!kind.reached) names.push_back(kind.name);
  }
  return names;
}

void Kinds::forget() noexcept {
  for (Kind& kind : kinds_)
    kind.reached = false;
}

}  // namespace kith::fuzz
