#include <algorithm>

#include <kith/base/varint.hpp>
#include <kith/ipld/car.hpp>
#include <kith/ipld/dag_cbor.hpp>
#include <kith/ipld/limits.hpp>

namespace kith::ipld {
namespace {

using multiformats::Cid;

constexpr std::uint8_t pragma[] = {0x0a, 0xa1, 0x67, 'v', 'e', 'r', 's', 'i', 'o', 'n', 0x02};
constexpr std::size_t v2_header_bytes = 40;
constexpr std::uint8_t fully_indexed_bit = 0x80;

std::unexpected<IpldError> fail(IpldError error) {
  return std::unexpected(error);
}

Decoded<std::vector<Cid>> parse_roots(ByteView header) {
  KITH_TRY(Value value, decode_dag_cbor(header, Strictness::historical));
  const Map* map = value.get<Map>();
  const Value* version = value.find("version");
  const Value* list = value.find("roots");
  if (map == nullptr || version == nullptr || version->get<Integer>() == nullptr) {
    return fail(IpldError::malformed);
  }
  if (*version->get<Integer>() != Integer::of(1)) return fail(IpldError::unsupported);
  if (map->size() != 2 || list == nullptr || list->get<List>() == nullptr) {
    return fail(IpldError::malformed);
  }
  std::vector<Cid> roots;
  for (const Value& root : *list->get<List>()) {
    if (root.get<Cid>() == nullptr) return fail(IpldError::bad_link);
    roots.push_back(*root.get<Cid>());
  }
  return roots;
}

}  // namespace

void CarReader::feed(Buffer bytes) {
  if (bytes.empty() || finished()) return;
  held_bytes_ += bytes.size();
  held_.push_back(std::move(bytes));
}

/// The next `size` bytes, which are here: shared if they lie in one piece.
Buffer CarReader::take(std::size_t size) {
  held_bytes_ -= size;
  position_ += size;
  if (size == 0) return {};
  if (held_.front().size() > size) {
    Buffer taken = held_.front().slice(0, size);
    held_.front().remove_prefix(size);
    return taken;
  }
  if (held_.front().size() == size) {
    Buffer taken = std::move(held_.front());
    held_.pop_front();
    return taken;
  }
  Buffer taken = Buffer::allocate(size);
  MutableBytes rest = taken.mutable_bytes();
  while (!rest.empty()) {
    Buffer& front = held_.front();
    std::size_t part = std::min(front.size(), rest.size());
    std::ranges::copy(front.view().first(part), rest.begin());
    rest = rest.subspan(part);
    front.remove_prefix(part);
    if (front.empty()) held_.pop_front();
  }
  return taken;
}

Decoded<std::optional<std::uint64_t>> CarReader::read_length() {
  std::uint8_t start[varint_bytes_max];
  std::size_t size = 0;
  for (const Buffer& piece : held_) {
    if (size == sizeof start) break;
    for (std::size_t i = 0; i < piece.size() && size < sizeof start; ++i)
      start[size++] = piece.data()[i];
  }
  auto length = decode_varint(ByteView(start, size));
  if (length) {
    take(length->size);
    return length->value;
  }
  if (length.error() != VarintError::truncated) return fail(IpldError::malformed);
  if (ended_) return fail(IpldError::truncated);
  return std::nullopt;
}

Decoded<std::optional<Block>> CarReader::next() {
  while (!has_header()) {
    KITH_TRY(bool moved, step());
    if (moved) continue;
    if (ended_) return fail(IpldError::truncated);
    return std::nullopt;
  }
  if (finished()) return std::nullopt;
  return read_section();
}

/// One step on the way to the sections; false if there aren't enough bytes for it.
Decoded<bool> CarReader::step() {
  switch (state_) {
    case State::start:
      return read_start();
    case State::v2_header:
      return read_v2_header();
    case State::padding:
      return skip_padding();
    case State::header:
      return read_header();
    case State::sections:
    case State::finished:
      break;
  }
  return true;
}

Decoded<bool> CarReader::read_start() {
  // Which version it is takes the length and the whole first header; the pragma is the shortest.
  if (held_bytes_ < sizeof pragma) return false;
  Buffer start = take(sizeof pragma);
  if (std::ranges::equal(start.view(), pragma)) {
    state_ = State::v2_header;
    return true;
  }
  held_bytes_ += start.size();
  position_ = 0;
  held_.push_front(std::move(start));
  state_ = State::header;
  return true;
}

Decoded<bool> CarReader::read_v2_header() {
  if (held_bytes_ < v2_header_bytes) return false;
  Buffer header = take(v2_header_bytes);
  CarV2Header v2;
  v2.fully_indexed = (header.data()[0] & fully_indexed_bit) != 0;
  v2.data_offset = load_le<std::uint64_t>(header.data() + 16);
  v2.data_size = load_le<std::uint64_t>(header.data() + 24);
  v2.index_offset = load_le<std::uint64_t>(header.data() + 32);
  std::uint64_t end = 0;
  if (v2.data_offset < position_ || __builtin_add_overflow(v2.data_offset, v2.data_size, &end) ||
      (v2.index_offset != 0 && v2.index_offset < end)) {
    return fail(IpldError::malformed);
  }
  v2_ = v2;
  data_end_ = end;
  state_ = State::padding;
  return true;
}

bool CarReader::skip_padding() {
  std::uint64_t left = v2_->data_offset - position_;
  while (left > 0 && !held_.empty()) {
    std::size_t part = std::min<std::uint64_t>(held_.front().size(), left);
    take(part);
    left -= part;
  }
  if (left > 0) return false;
  state_ = State::header;
  return true;
}

Decoded<bool> CarReader::read_header() {
  if (!length_) {
    KITH_TRY(length_, read_length());
    if (!length_) return false;
    if (*length_ == 0) return fail(IpldError::malformed);
    if (*length_ > car_header_bytes_max) return fail(IpldError::too_large);
  }
  if (held_bytes_ < *length_) return false;
  Buffer header = take(static_cast<std::size_t>(*length_));
  length_.reset();
  if (position_ > data_end_) return fail(IpldError::malformed);
  KITH_TRY(roots_, parse_roots(header));
  state_ = State::sections;
  return true;
}

Decoded<std::optional<Block>> CarReader::read_section() {
  if (!length_) {
    bool at_end = position_ == data_end_ || (ended_ && held_bytes_ == 0 && !v2_);
    if (at_end) {
      state_ = State::finished;
      held_.clear();
      held_bytes_ = 0;
      return std::nullopt;
    }
    KITH_TRY(length_, read_length());
    if (!length_) return std::nullopt;
    if (*length_ == 0) return fail(IpldError::malformed);
    if (*length_ > car_section_bytes_max) return fail(IpldError::too_large);
    if (position_ > data_end_ || *length_ > data_end_ - position_) {
      return fail(IpldError::malformed);
    }
  }
  if (held_bytes_ < *length_) {
    if (ended_) return fail(IpldError::truncated);
    return std::nullopt;
  }
  Buffer section = take(static_cast<std::size_t>(*length_));
  length_.reset();
  ByteView rest = section;
  auto cid = Cid::take(rest);
  if (!cid) return fail(IpldError::bad_link);
  if (rest.size() > block_bytes_max) return fail(IpldError::too_large);
  section.remove_prefix(section.size() - rest.size());
  return Block{*std::move(cid), std::move(section)};
}

Bytes encode_car_header(std::span<const Cid> roots) {
  List links;
  for (const Cid& root : roots)
    links.push_back(Value(root));
  Map map;
  map.push_back({"roots", Value(std::move(links))});
  map.push_back({"version", Value(Integer::of(1))});
  Bytes body = *encode_dag_cbor(Value(std::move(map)));
  Bytes out;
  append_varint(out, body.size());
  append(out, body);
  return out;
}

Bytes encode_car_section_start(const Cid& cid, std::size_t block_bytes) {
  Bytes out;
  append_varint(out, cid.bytes().size() + block_bytes);
  append(out, cid.bytes());
  return out;
}

}  // namespace kith::ipld
