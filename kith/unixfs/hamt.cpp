#include <algorithm>
#include <bit>

#include <kith/base/assert.hpp>
#include <kith/multiformats/multicodec.hpp>
#include <kith/unixfs/hamt.hpp>
#include <kith/unixfs/limits.hpp>
#include <kith/unixfs/node.hpp>

namespace kith::unixfs {
namespace {

constexpr std::uint64_t murmur_c1 = 0x87c37b91114253d5;
constexpr std::uint64_t murmur_c2 = 0x4cf5ad432745937f;

std::uint64_t mix_low(std::uint64_t k) noexcept {
  return std::rotl(k * murmur_c1, 31) * murmur_c2;
}
std::uint64_t mix_high(std::uint64_t k) noexcept {
  return std::rotl(k * murmur_c2, 33) * murmur_c1;
}
std::uint64_t avalanche(std::uint64_t k) noexcept {
  k = (k ^ k >> 33) * 0xff51afd7ed558ccd;
  k = (k ^ k >> 33) * 0xc4ceb9fe1a85ec53;
  return k ^ k >> 33;
}

/// The digits of a prefix, upper case only; nothing if one isn't.
std::optional<unsigned> parse_prefix(std::string_view digits) noexcept {
  unsigned value = 0;
  for (char digit : digits) {
    if (digit >= '0' && digit <= '9') {
      value = value * 16 + static_cast<unsigned>(digit - '0');
    } else if (digit >= 'A' && digit <= 'F') {
      value = value * 16 + static_cast<unsigned>(digit - 'A' + 10);
    } else {
      return std::nullopt;
    }
  }
  return value;
}

/// Zero bytes at the front say nothing: some writers leave them out.
ByteView without_zeros(ByteView bytes) noexcept {
  while (!bytes.empty() && bytes.front() == 0)
    bytes = bytes.subspan(1);
  return bytes;
}

}  // namespace

std::uint64_t murmur3_x64_64(ByteView data) noexcept {
  std::uint64_t h1 = 0;
  std::uint64_t h2 = 0;
  ByteView rest = data;
  for (; rest.size() >= 16; rest = rest.subspan(16)) {
    h1 = std::rotl(h1 ^ mix_low(load_le<std::uint64_t>(rest.data())), 27) + h2;
    h1 = h1 * 5 + 0x52dce729;
    h2 = std::rotl(h2 ^ mix_high(load_le<std::uint64_t>(rest.data() + 8)), 31) + h1;
    h2 = h2 * 5 + 0x38495ab5;
  }
  std::uint8_t tail[16] = {};
  std::ranges::copy(rest, tail);
  h2 ^= mix_high(load_le<std::uint64_t>(tail + 8));
  h1 ^= mix_low(load_le<std::uint64_t>(tail));
  h1 ^= data.size();
  h2 ^= data.size();
  h1 += h2;
  h2 += h1;
  return avalanche(h1) + avalanche(h2);
}

Decoded<HamtShape> HamtShape::of_fanout(std::uint64_t fanout) {
  if (fanout < hamt_fanout_min || fanout > hamt_fanout_max || !std::has_single_bit(fanout)) {
    return std::unexpected(UnixfsError::bad_shard);
  }
  HamtShape shape;
  shape.fanout = static_cast<unsigned>(fanout);
  shape.bits = static_cast<unsigned>(std::countr_zero(fanout));
  shape.prefix_chars = (shape.bits + 3) / 4;
  return shape;
}

Decoded<HamtShape> HamtShape::of(const NodeData& data) {
  if (data.hash_type != static_cast<std::uint64_t>(multiformats::Codec::murmur3_x64_64)) {
    return std::unexpected(UnixfsError::bad_shard);
  }
  auto shape = of_fanout(data.fanout.value_or(0));
  if (shape && data.data_or_empty().size() > shape->fanout / 8) {
    return std::unexpected(UnixfsError::bad_shard);
  }
  return shape;
}

unsigned HamtShape::slot(std::uint64_t hash, unsigned level) const noexcept {
  ASSERT(level < levels());
  return static_cast<unsigned>(hash << level * bits >> (64 - bits));
}

std::string HamtShape::prefix(unsigned slot) const {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string text(prefix_chars, '0');
  for (unsigned i = prefix_chars; i-- > 0; slot /= 16)
    text[i] = digits[slot % 16];
  return text;
}

HamtPosition HamtPosition::below(const HamtShape& shape, unsigned slot) const noexcept {
  return {level + 1, path << shape.bits | slot};
}

Decoded<std::vector<HamtLink>> read_shard(const Node& node, const HamtShape& shape,
                                          HamtPosition position) {
  auto own = HamtShape::of(node.data);
  if (node.kind != Kind::sharded_directory || !own || *own != shape) {
    return std::unexpected(UnixfsError::bad_shard);
  }
  if (position.level >= shape.levels()) return std::unexpected(UnixfsError::too_deep);
  if (node.links.size() > shape.fanout) return std::unexpected(UnixfsError::bad_shard);
  std::vector<HamtLink> links;
  std::vector<unsigned> slots;
  links.reserve(node.links.size());
  for (const ipld::DagPbLink& link : node.links) {
    std::string_view name = link.name_or_empty();
    if (name.size() < shape.prefix_chars) return std::unexpected(UnixfsError::bad_shard);
    auto slot = parse_prefix(name.substr(0, shape.prefix_chars));
    if (!slot || *slot >= shape.fanout || (!slots.empty() && *slot <= slots.back())) {
      return std::unexpected(UnixfsError::bad_shard);
    }
    name.remove_prefix(shape.prefix_chars);
    HamtPosition place = position.below(shape, *slot);
    if (!name.empty()) {
      std::uint64_t first_bits = murmur3_x64_64(as_bytes(name)) >> (64 - place.level * shape.bits);
      if (first_bits != place.path) return std::unexpected(UnixfsError::bad_shard);
    }
    slots.push_back(*slot);
    links.push_back({*slot, name, &link});
  }
  if (!equal(without_zeros(node.data.data_or_empty()), hamt_bitfield(shape, slots))) {
    return std::unexpected(UnixfsError::bad_shard);
  }
  return links;
}

std::optional<HamtLink> find_in_shard(const std::vector<HamtLink>& links, const HamtShape& shape,
                                      HamtPosition position, std::string_view name,
                                      std::uint64_t hash) {
  unsigned slot = shape.slot(hash, position.level);
  auto found = std::ranges::lower_bound(links, slot, {}, &HamtLink::slot);
  if (found == links.end() || found->slot != slot) return std::nullopt;
  if (!found->is_shard() && found->name != name) return std::nullopt;
  return *found;
}

Bytes hamt_bitfield(const HamtShape& shape, const std::vector<unsigned>& slots) {
  Bytes field(shape.fanout / 8);
  for (unsigned slot : slots) {
    field[field.size() - 1 - slot / 8] |= static_cast<std::uint8_t>(1U << slot % 8);
  }
  return to_bytes(without_zeros(field));
}

}  // namespace kith::unixfs
