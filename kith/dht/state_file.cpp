#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/base/varint.hpp>
#include <kith/crypto/hash.hpp>
#include <kith/dht/state_file.hpp>

namespace kith::dht {
namespace {

using multiformats::Multiaddr;

constexpr std::string_view file_begin = "kithdht1";
constexpr std::size_t checksum_bytes = 8;
constexpr std::size_t frame_head_bytes = 4 + checksum_bytes;

enum class Kind : std::uint8_t { peer = 1, provider, value, provided, dropped, waiting };

bool checksum_is(ByteView checksum, ByteView body) {
  return equal(checksum, ByteView(crypto::sha256(body)).first(checksum_bytes));
}

// Writing.

void put_bytes(Bytes& out, ByteView bytes) {
  append_varint(out, bytes.size());
  append(out, bytes);
}

void put_number(Bytes& out, std::uint64_t number) {
  std::uint8_t bytes[8];
  store_le(bytes, number);
  append(out, bytes);
}

void put_time(Bytes& out, WallTime time) {
  put_number(out, static_cast<std::uint64_t>(time.time_since_epoch().count()));
}

void put_addresses(Bytes& out, const std::vector<Multiaddr>& addresses) {
  const std::size_t count = std::min(addresses.size(), addresses_per_peer_max);
  append_varint(out, count);
  for (std::size_t i = 0; i < count; ++i)
    put_bytes(out, addresses[i].bytes());
}

void put(Bytes& out, const SavedPeer& one) {
  out.push_back(static_cast<std::uint8_t>(Kind::peer));
  put_bytes(out, one.peer.bytes());
  put_addresses(out, one.addresses);
}

void put(Bytes& out, const SavedProvider& one) {
  out.push_back(static_cast<std::uint8_t>(Kind::provider));
  put_bytes(out, one.content);
  put_bytes(out, one.provider.peer.bytes());
  put_time(out, one.provider.said_at);
  out.push_back(one.provider.group ? 1 : 0);
  if (one.provider.group) put_number(out, static_cast<std::uint64_t>(*one.provider.group));
  put_addresses(out, one.provider.addresses);
}

void put(Bytes& out, const SavedValue& one) {
  out.push_back(static_cast<std::uint8_t>(Kind::value));
  put_bytes(out, one.key);
  put_bytes(out, one.value);
  put_time(out, one.received);
}

void put(Bytes& out, const SavedContent& one) {
  const Kind kept = one.told ? Kind::provided : Kind::waiting;
  out.push_back(static_cast<std::uint8_t>(one.next ? kept : Kind::dropped));
  put_bytes(out, one.content);
  if (one.next) put_time(out, *one.next);
}

// Reading. Each take_ returns false, or nothing, if there is no such thing at the front of `in`.

bool take_bytes(ByteView& in, std::size_t size_max, ByteView& bytes) {
  auto size = take_varint(in);
  if (!size || *size > size_max || *size > in.size()) return false;
  bytes = in.first(*size);
  in = in.subspan(*size);
  return true;
}

bool take_number(ByteView& in, std::uint64_t& number) {
  if (in.size() < 8) return false;
  number = load_le<std::uint64_t>(in.data());
  in = in.subspan(8);
  return true;
}

bool take_time(ByteView& in, WallTime& time) {
  std::uint64_t number = 0;
  if (!take_number(in, number) || number >> 62 != 0) return false;
  time = WallTime(Duration(static_cast<Duration::rep>(number)));
  return true;
}

bool take_peer(ByteView& in, PeerId& peer) {
  ByteView bytes;
  if (!take_bytes(in, key_bytes_max, bytes)) return false;
  auto read = PeerId::from_bytes(bytes);
  if (read) peer = *read;
  return read.has_value();
}

bool take_addresses(ByteView& in, std::vector<Multiaddr>& addresses) {
  auto count = take_varint(in);
  if (!count || *count > addresses_per_peer_max) return false;
  for (std::uint64_t i = 0; i < *count; ++i) {
    ByteView bytes;
    if (!take_bytes(in, request_bytes_max, bytes)) return false;
    auto address = Multiaddr::from_bytes(bytes);
    if (!address) return false;
    addresses.push_back(*std::move(address));
  }
  return true;
}

std::optional<SavedRecord> take_provider(ByteView& in) {
  SavedProvider one;
  ByteView content;
  if (!take_bytes(in, content_key_bytes_max, content)) return std::nullopt;
  one.content = to_bytes(content);
  if (!take_peer(in, one.provider.peer) || !take_time(in, one.provider.said_at)) {
    return std::nullopt;
  }
  if (in.empty() || in[0] > 1) return std::nullopt;
  const bool has_group = in[0] == 1;
  in = in.subspan(1);
  std::uint64_t group = 0;
  if (has_group && !take_number(in, group)) return std::nullopt;
  if (has_group) one.provider.group = IpGroup{group};
  if (!take_addresses(in, one.provider.addresses)) return std::nullopt;
  return one;
}

std::optional<SavedRecord> take_record(ByteView& in) {
  const Kind kind{in[0]};
  in = in.subspan(1);
  ByteView key;
  ByteView value;
  WallTime time{};
  switch (kind) {
    case Kind::peer: {
      SavedPeer one;
      if (!take_peer(in, one.peer) || !take_addresses(in, one.addresses)) return std::nullopt;
      return one;
    }
    case Kind::provider:
      return take_provider(in);
    case Kind::value:
      if (!take_bytes(in, key_bytes_max, key) || !take_bytes(in, value_bytes_max, value) ||
          !take_time(in, time)) {
        return std::nullopt;
      }
      return SavedValue{to_bytes(key), to_bytes(value), time};
    case Kind::provided:
    case Kind::waiting:
      if (!take_bytes(in, content_key_bytes_max, key) || !take_time(in, time)) return std::nullopt;
      return SavedContent{to_bytes(key), time, kind == Kind::provided};
    case Kind::dropped:
      if (!take_bytes(in, content_key_bytes_max, key)) return std::nullopt;
      return SavedContent{to_bytes(key), std::nullopt};
  }
  return std::nullopt;
}

}  // namespace

ByteView state_file_begin() noexcept {
  return as_bytes(file_begin);
}

void FrameWriter::add(const SavedRecord& record) {
  std::visit([this](const auto& one) { put(body_, one); }, record);
  ASSERT(body_.size() <= state_frame_bytes_max);
}

Bytes state_frame(ByteView body) {
  Bytes frame(4);
  store_le(frame.data(), static_cast<std::uint32_t>(body.size()));
  append(frame, ByteView(crypto::sha256(body)).first(checksum_bytes));
  append(frame, body);
  return frame;
}

Bytes FrameWriter::take() {
  Bytes frame = state_frame(body_);
  body_.clear();
  return frame;
}

StateRead read_state(ByteView file, const std::function<void(SavedRecord record)>& visit) {
  StateRead read;
  if (!as_text(file).starts_with(file_begin)) {
    read.damaged_bytes = file.size();
    return read;
  }
  file = file.subspan(file_begin.size());
  while (!file.empty()) {
    const std::size_t size =
        file.size() < frame_head_bytes ? 0 : load_le<std::uint32_t>(file.data());
    if (size == 0 || size > state_frame_bytes_max || size > file.size() - frame_head_bytes) {
      read.damaged_bytes += file.size();
      return read;
    }
    const ByteView checksum = file.subspan(4, checksum_bytes);
    ByteView body = file.subspan(frame_head_bytes, size);
    file = file.subspan(frame_head_bytes + size);
    if (!checksum_is(checksum, body)) {
      read.damaged_bytes += frame_head_bytes + size;
      continue;
    }
    while (!body.empty()) {
      const std::size_t left = body.size();
      std::optional<SavedRecord> record = take_record(body);
      if (!record) {
        // Of a later version, or not ours: what follows can't be told apart.
        read.damaged_bytes += left;
        break;
      }
      ++read.records;
      visit(*std::move(record));
    }
  }
  return read;
}

}  // namespace kith::dht
