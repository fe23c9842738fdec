// cat, ls, refs.
#include <ctime>
#include <unordered_map>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/detail/progress.hpp>
#include <kith/api/detail/sentence.hpp>
#include <kith/api/detail/text.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/ipld/codec.hpp>
#include <kith/ipld/content.hpp>
#include <kith/ipld/dag_pb.hpp>
#include <kith/ipld/links.hpp>
#include <kith/multiformats/seeded_hash.hpp>
#include <kith/node/node.hpp>
#include <kith/unixfs/directory_reader.hpp>
#include <kith/unixfs/reader.hpp>
#include <kith/unixfs/stat.hpp>

namespace kith::api {

void add_add_command(CommandTable& table);
void add_get_command(CommandTable& table);

namespace {

using multiformats::Cid;

constexpr std::uint64_t visited_max = 20'000'000;

/// The CID that a path leads to.
Task<Cid> resolve_argument(ipld::BlockSource& source, std::string_view text) {
  KITH_CO_TRY(unixfs::Resolved resolved, co_await resolve_link(source, text));
  if (!resolved.rest.empty()) {
    co_return std::unexpected(ends_inside(text));
  }
  co_return resolved.block.cid;
}

// cat

/// A part of what an argument names: of a file, or of a symlink's target.
struct CatPart {
  std::optional<unixfs::FileReader> reader;
  std::string target;
  std::uint64_t whole = 0;  ///< the size of all of it

  std::uint64_t remaining() const { return reader ? reader->remaining() : target.size(); }
};

/// Says so if there is a folder.
Task<CatPart> open_part(ipld::BlockSource& source, Cid cid, unixfs::FileRange range) {
  CatPart part;
  auto reader = co_await unixfs::FileReader::open(source, cid, range);
  if (reader) {
    part.whole = reader->size();
    part.reader.emplace(*std::move(reader));
    co_return part;
  }
  if (!reader.error().is(unixfs::UnixfsError::not_a_file)) {
    co_return std::unexpected(reader.error());
  }
  KITH_CO_TRY(unixfs::Stat stat, co_await unixfs::stat(source, cid));
  if (stat.kind != unixfs::Kind::symlink) {
    co_return std::unexpected(say("this dag node is a directory"));
  }
  // Where it leads is told, and not followed: that may be anywhere.
  part.whole = stat.target.size();
  part.target = stat.target.substr(std::min(range.offset, part.whole), range.length);
  co_return part;
}

Task<void> run_cat(Context& context, const Request& request, Output& output) {
  std::int64_t offset = request.integer("offset").value_or(0);
  std::int64_t length = request.integer("length").value_or(INT64_MAX);
  if (offset < 0)
    co_return std::unexpected(Error(Errc::invalid_argument, "cannot specify negative offset"));
  if (length < 0)
    co_return std::unexpected(Error(Errc::invalid_argument, "cannot specify negative length"));
  std::unique_ptr<ipld::BlockSource> source = source_for(context, request);
  auto skip = static_cast<std::uint64_t>(offset);
  auto left = static_cast<std::uint64_t>(length);
  std::vector<CatPart> parts;
  std::uint64_t total = 0;
  for (const std::string& argument : request.arguments()) {
    if (left == 0) break;
    KITH_CO_TRY(Cid cid, co_await resolve_argument(*source, argument));
    unixfs::FileRange range{skip, left};
    KITH_CO_TRY(CatPart part, co_await open_part(*source, cid, range));
    skip -= std::min(skip, part.whole);
    total += part.remaining();
    left -= part.remaining();
    parts.push_back(std::move(part));
  }
  output.announce_length(total);
  for (CatPart& part : parts) {
    if (!part.reader) KITH_CO_CHECK(co_await output.bytes(as_bytes(part.target)));
    while (part.reader) {
      KITH_CO_TRY(Buffer bytes, co_await part.reader->next());
      if (bytes.empty()) break;
      KITH_CO_CHECK(co_await output.bytes(bytes));
    }
  }
  co_return Result<void>{};
}

class CatRenderer final : public Renderer {
 public:
  explicit CatRenderer(const RenderContext& context)
      : context_(context),
        bar_(context, context.request.flag("progress") && !context.request.flag("quiet") &&
                          context.terminal.err_is_terminal() &&
                          !context.terminal.out_is_terminal()) {}
  Result<void> value(const json::value&) override { return {}; }
  void announce_peers(std::size_t peers) override { bar_.set_peers(peers); }
  void interrupt() override { bar_.clear(); }
  Result<void> bytes(ByteView bytes) override {
    KITH_CHECK(context_.terminal.out(as_text(bytes)));
    bar_.add(bytes.size());
    return {};
  }
  void announce_length(std::uint64_t length) override { bar_.set_total(length); }
  Result<void> finish(bool) override {
    bar_.clear();
    return {};
  }

