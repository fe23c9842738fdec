#include <kith/base/assert.hpp>
#include <kith/multiformats/detail/read.hpp>
#include <kith/multiformats/multihash.hpp>

namespace kith::multiformats {

Decoded<Multihash> Multihash::wrap(Codec function, ByteView digest) {
  if (digest.size() > digest_bytes_max) return std::unexpected(MultiformatsError::too_long);
  std::uint8_t whole[multihash_bytes_max];
  std::size_t size = write_varint(whole, static_cast<std::uint64_t>(function));
  size += write_varint(whole + size, digest.size());
  std::ranges::copy(digest, whole + size);
  return Multihash(ByteView(whole, size + digest.size()));
}

Decoded<Multihash> Multihash::take(ByteView& in) {
  ByteView rest = in;
  KITH_CHECK(detail::read_varint(rest));
  KITH_TRY(std::uint64_t length, detail::read_varint(rest));
  if (length > digest_bytes_max) return std::unexpected(MultiformatsError::too_long);
  if (length > rest.size()) return std::unexpected(MultiformatsError::truncated);
  std::size_t size = in.size() - rest.size() + static_cast<std::size_t>(length);
  Multihash taken(in.first(size));
  in = in.subspan(size);
  return taken;
}

Decoded<Multihash> Multihash::from_bytes(ByteView whole) {
  KITH_TRY(Multihash taken, take(whole));
  if (!whole.empty()) return std::unexpected(MultiformatsError::trailing_bytes);
  return taken;
}

Codec Multihash::function() const noexcept {
  auto code = decode_varint(bytes());
  ASSERT(code.has_value());
  return static_cast<Codec>(code->value);
}

ByteView Multihash::digest() const noexcept {
  ByteView rest = bytes();
  auto code = take_varint(rest);
  auto length = take_varint(rest);
  ASSERT(code.has_value() && length.has_value());
  return rest;
}

}  // namespace kith::multiformats
