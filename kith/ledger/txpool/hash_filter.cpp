#include <utility>

#include <kith/ledger/txpool/hash_filter.hpp>

namespace kith::ledger {
namespace {

constexpr std::size_t places_min = 64;

/// Where the mark is, or the free place where it belongs.
std::size_t find_place(const std::vector<std::uint64_t>& places, std::uint64_t mark) noexcept {
  const std::size_t last = places.size() - 1;
  // The lowest bit says nothing.
  std::size_t at = (mark >> 1) & last;
  while (places[at] != 0 && places[at] != mark)
    at = (at + 1) & last;
  return at;
}

}  // namespace

bool HashFilter::Table::contains(std::uint64_t mark) const noexcept {
  return !places.empty() && places[find_place(places, mark)] == mark;
}

void HashFilter::Table::insert(std::uint64_t mark) {
  if (2 * (count + 1) > places.size()) {
    std::vector<std::uint64_t> larger(std::max(places_min, 2 * places.size()));
    for (const std::uint64_t one : places) {
      if (one != 0) larger[find_place(larger, one)] = one;
    }
    places = std::move(larger);
  }
  std::uint64_t& place = places[find_place(places, mark)];
  if (place == 0) ++count;
  place = mark;
}

void HashFilter::insert(const Hash& hash) {
  const std::uint64_t mark = mark_of(hash);
  if (young_.contains(mark)) return;
  if (young_.count >= count_max_) age();
  young_.insert(mark);
}

bool HashFilter::contains(const Hash& hash) const noexcept {
  const std::uint64_t mark = mark_of(hash);
  return young_.contains(mark) || old_.contains(mark);
}

void HashFilter::age() {
  old_ = std::exchange(young_, {});
}

}  // namespace kith::ledger
