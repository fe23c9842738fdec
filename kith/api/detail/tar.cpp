#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>

#include <kith/api/detail/tar.hpp>

namespace kith::api {
namespace {

constexpr std::size_t pax_bytes_max = 64 * 1024;
constexpr std::size_t name_field = 100;
constexpr std::uint64_t octal_size_max = 077777777777;
constexpr std::int64_t octal_time_max = 077777777777;
/// As far as Duration counts.
constexpr std::int64_t time_seconds_max = INT64_MAX / 1'000'000'000;

struct Field {
  std::size_t offset;
  std::size_t size;
};
constexpr Field name_at{0, 100}, mode_at{100, 8}, uid_at{108, 8}, gid_at{116, 8}, size_at{124, 12},
    time_at{136, 12}, sum_at{148, 8}, type_at{156, 1}, link_at{157, 100}, magic_at{257, 8};

void put_octal(Bytes& block, Field field, std::uint64_t value) {
  std::string digits = fmt::format("{:0{}o}", value, field.size - 1);
  std::memcpy(block.data() + field.offset, digits.data(), std::min(digits.size(), field.size - 1));
}

void put_text(Bytes& block, Field field, std::string_view text) {
  std::memcpy(block.data() + field.offset, text.data(), std::min(text.size(), field.size));
}

std::uint32_t checksum(ByteView block) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < block.size(); ++i) {
    bool in_sum = i >= sum_at.offset && i < sum_at.offset + sum_at.size;
    sum += in_sum ? ' ' : block[i];
  }
  return sum;
}

Bytes block_of(const TarEntry& entry, char type, std::uint64_t size) {
  Bytes block(tar_block_bytes);
  put_text(block, name_at, entry.path);
  put_octal(block, mode_at, entry.mode & 07777);
  put_octal(block, uid_at, 0);
  put_octal(block, gid_at, 0);
  put_octal(block, size_at, std::min(size, octal_size_max));
  std::int64_t seconds = 0;
  if (entry.modified) {
    seconds = std::chrono::floor<std::chrono::seconds>(entry.modified->time_since_epoch()).count();
  }
  seconds = std::clamp<std::int64_t>(seconds, 0, octal_time_max);
  put_octal(block, time_at, static_cast<std::uint64_t>(seconds));
  block[type_at.offset] = static_cast<std::uint8_t>(type);
  put_text(block, link_at, entry.target);
  std::memcpy(block.data() + magic_at.offset,
              "ustar\0"
              "00",
              8);
  std::string sum = fmt::format("{:06o}", checksum(block));
  std::memcpy(block.data() + sum_at.offset, sum.data(), 6);
  block[sum_at.offset + 7] = ' ';
  return block;
}

std::string pax_record(std::string_view key, std::string_view value) {
  // The length counts itself.
  std::size_t body = key.size() + value.size() + 3;
  std::size_t total = body + 1;
  while (total != body + std::to_string(total).size())
    total = body + std::to_string(total).size();
  return fmt::format("{} {}={}\n", total, key, value);
}

/// Seconds with a fraction, which counts away from 1970 as the sign does.
std::string decimal_time(Duration since) {
  auto whole = std::chrono::duration_cast<std::chrono::seconds>(since);
  std::int64_t nanoseconds = (since - whole).count();
  return fmt::format("{}{}.{:09}", since < Duration(0) ? "-" : "", std::abs(whole.count()),
                     std::abs(nanoseconds));
}

/// What pax' "mtime" says, if it is within what Duration counts.
std::optional<Duration> time_of_decimal(std::string_view text) {
  bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  std::int64_t seconds = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (failure != std::errc{} || seconds < 0 || seconds > time_seconds_max) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  std::string digits(text.starts_with('.') ? text.substr(1, 9) : "");
  digits.resize(9, '0');
  std::int64_t nanoseconds = 0;
  if (seconds < time_seconds_max)
    std::from_chars(digits.data(), digits.data() + digits.size(), nanoseconds);
  Duration since = std::chrono::seconds(seconds) + std::chrono::nanoseconds(nanoseconds);
  return negative ? -since : since;
}

std::string pax_of(const TarEntry& entry) {
  std::string pax;
  if (entry.path.size() > name_field) pax += pax_record("path", entry.path);
  if (entry.target.size() > name_field) pax += pax_record("linkpath", entry.target);
  if (entry.size_bytes > octal_size_max)
    pax += pax_record("size", std::to_string(entry.size_bytes));
  if (entry.modified) {
    auto since = entry.modified->time_since_epoch();
    auto seconds = std::chrono::floor<std::chrono::seconds>(since);
    // In the head, 0 is what stands there if nobody said.
    bool fits = since == seconds && seconds.count() > 0 && seconds.count() <= octal_time_max;
    if (!fits) pax += pax_record("mtime", decimal_time(since));
  }
  return pax;
}

std::string text_at(ByteView block, Field field) {
  std::string_view whole = as_text(block.subspan(field.offset, field.size));
  return std::string(whole.substr(0, whole.find('\0')));
}

