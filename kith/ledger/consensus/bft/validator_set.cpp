#include <algorithm>

#include <kith/base/prng.hpp>
#include <kith/ledger/consensus/bft/validator_set.hpp>
#include <kith/ledger/primitives/rlp.hpp>

namespace kith::ledger::bft {

ValidatorBits ValidatorBits::first(std::size_t count) noexcept {
  ValidatorBits made;
  for (std::size_t i = 0; i < count; ++i)
    made.set(static_cast<ValidatorIndex>(i));
  return made;
}

ValidatorBits ValidatorBits::from_bytes(std::span<const std::uint8_t, bytes> from) noexcept {
  ValidatorBits made;
  made.words_ = {load_le<std::uint64_t>(from.data()), load_le<std::uint64_t>(from.data() + 8)};
  return made;
}

std::array<std::uint8_t, ValidatorBits::bytes> ValidatorBits::to_bytes() const noexcept {
  std::array<std::uint8_t, bytes> out{};
  store_le(out.data(), words_[0]);
  store_le(out.data() + 8, words_[1]);
  return out;
}

bool ValidatorBits::is_within(std::size_t count) const noexcept {
  bool within = true;
  for_each([&](ValidatorIndex i) { within = within && i < count; });
  return within;
}

Decoded<ValidatorSet> ValidatorSet::make(std::vector<Validator> validators) {
  if (validators.empty()) return std::unexpected(BftError::no_validators);
  if (validators.size() > validators_max) return std::unexpected(BftError::too_many);
  std::ranges::sort(validators, {}, &Validator::key);
  ValidatorSet made;
  for (std::size_t i = 0; i < validators.size(); ++i) {
    if (validators[i].stake == 0) return std::unexpected(BftError::no_stake);
    if (validators[i].stake > stake_sum_max - made.total_)
      return std::unexpected(BftError::too_much_stake);
    if (i > 0 && validators[i].key == validators[i - 1].key)
      return std::unexpected(BftError::same_validator);
    made.total_ += validators[i].stake;
  }
  made.validators_ = std::move(validators);
  made.quorum_ = made.total_ * 2 / 3 + 1;
  made.one_honest_ = made.total_ / 3 + 1;
  made.hash_ = keccak256(made.encode());
  return made;
}

std::optional<ValidatorIndex> ValidatorSet::find(const ValidatorKey& key) const noexcept {
  const auto at = std::ranges::lower_bound(validators_, key, {}, &Validator::key);
  if (at == validators_.end() || at->key != key) return std::nullopt;
  return static_cast<ValidatorIndex>(at - validators_.begin());
}

std::uint64_t ValidatorSet::weight(const ValidatorBits& of) const noexcept {
  std::uint64_t sum = 0;
  of.for_each([&](ValidatorIndex i) { sum += validators_[i].stake; });
  return sum;
}

Bytes ValidatorSet::encode() const {
  Bytes out;
  RlpWriter writer(out);
  const RlpWriter::List all = writer.begin_list();
  for (const Validator& one : validators_) {
    const RlpWriter::List item = writer.begin_list();
    writer.string(one.key);
    writer.number(one.stake);
    writer.end_list(item);
  }
  writer.end_list(all);
  return out;
}

Decoded<ValidatorSet> ValidatorSet::decode(ByteView input) {
  RlpReader reader(input);
  auto all = reader.list();
  if (!all || !reader.at_end()) return std::unexpected(BftError::malformed);
  std::vector<Validator> validators;
  while (!all->at_end()) {
    if (validators.size() == validators_max) return std::unexpected(BftError::too_many);
    auto item = all->list();
    if (!item) return std::unexpected(BftError::malformed);
    Validator one;
    const auto key = item->string(one.key.size());
    const auto stake = key ? item->small_number() : std::unexpected(key.error());
    if (!stake || !item->at_end()) return std::unexpected(BftError::malformed);
    std::ranges::copy(*key, one.key.begin());
    one.stake = *stake;
    if (!validators.empty() && validators.back().key > one.key)
      return std::unexpected(BftError::not_canonical);
    validators.push_back(one);
  }
  return make(std::move(validators));
}

ValidatorIndex LeaderSchedule::leader(View view) {
  const std::uint64_t number = view / wheel_views;
  Wheel& wheel = wheels_[number % wheels_.size()];
  if (wheel.number != number) fill(wheel, number);
  return wheel.leaders[view % wheel_views];
}

void LeaderSchedule::fill(Wheel& wheel, std::uint64_t number) const {
  std::array<std::uint8_t, Hash::size + 16> seed{};
  std::ranges::copy(set_.hash().bytes, seed.begin());
  store_be(seed.data() + Hash::size, epoch_);
  store_be(seed.data() + Hash::size + 8, number);
  Prng prng(load_be<std::uint64_t>(keccak256(seed).bytes.data()));

  std::array<std::int64_t, validators_max> priority{};
  const auto total = static_cast<std::int64_t>(set_.total());
  const std::size_t n = set_.size();
  // The mean is what all start at together; without it the first views would favour the large.
  std::int64_t mean = 0;
  for (std::size_t i = 0; i < n; ++i) {
    priority[i] = static_cast<std::int64_t>(prng.below(set_.total()));
    mean += priority[i] / static_cast<std::int64_t>(n);
  }
  for (std::size_t i = 0; i < n; ++i)
    priority[i] -= mean;
  for (std::uint8_t& leader : wheel.leaders) {
    std::size_t best = 0;
    for (std::size_t i = 0; i < n; ++i) {
      priority[i] += static_cast<std::int64_t>(set_[static_cast<ValidatorIndex>(i)].stake);
      if (priority[i] > priority[best]) best = i;
    }
    priority[best] -= total;
    leader = static_cast<std::uint8_t>(best);
  }
  wheel.number = number;
}

}  // namespace kith::ledger::bft
