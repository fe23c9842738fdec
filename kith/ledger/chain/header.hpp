// Block headers (Yellow Paper, 4.4; EIP-1559, 4399, 4788, 4844, 4895, 7685). Thread: any.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>

#include <kith/ledger/chain/receipt.hpp>
#include <kith/ledger/primitives/rlp.hpp>
#include <kith/ledger/primitives/types.hpp>
#include <kith/ledger/primitives/u256.hpp>

namespace kith::ledger {

/// What consensus may write into a header.
inline constexpr std::size_t extra_data_bytes_max = 32;

/// Of a block that asks consensus for nothing (EIP-7685): SHA-256 of no bytes.
inline constexpr Hash empty_requests_hash{{0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14,
                                           0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
                                           0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c,
                                           0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55}};

struct Header {
  Hash parent;
  Hash ommers;
  Address coinbase;
  Hash state_root;
  Hash transactions_root;
  Hash receipts_root;
  Bloom bloom;
  U256 difficulty;
  std::uint64_t number = 0;
  std::uint64_t gas_limit = 0;
  std::uint64_t gas_used = 0;
  std::uint64_t timestamp = 0;  ///< seconds since 1970
  Bytes extra_data;
  Hash mix_hash;  ///< from Paris on the randomness that PREVRANDAO tells
  std::array<std::uint8_t, 8> nonce{};
  // Each came with a fork, and all before it are there where it is.
  std::optional<U256> base_fee;
  std::optional<Hash> withdrawals_root;
  std::optional<std::uint64_t> blob_gas_used;
  std::optional<std::uint64_t> excess_blob_gas;
  std::optional<Hash> parent_beacon_root;
  std::optional<Hash> requests_hash;

  Bytes encode() const;
  void write(RlpWriter& into) const;
  static RlpResult<Header> read(RlpReader& from);
  static RlpResult<Header> decode(ByteView input);
  /// What names the block.
  Hash hash() const;

  friend bool operator==(const Header&, const Header&) = default;
};

}  // namespace kith::ledger
