#include <kith/ledger/chain/fork_schedule.hpp>

namespace kith::ledger {

Revision ForkSchedule::revision_at(std::uint64_t number, std::uint64_t timestamp,
                                   bool after_merge) const noexcept {
  if (forks.empty()) return newest_revision;
  Revision revision = Revision::frontier;
  for (const Fork& fork : forks) {
    if (number < fork.from_number || timestamp < fork.from_timestamp) continue;
    if (fork.revision >= Revision::paris && terminal_total_difficulty && !after_merge) continue;
    revision = fork.revision;
  }
  return revision;
}

BlobSchedule ForkSchedule::blob_schedule_at(std::uint64_t timestamp,
                                            Revision revision) const noexcept {
  BlobSchedule schedule = blob_schedule(revision);
  for (const BlobFork& fork : blobs) {
    if (timestamp < fork.from_timestamp) continue;
    const std::uint64_t of_transaction = schedule.transaction_max;
    schedule = fork.schedule;
    // Until Osaka a transaction may carry as many as a block (EIP-7594).
    schedule.transaction_max = revision >= Revision::osaka ? of_transaction : fork.schedule.max;
  }
  return schedule;
}

std::uint64_t ForkSchedule::bomb_delay_at(std::uint64_t number) const noexcept {
  std::uint64_t blocks = 0;
  for (const BombDelay& delay : bomb_delays) {
    if (number >= delay.from_number) blocks = delay.blocks;
  }
  return blocks;
}

}  // namespace kith::ledger
