#include <algorithm>
#include <cmath>

#include <kith/dht/network_size.hpp>

namespace kith::dht {
namespace {

double median(std::vector<double>& values) {
  const std::size_t half = values.size() / 2;
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(half));
  const double upper = values[half];
  if (values.size() % 2 == 1) return upper;
  return (upper + *std::ranges::max_element(values.begin(),
                                            values.begin() + static_cast<std::ptrdiff_t>(half))) /
         2;
}

/// Of the Gamma distribution of this shape and scale 1, after Wilson and Hilferty: within a
/// thousandth for shapes from 5 on. `z` is the normal distribution's.
double gamma_quantile(double shape, double z) {
  const double root = 1 - 1 / (9 * shape) + z / (3 * std::sqrt(shape));
  return shape * root * root * root;
}

constexpr double three_of_four = 0.6745;
constexpr double nine_of_ten = 1.2816;
constexpr double all_but_one_of_a_thousand = 3.0902;

}  // namespace

double share_of_keyspace(const Key& away) noexcept {
  return std::ldexp(static_cast<double>(away.leading_bits()), -64);
}

void NetworkSize::add(const Key& target, std::span<const PeerId> nearest, Instant now) {
  if (wanted_ == 0 || nearest.size() < wanted_) return;
  std::erase_if(samples_, [&target](const Sample& known) { return known.target == target; });
  if (samples_.size() >= size_samples_max) samples_.pop_front();
  Sample& sample = samples_.emplace_back(target, now);
  for (const PeerId& peer : nearest.first(wanted_))
    sample.away.push_back(share_of_keyspace(distance(Key::of(peer), target)));
}

std::size_t NetworkSize::samples(Instant now) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      samples_, [now](const Sample& one) { return now - one.at <= size_sample_age_max; }));
}

std::optional<double> NetworkSize::estimate(Instant now) const {
  if (samples(now) < size_samples_min) return std::nullopt;
  double products = 0;
  double squares = 0;
  std::vector<double> away;
  for (std::size_t rank = 0; rank < wanted_; ++rank) {
    away.clear();
    for (const Sample& one : samples_) {
      if (now - one.at <= size_sample_age_max) away.push_back(one.away[rank]);
    }
    // Where the average is i, the median is about a third less.
    const double expected = static_cast<double>(rank + 1) - 1.0 / 3;
    products += expected * median(away);
    squares += expected * expected;
  }
  if (products <= 0) return std::nullopt;
  return std::max(squares / products - 1, static_cast<double>(wanted_));
}

Nearness Nearness::in_network_of(double peers, std::size_t wanted) {
  // The k-th nearest is Gamma(k) / n away. The average of k is taken for Gamma(k / 2 + 1) / n, as
  // in go, which is somewhat wider than it is.
  const auto k = static_cast<double>(wanted);
  return {.one = gamma_quantile(k, -nine_of_ten) / peers,
          .average = gamma_quantile(k / 2 + 1, three_of_four) / peers,
          .average_least = gamma_quantile(k / 2 + 1, -all_but_one_of_a_thousand) / peers};
}

}  // namespace kith::dht
