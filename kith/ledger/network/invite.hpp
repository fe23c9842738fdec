// An invitation to a chain: what one node prints and others join by.
//
//   kith://chain/GENESIS?genesis=CID&name=NAME&peer=MULTIADDR&peer=...
//
// GENESIS is the genesis block's hash (64 hexadecimal digits behind 0x), which the file of that CID
// must come to; the peers hold the chain, and the file. Thread: any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <kith/base/result.hpp>
#include <kith/ledger/primitives/types.hpp>
#include <kith/multiformats/cid.hpp>
#include <kith/multiformats/multiaddr.hpp>

namespace kith::ledger {

/// Of an invitation's text, and of the peers in it.
inline constexpr std::size_t invite_bytes_max = 8'192;
inline constexpr std::size_t invite_peers_max = 16;

struct Invite {
  Hash genesis;
  multiformats::Cid file;
  std::string name;
  std::vector<multiformats::Multiaddr> peers;  ///< each ends in /p2p/...

  std::string to_string() const;
  /// Errc::invalid_argument says what is wrong with it.
  static Result<Invite> parse(std::string_view text);
};

/// What a chain may be called here: letters, digits, '-', '_' and '.', at most 64 of them, and
/// neither '.' nor '-' first.
bool is_chain_name(std::string_view name) noexcept;

}  // namespace kith::ledger
