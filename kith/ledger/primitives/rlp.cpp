#include <kith/ledger/primitives/rlp.hpp>

namespace kith::ledger {
namespace {

constexpr std::uint8_t string_base = 0x80;
constexpr std::uint8_t list_base = 0xc0;
constexpr std::size_t short_bytes_max = 55;

class RlpDomain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "rlp"; }
  std::string message(int code) const override {
    switch (static_cast<RlpError>(code)) {
      case RlpError::truncated:
        return "RLP ends before its item does";
      case RlpError::not_canonical:
        return "RLP isn't in its shortest form";
      case RlpError::list_expected:
        return "RLP has a string where a list belongs";
      case RlpError::string_expected:
        return "RLP has a list where a string belongs";
      case RlpError::number_too_large:
        return "a number in RLP is too large";
      case RlpError::wrong_length:
        return "a string in RLP hasn't the length that it must have";
      case RlpError::trailing_bytes:
        return "RLP goes on after its end";
      case RlpError::missing_item:
        return "a list in RLP has too few items";
    }
    return "unknown RLP error";
  }
};

void write_prefix(std::uint8_t* at, std::size_t prefix_bytes, std::size_t payload_bytes,
                  std::uint8_t base) noexcept {
  if (prefix_bytes == 1) {
    *at = static_cast<std::uint8_t>(base + payload_bytes);
    return;
  }
  *at = static_cast<std::uint8_t>(base + short_bytes_max + prefix_bytes - 1);
  for (std::size_t i = prefix_bytes - 1; i > 0; --i) {
    at[i] = static_cast<std::uint8_t>(payload_bytes);
    payload_bytes >>= 8;
  }
}

bool is_items(ByteView items, std::size_t depth_max) noexcept {
  RlpReader reader(items);
  while (!reader.at_end()) {
    const auto item = reader.item();
    if (!item) return false;
    if (item->is_list && (depth_max == 0 || !is_items(item->payload, depth_max - 1))) return false;
  }
  return true;
}

}  // namespace

const ErrorDomain& error_domain(RlpError) noexcept {
  static constexpr RlpDomain domain;
  return domain;
}

RlpResult<RlpReader::Item> RlpReader::item() noexcept {
  if (rest_.empty()) return std::unexpected(RlpError::missing_item);
  const std::uint8_t first = rest_[0];
  Item item;
  item.is_list = first >= list_base;
  std::size_t prefix = 0;
  std::size_t length = 1;
  if (first >= string_base) {
    const std::size_t of_base = first - (item.is_list ? list_base : string_base);
    prefix = 1;
    length = of_base;
    if (of_base > short_bytes_max) {
      const std::size_t length_bytes = of_base - short_bytes_max;
      prefix += length_bytes;
      if (rest_.size() < prefix) return std::unexpected(RlpError::truncated);
      if (rest_[1] == 0) return std::unexpected(RlpError::not_canonical);
      length = 0;
      for (std::size_t i = 1; i < prefix; ++i)
        length = length << 8 | rest_[i];
      if (length <= short_bytes_max) return std::unexpected(RlpError::not_canonical);
    }
  }
  if (rest_.size() - prefix < length) return std::unexpected(RlpError::truncated);
  item.payload = rest_.subspan(prefix, length);
  item.whole = rest_.first(prefix + length);
  if (prefix == 1 && length == 1 && !item.is_list && item.payload[0] < string_base)
    return std::unexpected(RlpError::not_canonical);
  rest_ = rest_.subspan(prefix + length);
  return item;
}

RlpResult<ByteView> RlpReader::string() noexcept {
  KITH_TRY(const Item one, item());
  if (one.is_list) return std::unexpected(RlpError::string_expected);
  return one.payload;
}

RlpResult<ByteView> RlpReader::string(std::size_t length) noexcept {
  KITH_TRY(const ByteView one, string());
  if (one.size() != length) return std::unexpected(RlpError::wrong_length);
  return one;
}

RlpResult<RlpReader> RlpReader::list() noexcept {
  KITH_TRY(const Item one, item());
  if (!one.is_list) return std::unexpected(RlpError::list_expected);
  return RlpReader(one.payload);
}

RlpResult<U256> RlpReader::number() noexcept {
  KITH_TRY(const ByteView digits, string());
  if (digits.size() > U256::bytes) return std::unexpected(RlpError::number_too_large);
  if (!digits.empty() && digits[0] == 0) return std::unexpected(RlpError::not_canonical);
  return U256::from_be(digits);
}

RlpResult<std::uint64_t> RlpReader::small_number() noexcept {
  KITH_TRY(const U256 one, number());
  if (!one.fits_64()) return std::unexpected(RlpError::number_too_large);
  return one.low();
}

RlpResult<Address> RlpReader::address() noexcept {
  KITH_TRY(const ByteView one, string(Address::size));
  return *Address::from_bytes(one);
}

RlpResult<std::optional<Address>> RlpReader::address_or_none() noexcept {
  KITH_TRY(const ByteView one, string());
  if (one.empty()) return std::nullopt;
  if (one.size() != Address::size) return std::unexpected(RlpError::wrong_length);
  return Address::from_bytes(one);
}

RlpResult<Hash> RlpReader::hash() noexcept {
  KITH_TRY(const ByteView one, string(Hash::size));
  return *Hash::from_bytes(one);
}

RlpResult<void> RlpReader::end() const noexcept {
  if (!rest_.empty()) return std::unexpected(RlpError::trailing_bytes);
  return {};
}

bool is_rlp(ByteView input, std::size_t depth_max) noexcept {
  RlpReader reader(input);
  const auto item = reader.item();
  if (!item || !reader.at_end()) return false;
  return !item->is_list || (depth_max > 0 && is_items(item->payload, depth_max - 1));
}

std::size_t rlp_prefix_bytes(std::size_t payload_bytes) noexcept {
  if (payload_bytes <= short_bytes_max) return 1;
  std::size_t prefix = 1;
  for (; payload_bytes > 0; payload_bytes >>= 8)
    ++prefix;
  return prefix;
}

void RlpWriter::string(ByteView bytes) {
  if (bytes.size() == 1 && bytes[0] < string_base) {
    out_.push_back(bytes[0]);
    return;
  }
  const std::size_t prefix = rlp_prefix_bytes(bytes.size());
  const std::size_t at = out_.size();
  out_.resize(at + prefix);
  write_prefix(out_.data() + at, prefix, bytes.size(), string_base);
  append(out_, bytes);
}

void RlpWriter::number(const U256& number) {
  const auto big_endian = number.to_be();
  string(ByteView(big_endian).last(number.byte_width()));
}

void RlpWriter::address(const std::optional<Address>& address) {
  string(address ? address->view() : ByteView());
}

void RlpWriter::end_list(List list) {
  const std::size_t payload = out_.size() - list.begin;
  const std::size_t prefix = rlp_prefix_bytes(payload);
  out_.insert(out_.begin() + static_cast<std::ptrdiff_t>(list.begin), prefix, 0);
  write_prefix(out_.data() + list.begin, prefix, payload, list_base);
}

}  // namespace kith::ledger
