// CAR: archives of blocks (ipld.io/specs/transport/car), version 1 read and written, version 2
// read.
//
//   version 1   | varint | dag-cbor {"roots": [link...], "version": 1} | sections...
//   section     | varint | CID | block |                         the varint counts CID and block
//   version 2   | 0a a1 67 "version" 02 | characteristics 16 | data offset 8 | data size 8 |
//               | index offset 8 | padding | version 1 | padding | index |     numbers
//               little-endian
//
// CarReader is fed bytes as they come and gives blocks; it holds the section that isn't complete,
// and shares the memory of what it was fed otherwise. Of version 2 it reads what the data range
// holds, and drops padding and index. It checks no hash: a block out of a CAR is not verified (see
// verify in content.hpp). Pure; one thread. Limits: car_header_bytes_max, car_section_bytes_max.
// Errors: IpldError; after one the reader is of no more use.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <vector>

#include <kith/ipld/block.hpp>
#include <kith/ipld/error.hpp>

namespace kith::ipld {

/// What a version 2 file says of itself.
struct CarV2Header {
  bool fully_indexed = false;
  std::uint64_t data_offset = 0;
  std::uint64_t data_size = 0;
  std::uint64_t index_offset = 0;  ///< 0: there is none
};

class CarReader {
 public:
  /// Takes the next bytes of the archive. Call next() until it gives nothing, then feed again.
  void feed(Buffer bytes);
  /// Says that nothing follows; next() then tells if the archive was complete.
  void end() noexcept { ended_ = true; }

  /// The next block, or nothing: more bytes are needed, or finished() is true. truncated after
  /// end() in the middle of something.
  Decoded<std::optional<Block>> next();

  /// True once all blocks are read and nothing can follow any more.
  bool finished() const noexcept { return state_ == State::finished; }
  /// True once roots() is known.
  bool has_header() const noexcept { return state_ >= State::sections; }
  const std::vector<multiformats::Cid>& roots() const noexcept { return roots_; }
  const std::optional<CarV2Header>& v2() const noexcept { return v2_; }

 private:
  enum class State : std::uint8_t { start, v2_header, padding, header, sections, finished };

  Decoded<bool> step();
  Decoded<bool> read_start();
  Decoded<bool> read_v2_header();
  bool skip_padding();
  Decoded<bool> read_header();
  Decoded<std::optional<Block>> read_section();
  /// The length that comes next, if it is here whole.
  Decoded<std::optional<std::uint64_t>> read_length();
  Buffer take(std::size_t size);

  State state_ = State::start;
  bool ended_ = false;
  std::deque<Buffer> held_;
  std::size_t held_bytes_ = 0;
  /// Bytes since the start of the archive, and where its data ends.
  std::uint64_t position_ = 0;
  std::uint64_t data_end_ = UINT64_MAX;
  /// Of the header or section whose body isn't complete.
  std::optional<std::uint64_t> length_;
  std::vector<multiformats::Cid> roots_;
  std::optional<CarV2Header> v2_;
};

/// The start of a version 1 archive.
Bytes encode_car_header(std::span<const multiformats::Cid> roots);
/// What stands before a block's bytes in a section.
Bytes encode_car_section_start(const multiformats::Cid& cid, std::size_t block_bytes);

}  // namespace kith::ipld
