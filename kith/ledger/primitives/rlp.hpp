// RLP, Recursive Length Prefix: Ethereum's serialization of byte strings and lists of them (Yellow
// Paper, appendix B).
//
//   first byte   what follows
//   00 .. 7f     the byte itself is the string
//   80 .. b7     a string of 0 to 55 bytes
//   b8 .. bf     the length in 1 to 8 bytes, then a string
//   c0 .. f7     a list whose items take 0 to 55 bytes
//   f8 .. ff     the length in 1 to 8 bytes, then a list's items
//
// Each value has one encoding; the reader refuses every other one (a length with leading zeros or
// that would fit the short form, a byte below 0x80 as a string of length 1, a number with leading
// zeros). The reader looks into the caller's bytes and copies nothing, never goes deeper than its
// caller does, and so needs no limit of its own. Thread: any; an object belongs to one at a time.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/ledger/primitives/types.hpp>
#include <kith/ledger/primitives/u256.hpp>

namespace kith::ledger {

enum class RlpError {
  truncated = 1,     ///< the input ends before the item does
  not_canonical,     ///< there is a shorter encoding of the same
  list_expected,     ///< a string stands where a list belongs
  string_expected,   ///< a list stands where a string belongs
  number_too_large,  ///< more bytes than the number may have
  wrong_length,      ///< a string of fixed length, as an address, has another one
  trailing_bytes,    ///< the input goes on after its end
  missing_item,      ///< a list ends before its last item
};
const ErrorDomain& error_domain(RlpError) noexcept;

template <class T>
using RlpResult = std::expected<T, RlpError>;

/// Reads items one after the other.
class RlpReader {
 public:
  struct Item {
    ByteView payload;  ///< the string, or the items of the list
    ByteView whole;    ///< with the prefix
    bool is_list = false;
  };

  explicit RlpReader(ByteView input) noexcept : rest_(input) {}

  bool at_end() const noexcept { return rest_.empty(); }
  /// What hasn't been read.
  ByteView rest() const noexcept { return rest_; }

  /// Whether the next item is a list; false at the end.
  bool next_is_list() const noexcept { return !rest_.empty() && rest_[0] >= 0xc0; }

  RlpResult<Item> item() noexcept;
  RlpResult<ByteView> string() noexcept;
  /// The string, which must have that length.
  RlpResult<ByteView> string(std::size_t length) noexcept;
  /// A reader of the list's items.
  RlpResult<RlpReader> list() noexcept;
  RlpResult<U256> number() noexcept;
  /// A number of at most 64 bits.
  RlpResult<std::uint64_t> small_number() noexcept;
  RlpResult<Address> address() noexcept;
  /// An empty string is no address: that of a transaction that creates a contract.
  RlpResult<std::optional<Address>> address_or_none() noexcept;
  RlpResult<Hash> hash() noexcept;
  /// Nothing may be left.
  RlpResult<void> end() const noexcept;

 private:
  ByteView rest_;
};

/// True if the input is one item, and its items' items and so on are, down to `depth_max` lists one
/// in another.
bool is_rlp(ByteView input, std::size_t depth_max) noexcept;

/// Appends items to bytes of the caller's.
class RlpWriter {
 public:
  /// Where a list began; for end_list().
  struct List {
    std::size_t begin;
  };

  explicit RlpWriter(Bytes& out) noexcept : out_(out) {}

  void string(ByteView bytes);
  /// Big-endian without leading zeros; zero is the empty string.
  void number(const U256& number);
  void address(const Address& address) { string(address.view()); }
  void address(const std::optional<Address>& address);
  void hash(const Hash& hash) { string(hash.view()); }
  /// What is RLP already.
  void raw(ByteView encoded) { append(out_, encoded); }

  /// What is written until end_list(), lists included, are the list's items. The bytes move once
  /// when it ends, its prefix being as long as they are many.
  List begin_list() const noexcept { return {out_.size()}; }
  void end_list(List list);

 private:
  Bytes& out_;
};

/// How many bytes a list's or string's prefix takes before that many bytes; for a string of one
/// byte below 0x80 it would be none.
std::size_t rlp_prefix_bytes(std::size_t payload_bytes) noexcept;

}  // namespace kith::ledger
