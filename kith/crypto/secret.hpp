// Bytes that nobody may find in memory later, and comparison that tells nothing by its duration.
//
// A Secret wipes its bytes when it dies or is assigned to. It can be moved; copying is spelled
// out, clone(), so that the copies of a key can be counted by reading. Any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <kith/base/bytes.hpp>

namespace kith::crypto {

/// Overwrites with zero, in a way that the compiler doesn't leave out.
void wipe(MutableBytes bytes) noexcept;
void wipe(std::span<char> text) noexcept;

/// Equality in a time that depends on the lengths alone.
bool equal_constant_time(ByteView a, ByteView b) noexcept;

/// A secret of any length.
class Secret {
 public:
  Secret() = default;
  /// `size` bytes of zero, to be filled.
  explicit Secret(std::size_t size) : bytes_(size) {}
  explicit Secret(ByteView bytes) : bytes_(to_bytes(bytes)) {}
  /// Takes the bytes over, so that there is no other copy of them.
  explicit Secret(Bytes&& bytes) noexcept : bytes_(std::move(bytes)) {}
  Secret(Secret&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      wipe(bytes_);
      bytes_ = std::exchange(other.bytes_, {});
    }
    return *this;
  }
  ~Secret() { wipe(bytes_); }

  Secret clone() const { return Secret(view()); }

  std::size_t size() const noexcept { return bytes_.size(); }
  bool empty() const noexcept { return bytes_.empty(); }
  const std::uint8_t* data() const noexcept { return bytes_.data(); }
  ByteView view() const noexcept { return bytes_; }
  operator ByteView() const noexcept { return view(); }
  MutableBytes mutable_bytes() noexcept { return bytes_; }

  friend bool operator==(const Secret& a, const Secret& b) noexcept {
    return equal_constant_time(a, b);
  }

 private:
  Bytes bytes_;
};

/// A secret of a fixed length, inside the object; for keys on the stack and in protocol states. It
/// may be copied, and each copy wipes itself.
template <std::size_t length>
class SecretArray {
 public:
  SecretArray() = default;
  explicit SecretArray(std::span<const std::uint8_t, length> bytes) noexcept {
    std::copy_n(bytes.data(), length, bytes_.data());
  }
  SecretArray(const SecretArray&) = default;
  SecretArray& operator=(const SecretArray&) = default;
  ~SecretArray() { wipe(bytes_); }

  static constexpr std::size_t size() noexcept { return length; }
  const std::uint8_t* data() const noexcept { return bytes_.data(); }
  std::uint8_t* data() noexcept { return bytes_.data(); }
  std::span<const std::uint8_t, length> view() const noexcept { return bytes_; }
  operator ByteView() const noexcept { return bytes_; }
  MutableBytes mutable_bytes() noexcept { return bytes_; }

  friend bool operator==(const SecretArray& a, const SecretArray& b) noexcept {
    return equal_constant_time(a, b);
  }

 private:
  std::array<std::uint8_t, length> bytes_{};
};

}  // namespace kith::crypto
