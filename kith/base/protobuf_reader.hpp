// ProtobufReader: protozero's reader over our views, for messages that strangers send. protozero
// keeps 32 bits of a field's key and of its length, and 64 of any number, so a length of 4 GiB
// reads as 0 and a message means something else to us than to its other readers; here such a field
// is an error. Pure. Not installed: whoever includes it needs protozero. Thread: any.
#pragma once

#include <cstdint>
#include <limits>

#include <protozero/exception.hpp>
#include <protozero/pbf_reader.hpp>
#include <protozero/varint.hpp>

#include <kith/base/bytes.hpp>

namespace kith {

/// Used as protozero's: a loop over next() that gets or skips each field. All but the constructor
/// throw protozero::exception on a message that isn't well-formed.
class ProtobufReader : private protozero::pbf_reader {
 public:
  /// The bytes must outlive it and what it returns.
  explicit ProtobufReader(ByteView message) noexcept
      : pbf_reader(as_text(message).data(), message.size()) {}

  /// Goes to the next field; false at the end.
  bool next() {
    refuse_what_is_cut();
    return pbf_reader::next();
  }
  /// Goes to the next field of this number and type, past all others.
  bool next(protozero::pbf_tag_type number, protozero::pbf_wire_type type) {
    while (next()) {
      if (tag_and_type() == protozero::tag_and_type(number, type)) return true;
      skip();
    }
    return false;
  }

  using pbf_reader::skip;
  using pbf_reader::tag;
  using pbf_reader::tag_and_type;
  using pbf_reader::wire_type;

  using pbf_reader::get_enum;
  using pbf_reader::get_fixed32;
  using pbf_reader::get_fixed64;
  using pbf_reader::get_int32;
  using pbf_reader::get_int64;
  using pbf_reader::get_uint32;
  using pbf_reader::get_uint64;

  ByteView get_bytes() {
    const protozero::data_view view = get_view();
    return as_bytes({view.data(), view.size()});
  }
  auto get_packed_uint64() {
    auto numbers = pbf_reader(*this).get_view();
    const char* at = numbers.data();
    while (at != numbers.data() + numbers.size())
      take_varint(at, numbers.data() + numbers.size());
    return pbf_reader::get_packed_uint64();
  }
  ProtobufReader get_message() { return ProtobufReader(get_bytes()); }

 private:
  void refuse_what_is_cut() const {
    const protozero::data_view left = data();
    const char* at = left.data();
    const char* const end = at + left.size();
    if (at == end) return;
    const std::uint64_t key = take_varint(at, end);
    if (key > std::numeric_limits<std::uint32_t>::max()) throw protozero::invalid_tag_exception{};
    const auto type = static_cast<protozero::pbf_wire_type>(key & 7);
    if (type == protozero::pbf_wire_type::varint) take_varint(at, end);
    if (type != protozero::pbf_wire_type::length_delimited) return;
    const std::uint64_t length = take_varint(at, end);
    if (length > static_cast<std::uint64_t>(end - at)) throw protozero::end_of_buffer_exception{};
  }

  static std::uint64_t take_varint(const char*& at, const char* end) {
    constexpr int bytes_max = 10;
    const char* const begin = at;
    const std::uint64_t number = protozero::decode_varint(&at, end);
    // The tenth byte has room for one bit.
    if (at - begin == bytes_max && static_cast<unsigned char>(begin[bytes_max - 1]) > 1)
      throw protozero::varint_too_long_exception{};
    return number;
  }
};

}  // namespace kith