std::optional<std::uint64_t> octal_at(ByteView block, Field field) {
  std::string text = text_at(block, field);
  std::uint64_t value = 0;
  for (char c : text) {
    if (c == ' ') continue;
    if (c < '0' || c > '7' || value > (UINT64_MAX >> 3)) return std::nullopt;
    value = value << 3 | static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

Error no_tar(std::string_view why) {
  return Error(Errc::corrupt, fmt::format("tar: {}", why));
}

}  // namespace

Bytes tar_head(const TarEntry& entry) {
  Bytes head;
  std::string pax = pax_of(entry);
  if (!pax.empty()) {
    TarEntry of_pax;
    of_pax.path = "PaxHeaders/" + entry.path.substr(0, 80);
    append(head, block_of(of_pax, 'x', pax.size()));
    append(head, as_bytes(pax));
    append(head, tar_padding(pax.size()));
  }
  char type = entry.kind == port::FileKind::directory ? '5'
              : entry.kind == port::FileKind::symlink ? '2'
                                                      : '0';
  std::uint64_t size = entry.kind == port::FileKind::regular ? entry.size_bytes : 0;
  append(head, block_of(entry, type, size));
  return head;
}

Bytes tar_padding(std::uint64_t size_bytes) {
  return Bytes((tar_block_bytes - size_bytes % tar_block_bytes) % tar_block_bytes);
}

Bytes tar_end() {
  return Bytes(2 * tar_block_bytes);
}

Result<void> TarReader::feed(ByteView bytes) {
  while (!bytes.empty() && !ended_) {
    if (content_left_ > 0) {
      std::size_t size = std::min<std::uint64_t>(content_left_, bytes.size());
      if (in_pax_) {
        append(pax_, bytes.first(size));
      } else {
        KITH_CHECK(sink_.content(bytes.first(size)));
      }
      content_left_ -= size;
      bytes = bytes.subspan(size);
      if (content_left_ == 0) KITH_CHECK(entry_complete());
    } else if (padding_left_ > 0) {
      std::size_t size = std::min<std::uint64_t>(padding_left_, bytes.size());
      padding_left_ -= size;
      bytes = bytes.subspan(size);
    } else {
      std::size_t size = std::min(tar_block_bytes - head_.size(), bytes.size());
      append(head_, bytes.first(size));
      bytes = bytes.subspan(size);
      if (head_.size() == tar_block_bytes) {
        KITH_CHECK(head_complete());
        head_.clear();
      }
    }
  }
  return {};
}

Result<void> TarReader::head_complete() {
  if (std::ranges::all_of(head_, [](std::uint8_t byte) { return byte == 0; })) {
    ended_ = true;
    return {};
  }
  auto size = octal_at(head_, size_at);
  auto mode = octal_at(head_, mode_at);
  auto time = octal_at(head_, time_at);
  auto sum = octal_at(head_, sum_at);
  if (!size || !mode || !time || !sum || *sum != checksum(head_)) {
    return std::unexpected(no_tar("a head that makes no sense"));
  }
  char type = static_cast<char>(head_[type_at.offset]);
  padding_left_ = tar_padding(*size).size();
  if (type == 'x' || type == 'g') {
    if (*size > pax_bytes_max) return std::unexpected(Errc::limit_exceeded);
    // An empty one is over at once.
    in_pax_ = *size > 0;
    pax_.clear();
    content_left_ = *size;
    return {};
  }
  TarEntry entry;
  std::string prefix = text_at(head_, {345, 155});
  std::string name = text_at(head_, name_at);
  entry.path = pax_path_.value_or(prefix.empty() ? name : prefix + "/" + name);
  entry.target = pax_target_.value_or(text_at(head_, link_at));
  entry.size_bytes = pax_size_.value_or(*size);
  entry.mode = static_cast<std::uint32_t>(*mode & 07777);
  if (pax_modified_) {
    entry.modified = pax_modified_;
  } else if (*time != 0 && *time <= static_cast<std::uint64_t>(time_seconds_max)) {
    entry.modified = WallTime(std::chrono::seconds(*time));
  }
  switch (type) {
    case '0':
    case '\0':
      entry.kind = port::FileKind::regular;
      break;
    case '5':
      entry.kind = port::FileKind::directory;
      break;
    case '2':
      entry.kind = port::FileKind::symlink;
      break;
    default:
      return std::unexpected(no_tar("an entry of a kind that isn't known"));
  }
  pax_path_.reset();
  pax_target_.reset();
  pax_size_.reset();
  pax_modified_.reset();
  content_left_ = entry.kind == port::FileKind::regular ? entry.size_bytes : 0;
  padding_left_ = tar_padding(content_left_).size();
  in_entry_ = true;
  KITH_CHECK(sink_.begin(entry));
  if (content_left_ == 0) return entry_complete();
  return {};
}

Result<void> TarReader::entry_complete() {
  if (!in_pax_) {
    in_entry_ = false;
    return sink_.end();
  }
  in_pax_ = false;
  std::string_view rest = as_text(pax_);
  while (!rest.empty()) {
    std::size_t length = 0;
    auto [end, failure] = std::from_chars(rest.data(), rest.data() + rest.size(), length);
    std::size_t digits = static_cast<std::size_t>(end - rest.data());
    if (failure != std::errc{} || length > rest.size() || length < digits + 3) {
      return std::unexpected(no_tar("a pax header that makes no sense"));
    }
    std::string_view record = rest.substr(digits + 1, length - digits - 2);
    rest.remove_prefix(length);
    std::size_t equals = record.find('=');
    if (equals == std::string_view::npos) return std::unexpected(no_tar("a pax record without ="));
    std::string_view key = record.substr(0, equals);
    std::string value(record.substr(equals + 1));
    if (key == "path") pax_path_ = value;
    if (key == "linkpath") pax_target_ = value;
    if (key == "size") pax_size_ = std::strtoull(value.c_str(), nullptr, 10);
    if (key == "mtime") {
      if (auto since = time_of_decimal(value)) pax_modified_ = WallTime(*since);
    }
  }
  return {};
}

}  // namespace kith::api
