#include <algorithm>
#include <bit>
#include <charconv>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include <kith/base/assert.hpp>
#include <kith/unixfs/chunker.hpp>
#include <kith/unixfs/detail/buzhash_table.hpp>
#include <kith/unixfs/detail/rabin.hpp>
#include <kith/unixfs/limits.hpp>

namespace kith::unixfs {
namespace {

constexpr std::size_t buzhash_min = 128 * 1024;
constexpr std::size_t buzhash_max = 512 * 1024;
constexpr std::size_t buzhash_window = 32;
constexpr std::uint32_t buzhash_mask = (1U << 17) - 1;

class FixedChunker final : public Chunker {
 public:
  explicit FixedChunker(std::size_t size) noexcept : size_(size) {}

  Cut feed(ByteView piece) override {
    std::size_t taken = std::min(piece.size(), size_ - held_);
    held_ += taken;
    bool complete = held_ == size_;
    if (complete) held_ = 0;
    return {taken, complete};
  }

 private:
  std::size_t size_;
  std::size_t held_ = 0;
};

/// Both rolling hashes: skip what can't hold a boundary, then roll byte by byte over a window.
/// Hash has window_bytes, reset(), slide(leaving, entering) and at_boundary().
template <class Hash>
class RollingChunker final : public Chunker {
 public:
  RollingChunker(std::size_t minimum, std::size_t maximum, Hash hash) noexcept
      : minimum_(minimum), maximum_(maximum), hash_(hash) {}

  Cut feed(ByteView piece) override {
    std::size_t at = 0;
    // A boundary at n depends on the window before n, and no boundary is before the minimum.
    std::size_t first = minimum_ - Hash::window_bytes;
    if (held_ < first) {
      at = std::min(piece.size(), first - held_);
      held_ += at;
    }
    for (; at < piece.size(); ++at) {
      std::size_t place = held_ % Hash::window_bytes;
      std::uint8_t leaving = held_ < minimum_ ? 0 : window_[place];
      window_[place] = piece[at];
      hash_.slide(held_ < minimum_, leaving, piece[at]);
      ++held_;
      if (held_ >= maximum_ || (held_ >= minimum_ && hash_.at_boundary())) {
        held_ = 0;
        hash_.reset();
        return {at + 1, true};
      }
    }
    return {at, false};
  }

 private:
  std::size_t minimum_;
  std::size_t maximum_;
  Hash hash_;
  std::size_t held_ = 0;
  std::array<std::uint8_t, Hash::window_bytes> window_{};
};

class RabinHash {
 public:
  static constexpr std::size_t window_bytes = rabin_window_bytes;
  explicit RabinHash(std::uint64_t mask) noexcept : mask_(mask) {}

  void reset() noexcept { digest_ = 0; }
  void slide(bool filling, std::uint8_t leaving, std::uint8_t entering) noexcept {
    if (!filling) digest_ ^= detail::rabin_tables.leaving[leaving];
    std::uint64_t above = digest_ >> (detail::rabin_degree - 8);
    digest_ = (digest_ << 8 | entering) ^ detail::rabin_tables.reduction[above];
  }
  bool at_boundary() const noexcept { return (digest_ & mask_) == 0; }

 private:
  std::uint64_t mask_;
  std::uint64_t digest_ = 0;
};

class BuzHash {
 public:
  static constexpr std::size_t window_bytes = buzhash_window;

  void reset() noexcept { state_ = 0; }
  void slide(bool filling, std::uint8_t leaving, std::uint8_t entering) noexcept {
    // A number that went around 32 times is itself again, so it leaves as it came.
    state_ = std::rotl(state_, 1) ^ detail::buzhash_table[entering];
    if (!filling) state_ ^= detail::buzhash_table[leaving];
  }
  bool at_boundary() const noexcept { return (state_ & buzhash_mask) == 0; }

