// What the tests of this module share: deterministic content, and imports and exports in a
// simulated world. For tests only.
#pragma once

#include <functional>
#include <string>

#include <kith/ipld/memory_blocks.hpp>
#include <kith/unixfs/importer.hpp>
#include <kith/unixfs/reader.hpp>

namespace kith::unixfs::testing {

/// The content that Kubo makes its test vectors of: ChaCha20's key stream (RFC 8439) under the
/// SHA-256 of a seed, nonce and counter zero.
class SeededContent final : public ByteSource {
 public:
  SeededContent(std::string_view seed, std::uint64_t size);

  void fill(MutableBytes out) noexcept;
  Task<Buffer> read(std::size_t size_max) override;

 private:
  void next_block() noexcept;

  std::uint32_t state_[16];
  std::uint8_t block_[64];
  std::size_t used_ = sizeof block_;
  std::uint64_t remaining_;
};

/// Its first bytes.
Bytes seeded_bytes(std::string_view seed, std::size_t size);

/// Bytes of a Prng: cheaper, for tests that need no foreign content.
Bytes random_bytes(std::uint64_t seed, std::size_t size);

/// A source that gives pieces of random sizes.
class RaggedSource final : public ByteSource {
 public:
  RaggedSource(Bytes content, std::uint64_t seed, std::size_t piece_max)
      : content_(Buffer::adopt(std::move(content))), prng_(seed), piece_max_(piece_max) {}
  Task<Buffer> read(std::size_t size_max) override;

 private:
  Buffer content_;
  Prng prng_;
  std::size_t piece_max_;
};

/// Runs a task on one node of a simulated world, and expects no error.
void run_in_world(std::uint64_t seed, const std::function<Task<void>(port::Env&)>& task);

/// The same for a coroutine of a node's Env and what else it needs.
template <class... Arguments>
void run_on_node(std::uint64_t seed, Task<void> (*body)(port::Env&, Arguments&...),
                 std::type_identity_t<Arguments>&... arguments) {
  run_in_world(seed, [&](port::Env& env) { return body(env, arguments...); });
}

/// The root of some bytes, as text; the error's message if it fails. With `blocks` they are kept.
std::string root_of(Bytes content, const ImportOptions& options,
                    ipld::MemoryBlocks* blocks = nullptr, Metadata metadata = {});

/// What a file's range reads as, out of blocks in memory.
Result<Bytes> read_range(ipld::BlockSource& blocks, const multiformats::Cid& root,
                         FileRange range = {});

}  // namespace kith::unixfs::testing
