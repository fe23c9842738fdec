#include <bit>

#include <gtest/gtest.h>

#include <kith/crypto/hash.hpp>
#include <kith/sim/world.hpp>
#include <kith/unixfs/fixture.hpp>

namespace kith::unixfs::testing {
namespace {

void quarter_round(std::uint32_t* x, int a, int b, int c, int d) noexcept {
  x[a] += x[b];
  x[d] = std::rotl(x[d] ^ x[a], 16);
  x[c] += x[d];
  x[b] = std::rotl(x[b] ^ x[c], 12);
  x[a] += x[b];
  x[d] = std::rotl(x[d] ^ x[a], 8);
  x[c] += x[d];
  x[b] = std::rotl(x[b] ^ x[c], 7);
}

}  // namespace

SeededContent::SeededContent(std::string_view seed, std::uint64_t size) : remaining_(size) {
  crypto::Sha256Digest key = crypto::sha256(as_bytes(seed));
  constexpr std::string_view constant = "expand 32-byte k";
  for (std::size_t i = 0; i < 4; ++i)
    state_[i] = load_le<std::uint32_t>(as_bytes(constant).data() + 4 * i);
  for (std::size_t i = 0; i < 8; ++i)
    state_[4 + i] = load_le<std::uint32_t>(key.data() + 4 * i);
  for (std::size_t i = 12; i < 16; ++i)
    state_[i] = 0;
}

void SeededContent::next_block() noexcept {
  std::uint32_t x[16];
  std::copy(state_, state_ + 16, x);
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 4; ++i)
      quarter_round(x, i, i + 4, i + 8, i + 12);
    for (int i = 0; i < 4; ++i)
      quarter_round(x, i, (i + 1) % 4 + 4, (i + 2) % 4 + 8, (i + 3) % 4 + 12);
  }
  for (int i = 0; i < 16; ++i)
    store_le(block_ + 4 * i, x[i] + state_[i]);
  ++state_[12];
  used_ = 0;
}

void SeededContent::fill(MutableBytes out) noexcept {
  while (!out.empty()) {
    if (used_ == sizeof block_) next_block();
    std::size_t size = std::min(out.size(), sizeof block_ - used_);
    std::copy(block_ + used_, block_ + used_ + size, out.begin());
    used_ += size;
    out = out.subspan(size);
  }
}

Task<Buffer> SeededContent::read(std::size_t size_max) {
  Buffer piece = Buffer::allocate(std::min<std::uint64_t>(size_max, remaining_));
  fill(piece.mutable_bytes());
  remaining_ -= piece.size();
  co_return piece;
}

Bytes seeded_bytes(std::string_view seed, std::size_t size) {
  Bytes content(size);
  SeededContent(seed, size).fill(content);
  return content;
}

Bytes random_bytes(std::uint64_t seed, std::size_t size) {
  Bytes content(size);
  Prng(seed).fill(content);
  return content;
}

Task<Buffer> RaggedSource::read(std::size_t size_max) {
  std::size_t size = std::min({size_max, content_.size(), 1 + prng_.below(piece_max_)});
  Buffer piece = content_.slice(0, size);
  content_.remove_prefix(size);
  co_return piece;
}

void run_in_world(std::uint64_t seed, const std::function<Task<void>(port::Env&)>& task) {
  sim::World world(seed);
  Result<void> outcome = world.run(task(world.add_node().env()));
  if (!outcome) ADD_FAILURE() << "seed " << seed << ": " << outcome.error().message();
}

namespace {

Task<void> import_into(port::Env& env, Bytes& content, const ImportOptions& options,
                       ipld::MemoryBlocks*& blocks, Metadata& metadata, std::string& root) {
  MemorySource source(Buffer::adopt(std::move(content)));
  Result<ImportedFile> file = co_await import_file(env, blocks, options, source, metadata);
  root = file ? file->cid.to_string() : file.error().message();
  co_return Result<void>{};
}

Task<void> read_into(port::Env&, ipld::BlockSource& blocks, const multiformats::Cid& root,
                     FileRange& range, Result<Bytes>& content) {
  Result<FileReader> reader = co_await FileReader::open(blocks, root, range);
  if (!reader) {
    content = std::unexpected(reader.error());
    co_return Result<void>{};
  }
  while (true) {
    Result<Buffer> piece = co_await reader->next();
    if (!piece) content = std::unexpected(piece.error());
    if (!piece || piece->empty()) break;
    append(*content, *piece);
  }
  if (content &&
      content->size() !=
          std::min(range.length, reader->size() - std::min(range.offset, reader->size()))) {
    ADD_FAILURE() << "the reader ended early";
  }
  co_return Result<void>{};
}

}  // namespace

std::string root_of(Bytes content, const ImportOptions& options, ipld::MemoryBlocks* blocks,
                    Metadata metadata) {
  std::string root;
  run_on_node(1, import_into, content, options, blocks, metadata, root);
  return root;
}

Result<Bytes> read_range(ipld::BlockSource& blocks, const multiformats::Cid& root,
                         FileRange range) {
  Result<Bytes> content;
  run_on_node(1, read_into, blocks, root, range, content);
  return content;
}

}  // namespace kith::unixfs::testing
