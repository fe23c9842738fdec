#include <algorithm>
#include <array>

#include <kith/ledger/consensus/staking/staking_abi.hpp>

namespace kith::ledger::staking {
namespace {

constexpr std::size_t word_bytes = 32;
constexpr std::size_t selector_bytes = 4;

/// What a call begins with: four bytes of the hash of its form.
Bytes call_of(std::string_view form) {
  const Hash hash = keccak256(as_bytes(form));
  return Bytes(hash.bytes.begin(), hash.bytes.begin() + selector_bytes);
}

void add(Bytes& out, const U256& word) {
  append(out, word.to_be());
}

/// A string of bytes: its length, and itself in whole words.
void add_string(Bytes& out, ByteView bytes) {
  add(out, bytes.size());
  append(out, bytes);
  out.resize(out.size() + (word_bytes - bytes.size() % word_bytes) % word_bytes);
}

/// With a string as second argument, which stands behind the two words.
Bytes call_with(std::string_view form, const bft::ValidatorKey& key, ByteView string) {
  Bytes out = call_of(form);
  append(out, key);
  add(out, 2 * word_bytes);
  add_string(out, string);
  return out;
}

/// Words one after the other; whoever reads beyond the end is told at the end.
class Words {
 public:
  explicit Words(ByteView bytes) : rest_(bytes) {}

  U256 number() {
    if (rest_.size() < word_bytes) {
      is_good_ = false;
      return 0;
    }
    const U256 word = U256::from_be(rest_.data());
    rest_ = rest_.subspan(word_bytes);
    return word;
  }
  std::uint64_t small_number() {
    const U256 word = number();
    is_good_ = is_good_ && word.fits_64();
    return word.low();
  }
  bool truth() {
    const U256 word = number();
    is_good_ = is_good_ && word <= U256(1);
    return !word.is_zero();
  }
  bft::ValidatorKey key() { return number().to_be(); }
  Address address() {
    const U256 word = number();
    is_good_ = is_good_ && word.bit_width() <= 8 * Address::size;
    return Address::from_word(word);
  }
  void expect(std::uint64_t value) {
    if (number() != U256(value)) is_good_ = false;
  }

  bool is_good() const { return is_good_; }
  bool is_over() const { return is_good_ && rest_.empty(); }

