// What a file, a page or a person may make the wallet read, keep or compute.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kith::ledger {

/// A keystore file; ours take 500 bytes.
inline constexpr std::size_t keystore_bytes_max = 16 * 1024;
/// What scrypt of a file that isn't ours may take: geth's cost is half of the memory, a quarter of
/// the work.
inline constexpr std::uint64_t scrypt_bytes_max = std::uint64_t{512} << 20;
inline constexpr std::uint64_t scrypt_work_max = std::uint64_t{1} << 23;  ///< n * r * p
/// Some seconds.
inline constexpr std::uint32_t pbkdf2_rounds_max = 10'000'000;
inline constexpr std::size_t keystore_salt_bytes_max = 256;
inline constexpr std::size_t passphrase_bytes_max = 1024;

/// Accounts of a wallet, files and derived ones.
inline constexpr std::size_t accounts_max = 10'000;
inline constexpr std::size_t label_bytes_max = 64;
/// The wallet's own files of JSON.
inline constexpr std::size_t wallet_file_bytes_max = 4 << 20;
/// A mnemonic with as much space between its words as anybody may have typed.
inline constexpr std::size_t mnemonic_bytes_max = 1024;

/// Typed data and transactions as JSON. Each type's hash covers the types below it, so that work
/// grows with their product.
inline constexpr std::size_t typed_data_bytes_max = 256 * 1024;
inline constexpr std::size_t typed_data_types_max = 128;
inline constexpr std::size_t typed_data_depth_max = 64;
inline constexpr std::size_t transaction_json_bytes_max = 1 << 20;

}  // namespace kith::ledger