 private:
  RenderContext context_;
  ProgressBar bar_;
};

// ls

/// The numbers of UnixFS' node types, as Kubo shows them.
int type_number(unixfs::Kind kind) {
  switch (kind) {
    case unixfs::Kind::directory:
    case unixfs::Kind::sharded_directory:
      return 1;
    case unixfs::Kind::file:
      return 2;
    case unixfs::Kind::symlink:
      return 4;
  }
  return 0;
}

/// How Go writes a time that isn't set.
constexpr std::string_view no_time = "0001-01-01T00:00:00Z";

/// The kind, in the bits that Go's file modes have for it.
std::uint32_t go_mode_bits(unixfs::Kind kind) {
  switch (kind) {
    case unixfs::Kind::directory:
    case unixfs::Kind::sharded_directory:
      return std::uint32_t{1} << 31;
    case unixfs::Kind::symlink:
      return std::uint32_t{1} << 27;
    case unixfs::Kind::file:
      break;
  }
  return 0;
}

/// RFC 3339 in UTC.
std::string time_text(const unixfs::Metadata::Time& mtime) {
  std::time_t seconds = mtime.seconds;
  std::tm parts{};
  if (::gmtime_r(&seconds, &parts) == nullptr || parts.tm_year > 8099 || parts.tm_year < -1899) {
    return std::string(no_time);
  }
  std::string text =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1,
                  parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
  if (mtime.nanoseconds > 0) {
    text += fmt::format(".{:09}", mtime.nanoseconds);
    text.resize(text.find_last_not_of('0') + 1);
  }
  return text + "Z";
}

Task<json::object> link_of(ipld::BlockSource& source, unixfs::ListedEntry entry,
                           const Request& request, CidText text) {
  json::object link;
  link["Name"] = entry.name;
  link["Hash"] = text(entry.cid);
  link["Size"] = entry.cumulative_size;
  link["Type"] = 0;
  link["Target"] = "";
  link["Mode"] = 0;
  link["ModTime"] = no_time;
  bool resolve = request.flag("resolve-type") || request.flag("size") || request.flag("long");
  if (entry.cid.codec() == multiformats::Codec::raw) {
    link["Type"] = 2;
  } else if (resolve && entry.cid.codec() == multiformats::Codec::dag_pb) {
    KITH_CO_TRY(unixfs::Stat stat, co_await unixfs::stat(source, entry.cid));
    link["Type"] = type_number(stat.kind);
    link["Size"] = stat.size;
    link["Target"] = stat.target;
    std::uint32_t permissions = stat.metadata.permissions().value_or(0);
    if (permissions != 0) link["Mode"] = permissions | go_mode_bits(stat.kind);
    if (auto mtime = stat.metadata.mtime) link["ModTime"] = time_text(*mtime);
  }
  if (!request.flag("size")) link["Size"] = 0;
  co_return link;
}

Result<void> check_ls_options(const Request& request) {
  if (!request.flag("sort-size")) return {};
  auto wrong = [](std::string_view with) {
    return std::unexpected(
        Error(Errc::invalid_argument, fmt::format("cannot use --sort-size with {}", with)));
  };
  if (request.flag("stream")) return wrong("--stream");
  if (!request.flag("size")) return wrong("--size=false");
  return {};
}

/// By name, or the largest first.
void sort_links(json::array& links, bool by_size) {
  // A file's parts have no names, and their order matters.
  std::ranges::stable_sort(links, [by_size](const json::value& a, const json::value& b) {
    std::int64_t sizes[] = {number_of(a, "Size"), number_of(b, "Size")};
    if (by_size && sizes[0] != sizes[1]) return sizes[0] > sizes[1];
    return text_of(a, "Name") < text_of(b, "Name");
  });
}

/// A file's own parts, as Kubo lists them.
Result<std::vector<unixfs::ListedEntry>> parts_of_file(const ipld::Block& root) {
  KITH_TRY(unixfs::Node node, unixfs::parse_node(root.cid, root.data));
  std::vector<unixfs::ListedEntry> parts;
  for (const ipld::DagPbLink& link : node.links)
    parts.push_back({"", link.hash, link.tsize_or_zero()});
  return parts;
}

Task<void> run_ls(Context& context, const Request& request, Output& output) {
  KITH_CO_CHECK(check_ls_options(request));
  std::unique_ptr<ipld::BlockSource> source = source_for(context, request);
  KITH_CO_TRY(CidText text, CidText::of(request));
  bool stream = request.flag("stream");
  if (stream) output.announce_stream();
  json::array objects;
  for (const std::string& argument : request.arguments()) {
    KITH_CO_TRY(Cid cid, co_await resolve_argument(*source, argument));
    KITH_CO_TRY(ipld::Block root, co_await source->get(cid));
    json::object object;
    object["Hash"] = argument;
    json::array links;
    auto stat = unixfs::stat_of(root);
    bool directory = stat && (stat->kind == unixfs::Kind::directory ||
                              stat->kind == unixfs::Kind::sharded_directory);
    if (!stat) co_return std::unexpected(Error(stat.error()).with_context(argument));
    std::optional<unixfs::DirectoryReader> reader;
    std::vector<unixfs::ListedEntry> batch;
    if (directory) {
      KITH_CO_TRY(reader, unixfs::DirectoryReader::over(*source, std::move(root)));
      KITH_CO_TRY(batch, co_await reader->next_batch());
    } else if (stat->kind == unixfs::Kind::file) {
      KITH_CO_TRY(batch, parts_of_file(root));
    }
    while (!batch.empty()) {
      std::vector<Cid> ahead;
      for (const unixfs::ListedEntry& entry : batch) {
        if (entry.cid.codec() != multiformats::Codec::raw) ahead.push_back(entry.cid);
      }
      source->prefetch(ahead);
      for (unixfs::ListedEntry& entry : batch) {
        KITH_CO_TRY(json::object link, co_await link_of(*source, std::move(entry), request, text));
        if (!stream) {
          links.push_back(std::move(link));
          continue;
        }
        json::array one;
        one.push_back(std::move(link));
        json::object part = object;
        part["Links"] = std::move(one);
        json::array parts;
        parts.push_back(std::move(part));
        json::object value;
        value["Objects"] = std::move(parts);
        KITH_CO_CHECK(co_await output.value(std::move(value)));
      }
      batch.clear();
      if (reader) {
        KITH_CO_TRY(batch, co_await reader->next_batch());
      }
    }
    sort_links(links, request.flag("sort-size"));
    object["Links"] = std::move(links);
    objects.push_back(std::move(object));
  }
  if (stream) co_return Result<void>{};
  json::object value;
  value["Objects"] = std::move(objects);
  co_return co_await output.value(std::move(value));
}

/// "drwxr-xr-x", or "-" if nobody said.
std::string mode_text(std::int64_t mode) {
  if (mode == 0) return "-";
  constexpr std::string_view letters = "rwxrwxrwx";
  std::string text = (mode >> 31 & 1) != 0 ? "d" : (mode >> 27 & 1) != 0 ? "l" : "-";
  for (int bit = 8; bit >= 0; --bit)
    text += (mode >> bit & 1) != 0 ? letters[static_cast<std::size_t>(8 - bit)] : '-';
  return text;
}

/// "Jan 15 10:30" of the last half year, "Nov 20  2023" of another, in UTC; "-" if nobody said.
std::string short_time(const std::string& text, WallTime now) {
  std::tm parts{};
  if (text == no_time || ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts) == nullptr) {
    return "-";
  }
  // In seconds: years that people write may be beyond what nanoseconds count.
  auto at = std::chrono::sys_seconds(std::chrono::seconds(::timegm(&parts)));
  auto today =
      std::chrono::sys_seconds(std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()));
  bool recent = at > today - std::chrono::months(6) && at < today + std::chrono::days(1);
  char shown[32];
  std::size_t size =
      std::strftime(shown, sizeof shown, recent ? "%b %d %H:%M" : "%b %d  %Y", &parts);
  return std::string(shown, size);
}