 private:
  ByteView rest_;
  bool is_good_ = true;
};

constexpr std::array error_forms{
    std::string_view("NotWholeUnits()"),
    std::string_view("BelowMinimum(uint256)"),
    std::string_view("StakeTooLarge(uint256)"),
    std::string_view("AlreadyRegistered()"),
    std::string_view("NotRegistered()"),
    std::string_view("KeyTaken()"),
    std::string_view("BadProof()"),
    std::string_view("InsufficientStake(uint256)"),
    std::string_view("TooManyUnbondings()"),
    std::string_view("NothingToWithdraw()"),
    std::string_view("NotJailed()"),
    std::string_view("StillJailed(uint256)"),
    std::string_view("UnknownKey()"),
    std::string_view("MalformedEvidence()"),
    std::string_view("NoConflict()"),
    std::string_view("FutureEpoch(uint256)"),
    std::string_view("EvidenceTooOld()"),
    std::string_view("AlreadyPunished()"),
    std::string_view("BadSignature()"),
    std::string_view("NothingToSlash()"),
    std::string_view("PaymentFailed(address)"),
};

/// In the order of StakingEvent::Kind.
constexpr std::array event_forms{
    std::string_view("Registered(address,bytes32)"),
    std::string_view("Staked(address,uint256,uint256)"),
    std::string_view("Unstaked(address,uint256,uint256,uint256)"),
    std::string_view("Withdrawn(address,uint256)"),
    std::string_view("Slashed(address,uint64,uint64,uint256,address,uint256)"),
    std::string_view("Jailed(address,uint256)"),
    std::string_view("Unjailed(address)"),
};

std::optional<StakingEvent::Kind> kind_of(const Hash& topic) {
  static const auto hashes = [] {
    std::array<Hash, event_forms.size()> made;
    std::ranges::transform(event_forms, made.begin(),
                           [](std::string_view form) { return keccak256(as_bytes(form)); });
    return made;
  }();
  const auto found = std::ranges::find(hashes, topic);
  if (found == hashes.end()) return std::nullopt;
  return static_cast<StakingEvent::Kind>(found - hashes.begin());
}

/// Indexed values are words as well: topics and data are read as one.
bool read_values(StakingEvent& into, Words& from) {
  using Kind = StakingEvent::Kind;
  into.account = from.address();
  switch (into.kind) {
    case Kind::registered:
      into.key = from.key();
      break;
    case Kind::staked:
      into.amount = from.number();
      into.stake = from.number();
      break;
    case Kind::unstaked:
      into.amount = from.number();
      into.stake = from.number();
      into.time = from.small_number();
      break;
    case Kind::withdrawn:
      into.amount = from.number();
      break;
    case Kind::slashed:
      into.epoch = from.small_number();
      into.view = from.small_number();
      into.amount = from.number();
      into.reporter = from.address();
      into.reward = from.number();
      break;
    case Kind::jailed:
      into.time = from.small_number();
      break;
    case Kind::unjailed:
      break;
  }
  return from.is_over();
}

std::size_t topics_of(StakingEvent::Kind kind) {
  using Kind = StakingEvent::Kind;
  return kind == Kind::registered || kind == Kind::slashed ? 3 : 2;
}

}  // namespace

Bytes encode_register(const bft::ValidatorKey& key, const bft::Signature& proof) {
  return call_with("stake(bytes32,bytes)", key, proof);
}

Bytes encode_stake() {
  return call_of("stake()");
}

Bytes encode_unstake(const U256& wei) {
  Bytes out = call_of("unstake(uint256)");
  add(out, wei);
  return out;
}

Bytes encode_withdraw() {
  return call_of("withdraw()");
}

Bytes encode_unjail() {
  return call_of("unjail()");
}

Bytes encode_submit_evidence(const bft::ValidatorKey& key, const bft::Evidence& evidence) {
  return call_with("submitEvidence(bytes32,bytes)", key, evidence.encode());
}

Bytes encode_validators() {
  return call_of("validators()");
}

Bytes encode_validator_of(const Address& account) {
  Bytes out = call_of("validatorOf(address)");
  add(out, account.to_word());
  return out;
}

Bytes encode_parameters() {
  return call_of("parameters()");
}

Decoded<bft::ValidatorSet> decode_validators(ByteView answer) {
  // Two arrays, one behind the other, behind the words that say where they are.
  Words words(answer);
  words.expect(2 * word_bytes);
  const std::uint64_t second = words.small_number();
  const std::uint64_t count = words.small_number();
  if (!words.is_good() || count > bft::validators_max || second != (3 + count) * word_bytes)
    return std::unexpected(StakingError::bad_answer);
  std::vector<bft::Validator> validators(static_cast<std::size_t>(count));
  for (bft::Validator& one : validators)
    one.key = words.key();
  words.expect(count);
  for (bft::Validator& one : validators)
    one.stake = words.small_number();
  if (!words.is_over()) return std::unexpected(StakingError::bad_answer);
  if (validators.empty()) return std::unexpected(StakingError::no_validators);
  auto set = bft::ValidatorSet::make(std::move(validators));
  if (!set) return std::unexpected(StakingError::bad_answer);
  return *std::move(set);
}

Decoded<std::optional<ValidatorStatus>> decode_validator_of(ByteView answer) {
  Words words(answer);
  ValidatorStatus status;
  status.key = words.key();
  status.staked = words.number();
  status.unbonding = words.number();
  status.withdrawable = words.number();
  status.jailed_until = words.small_number();
  status.is_active = words.truth();
  if (!words.is_over()) return std::unexpected(StakingError::bad_answer);
  if (status.key == bft::ValidatorKey{}) return std::nullopt;
  return status;
}

Decoded<StakingParameters> decode_parameters(ByteView answer) {
  Words words(answer);
  const Divided minimum = divide(words.number(), wei_per_unit);
  StakingParameters parameters;
  parameters.minimum_stake = minimum.quotient.low();
  parameters.unbonding_seconds = words.small_number();
  parameters.jail_seconds = words.small_number();
  parameters.epoch_blocks = words.small_number();
  std::uint32_t* const shares[] = {&parameters.slash_basis_points, &parameters.reward_basis_points,
                                   &parameters.validators_max};
  bool fits = minimum.remainder.is_zero() && minimum.quotient.fits_64();
  for (std::uint32_t* share : shares) {
    const std::uint64_t number = words.small_number();
    fits = fits && number <= basis_points;
    *share = static_cast<std::uint32_t>(number);
  }
  if (!words.is_over() || !fits) return std::unexpected(StakingError::bad_answer);
  return parameters;
}

std::string_view name_of_revert(ByteView output) noexcept {
  if (output.size() < selector_bytes) return {};
  for (const std::string_view form : error_forms) {
    const Hash hash = keccak256(as_bytes(form));
    if (equal(output.first(selector_bytes), hash.view().first(selector_bytes)))
      return form.substr(0, form.find('('));
  }
  return {};
}

std::optional<StakingEvent> event_of(const LogEntry& log) {
  if (log.address != staking_address || log.topics.empty()) return std::nullopt;
  const auto kind = kind_of(log.topics[0]);
  if (!kind || log.topics.size() != topics_of(*kind)) return std::nullopt;
  Bytes values;
  for (std::size_t i = 1; i < log.topics.size(); ++i)
    append(values, log.topics[i].view());
  append(values, log.data);
  Words words(values);
  StakingEvent event;
  event.kind = *kind;
  if (!read_values(event, words)) return std::nullopt;
  return event;
}

}  // namespace kith::ledger::staking
