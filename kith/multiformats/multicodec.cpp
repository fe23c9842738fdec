#include <algorithm>
#include <iterator>

#include <kith/multiformats/detail/multicodec_table.hpp>
#include <kith/multiformats/multicodec.hpp>

namespace kith::multiformats {
namespace {

using detail::multicodec_table;
static_assert(std::ranges::is_sorted(multicodec_table, std::ranges::less_equal{},
                                     &CodecInfo::code));

}  // namespace

std::span<const CodecInfo> all_codecs() noexcept {
  return multicodec_table;
}

const CodecInfo* find_codec(Codec code) noexcept {
  const CodecInfo* row = std::ranges::lower_bound(multicodec_table, code, {}, &CodecInfo::code);
  return row != std::end(multicodec_table) && row->code == code ? row : nullptr;
}

std::optional<std::string_view> codec_name(Codec code) noexcept {
  const CodecInfo* row = find_codec(code);
  if (row == nullptr) return std::nullopt;
  return row->name;
}

std::optional<Codec> codec_from_name(std::string_view name) noexcept {
  const CodecInfo* row = std::ranges::find(multicodec_table, name, &CodecInfo::name);
  if (row == std::end(multicodec_table)) return std::nullopt;
  return row->code;
}

}  // namespace kith::multiformats
