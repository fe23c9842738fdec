#include <charconv>

#include <fmt/format.h>

#include <kith/base/varint.hpp>
#include <kith/store/detail/crc32c.hpp>
#include <kith/store/format.hpp>

namespace kith::store {
namespace {

constexpr std::string_view pack_magic = "kithpack";
constexpr std::string_view record_magic = "kBlk";
constexpr std::uint32_t pack_version = 1;
constexpr std::uint8_t kind_block = 1;
constexpr std::uint8_t extent_in_pack = 1;
constexpr std::uint8_t extent_in_file = 2;
constexpr std::uint8_t row_version = 1;
constexpr std::uint8_t flag_removing = 1;
constexpr std::size_t stamp_bytes = 4 * 8;

class Domain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "store format"; }
  std::string message(int code) const override {
    switch (static_cast<FormatError>(code)) {
      case FormatError::truncated:
        return "stored data ends too early";
      case FormatError::bad_magic:
        return "no record of ours is here";
      case FormatError::bad_checksum:
        return "stored data is damaged: its checksum is wrong";
      case FormatError::unknown_kind:
        return "written by a later version of the program";
      case FormatError::bad_value:
        return "stored data is damaged: a field makes no sense";
    }
    return "unknown error";
  }
};
constinit const Domain domain;

/// Reads a row field by field; after the first fault everything reads as zero.
class Reader {
 public:
  explicit Reader(ByteView in) noexcept : in_(in) {}

  std::uint8_t byte() noexcept {
    if (in_.empty()) return fail(FormatError::truncated), std::uint8_t{0};
    std::uint8_t value = in_[0];
    in_ = in_.subspan(1);
    return value;
  }
  std::uint64_t number() noexcept {
    auto value = take_varint(in_);
    if (value) return *value;
    fail(value.error() == VarintError::truncated ? FormatError::truncated : FormatError::bad_value);
    return 0;
  }
  std::uint64_t number_up_to(std::uint64_t limit) noexcept {
    std::uint64_t value = number();
    if (value > limit) return fail(FormatError::bad_value), std::uint64_t{0};
    return value;
  }
  std::uint64_t fixed64() noexcept {
    if (in_.size() < 8) return fail(FormatError::truncated), std::uint64_t{0};
    auto value = load_le<std::uint64_t>(in_.data());
    in_ = in_.subspan(8);
    return value;
  }
  ByteView rest() noexcept { return std::exchange(in_, {}); }
  void version() noexcept {
    if (byte() != row_version) fail(FormatError::unknown_kind);
  }
  void fail(FormatError error) noexcept {
    if (!error_) error_ = error;
    in_ = {};
  }
  /// The first fault, or bad_value if something is left over.
  std::optional<FormatError> finish() const noexcept {
    if (!error_ && !in_.empty()) return FormatError::bad_value;
    return error_;
  }

 private:
  ByteView in_;
  std::optional<FormatError> error_;
};

}  // namespace

const ErrorDomain& error_domain(FormatError) noexcept {
  return domain;
}

std::string pack_name(PackId pack) {
  return fmt::format("packs/{:08}.pack", pack);
}

std::optional<PackId> parse_pack_name(std::string_view name) noexcept {
  constexpr std::string_view suffix = ".pack";
  if (!name.ends_with(suffix)) return std::nullopt;
  name.remove_suffix(suffix.size());
  PackId pack = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pack);
  if (error != std::errc() || end != name.data() + name.size() || name.size() < 8 || pack == 0) {
    return std::nullopt;
  }
  return pack;
}

Bytes encode_pack_header(PackId pack) {
  Bytes header(pack_header_bytes);
  std::ranges::copy(pack_magic, header.begin());
  store_le(header.data() + 8, pack_version);
  store_le(header.data() + 12, pack);
  store_le(header.data() + 28, detail::crc32c(ByteView(header).first(28)));
  return header;
}

