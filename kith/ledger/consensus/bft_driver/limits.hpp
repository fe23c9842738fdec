// What a `bft` chain's genesis may say, and what its driver takes of others and keeps.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include <kith/ledger/consensus/bft/limits.hpp>

namespace kith::ledger::bft_limits {

// Genesis.

inline constexpr std::uint64_t epoch_length_min = 2;
inline constexpr std::uint64_t epoch_length_max = 1'000'000;
inline constexpr std::uint64_t block_time_s_min = 1;
inline constexpr std::uint64_t block_time_s_max = 3'600;
/// A day: an idle chain still says now and then that it lives.
inline constexpr std::uint64_t empty_block_interval_s_max = 86'400;
/// Below it a vote's way to the disk counts for more than the network.
inline constexpr std::uint64_t timeout_ms_min = 50;
inline constexpr std::uint64_t timeout_ms_max = 600'000;
/// How far ahead of our clock a block may be, beside a block's time.
inline constexpr std::uint64_t future_s = 15;

// Messages that wait for their turn, of one validator. The largest message always has room.
inline constexpr std::size_t waiting_messages_max = 64;
inline constexpr std::size_t waiting_bytes_max = std::size_t{1} << 20;
static_assert(waiting_bytes_max > bft::message_bytes_max);

// Messages of the next epoch, of one sender and of all of them.
inline constexpr std::size_t early_messages_of_sender_max = 16;
inline constexpr std::size_t early_messages_max = 1'024;
inline constexpr std::size_t early_bytes_max = std::size_t{4} << 20;
static_assert(early_messages_of_sender_max < early_messages_max);
static_assert(early_bytes_max > bft::message_bytes_max);

/// Answers to one who isn't of the set, or is in a past epoch: one in so long.
inline constexpr std::chrono::milliseconds answer_interval{250};
/// Of so many of them it is remembered when they were answered; beyond that they wait.
inline constexpr std::size_t answered_max = 1'024;
/// Past epochs' last finalizations that are kept at hand.
inline constexpr std::size_t finalizations_kept = 16;

/// What is read of a log of votes: far beyond what Options::log_bytes lets grow.
inline constexpr std::size_t log_file_bytes_max = std::size_t{256} << 20;
/// Pieces of evidence in the file; the oldest give way.
inline constexpr std::size_t evidence_max = 128;
inline constexpr std::size_t evidence_file_bytes_max = std::size_t{256} << 10;

/// From a failure (a disk, a chain that can't answer) to the next attempt.
inline constexpr std::chrono::milliseconds retry_interval{1'000};

}  // namespace kith::ledger::bft_limits
