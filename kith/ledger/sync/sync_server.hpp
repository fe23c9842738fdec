// SyncServer: answers peers' requests for headers, bodies and receipts from a chain, as eth/68 and
// geth do.
//
// Headers are those of the chain, from a number or a hash on, so many apart, forwards or back; of
// blocks that are known and not of the chain, one by its hash, and back from there through no more
// than side_steps_max of them. An answer without gaps is linked, also if the chain changes
// meanwhile. Bodies and receipts are of any block that is known, in the order in which they were
// asked for; what isn't there is left out, and so is what comes after the answer has become long.
//
// Thread: the chain's questions, so for workers, and safe on several at once.
#pragma once

#include <kith/ledger/chain/chain.hpp>
#include <kith/ledger/sync/eth_messages.hpp>

namespace kith::ledger {

class SyncServer {
 public:
  /// The chain outlives it.
  explicit SyncServer(const Chain& chain) noexcept : chain_(chain) {}

  // The answers' bytes, as they are sent. A disk that fails is a gap in them: it's no concern of
  // the peer's.
  Bytes answer(const GetHeaders& request) const;
  Bytes answer(const GetBodies& request) const;
  Bytes answer(const GetReceipts& request) const;

 private:
  struct Place {
    Header header;
    Hash hash;
    bool is_of_chain = false;
  };

  std::optional<Place> at_number(std::uint64_t number) const;
  std::optional<Place> at_start(const GetHeaders& request) const;
  /// `step` blocks away; `side_steps` are those that may still be gone off the chain.
  std::optional<Place> next_of(const Place& place, std::uint64_t step, bool reverse,
                               std::size_t& side_steps) const;

  const Chain& chain_;
};

}  // namespace kith::ledger
