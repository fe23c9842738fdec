// What is hashed to prove work, and by what.
//
//   seal hash   keccak256 of the header's RLP with a nonce of zeros
//   work        the seal hash and the nonce: 40 bytes
//   work hash   of these 40 bytes: it must meet the block's target
//
// So whoever mines hashes 40 bytes, however long a header is. Functions:
//   sha256d   SHA-256 of SHA-256. Two compressions; fast to check, also for light clients.
//   randomx   a program drawn from the input, run in 256 MiB: what ordinary processors are best at
//             (github.com/tevador/RandomX). Its memory depends on a key, which changes as the chain
//             grows (key_number); checking takes about 15 ms.
// Thread: a WorkHash is safe on any; a NonceSearcher belongs to one at a time.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include <kith/base/result.hpp>
#include <kith/ledger/chain/header.hpp>
#include <kith/ledger/primitives/types.hpp>

namespace kith::ledger {

using WorkInput = std::array<std::uint8_t, 40>;

Hash seal_hash(const Header& header);
WorkInput work_input(const Hash& seal, std::uint64_t nonce) noexcept;
WorkInput work_input(const Header& header);

/// A search among nonces for a hash that meets a target.
class NonceSearcher {
 public:
  virtual ~NonceSearcher() = default;

  /// The first nonce of [first, first + count) that meets the target, if there is one; the range
  /// must not pass 2^64.
  virtual std::optional<std::uint64_t> search(const Hash& seal, const U256& target,
                                              std::uint64_t first, std::uint64_t count) = 0;

  /// How many nonces take about a millisecond, or one if each takes longer: who wants to be able
  /// to stop asks for no more at a time.
  virtual std::uint64_t slice() const noexcept = 0;
};

class WorkHash {
 public:
  virtual ~WorkHash() = default;

  virtual std::string_view name() const noexcept = 0;

  /// The number of the block whose hash is the key for block `number`; nothing if the function
  /// knows no keys.
  virtual std::optional<std::uint64_t> key_number(std::uint64_t number) const noexcept = 0;

  /// Errc::unsupported or Errc::limit_exceeded if this machine can't (a library or memory is
  /// missing); that says nothing of the block.
  virtual Result<Hash> hash(const WorkInput& input, const Hash& key) = 0;

  /// For one thread. Errors as of hash().
  virtual Result<std::unique_ptr<NonceSearcher>> searcher(const Hash& key) = 0;
};

std::unique_ptr<WorkHash> make_sha256d();

struct RandomXOptions {
  /// Searchers use the full dataset: 2,080 MiB and, once a key, minutes of a processor, for hashes
  /// that take a tenth of the time.
  bool full_dataset = false;
};

/// Loads its library and takes its memory when it is first asked for a hash. Keys that are in use
/// by nobody are forgotten, but for the last two.
std::unique_ptr<WorkHash> make_randomx(RandomXOptions options = {});

}  // namespace kith::ledger
