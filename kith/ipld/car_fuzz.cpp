// Strategy: the first byte says in which pieces the rest comes. Invariants: the pieces make no
// difference; no block is larger than a section; what was read can be written and read again.
#include <algorithm>
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/ipld/car.hpp>
#include <kith/ipld/limits.hpp>

namespace kith::fuzz {
namespace {

struct Archive {
  std::vector<multiformats::Cid> roots;
  std::vector<ipld::Block> blocks;
  std::optional<ipld::CarV2Header> v2;
  bool whole = false;
};

Archive read(ByteView bytes, std::size_t piece) {
  ipld::CarReader reader;
  Archive archive;
  while (true) {
    auto block = reader.next();
    if (!block) return archive;
    if (*block) {
      ASSERT((*block)->data.size() <= ipld::block_bytes_max);
      archive.blocks.push_back(*std::move(*block));
      continue;
    }
    archive.roots = reader.roots();
    archive.v2 = reader.v2();
    if (reader.finished()) {
      archive.whole = true;
      return archive;
    }
    std::size_t size = std::min(piece, bytes.size());
    if (size == 0) {
      reader.end();
    } else {
      reader.feed(Buffer::copy_of(bytes.first(size)));
    }
    bytes = bytes.subspan(size);
  }
}

bool same_blocks(const Archive& a, const Archive& b) {
  return std::ranges::equal(a.blocks, b.blocks, [](const ipld::Block& x, const ipld::Block& y) {
    return x.cid == y.cid && equal(x.data, y.data);
  });
}

}  // namespace

Kinds kinds_car{"version 1",           "no roots",     "several roots", "no blocks",
                "version 0 CID",       "identity CID", "version 2",     "version 2 without index",
                "version 2 with index"};

void fuzz_car(ByteView input) {
  if (input.empty()) return;
  std::size_t piece = std::size_t{input[0]} + 1;
  input = input.subspan(1);
  Archive archive = read(input, piece);
  Archive at_once = read(input, input.size() + 1);
  ASSERT(archive.whole == at_once.whole && same_blocks(archive, at_once));
  if (!archive.whole) return;
  kinds_car.reached(archive.v2 ? "version 2" : "version 1");
  if (archive.v2) {
    kinds_car.reached(archive.v2->index_offset == 0 ? "version 2 without index"
                                                    : "version 2 with index");
  }
  kinds_car.reached_if(archive.roots.empty(), "no roots");
  kinds_car.reached_if(archive.roots.size() > 1, "several roots");
  kinds_car.reached_if(archive.blocks.empty(), "no blocks");
  for (const ipld::Block& block : archive.blocks) {
    kinds_car.reached_if(block.cid.version() == 0, "version 0 CID");
    kinds_car.reached_if(block.cid.is_identity(), "identity CID");
  }
  Bytes again = ipld::encode_car_header(archive.roots);
  for (const ipld::Block& block : archive.blocks) {
    append(again, ipld::encode_car_section_start(block.cid, block.data.size()));
    append(again, block.data);
  }
  Archive copy = read(again, piece);
  ASSERT(copy.whole && copy.roots == archive.roots && same_blocks(copy, archive));
}

}  // namespace kith::fuzz