/// Lists folder after folder in columns, the way Kubo does.
class LsRenderer final : public Renderer {
 public:
  explicit LsRenderer(const RenderContext& context)
      : context_(context),
        sizes_(context.request.flag("size")),
        long_(context.request.flag("long")),
        human_(context.request.flag("human")),
        streamed_(context.request.flag("stream")) {}
  Result<void> bytes(ByteView) override { return {}; }
  Result<void> finish(bool) override { return {}; }

  Result<void> value(const json::value& value) override {
    std::string out;
    for (const json::value& object : list_of(value, "Objects")) {
      std::vector<std::vector<std::string>> rows;
      std::string hash = text_of(object, "Hash");
      if (!begun_ || hash != last_) {
        if (context_.request.arguments().size() > 1) {
          if (begun_) out += "\n";
          out += hash + ":\n";
        }
        if (context_.request.flag("headers"))
          rows.push_back(cells("Mode", "Hash", "Size", "ModTime", "Name"));
        begun_ = true;
        last_ = hash;
      }
      for (const json::value& link : list_of(object, "Links")) {
        bool folder = number_of(link, "Type") == 1;
        rows.push_back(cells(mode_text(number_of(link, "Mode")), text_of(link, "Hash"),
                             folder ? "-" : size_text(number_of(link, "Size")),
                             short_time(text_of(link, "ModTime"), context_.env.wall.now()),
                             printable(text_of(link, "Name")) + (folder ? "/" : "")));
      }
      out += aligned(rows);
    }
    return context_.terminal.out(out);
  }

