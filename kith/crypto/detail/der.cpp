#include <kith/base/assert.hpp>
#include <kith/crypto/detail/der.hpp>

namespace kith::crypto::detail {

std::optional<ByteView> take_der(ByteView& in, std::uint8_t tag) noexcept {
  if (in.size() < 2 || in[0] != tag) return std::nullopt;
  std::size_t size = in[1];
  std::size_t header = 2;
  if (size == 0x81) {
    if (in.size() < 3 || in[2] < 0x80) return std::nullopt;
    size = in[2];
    header = 3;
  } else if (size == 0x82) {
    if (in.size() < 4 || in[2] == 0) return std::nullopt;
    size = load_be<std::uint16_t>(in.data() + 2);
    header = 4;
  } else if (size >= 0x80) {
    return std::nullopt;
  }
  if (in.size() - header < size) return std::nullopt;
  const ByteView content = in.subspan(header, size);
  in = in.subspan(header + size);
  return content;
}

std::optional<ByteView> take_der_whole(ByteView& in, std::uint8_t tag) noexcept {
  const ByteView before = in;
  if (!take_der(in, tag)) return std::nullopt;
  return before.first(before.size() - in.size());
}

std::optional<ByteView> take_der_positive(ByteView& in) noexcept {
  ByteView rest = in;
  auto content = take_der(rest, der_integer);
  if (!content || content->empty() || content->front() >= 0x80) return std::nullopt;
  if (content->front() == 0) {
    // A leading zero is there only to keep the sign: the next byte must need it. Zero itself isn't
    // positive.
    if (content->size() < 2 || (*content)[1] < 0x80) return std::nullopt;
    content = content->subspan(1);
  }
  in = rest;
  return content;
}

void append_der_header(Bytes& out, std::uint8_t tag, std::size_t size) {
  ASSERT(size <= 0xffff);
  out.push_back(tag);
  if (size >= 0x100) {
    out.push_back(0x82);
    out.push_back(static_cast<std::uint8_t>(size >> 8));
  } else if (size >= 0x80) {
    out.push_back(0x81);
  }
  out.push_back(static_cast<std::uint8_t>(size));
}

void append_der(Bytes& out, std::uint8_t tag, ByteView content) {
  append_der_header(out, tag, content.size());
  append(out, content);
}

void append_der_positive(Bytes& out, ByteView magnitude) {
  const bool sign = magnitude[0] >= 0x80;
  append_der_header(out, der_integer, magnitude.size() + (sign ? 1 : 0));
  if (sign) out.push_back(0);
  append(out, magnitude);
}

}  // namespace kith::crypto::detail