 private:
  std::uint32_t state_ = 0;
};

/// What is too large for a number is larger than any chunk may be.
std::optional<std::size_t> parse_size(std::string_view text) {
  std::size_t size = 0;
  auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (fault == std::errc::result_out_of_range) size = SIZE_MAX;
  if (fault == std::errc::invalid_argument || end != text.data() + text.size()) return std::nullopt;
  return size;
}

/// A number that may carry its label: "16" or "min:16".
std::optional<std::size_t> parse_labelled(std::string_view text, std::string_view label) {
  std::size_t colon = text.find(':');
  if (colon != std::string_view::npos) {
    if (text.substr(0, colon) != label) return std::nullopt;
    text.remove_prefix(colon + 1);
  }
  return parse_size(text);
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at <= text.size() && parts.size() < 8;) {
    std::size_t dash = std::min(text.find('-', at), text.size());
    parts.push_back(text.substr(at, dash - at));
    at = dash + 1;
  }
  return parts;
}

ChunkerSpec rabin_of_average(std::size_t average) {
  return ChunkerSpec::rabin(average / 3, average, average + average / 2);
}

std::optional<ChunkerSpec> parse_rabin(const std::vector<std::string_view>& parts,
                                       std::size_t default_size) {
  if (parts.size() == 1) return rabin_of_average(default_size);
  if (parts.size() == 2) {
    auto average = parse_size(parts[1]);
    if (!average) return std::nullopt;
    return rabin_of_average(std::min(*average, chunk_bytes_max));
  }
  if (parts.size() != 4) return std::nullopt;
  auto minimum = parse_labelled(parts[1], "min");
  auto average = parse_labelled(parts[2], "avg");
  auto maximum = parse_labelled(parts[3], "max");
  if (!minimum || !average || !maximum) return std::nullopt;
  return ChunkerSpec::rabin(*minimum, *average, *maximum);
}

/// By its form alone: the sizes may be impossible.
std::optional<ChunkerSpec> parse_form(std::string_view text, std::size_t default_size) {
  std::vector<std::string_view> parts = split(text);
  if (text.empty() || text == "default") return ChunkerSpec::fixed(default_size);
  if (parts[0] == "size" && parts.size() == 2) {
    auto size = parse_size(parts[1]);
    if (size) return ChunkerSpec::fixed(*size);
  }
  if (parts[0] == "rabin") return parse_rabin(parts, default_size);
  if (parts[0] == "buzhash") return ChunkerSpec::buzhash();
  return std::nullopt;
}

/// What is wrong with the sizes of a spec that check() refuses; in Kubo's words, but for the least
/// minimum: Kubo takes 16 and says "greater than 16".
std::string wrong_size(const ChunkerSpec& spec) {
  const bool rabin = spec.kind == ChunkerSpec::Kind::rabin;
  if (!rabin && spec.size_max == 0)
    return fmt::format("chunker size must be greater than 0 and at most {}", chunk_bytes_max);
  if (rabin && spec.size_min < rabin_window_bytes)
    return fmt::format("rabin min must be at least {}", rabin_window_bytes);
  if (rabin && spec.size_min >= spec.size_average)
    return "rabin-min must be smaller than rabin-avg";
  if (rabin && spec.size_average >= spec.size_max)
    return "rabin-avg must be smaller than rabin-max";
  return fmt::format("chunker parameters may not exceed the maximum chunk size of {}",
                     chunk_bytes_max);
}

}  // namespace

ChunkerSpec ChunkerSpec::buzhash() {
  return {Kind::buzhash, buzhash_min, 0, buzhash_max};
}

Decoded<ChunkerSpec> ChunkerSpec::parse(std::string_view text, std::size_t default_size) {
  std::optional<ChunkerSpec> spec = parse_form(text, default_size);
  if (!spec) return std::unexpected(UnixfsError::bad_chunker);
  auto checked = spec->check();
  if (!checked) return std::unexpected(checked.error());
  return *spec;
}

std::string ChunkerSpec::why_refused(std::string_view text) {
  std::optional<ChunkerSpec> spec = parse_form(text, chunk_bytes_max);
  if (!spec) {
    return fmt::format(
        "unrecognized chunker option: {} (use size-<bytes>, rabin-<min>-<avg>-<max> or buzhash)",
        text);
  }
  const bool derived = spec->kind == Kind::rabin && std::ranges::count(text, '-') == 1;
  return fmt::format("chunker option {}: {}{}", text, wrong_size(*spec),
                     derived ? " (min is a third of the average, max the average and a half)" : "");
}

std::string ChunkerSpec::to_string() const {
  switch (kind) {
    case Kind::fixed:
      return fmt::format("size-{}", size_max);
    case Kind::rabin:
      return fmt::format("rabin-{}-{}-{}", size_min, size_average, size_max);
    case Kind::buzhash:
      break;
  }
  return "buzhash";
}

Decoded<void> ChunkerSpec::check() const {
  bool good = size_max > 0 && size_max <= chunk_bytes_max;
  if (kind == Kind::rabin) {
    good = good && size_min >= rabin_window_bytes && size_min < size_average &&
           size_average < size_max && size_average >= 2;
  }
  if (!good) return std::unexpected(UnixfsError::bad_chunker);
  return {};
}

std::unique_ptr<Chunker> ChunkerSpec::make() const {
  ASSERT(check());
  switch (kind) {
    case Kind::fixed:
      return std::make_unique<FixedChunker>(size_max);
    case Kind::rabin: {
      RabinHash hash(std::bit_floor(std::uint64_t{size_average}) - 1);
      return std::make_unique<RollingChunker<RabinHash>>(size_min, size_max, hash);
    }
    case Kind::buzhash:
      break;
  }
  return std::make_unique<RollingChunker<BuzHash>>(buzhash_min, buzhash_max, BuzHash());
}

}  // namespace kith::unixfs
