#include <algorithm>
#include <array>

#include <kith/ledger/chain/detail/json_node.hpp>
#include <kith/ledger/consensus/pow/limits.hpp>
#include <kith/ledger/consensus/pow/parameters.hpp>

namespace kith::ledger {
namespace {

using detail::JsonFault;
using detail::JsonNode;
using namespace pow_limits;

/// The reward is the ledger's to read (chain/genesis.cpp).
constexpr std::array known_keys{"algorithm", "targetSpacing", "halfLife", "limit", "blockReward"};

std::unexpected<Error> refused(std::string why) {
  return std::unexpected(Error(Errc::invalid_argument, std::move(why)));
}

}  // namespace

std::string_view name_of(WorkAlgorithm algorithm) noexcept {
  return algorithm == WorkAlgorithm::randomx ? "randomx" : "sha256d";
}

std::uint64_t PowParameters::future_limit_s() const noexcept {
  return std::max(future_s_min, asert.target_spacing_s / 2);
}

Result<void> PowParameters::check() const {
  if (asert.target_spacing_s < target_spacing_s_min ||
      asert.target_spacing_s > target_spacing_s_max) {
    return refused("pow.targetSpacing: " + std::to_string(target_spacing_s_min) + " to " +
                   std::to_string(target_spacing_s_max) + " seconds expected");
  }
  const std::uint64_t half_life_min = futures_in_half_life * future_limit_s();
  if (asert.half_life_s < half_life_min || asert.half_life_s > half_life_s_max) {
    return refused("pow.halfLife: " + std::to_string(half_life_min) + " to " +
                   std::to_string(half_life_s_max) + " seconds expected");
  }
  if (asert.easiest_target.is_zero()) return refused("pow.limit: a target above zero expected");
  return {};
}

bool has_pow(const boost::json::value& config) noexcept {
  const auto* object = config.if_object();
  return object != nullptr && object->contains("pow");
}

Result<PowParameters> read_pow_parameters(const boost::json::value& config) {
  JsonFault fault;
  const JsonNode pow = JsonNode(&config, fault, "config")["pow"];
  const auto* object = config.if_object();
  const auto* inner = object != nullptr ? object->if_contains("pow") : nullptr;
  if (inner == nullptr || !inner->is_object()) return refused("config.pow: an object expected");
  pow.for_each([&](std::string_view key, const JsonNode& node) {
    if (std::ranges::find(known_keys, key) == known_keys.end())
      fault.set("a rule that is known", node.where());
  });
  PowParameters read;
  if (const JsonNode field = pow["algorithm"]; field.there()) {
    const std::string_view name = field.text();
    if (name == name_of(WorkAlgorithm::randomx)) {
      read.algorithm = WorkAlgorithm::randomx;
    } else if (name != name_of(WorkAlgorithm::sha256d)) {
      fault.set("sha256d or randomx", field.where());
    }
  }
  if (const JsonNode field = pow["targetSpacing"]; field.there())
    read.asert.target_spacing_s = field.small_number();
  // A spacing that is too large is told below, before this product means anything.
  read.asert.half_life_s = spacings_in_half_life * read.asert.target_spacing_s;
  if (const JsonNode field = pow["halfLife"]; field.there())
    read.asert.half_life_s = field.small_number();
  if (const JsonNode field = pow["limit"]; field.there())
    read.asert.easiest_target = field.number();
  if (!fault.what.empty()) return refused(std::move(fault.what));
  KITH_CHECK(read.check());
  return read;
}

}  // namespace kith::ledger
