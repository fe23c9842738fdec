#include <boost/crc.hpp>

#include <kith/ledger/chain/processor.hpp>
#include <kith/ledger/evm/precompile.hpp>
#include <kith/ledger/rpc/detail/rpc_config.hpp>

namespace kith::ledger::detail {
namespace {

/// Precompiled contracts are at small numbers.
constexpr std::uint64_t contract_number_max = 0x100;

json::object precompiles(Revision revision) {
  json::object out;
  for (std::uint64_t number = 1; number <= contract_number_max; ++number) {
    const Address address = Address::of_number(number);
    if (const Precompile* contract = precompile_at(address, revision))
      out[contract->name] = address.to_hex();
  }
  return out;
}

json::object system_contracts(const ForkSchedule& schedule, Revision revision) {
  json::object out;
  if (revision >= Revision::cancun) out["BEACON_ROOTS_ADDRESS"] = beacon_roots_address.to_hex();
  if (revision < Revision::prague) return out;
  out["CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS"] = consolidation_requests_address.to_hex();
  if (schedule.deposit_contract)
    out["DEPOSIT_CONTRACT_ADDRESS"] = schedule.deposit_contract->to_hex();
  out["HISTORY_STORAGE_ADDRESS"] = block_hashes_address.to_hex();
  out["WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS"] = withdrawal_requests_address.to_hex();
  return out;
}

/// The rules from that time on.
json::object config_at(const Chain& chain, std::uint64_t since) {
  const ForkSchedule& schedule = chain.schedule();
  // Changes by block are all older than those by time.
  constexpr std::uint64_t any_number = ~0ULL;
  const Revision revision = schedule.revision_at(any_number, since);
  const BlobSchedule blobs = schedule.blob_schedule_at(since, revision);
  std::array<std::uint8_t, 4> id{};
  store_be(id.data(), fork_id(chain.genesis(), schedule, any_number, since));
  return {{"activationTime", since},
          {"blobSchedule", json::object{{"target", blobs.target},
                                        {"max", blobs.max},
                                        {"baseFeeUpdateFraction", blobs.update_fraction}}},
          {"chainId", quantity(schedule.chain_id)},
          {"forkId", hex(id)},
          {"precompiles", precompiles(revision)},
          {"systemContracts", system_contracts(schedule, revision)}};
}

}  // namespace

std::uint32_t fork_id(const Hash& genesis, const ForkSchedule& schedule, std::uint64_t number,
                      std::uint64_t timestamp) {
  boost::crc_32_type sum;
  sum.process_bytes(genesis.bytes.data(), genesis.bytes.size());
  const auto add = [&](const std::vector<std::uint64_t>& changes, std::uint64_t upto) {
    for (const std::uint64_t change : changes) {
      if (change > upto) break;
      std::array<std::uint8_t, 8> bytes{};
      store_be(bytes.data(), change);
      sum.process_bytes(bytes.data(), bytes.size());
    }
  };
  add(schedule.change_numbers, number);
  add(schedule.change_times, timestamp);
  return sum.checksum();
}

json::object chain_config(const Chain& chain, std::uint64_t head_timestamp) {
  std::uint64_t current = 0;
  std::optional<std::uint64_t> next;
  std::optional<std::uint64_t> last;
  for (const std::uint64_t change : chain.schedule().change_times) {
    if (change <= head_timestamp) {
      current = change;
    } else {
      if (!next) next = change;
      last = change;
    }
  }
  const auto told = [&](const std::optional<std::uint64_t>& since) {
    return since ? json::value(config_at(chain, *since)) : json::value(nullptr);
  };
  return {{"current", config_at(chain, current)}, {"next", told(next)}, {"last", told(last)}};
}

}  // namespace kith::ledger::detail
