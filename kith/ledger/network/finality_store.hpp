// What makes a bft chain's blocks final, and who voted: in a namespace of the chain's store.
//
//   "c" number (8, big-endian)   the certificate that makes that block final (bft/message.hpp)
//   "s" epoch (8, big-endian)    the epoch's validators (bft/validator_set.hpp)
//
// Certificates of epochs' last blocks and all sets stay, so that whoever comes can be led from the
// genesis on; of others the newest finality_recent_max do. What is put is durable with the store's
// next synced commit, which finalizing a block ends with. Thread: calls block, so they are for
// workers; any number at the same time, but for put().
#pragma once

#include <cstdint>
#include <optional>

#include <kith/ledger/consensus/bft/message.hpp>
#include <kith/ledger/consensus/bft/validator_set.hpp>
#include <kith/port/key_value.hpp>

namespace kith::ledger {

inline constexpr std::uint64_t finality_recent_max = 256;

class FinalityStore {
 public:
  /// The store outlives it. `epoch_length` is the chain's, in blocks.
  FinalityStore(port::KeyValue& store, port::Namespace space, std::uint64_t epoch_length) noexcept
      : store_(store), space_(space), epoch_length_(epoch_length) {}

  /// Of the final block of that number.
  Result<void> put(std::uint64_t number, const bft::Certificate& certificate);
  Result<void> put_set(bft::Epoch epoch, const bft::ValidatorSet& set);

  struct Proof {
    std::uint64_t number = 0;
    bft::Certificate certificate;
  };
  /// The newest one of a block of [first, last]. Errc::not_found.
  Result<Proof> newest_of(std::uint64_t first, std::uint64_t last) const;
  /// Errc::not_found.
  Result<bft::ValidatorSet> set_of(bft::Epoch epoch) const;

 private:
  port::KeyValue& store_;
  port::Namespace space_;
  std::uint64_t epoch_length_;
};

}  // namespace kith::ledger
