// Invariant: an item that was read is the only encoding of what it holds.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/ledger/primitives/rlp.hpp>

namespace kith::fuzz {
namespace {

using namespace ledger;

constexpr std::size_t depth_max = 64;

void write_again(ByteView item, RlpWriter& writer, std::size_t depth);

void write_items(ByteView items, RlpWriter& writer, std::size_t depth) {
  for (RlpReader reader(items); !reader.at_end();)
    write_again(reader.item()->whole, writer, depth);
}

void write_again(ByteView item, RlpWriter& writer, std::size_t depth) {
  RlpReader reader(item);
  const auto read = reader.item();
  ASSERT(read && reader.at_end());
  if (!read->is_list) return writer.string(read->payload);
  const RlpWriter::List list = writer.begin_list();
  write_items(read->payload, writer, depth + 1);
  writer.end_list(list);
}

}  // namespace

Kinds kinds_rlp{"byte",      "short string", "long string", "short list",
                "long list", "nested list",  "number"};

void fuzz_rlp(ByteView input) {
  if (RlpReader reader(input); auto number = reader.number()) {
    Bytes out;
    RlpWriter(out).number(*number);
    ASSERT(equal(out, input.first(input.size() - reader.rest().size())));
    kinds_rlp.reached("number");
  }
  if (!is_rlp(input, depth_max)) return;
  Bytes out;
  RlpWriter writer(out);
  write_again(input, writer, 0);
  ASSERT(equal(out, input));
  const auto item = RlpReader(input).item();
  const std::size_t prefix = input.size() - item->payload.size();
  if (item->is_list) {
    kinds_rlp.reached(prefix == 1 ? "short list" : "long list");
    kinds_rlp.reached_if(RlpReader(item->payload).next_is_list(), "nested list");
  } else {
    kinds_rlp.reached(prefix == 0 ? "byte" : prefix == 1 ? "short string" : "long string");
  }
}

}  // namespace kith::fuzz
