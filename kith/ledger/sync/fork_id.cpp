#include <array>
#include <vector>

#include <kith/ledger/sync/fork_id.hpp>

namespace kith::ledger {
namespace {

/// What is beyond it is a time: the main chain's genesis is younger, and no chain has had as many
/// blocks.
constexpr std::uint64_t first_time = 1'438'269'973;

std::uint32_t crc32(ByteView data, std::uint32_t before) noexcept {
  std::uint32_t crc = ~before;
  for (const std::uint8_t byte : data) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit)
      crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xedb88320U : 0U);
  }
  return ~crc;
}

struct Change {
  std::uint64_t at = 0;
  bool is_time = false;

  bool has_passed(std::uint64_t number, std::uint64_t timestamp) const noexcept {
    return (is_time ? timestamp : number) >= at;
  }
};

/// The changes, and the checksum before each and after the last.
struct Changes {
  std::vector<Change> all;
  std::vector<std::uint32_t> sums;
  std::size_t passed = 0;
};

Changes changes_of(const Hash& genesis, const ForkSchedule& schedule, std::uint64_t number,
                   std::uint64_t timestamp) {
  Changes changes;
  for (const std::uint64_t at : schedule.change_numbers)
    changes.all.push_back({at, false});
  for (const std::uint64_t at : schedule.change_times)
    changes.all.push_back({at, true});
  changes.sums.push_back(crc32(genesis.view(), 0));
  for (const Change& one : changes.all) {
    std::array<std::uint8_t, 8> bytes;
    store_be(bytes.data(), one.at);
    changes.sums.push_back(crc32(bytes, changes.sums.back()));
  }
  while (changes.passed < changes.all.size() &&
         changes.all[changes.passed].has_passed(number, timestamp))
    ++changes.passed;
  return changes;
}

}  // namespace

ForkId fork_id(const Hash& genesis, const ForkSchedule& schedule, std::uint64_t number,
               std::uint64_t timestamp) {
  const Changes changes = changes_of(genesis, schedule, number, timestamp);
  const bool has_next = changes.passed < changes.all.size();
  return {.hash = changes.sums[changes.passed],
          .next = has_next ? changes.all[changes.passed].at : 0};
}

ForkMatch match_fork_id(const ForkId& remote, const Hash& genesis, const ForkSchedule& schedule,
                        std::uint64_t number, std::uint64_t timestamp) {
  const Changes changes = changes_of(genesis, schedule, number, timestamp);
  if (remote.hash == changes.sums[changes.passed]) {
    // The same rules by now: unless the peer's next change is behind us, and we know nothing of it.
    const bool among_times = changes.passed < changes.all.size()
                                 ? changes.all[changes.passed].is_time
                                 : !schedule.change_times.empty();
    const bool has_passed = among_times ? timestamp >= remote.next
                                        : number >= remote.next || (remote.next > first_time &&
                                                                    timestamp >= remote.next);
    return remote.next != 0 && has_passed ? ForkMatch::incompatible_or_local_stale
                                          : ForkMatch::compatible;
  }
  for (std::size_t i = 0; i < changes.sums.size(); ++i) {
    if (remote.hash != changes.sums[i]) continue;
    // It is ahead of us by changes that we know, or behind us and knows what comes.
    if (i > changes.passed || remote.next == changes.all[i].at) return ForkMatch::compatible;
    return ForkMatch::remote_stale;
  }
  return ForkMatch::incompatible_or_local_stale;
}

}  // namespace kith::ledger