Parsed<PackId> decode_pack_header(ByteView bytes) noexcept {
  if (bytes.size() < pack_header_bytes) return std::unexpected(FormatError::truncated);
  if (as_text(bytes.first(8)) != pack_magic) return std::unexpected(FormatError::bad_magic);
  if (load_le<std::uint32_t>(bytes.data() + 28) != detail::crc32c(bytes.first(28))) {
    return std::unexpected(FormatError::bad_checksum);
  }
  if (load_le<std::uint32_t>(bytes.data() + 8) != pack_version) {
    return std::unexpected(FormatError::unknown_kind);
  }
  return load_le<PackId>(bytes.data() + 12);
}

void append_record_header(Bytes& out, const Multihash& key, ByteView data) {
  std::size_t start = out.size();
  append(out, as_bytes(record_magic));
  out.resize(start + record_header_bytes);
  append(out, key.bytes());
  std::uint8_t* at = out.data() + start;
  at[8] = kind_block;
  at[9] = static_cast<std::uint8_t>(key.bytes().size());
  store_le(at + 12, static_cast<std::uint32_t>(data.size()));
  store_le(at + 16, detail::crc32c(data));
  store_le(at + 4, detail::crc32c(ByteView(out).subspan(start + 8)));
}

Parsed<RecordHeader> decode_record_header(ByteView bytes) {
  if (bytes.size() < record_header_bytes) return std::unexpected(FormatError::truncated);
  if (as_text(bytes.first(4)) != record_magic) return std::unexpected(FormatError::bad_magic);
  std::size_t key_bytes = bytes[9];
  if (bytes.size() < record_header_bytes + key_bytes) {
    return std::unexpected(FormatError::truncated);
  }
  ByteView covered = bytes.subspan(8, record_header_bytes - 8 + key_bytes);
  if (load_le<std::uint32_t>(bytes.data() + 4) != detail::crc32c(covered)) {
    return std::unexpected(FormatError::bad_checksum);
  }
  if (bytes[8] != kind_block) return std::unexpected(FormatError::unknown_kind);
  auto key = Multihash::from_bytes(bytes.subspan(record_header_bytes, key_bytes));
  RecordHeader header;
  header.data_bytes = load_le<std::uint32_t>(bytes.data() + 12);
  header.data_checksum = load_le<std::uint32_t>(bytes.data() + 16);
  header.data_offset = record_header_bytes + key_bytes;
  if (!key || load_le<std::uint16_t>(bytes.data() + 10) != 0 ||
      header.data_bytes > ipld::block_bytes_max) {
    return std::unexpected(FormatError::bad_value);
  }
  header.key = *key;
  return header;
}

Parsed<RecordHeader> decode_record(ByteView bytes) {
  auto header = decode_record_header(bytes);
  if (!header) return header;
  if (bytes.size() < header->total_bytes()) return std::unexpected(FormatError::truncated);
  ByteView data = bytes.subspan(header->data_offset, header->data_bytes);
  if (detail::crc32c(data) != header->data_checksum) {
    return std::unexpected(FormatError::bad_checksum);
  }
  return header;
}

std::uint32_t extent_bytes(const Extent& extent) noexcept {
  const auto* packed = std::get_if<PackExtent>(&extent);
  return packed != nullptr ? packed->bytes : std::get_if<FileExtent>(&extent)->bytes;
}

Bytes encode_extent(const Extent& extent) {
  Bytes out;
  out.reserve(16);
  if (const auto* packed = std::get_if<PackExtent>(&extent)) {
    out.push_back(extent_in_pack);
    append_varint(out, packed->pack);
    append_varint(out, packed->offset);
    append_varint(out, packed->bytes);
  } else {
    const auto& file = std::get<FileExtent>(extent);
    out.push_back(extent_in_file);
    append_varint(out, file.file);
    append_varint(out, file.offset);
    append_varint(out, file.bytes);
  }
  return out;
}

