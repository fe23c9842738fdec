// Chunkers: where a file is cut into leaves. The boundaries are Kubo's, bit for bit.
//
//   size-N                  every N bytes
//   rabin[-AVG]             where a Rabin fingerprint of the last 16 bytes has log2(AVG) zero bits;
//   rabin-MIN-AVG-MAX       MIN and MAX are AVG / 3 and AVG * 3 / 2 if not given
//   buzhash                 where a buzhash of the last 32 bytes has 17 zero bits, 128 to 512 KiB
//
// A Chunker is fed a file's bytes in pieces of any size and says where a chunk ends; it keeps no
// bytes. What is left at the end of the file is the last chunk. Pure; one thread at a time. Errors:
// UnixfsError::bad_chunker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <kith/base/bytes.hpp>
#include <kith/unixfs/error.hpp>

namespace kith::unixfs {

class Chunker {
 public:
  virtual ~Chunker() = default;

  struct Cut {
    std::size_t taken = 0;  ///< bytes of the piece that belong to the present chunk
    bool complete = false;  ///< the chunk ends after them
  };
  /// Looks at what follows what it was fed before. Takes all of `piece`, or up to the chunk's end;
  /// what it didn't take is fed again, as the start of the next chunk.
  virtual Cut feed(ByteView piece) = 0;
};

/// Which chunker, and its sizes.
struct ChunkerSpec {
  enum class Kind : std::uint8_t { fixed, rabin, buzhash };
  Kind kind = Kind::fixed;
  std::size_t size_min = 0;      ///< rabin
  std::size_t size_average = 0;  ///< rabin
  std::size_t size_max = 0;      ///< fixed: the size; also what no chunk exceeds

  static ChunkerSpec fixed(std::size_t size) { return {Kind::fixed, 0, 0, size}; }
  static ChunkerSpec buzhash();
  static ChunkerSpec rabin(std::size_t minimum, std::size_t average, std::size_t maximum) {
    return {Kind::rabin, minimum, average, maximum};
  }

  /// Reads what `ipfs add --chunker` takes. `default_size` stands for "", "default" and "rabin".
  static Decoded<ChunkerSpec> parse(std::string_view text, std::size_t default_size = 256 * 1024);
  /// Why parse() refuses the text: a sentence for a person.
  static std::string why_refused(std::string_view text);
  std::string to_string() const;

  /// The sizes make sense, and no chunk is larger than chunk_bytes_max.
  Decoded<void> check() const;
  /// For a spec that passed check().
  std::unique_ptr<Chunker> make() const;

  friend bool operator==(const ChunkerSpec&, const ChunkerSpec&) = default;
};

}  // namespace kith::unixfs
