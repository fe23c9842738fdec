#include <algorithm>
#include <array>

#include <kith/ledger/chain/detail/json_node.hpp>
#include <kith/ledger/consensus/bft_driver/bft_parameters.hpp>

namespace kith::ledger {
namespace {

using detail::JsonFault;
using detail::JsonNode;
using namespace bft_limits;

constexpr std::array known_keys{"epochLength",        "blockTime",     "emptyBlocks",
                                "emptyBlockInterval", "leaderTimeout", "notarizationTimeout",
                                "contract",           "validators",    "blockReward"};
constexpr std::array known_validator_keys{"key", "stake", "operator"};

std::unexpected<Error> refused(std::string why) {
  return std::unexpected(Error(Errc::invalid_argument, std::move(why)));
}

Result<void> check_range(std::string_view name, std::string_view unit, std::uint64_t value,
                         std::uint64_t least, std::uint64_t most) {
  if (value >= least && value <= most) return {};
  return refused("bft." + std::string(name) + ": " + std::to_string(least) + " to " +
                 std::to_string(most) + " " + std::string(unit) + " expected");
}

std::uint64_t in_ms(Duration duration) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

template <std::size_t count>
void expect_known(const JsonNode& node, const std::array<const char*, count>& keys) {
  node.for_each([&](std::string_view key, const JsonNode& field) {
    if (std::ranges::find(keys, key) == keys.end()) node.bad("a rule that is known", key);
    static_cast<void>(field);
  });
}

class Reader {
 public:
  Reader(const boost::json::value& config, const boost::json::value& inner)
      : inner_(inner), bft_(JsonNode(&config, fault_, "config")["bft"]) {}

  Result<BftParameters> read() {
    BftParameters into;
    expect_known(bft_, known_keys);
    number("epochLength", into.epoch_length);
    number("blockTime", into.block_time_s);
    number("emptyBlockInterval", into.empty_block_interval_s);
    milliseconds("leaderTimeout", into.leader_timeout);
    milliseconds("notarizationTimeout", into.notarization_timeout);
    if (const auto* field = inner_.get_object().if_contains("emptyBlocks"); field != nullptr) {
      if (!field->is_bool()) bft_.bad("true or false", "emptyBlocks");
      into.empty_blocks = bft_["emptyBlocks"].truth();
    }
    into.contract = bft_["contract"].address();
    validators(into);
    if (!fault_.what.empty()) return refused(std::move(fault_.what));
    KITH_CHECK(into.check());
    return into;
  }

 private:
  void number(std::string_view key, std::uint64_t& into) {
    if (const JsonNode field = bft_[key]; field.there()) into = field.small_number();
  }

  void milliseconds(std::string_view key, Duration& into) {
    std::uint64_t read = in_ms(into);
    number(key, read);
    // What is too large for a Duration is too large for check(), too.
    into = std::chrono::milliseconds(std::min(read, timeout_ms_max + 1));
  }

  void validators(BftParameters& into) {
    const auto* list = inner_.get_object().if_contains("validators");
    if (list == nullptr) return;
    if (!list->is_array()) return bft_.bad("a list", "validators");
    const JsonNode nodes = bft_["validators"];
    if (nodes.size() > bft::validators_max) return bft_.bad("fewer of them", "validators");
    for (std::size_t i = 0; i < nodes.size(); ++i)
      into.validators.push_back(validator(nodes[i]));
  }

  BftParameters::FirstValidator validator(const JsonNode& node) {
    expect_known(node, known_validator_keys);
    BftParameters::FirstValidator read;
    const Bytes key = node["key"].bytes();
    if (key.size() == read.key.size())
      std::ranges::copy(key, read.key.begin());
    else
      node.bad("an Ed25519 key of 32 bytes", "key");
    read.stake = node["stake"].small_number();
    read.operated_by = node["operator"].address();
    return read;
  }

  JsonFault fault_;
  const boost::json::value& inner_;
  JsonNode bft_;
};

}  // namespace

Result<void> BftParameters::check() const {
  KITH_CHECK(
      check_range("epochLength", "blocks", epoch_length, epoch_length_min, epoch_length_max));
  KITH_CHECK(check_range("blockTime", "seconds", block_time_s, block_time_s_min, block_time_s_max));
  KITH_CHECK(check_range("emptyBlockInterval", "seconds", empty_block_interval_s, block_time_s,
                         empty_block_interval_s_max));
  KITH_CHECK(check_range("leaderTimeout", "milliseconds", in_ms(leader_timeout), timeout_ms_min,
                         timeout_ms_max - 1));
  KITH_CHECK(check_range("notarizationTimeout", "milliseconds", in_ms(notarization_timeout),
                         in_ms(leader_timeout) + 1, timeout_ms_max));
  if (contract.is_zero()) return refused("bft.contract: the staking contract's address expected");
  if (validators.empty()) return {};
  if (const auto set = first_set(); !set)
    return std::unexpected(
        Error(Errc::invalid_argument, "bft.validators: " + Error(set.error()).message()));
  return {};
}

bft::Decoded<bft::ValidatorSet> BftParameters::first_set() const {
  std::vector<bft::Validator> set;
  for (const FirstValidator& one : validators)
    set.push_back({one.key, one.stake});
  return bft::ValidatorSet::make(std::move(set));
}

bft::Options BftParameters::engine_options(bft::Epoch epoch, const Hash& before) const {
  bft::Options options;
  options.epoch = epoch;
  options.genesis = before;
  options.leader_timeout = leader_timeout;
  options.notarization_timeout = notarization_timeout;
  options.retry_interval = leader_timeout;
  options.fetch_timeout = leader_timeout / 4;
  return options;
}

bool has_bft(const boost::json::value& config) noexcept {
  const auto* object = config.if_object();
  return object != nullptr && object->contains("bft");
}

Result<BftParameters> read_bft_parameters(const boost::json::value& config) {
  const auto* object = config.if_object();
  const auto* inner = object != nullptr ? object->if_contains("bft") : nullptr;
  if (inner == nullptr || !inner->is_object()) return refused("config.bft: an object expected");
  return Reader(config, *inner).read();
}

}  // namespace kith::ledger
