// Any bytes as records, rows of the index, and a pack file to be scanned. What is read must be what
// would be written, byte for byte, or the decoder is laxer than the format.
#include <algorithm>
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/store/detail/pack_files.hpp>
#include <kith/store/format.hpp>

namespace kith::fuzz {

Kinds kinds_store_record{
    "pack",  "record", "extent in a pack", "extent in a file", "row of a pack", "row of a file",
    "state", "name",   "two records"};

void fuzz_store_record(ByteView input);

namespace {

class MemoryFile final : public port::File {
 public:
  explicit MemoryFile(ByteView content) : content_(content) {}
  Result<std::size_t> read_at(std::uint64_t offset, MutableBytes into) override {
    if (offset >= content_.size()) return std::size_t{0};
    ByteView part = content_.subspan(offset);
    part = part.first(std::min(part.size(), into.size()));
    std::ranges::copy(part, into.begin());
    return part.size();
  }
  Result<void> write_at(std::uint64_t, std::span<const ByteView>) override { return {}; }
  Result<void> sync() override { return {}; }
  Result<void> write_out(std::uint64_t offset, std::span<const ByteView> pieces) override {
    return write_at(offset, pieces);
  }
  Result<std::uint64_t> size() override { return content_.size(); }
  Result<void> truncate(std::uint64_t) override { return {}; }

 private:
  ByteView content_;
};

void expect_written(ByteView input, const Bytes& written) {
  ASSERT(written.size() <= input.size() && equal(input.first(written.size()), written));
}

}  // namespace

void fuzz_store_record(ByteView input) {
  using namespace kith::store;
  if (auto pack = decode_pack_header(input); pack && input[16] == 0) {
    ASSERT(decode_pack_header(encode_pack_header(*pack)) == *pack);
    kinds_store_record.reached("pack");
  }
  if (auto header = decode_record(input)) {
    kinds_store_record.reached("record");
    Bytes written;
    append_record_header(written, header->key,
                         input.subspan(header->data_offset, header->data_bytes));
    expect_written(input, written);
  }
  if (auto extent = decode_extent(input)) {
    expect_written(input, encode_extent(*extent));
    kinds_store_record.reached(extent->index() == 0 ? "extent in a pack" : "extent in a file");
  }
  if (auto info = decode_pack_info(input)) {
    expect_written(input, encode_pack_info(*info));
    kinds_store_record.reached("row of a pack");
  }
  if (auto row = decode_file_row(input)) {
    expect_written(input, encode_file_row(*row));
    kinds_store_record.reached("row of a file");
  }
  if (auto state = decode_state(input)) {
    expect_written(input, encode_state(*state));
    kinds_store_record.reached("state");
  }
  kinds_store_record.reached_if(parse_pack_name(as_text(input)).has_value(), "name");

  MemoryFile file(input);
  std::uint64_t last = 0;
  auto visit = [&](std::uint64_t offset, const RecordHeader& header, ByteView record,
                   bool) -> Result<bool> {
    ASSERT(offset >= last && offset + header.total_bytes() <= input.size());
    ASSERT(equal(record, input.subspan(offset, header.total_bytes())));
    kinds_store_record.reached_if(last > 0, "two records");
    last = offset + header.total_bytes();
    return true;
  };
  auto outcome = detail::scan_records(file, 0, input.size(), visit);
  ASSERT(outcome && outcome->end == last);
}

}  // namespace kith::fuzz
