#include <kith/base/assert.hpp>
#include <kith/base/varint.hpp>

namespace kith {
namespace {

class Domain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "varint"; }
  std::string message(int code) const override {
    switch (static_cast<VarintError>(code)) {
      case VarintError::truncated:
        return "the number is cut off";
      case VarintError::too_long:
        return "the number is longer than 63 bits";
      case VarintError::not_minimal:
        return "the number isn't in its shortest form";
    }
    return "unknown error";
  }
};
constinit const Domain domain;

}  // namespace

const ErrorDomain& error_domain(VarintError) noexcept {
  return domain;
}

std::expected<Varint, VarintError> decode_varint(ByteView in) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < varint_bytes_max; ++i) {
    if (i == in.size()) return std::unexpected(VarintError::truncated);
    value |= std::uint64_t{in[i] & 0x7fU} << (7 * i);
    if (in[i] < 0x80) {
      if (in[i] == 0 && i > 0) return std::unexpected(VarintError::not_minimal);
      return Varint{value, i + 1};
    }
  }
  return std::unexpected(VarintError::too_long);
}

std::expected<std::uint64_t, VarintError> take_varint(ByteView& in) noexcept {
  auto number = decode_varint(in);
  if (!number) return std::unexpected(number.error());
  in = in.subspan(number->size);
  return number->value;
}

std::size_t varint_size(std::uint64_t value) noexcept {
  std::size_t size = 1;
  for (; value >= 0x80; value >>= 7)
    ++size;
  return size;
}

std::size_t write_varint(std::uint8_t* out, std::uint64_t value) noexcept {
  ASSERT(value >> 63 == 0);
  std::size_t size = 0;
  for (; value >= 0x80; value >>= 7)
    out[size++] = static_cast<std::uint8_t>(value | 0x80);
  out[size++] = static_cast<std::uint8_t>(value);
  return size;
}

void append_varint(Bytes& out, std::uint64_t value) {
  std::uint8_t buffer[varint_bytes_max];
  std::size_t size = write_varint(buffer, value);
  out.insert(out.end(), buffer, buffer + size);
}

}  // namespace kith
