// For the store's own tests: blocks from numbers, and a store on a simulated disk that can crash
// and open again.
#pragma once

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/crypto/hash.hpp>
#include <kith/sim/disk.hpp>
#include <kith/store/engine.hpp>

namespace kith::store::testing {

inline Multihash hash_of(ByteView data) {
  return Multihash::wrap(multiformats::Codec::sha2_256, crypto::sha256(data));
}

/// A block of `size` bytes, another one for each number.
inline NewBlock block_of(std::uint64_t number, std::size_t size) {
  Bytes data(size);
  Prng(number * 2654435761U + 17).fill(data);
  if (size < 8) data.resize(8);
  store_le(data.data(), number);
  Multihash hash = hash_of(data);
  return {hash, Buffer::adopt(std::move(data))};
}

inline std::vector<NewBlock> blocks_of(std::uint64_t first, std::size_t count, std::size_t size) {
  std::vector<NewBlock> blocks;
  for (std::uint64_t i = 0; i < count; ++i)
    blocks.push_back(block_of(first + i, size));
  return blocks;
}

inline EngineOptions small_options() {
  EngineOptions options;
  options.path = "/data/store";
  options.pack_bytes_max = 16 * 1024;
  options.unsynced_bytes_max = 8 * 1024;
  return options;
}

/// One machine with a disk, on which a program opens a store, dies and comes back.
struct Machine {
  explicit Machine(std::uint64_t seed = 1, EngineOptions with = small_options())
      : disk(Prng(seed)), options(std::move(with)) {}
  ~Machine() { stop(); }

  Result<void> start() {
    files = std::make_unique<sim::SimFileSystem>(disk);
    key_values = std::make_unique<sim::SimKeyValueFactory>(disk);
    auto opened = Engine::open(*files, *key_values, options);
    if (!opened) return std::unexpected(std::move(opened).error());
    engine = std::move(*opened);
    return {};
  }
  /// Ends the program; what it didn't sync is still in the system's cache.
  void stop() {
    engine.reset();
    key_values.reset();
    files.reset();
  }
  /// The power fails and comes back.
  void crash() {
    stop();
    disk.crash();
  }
  Result<void> restart() {
    stop();
    return start();
  }

  Result<void> put(const NewBlock& block) {
    auto outcome = engine->put(std::span(&block, 1));
    if (!outcome) return std::unexpected(outcome.error());
    return {};
  }
  Result<std::size_t> remove(const Multihash& hash) { return engine->remove(std::span(&hash, 1)); }
  bool holds(const NewBlock& block) {
    auto data = engine->get(block.hash);
    return data && equal(*data, block.data);
  }
  /// Makes or replaces a file of the user's, durably.
  Result<void> write_file(const std::string& path, ByteView content) {
    return port::replace_file(*files, path, content);
  }

  sim::Disk disk;
  EngineOptions options;
  std::unique_ptr<sim::SimFileSystem> files;
  std::unique_ptr<sim::SimKeyValueFactory> key_values;
  std::unique_ptr<Engine> engine;
};

#define EXPECT_OK(...)                                                     \
  do {                                                                     \
    if (auto outcome_ = (__VA_ARGS__); !outcome_)                          \
      ADD_FAILURE() << #__VA_ARGS__ << ": " << outcome_.error().message(); \
  } while (false)

}  // namespace kith::store::testing