 private:
  std::string size_text(std::int64_t size) const {
    return human_ ? si_bytes(static_cast<double>(size)) : std::to_string(size);
  }

  std::vector<std::string> cells(std::string mode, std::string hash, std::string size,
                                 std::string modified, std::string name) const {
    std::vector<std::string> row;
    if (long_) row.push_back(std::move(mode));
    row.push_back(std::move(hash));
    if (sizes_) row.push_back(std::move(size));
    if (long_) row.push_back(std::move(modified));
    row.push_back(std::move(name));
    return row;
  }

  std::string aligned(const std::vector<std::vector<std::string>>& rows) const {
    std::vector<std::size_t> widths;
    for (const std::vector<std::string>& row : rows) {
      widths.resize(row.size(), streamed_ ? 9 : 0);
      for (std::size_t i = 0; i < row.size(); ++i)
        widths[i] = std::max(widths[i], row[i].size());
    }
    std::string out;
    for (const std::vector<std::string>& row : rows) {
      for (std::size_t i = 0; i + 1 < row.size(); ++i)
        out += fmt::format("{:<{}} ", row[i], widths[i]);
      out += row.back() + "\n";
    }
    return out;
  }

  RenderContext context_;
  bool sizes_;
  bool long_;
  bool human_;
  bool streamed_;
  bool begun_ = false;
  std::string last_;
};

// refs

struct RefsWalk {
  ipld::BlockSource& source;
  const Request& request;
  const CidText& text;
  Output& output;
  std::int64_t depth_max;
  bool unique;
  std::string format;
  /// And how far from the root each was met at the least.
  std::unordered_map<Cid, std::int64_t, multiformats::SeededHash> seen;
};

struct Link {
  Cid cid;
  std::string name;  ///< of a dag-pb link
};

Result<std::vector<Link>> named_links(const ipld::Block& block) {
  std::vector<Link> links;
  if (block.cid.codec() == multiformats::Codec::dag_pb) {
    KITH_TRY(ipld::DagPbNode node, ipld::decode_dag_pb(block.data));
    for (const ipld::DagPbLink& link : node.links)
      links.push_back({link.hash, std::string(link.name_or_empty())});
    return links;
  }
  KITH_TRY(std::vector<Cid> cids, ipld::links_of(block.cid.codec(), block.data));
  for (Cid& cid : cids)
    links.push_back({std::move(cid), ""});
  return links;
}

