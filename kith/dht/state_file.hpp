// What a Dht keeps between two runs, as bytes.
//
//   file    "kithdht1"  frame*
//   frame   length of the body (4 bytes, little-endian)
//           the first 8 bytes of the body's SHA-256
//           body: record*
//   record  kind (1 byte) and, by kind; lengths and numbers are varints, times 8 bytes of
//           nanoseconds since 1970, little-endian:
//     1 peer       id, addresses
//     2 provider   content, id, time it said so, 0 or 1 and its group (8 bytes), addresses
//     3 value      key, value, time it came
//     4 provided   content, time it is to be told of next
//     5 dropped    content that isn't provided any more
//     6 waiting    content, time it is to be told of for the first time
//
// A file can be added to, frame by frame; what comes later counts. A frame that is damaged is left
// out, and with it the rest of the file unless a whole frame begins where it says that it ends.
// Only files of our own are read, but disks fail: nothing that is read here is trusted. Pure.
#pragma once

#include <functional>
#include <variant>

#include <kith/dht/provided_keys.hpp>
#include <kith/dht/provider_records.hpp>

namespace kith::dht {

struct SavedPeer {
  PeerId peer;
  std::vector<multiformats::Multiaddr> addresses;

  friend bool operator==(const SavedPeer&, const SavedPeer&) = default;
};

struct SavedProvider {
  Bytes content;
  Provider provider;

  friend bool operator==(const SavedProvider&, const SavedProvider&) = default;
};

struct SavedValue {
  Bytes key;
  Bytes value;
  WallTime received;

  friend bool operator==(const SavedValue&, const SavedValue&) = default;
};

struct SavedContent {
  Bytes content;
  std::optional<WallTime> next;  ///< nothing: it was dropped
  bool told = false;             ///< somebody was told of it

  friend bool operator==(const SavedContent&, const SavedContent&) = default;
};

using SavedRecord = std::variant<SavedPeer, SavedProvider, SavedValue, SavedContent>;

/// What a file begins with.
ByteView state_file_begin() noexcept;

/// A frame with this body, which isn't empty.
Bytes state_frame(ByteView body);

/// Collects records for the next frame.
class FrameWriter {
 public:
  /// The record is within the limits of limits.hpp, which all that is in the tables is.
  void add(const SavedRecord& record);
  bool empty() const noexcept { return body_.empty(); }
  /// It is time to take it.
  bool full() const noexcept { return body_.size() >= state_frame_bytes; }
  /// The frame; it begins anew.
  Bytes take();

 private:
  Bytes body_;
};

struct StateRead {
  std::size_t records = 0;
  /// Bytes that made no sense.
  std::size_t damaged_bytes = 0;
};

/// Calls `visit` for each record, in their order.
StateRead read_state(ByteView file, const std::function<void(SavedRecord record)>& visit);

}  // namespace kith::dht
