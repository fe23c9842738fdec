#include <algorithm>

#include <fmt/format.h>

#include <kith/api/detail/add_options.hpp>
#include <kith/multiformats/limits.hpp>
#include <kith/unixfs/hamt.hpp>
#include <kith/unixfs/limits.hpp>

namespace kith::api {
namespace {

using multiformats::Codec;
using unixfs::ImportOptions;

constexpr std::int64_t mode_max = 07777;
constexpr std::int64_t nanoseconds_max = 999'999'999;

std::unexpected<Error> wrong(std::string text) {
  return std::unexpected(Error(Errc::invalid_argument, std::move(text)));
}

/// A number from `low` to `high`, if it was given.
Result<std::optional<std::int64_t>> number_within(const Request& request, std::string_view name,
                                                  std::int64_t low, std::int64_t high) {
  auto number = request.integer(name);
  if (number && (*number < low || *number > high)) {
    return wrong(fmt::format("option --{}: use {} to {}", name, low, high));
  }
  return number;
}

Result<void> take_hash(const Request& request, ImportOptions& options) {
  std::string name = request.text("hash");
  if (name.empty()) return {};
  auto function = unixfs::hash_function_from_name(name);
  if (!function) {
    return wrong(fmt::format("option --hash: \"{}\" is no hash function for CIDs", name));
  }
  options.hash_function = *function;
  return {};
}

Result<void> take_chunker(const Request& request, ImportOptions& options) {
  std::string text = request.text("chunker");
  if (text.empty()) return {};
  auto chunker = unixfs::ChunkerSpec::parse(text);
  if (!chunker) return wrong(unixfs::ChunkerSpec::why_refused(text));
  options.chunker = *chunker;
  return {};
}

/// How many children nodes have.
Result<void> take_widths(const Request& request, ImportOptions& options) {
  constexpr std::int64_t width_max = unixfs::file_width_max;
  KITH_TRY(auto width, number_within(request, "max-file-links", 0, width_max));
  // As with Kubo, none is the usual number; with one a tree would have no end.
  if (width == 1) return wrong(fmt::format("option --max-file-links: use 2 to {}", width_max));
  if (width.value_or(0) > 0) options.file_width = static_cast<std::size_t>(*width);
  if (auto links = request.integer("max-directory-links")) {
    options.directory_links_max = static_cast<std::size_t>(std::max<std::int64_t>(*links, 0));
  }
  if (auto fanout = request.integer("max-hamt-fanout")) {
    options.hamt_fanout = static_cast<std::uint64_t>(*fanout);
    if (!unixfs::HamtShape::of_fanout(options.hamt_fanout)) {
      return wrong(fmt::format("option --max-hamt-fanout: use a power of 2 from {} to {}",
                               unixfs::hamt_fanout_min, unixfs::hamt_fanout_max));
    }
  }
  return {};
}

Result<void> take_inline(const Request& request, ImportOptions& options) {
  constexpr std::int64_t limit_max = multiformats::digest_bytes_max;
  KITH_TRY(auto limit, number_within(request, "inline-limit", 0, limit_max));
  if (request.flag("inline")) options.inline_bytes_max = static_cast<std::size_t>(*limit);
  return {};
}

/// A raw leaf has no place for permissions or a time.
Result<void> make_room_for_metadata(const Request& request, bool& leaves_said,
                                    ImportOptions& options) {
  bool wanted = request.flag("preserve-mode") || request.flag("preserve-mtime") ||
                request.integer("mode").value_or(0) != 0 ||
                request.integer("mtime").value_or(0) != 0;
  if (!wanted) return {};
  if (leaves_said && options.raw_leaves) {
    return wrong(
        "raw-leaves can't be used with UnixFS metadata like mode or modification time: use "
        "--raw-leaves=false");
  }
  options.raw_leaves = false;
  leaves_said = true;
  return {};
}

Result<void> check_nocopy(const Request& request, bool leaves_said, ImportOptions& options) {
  if (!request.flag("nocopy")) return {};
  if (leaves_said && !options.raw_leaves) {
    return wrong("--nocopy keeps the file as it is, which takes --raw-leaves");
  }
  // An inlined chunk reaches no store, so the others' places in the file would be wrong.
  if (options.inline_bytes_max.value_or(0) > 0) {
    return wrong("--nocopy keeps every chunk in the file: it can't be had with --inline");
  }
  options.raw_leaves = true;
  return {};
}

}  // namespace

Result<ImportOptions> import_options(const node::ImportSettings& settings, const Request& request) {
  ImportOptions options = settings.options;
  bool version_said = settings.version_said;
  if (auto version = request.integer("cid-version")) {
    if (*version != 0 && *version != 1) return wrong("option --cid-version: use 0 or 1");
    options.cid_version = static_cast<int>(*version);
    version_said = true;
  }
  KITH_CHECK(take_hash(request, options));
  if (options.hash_function != Codec::sha2_256) {
    if (version_said && options.cid_version == 0) return wrong("CIDs of version 0 need sha2-256");
    options.cid_version = 1;
  }
  bool leaves_said = settings.leaves_said || request.given("raw-leaves");
  if (request.given("raw-leaves")) options.raw_leaves = request.flag("raw-leaves");
  if (!leaves_said) options.raw_leaves = options.cid_version == 1;
  KITH_CHECK(take_chunker(request, options));
  if (request.given("trickle")) {
    options.layout = request.flag("trickle") ? unixfs::Layout::trickle : unixfs::Layout::balanced;
  }
  KITH_CHECK(take_widths(request, options));
  KITH_CHECK(take_inline(request, options));
  KITH_CHECK(make_room_for_metadata(request, leaves_said, options));
  KITH_CHECK(check_nocopy(request, leaves_said, options));
  KITH_CHECK(options.check());
  return options;
}

Result<unixfs::Metadata> wanted_metadata(const Request& request) {
  unixfs::Metadata wanted;
  KITH_TRY(auto mode, number_within(request, "mode", 0, mode_max));
  KITH_TRY(auto nanoseconds, number_within(request, "mtime-nsecs", 0, nanoseconds_max));
  if (mode.value_or(0) != 0) wanted.mode = static_cast<std::uint32_t>(*mode);
  std::int64_t seconds = request.integer("mtime").value_or(0);
  if (seconds != 0) {
    wanted.mtime = {seconds, static_cast<std::uint32_t>(nanoseconds.value_or(0))};
  } else if (nanoseconds.value_or(0) != 0) {
    return wrong("option --mtime-nsecs: --mtime is needed as well");
  }
  return wanted;
}

unixfs::Metadata metadata_of(const InputEntry& entry, const unixfs::Metadata& wanted) {
  unixfs::Metadata metadata;
  if (entry.kind != port::FileKind::symlink) metadata.mode = wanted.mode ? wanted.mode : entry.mode;
  if (wanted.mtime) {
    metadata.mtime = wanted.mtime;
  } else if (entry.modified) {
    auto since = entry.modified->time_since_epoch();
    auto seconds = std::chrono::floor<std::chrono::seconds>(since);
    metadata.mtime = {seconds.count(), static_cast<std::uint32_t>((since - seconds).count())};
  }
  return metadata;
}

}  // namespace kith::api