/// The format with its parts filled in, in one pass: a link's name may look like one of them.
std::string ref_text(const RefsWalk& walk, const Cid& from, const Link& to) {
  const std::pair<std::string_view, std::string> parts[] = {
      {"<src>", walk.text(from)}, {"<dst>", walk.text(to.cid)}, {"<linkname>", to.name}};
  std::string out;
  for (std::string_view rest = walk.format; !rest.empty();) {
    auto part = std::ranges::find_if(
        parts, [rest](const auto& candidate) { return rest.starts_with(candidate.first); });
    if (part == std::end(parts)) {
      out += rest.front();
      rest.remove_prefix(1);
    } else {
      out += part->second;
      rest.remove_prefix(part->first.size());
    }
  }
  return out;
}

/// Blocks without links of their own are not read.
void prefetch_links(ipld::BlockSource& source, const std::vector<Link>& links) {
  std::vector<Cid> soon;
  for (const Link& link : links) {
    if (link.cid.codec() != multiformats::Codec::raw) soon.push_back(link.cid);
  }
  ipld::prefetch_blocks(source, std::move(soon));
}

struct Met {
  bool fresh;
  bool follow;
};

/// With --unique a link is listed once; but one that was met at the end of --max-depth is followed
/// when it comes again nearer to the root.
Met meet(RefsWalk& walk, const Cid& cid, std::int64_t depth) {
  if (!walk.unique) return {true, true};
  auto [seen, fresh] = walk.seen.try_emplace(cid, depth);
  const bool nearer = walk.depth_max >= 0 && depth < seen->second;
  seen->second = std::min(seen->second, depth);
  return {fresh, fresh || nearer};
}

Task<void> walk_refs(RefsWalk& walk, Cid root) {
  struct Open {
    Cid cid;
    std::vector<Link> links;  ///< the next one last
    std::int64_t depth;
  };
  std::vector<Open> open;
  std::vector<std::pair<Cid, std::int64_t>> next = {{root, 0}};
  while (!next.empty() || !open.empty()) {
    if (!next.empty()) {
      auto [cid, depth] = next.back();
      next.pop_back();
      if (walk.depth_max >= 0 && depth >= walk.depth_max) continue;
      if (!ipld::codec_known(cid.codec()) || cid.codec() == multiformats::Codec::raw) {
        if (depth > 0) continue;
      }
      KITH_CO_TRY(ipld::Block block, co_await ipld::get_block(walk.source, cid));
      auto links = named_links(block);
      if (!links) co_return std::unexpected(Error(links.error()).with_context(cid.to_string()));
      if (walk.depth_max < 0 || depth + 1 < walk.depth_max) prefetch_links(walk.source, *links);
      std::ranges::reverse(*links);
      open.push_back({cid, std::move(*links), depth});
      continue;
    }
    Open& top = open.back();
    if (top.links.empty()) {
      open.pop_back();
      continue;
    }
    Link link = std::move(top.links.back());
    top.links.pop_back();
    const Met met = meet(walk, link.cid, top.depth + 1);
    if (walk.seen.size() > visited_max) co_return std::unexpected(Errc::limit_exceeded);
    json::object value;
    value["Ref"] = ref_text(walk, top.cid, link);
    value["Err"] = "";
    if (met.follow) next.emplace_back(std::move(link.cid), top.depth + 1);
    if (met.fresh) KITH_CO_CHECK(co_await walk.output.value(std::move(value)));
  }
  co_return Result<void>{};
}

Task<void> run_refs(Context& context, const Request& request, Output& output) {
  std::unique_ptr<ipld::BlockSource> source = source_for(context, request);
  KITH_CO_TRY(CidText text, CidText::of(request));
  bool recursive = request.flag("recursive");
  std::int64_t depth = recursive ? request.integer("max-depth").value_or(-1) : 1;
  std::string format = request.text("format");
  if (request.flag("edges")) {
    if (request.given("format")) {
      co_return std::unexpected(
          Error(Errc::invalid_argument, "using format argument with edges is not allowed"));
    }
    format = "<src> -> <dst>";
  }
  RefsWalk walk{*source,           request, text, output, depth, request.flag("unique"),
                std::move(format), {}};
  for (const std::string& argument : request.arguments()) {
    KITH_CO_TRY(Cid cid, co_await resolve_argument(*source, argument));
    KITH_CO_CHECK(co_await walk_refs(walk, cid));
  }
  co_return Result<void>{};
}