Parsed<Extent> decode_extent(ByteView bytes) noexcept {
  Reader in(bytes);
  std::uint8_t kind = in.byte();
  std::uint64_t where = in.number();
  std::uint64_t offset = in.number();
  auto size = static_cast<std::uint32_t>(in.number_up_to(ipld::block_bytes_max));
  if (kind != extent_in_pack && kind != extent_in_file) {
    return std::unexpected(bytes.empty() ? FormatError::truncated : FormatError::unknown_kind);
  }
  if (auto error = in.finish()) return std::unexpected(*error);
  if (kind == extent_in_file) return FileExtent{where, offset, size};
  if (where == 0 || where > UINT32_MAX || offset < pack_header_bytes) {
    return std::unexpected(FormatError::bad_value);
  }
  return PackExtent{static_cast<PackId>(where), offset, size};
}

Bytes encode_pack_info(const PackInfo& info) {
  Bytes out = {row_version, info.removing ? flag_removing : std::uint8_t{0}};
  append_varint(out, info.end);
  append_varint(out, info.live_blocks);
  append_varint(out, info.live_data_bytes);
  append_varint(out, info.live_record_bytes);
  return out;
}

Parsed<PackInfo> decode_pack_info(ByteView bytes) noexcept {
  Reader in(bytes);
  in.version();
  std::uint8_t flags = in.byte();
  PackInfo info;
  info.removing = (flags & flag_removing) != 0;
  info.end = in.number();
  info.live_blocks = in.number();
  info.live_data_bytes = in.number();
  info.live_record_bytes = in.number();
  if (auto error = in.finish()) return std::unexpected(*error);
  if (flags > flag_removing || info.end < pack_header_bytes ||
      info.live_record_bytes > info.end - pack_header_bytes ||
      info.live_data_bytes > info.live_record_bytes ||
      info.live_blocks > info.live_record_bytes / record_header_bytes) {
    return std::unexpected(FormatError::bad_value);
  }
  return info;
}

FileStamp FileStamp::of(const port::FileInfo& info) noexcept {
  return {info.size_bytes, info.modified.time_since_epoch().count(), info.device, info.inode};
}

Bytes encode_file_row(const FileRow& row) {
  Bytes out(1 + stamp_bytes);
  out[0] = row_version;
  store_le(out.data() + 1, row.stamp.size_bytes);
  store_le(out.data() + 9, static_cast<std::uint64_t>(row.stamp.modified_ns));
  store_le(out.data() + 17, row.stamp.device);
  store_le(out.data() + 25, row.stamp.inode);
  append_varint(out, row.live_blocks);
  append(out, as_bytes(row.path));
  return out;
}

Parsed<FileRow> decode_file_row(ByteView bytes) {
  Reader in(bytes);
  in.version();
  FileRow row;
  row.stamp.size_bytes = in.fixed64();
  row.stamp.modified_ns = static_cast<std::int64_t>(in.fixed64());
  row.stamp.device = in.fixed64();
  row.stamp.inode = in.fixed64();
  row.live_blocks = in.number();
  ByteView path = in.rest();
  if (auto error = in.finish()) return std::unexpected(*error);
  if (path.empty() || path.size() > file_path_bytes_max) {
    return std::unexpected(FormatError::bad_value);
  }
  row.path = as_text(path);
  return row;
}

Bytes encode_state(const StateRow& state) {
  Bytes out = {row_version};
  append_varint(out, state.next_file);
  append_varint(out, state.file_blocks);
  append_varint(out, state.file_bytes);
  return out;
}

Parsed<StateRow> decode_state(ByteView bytes) noexcept {
  Reader in(bytes);
  in.version();
  StateRow state;
  state.next_file = in.number();
  state.file_blocks = in.number();
  state.file_bytes = in.number();
  if (auto error = in.finish()) return std::unexpected(*error);
  return state;
}

}  // namespace kith::store