Task<void> run_refs_local(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(CidText text, CidText::of(request));
  std::optional<multiformats::Multihash> after;
  for (;;) {
    KITH_CO_TRY(store::ListPage page, co_await context.node->store().list(after));
    for (const store::Listed& listed : page.blocks) {
      json::object value;
      value["Ref"] = text(Cid::v1(multiformats::Codec::raw, listed.hash));
      value["Err"] = "";
      KITH_CO_CHECK(co_await output.value(std::move(value)));
    }
    if (page.last || page.blocks.empty()) co_return Result<void>{};
    after = page.blocks.back().hash;
  }
}

Result<void> show_ref(const json::value& value, const RenderContext& context) {
  return context.terminal.out(printable(text_of(value, "Ref")) + "\n");
}

}  // namespace

void add_file_commands(CommandTable& table) {
  using enum OptionKind;
  add_add_command(table);
  table.add({.path = "cat",
             .tagline = "Show a file, fetched from peers if it isn't here.",
             .arguments = {{.name = "path",
                            .required = true,
                            .variadic = true,
                            .help = "CID or /ipfs/CID/path.",
                            .from_stdin = true}},
             .options = {{"offset", 'o', integer, "Begin at this byte.", ""},
                         {"length", 'l', integer, "Show at most so many bytes.", ""},
                         {"quiet", 'q', flag, "Say nothing besides.", ""},
                         {"progress", 'p', flag, "Show progress (the default on a terminal).", ""}},
             .examples = {{"cat <cid>/notes.txt", "Show a file of a folder."},
                          {"cat --offset=1000 --length=16 <cid>", "Show sixteen bytes of a file."}},
             .output = OutputKind::bytes,
             .transfers = true,
             .run = run_cat,
             .renderer = [](const RenderContext& context) -> std::unique_ptr<Renderer> {
               return std::make_unique<CatRenderer>(context);
             }});
  add_get_command(table);
  table.add({.path = "ls",
             .tagline = "List what is in a folder, or the blocks of a file.",
             .arguments = {{.name = "path",
                            .required = true,
                            .variadic = true,
                            .help = "CID or /ipfs/CID/path.",
                            .from_stdin = true}},
             .options = {{"headers", 'v', flag, "With a line of headers.", ""},
                         {"resolve-type", 0, flag, "Look at each entry to tell its type.", "true"},
                         {"size", 0, flag, "Show sizes.", "true"},
                         {"stream", 's', flag, "List entries as they come.", ""},
                         {"long", 'l', flag, "With mode and time.", ""},
                         {"human", 'H', flag, "Readable sizes.", ""},
                         {"sort-size", 'S', flag, "The largest first.", ""}},
             .transfers = true,
             .run = run_ls,
             .renderer = [](const RenderContext& context) -> std::unique_ptr<Renderer> {
               return std::make_unique<LsRenderer>(context);
             }});
  table.add(
      {.path = "refs",
       .tagline = "List the CIDs that blocks link to.",
       .arguments = {{.name = "path",
                      .required = true,
                      .variadic = true,
                      .help = "CID or /ipfs/CID/path.",
                      .from_stdin = true}},
       .options = {{"format", 0, text, "With <src>, <dst> and <linkname> filled in.", "<dst>"},
                   {"edges", 'e', flag, "Show as <src> -> <dst>.", ""},
                   {"unique", 'u', flag, "Each only once.", ""},
                   {"recursive", 'r', flag, "And what those link to.", ""},
                   {"max-depth", 0, integer, "At most so deep.", "-1"}},
       .transfers = true,
       .streams = true,
       .run = run_refs,
       .renderer = [](const RenderContext& context) { return text_renderer(context, show_ref); }});
  table.add(
      {.path = "refs local",
       .tagline = "List every block in the store.",
       .streams = true,
       .run = run_refs_local,
       .renderer = [](const RenderContext& context) { return text_renderer(context, show_ref); }});
}

}  // namespace kith::api
