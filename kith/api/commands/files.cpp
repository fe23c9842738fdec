// cat, get, ls, refs.
#include <unordered_set>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/detail/progress.hpp>
#include <kith/api/detail/tar.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/ipld/codec.hpp>
#include <kith/ipld/links.hpp>
#include <kith/multiformats/seeded_hash.hpp>
#include <kith/node/node.hpp>
#include <kith/unixfs/directory_reader.hpp>
#include <kith/unixfs/reader.hpp>
#include <kith/unixfs/stat.hpp>
#include <kith/unixfs/tree.hpp>

namespace kith::api {

void add_add_command(CommandTable& table);

namespace {

using multiformats::Cid;

constexpr std::uint64_t visited_max = 20'000'000;

/// What --offline says about fetching.
std::unique_ptr<ipld::BlockSource> source_for(Context& context, const Request& request) {
  bool offline = request.flag("offline") || request.flag("local");
  return context.node->open_source(!offline);
}

/// The CID that a path leads to.
Task<Cid> resolve_argument(ipld::BlockSource& source, std::string_view text) {
  KITH_CO_TRY(unixfs::ContentPath path, parse_path(text));
  if (path.steps.empty()) co_return path.root;
  KITH_CO_TRY(unixfs::Resolved resolved, co_await unixfs::resolve_link(source, std::move(path)));
  if (!resolved.rest.empty()) {
    co_return std::unexpected(
        Error(Errc::invalid_argument, fmt::format("\"{}\" ends inside a block", text)));
  }
  co_return resolved.block.cid;
}

// cat

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
  std::vector<unixfs::FileReader> readers;
  std::uint64_t total = 0;
  for (const std::string& argument : request.arguments()) {
    if (left == 0) break;
    KITH_CO_TRY(Cid cid, co_await resolve_argument(*source, argument));
    KITH_CO_TRY(unixfs::FileReader reader,
                co_await unixfs::FileReader::open(*source, cid, unixfs::FileRange{skip, left}));
    skip -= std::min(skip, reader.size());
    total += reader.remaining();
    left -= reader.remaining();
    readers.push_back(std::move(reader));
  }
  output.announce_length(total);
  for (unixfs::FileReader& reader : readers) {
    for (;;) {
      KITH_CO_TRY(Buffer part, co_await reader.next());
      if (part.empty()) break;
      KITH_CO_CHECK(co_await output.bytes(part));
    }
  }
  co_return Result<void>{};
}

class CatRenderer final : public Renderer {
 public:
  explicit CatRenderer(const RenderContext& context)
      : context_(context),
        bar_(context, context.request.flag("progress") && context.terminal.err_is_terminal() &&
                          !context.terminal.out_is_terminal()) {}
  Result<void> value(const json::value&) override { return {}; }
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

// get

Task<void> run_get(Context& context, const Request& request, Output& output) {
  std::unique_ptr<ipld::BlockSource> source = source_for(context, request);
  KITH_CO_TRY(unixfs::ContentPath path, parse_path(request.argument(0)));
  std::string name = path.steps.empty() ? path.root.to_string() : path.steps.back();
  KITH_CO_TRY(Cid root, co_await resolve_argument(*source, request.argument(0)));
  unixfs::TreeWalk walk(*source, root);
  bool first = true;
  for (;;) {
    KITH_CO_TRY(std::optional<unixfs::TreeEntry> entry, co_await walk.next());
    if (!entry) break;
    if (std::exchange(first, false)) output.announce_length(entry->stat.cumulative_size);
    TarEntry head;
    head.path = entry->path.empty() ? name : name + "/" + entry->path;
    if (auto mtime = entry->stat.metadata.mtime) {
      head.modified = WallTime(std::chrono::seconds(mtime->seconds) +
                               std::chrono::nanoseconds(mtime->nanoseconds));
    }
    switch (entry->stat.kind) {
      case unixfs::Kind::directory:
      case unixfs::Kind::sharded_directory:
        head.kind = port::FileKind::directory;
        head.mode = entry->stat.metadata.permissions().value_or(0755);
        KITH_CO_CHECK(co_await output.bytes(tar_head(head)));
        continue;
      case unixfs::Kind::symlink:
        head.kind = port::FileKind::symlink;
        head.target = entry->stat.target;
        head.mode = 0777;
        KITH_CO_CHECK(co_await output.bytes(tar_head(head)));
        continue;
      case unixfs::Kind::file:
        break;
    }
    head.mode = entry->stat.metadata.permissions().value_or(0644);
    KITH_CO_TRY(unixfs::FileReader reader,
                co_await unixfs::FileReader::open(*source, entry->stat.cid));
    head.size_bytes = reader.size();
    KITH_CO_CHECK(co_await output.bytes(tar_head(head)));
    for (;;) {
      KITH_CO_TRY(Buffer part, co_await reader.next());
      if (part.empty()) break;
      KITH_CO_CHECK(co_await output.bytes(part));
    }
    Bytes padding = tar_padding(head.size_bytes);
    if (!padding.empty()) KITH_CO_CHECK(co_await output.bytes(padding));
  }
  co_return co_await output.bytes(tar_end());
}

/// Unpacks what comes, or keeps it as a tar file with --archive.
class GetRenderer final : public Renderer {
 public:
  explicit GetRenderer(const RenderContext& context)
      : context_(context),
        bar_(context, (context.request.flag("progress") || !context.request.given("progress")) &&
                          context.terminal.err_is_terminal()),
        archive_(context.request.flag("archive")) {}

  Result<void> value(const json::value&) override { return {}; }
  void announce_length(std::uint64_t length) override { bar_.set_total(length); }

  Result<void> bytes(ByteView bytes) override {
    if (destination_.empty()) KITH_CHECK(begin());
    if (archive_) {
      KITH_CHECK(file_->write_at(offset_, bytes));
      offset_ += bytes.size();
    } else {
      KITH_CHECK(reader_->feed(bytes));
    }
    bar_.add(bytes.size());
    return {};
  }

  Result<void> finish(bool ok) override {
    bar_.finish();
    if (ok && reader_ && !reader_->ended()) {
      return std::unexpected(Error(Errc::end_of_stream, destination_));
    }
    return {};
  }

 private:
  Result<void> begin() {
    port::FileSystem& files = context_.env.files;
    std::string path = context_.request.argument(0);
    while (path.ends_with('/'))
      path.pop_back();
    std::string name = path.substr(path.rfind('/') + 1);
    if (archive_) name += ".tar";
    destination_ = context_.request.text("output");
    if (destination_.empty()) {
      destination_ = name;
    } else if (!archive_) {
      auto there = files.info_followed(destination_);
      // As cp does: into a folder that is there.
      if (there && there->kind == port::FileKind::directory) {
        while (destination_.size() > 1 && destination_.ends_with('/'))
          destination_.pop_back();
        destination_ += "/" + name;
      }
    }
    bar_.clear();
    KITH_CHECK(context_.terminal.out(
        fmt::format("Saving {} to {}\n", archive_ ? "archive" : "file(s)", destination_)));
    if (archive_) {
      KITH_TRY(file_, files.open(destination_, port::OpenMode::create));
      return file_->truncate(0);
    }
    extractor_.emplace(files, destination_);
    reader_.emplace(*extractor_);
    return {};
  }

  RenderContext context_;
  ProgressBar bar_;
  bool archive_;
  std::string destination_;
  std::optional<TarExtractor> extractor_;
  std::optional<TarReader> reader_;
  std::unique_ptr<port::File> file_;
  std::uint64_t offset_ = 0;
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

Task<json::object> link_of(ipld::BlockSource& source, unixfs::ListedEntry entry,
                           const Request& request, CidText text) {
  json::object link;
  link["Name"] = entry.name;
  link["Hash"] = text(entry.cid);
  link["Size"] = entry.cumulative_size;
  link["Type"] = 0;
  link["Target"] = "";
  bool resolve = request.flag("resolve-type") || request.flag("size") || request.flag("long");
  if (entry.cid.codec() == multiformats::Codec::raw) {
    link["Type"] = 2;
  } else if (resolve && entry.cid.codec() == multiformats::Codec::dag_pb) {
    KITH_CO_TRY(unixfs::Stat stat, co_await unixfs::stat(source, entry.cid));
    link["Type"] = type_number(stat.kind);
    link["Size"] = stat.size;
    link["Target"] = stat.target;
    if (auto mode = stat.metadata.permissions()) link["Mode"] = fmt::format("{:04o}", *mode);
    if (auto mtime = stat.metadata.mtime) link["Mtime"] = mtime->seconds;
  }
  if (!request.flag("size")) link["Size"] = 0;
  co_return link;
}

Task<void> run_ls(Context& context, const Request& request, Output& output) {
  std::unique_ptr<ipld::BlockSource> source = source_for(context, request);
  KITH_CO_TRY(CidText text, CidText::of(request));
  bool stream = request.flag("stream");
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
    if (directory) {
      KITH_CO_TRY(unixfs::DirectoryReader reader,
                  unixfs::DirectoryReader::over(*source, std::move(root)));
      for (;;) {
        KITH_CO_TRY(std::vector<unixfs::ListedEntry> batch, co_await reader.next_batch());
        if (batch.empty()) break;
        std::vector<Cid> ahead;
        for (const unixfs::ListedEntry& entry : batch) {
          if (entry.cid.codec() != multiformats::Codec::raw) ahead.push_back(entry.cid);
        }
        source->prefetch(ahead);
        for (unixfs::ListedEntry& entry : batch) {
          KITH_CO_TRY(json::object link,
                      co_await link_of(*source, std::move(entry), request, text));
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
      }
    }
    object["Links"] = std::move(links);
    objects.push_back(std::move(object));
  }
  if (stream) co_return Result<void>{};
  json::object value;
  value["Objects"] = std::move(objects);
  co_return co_await output.value(std::move(value));
}

Result<void> show_ls(const json::value& value, const RenderContext& context) {
  const json::array& objects = value.at("Objects").as_array();
  std::string out;
  bool sizes = context.request.flag("size");
  for (const json::value& object : objects) {
    if (objects.size() > 1) out += text_of(object, "Hash") + ":\n";
    const json::array& links = object.at("Links").as_array();
    std::size_t hash_width = 4;
    std::size_t size_width = 4;
    for (const json::value& link : links) {
      hash_width = std::max(hash_width, text_of(link, "Hash").size());
      size_width = std::max(size_width, std::to_string(number_of(link, "Size")).size());
    }
    if (context.request.flag("headers")) {
      out += fmt::format("{:<{}} ", "Hash", hash_width);
      if (sizes) out += fmt::format("{:<{}} ", "Size", size_width);
      out += "Name\n";
    }
    for (const json::value& link : links) {
      bool folder = number_of(link, "Type") == 1;
      out += fmt::format("{:<{}} ", text_of(link, "Hash"), hash_width);
      std::string size = folder ? "-" : std::to_string(number_of(link, "Size"));
      if (sizes) out += fmt::format("{:<{}} ", size, size_width);
      out += text_of(link, "Name") + (folder ? "/" : "") + "\n";
    }
    if (objects.size() > 1) out += "\n";
  }
  return context.terminal.out(out);
}

// refs

struct RefsWalk {
  ipld::BlockSource& source;
  const Request& request;
  const CidText& text;
  Output& output;
  std::int64_t depth_max;
  bool unique;
  std::string format;
  std::unordered_set<Cid, multiformats::SeededHash> seen;
};

std::string ref_text(const RefsWalk& walk, const Cid& from, const Cid& to) {
  std::string out = walk.format;
  auto replace = [&out](std::string_view what, const std::string& with) {
    for (std::size_t at = 0; (at = out.find(what, at)) != std::string::npos; at += with.size()) {
      out.replace(at, what.size(), with);
    }
  };
  replace("<src>", walk.text(from));
  replace("<dst>", walk.text(to));
  replace("<linkname>", "");
  return out;
}

Task<void> walk_refs(RefsWalk& walk, Cid root) {
  struct Open {
    Cid cid;
    std::vector<Cid> links;  ///< the next one last
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
      KITH_CO_TRY(ipld::Block block, co_await walk.source.get(cid));
      auto links = ipld::links_of(cid.codec(), block.data);
      if (!links) co_return std::unexpected(Error(links.error()).with_context(cid.to_string()));
      walk.source.prefetch(*links);
      std::ranges::reverse(*links);
      open.push_back({cid, std::move(*links), depth});
      continue;
    }
    Open& top = open.back();
    if (top.links.empty()) {
      open.pop_back();
      continue;
    }
    Cid link = top.links.back();
    top.links.pop_back();
    if (walk.unique && !walk.seen.insert(link).second) continue;
    if (walk.seen.size() > visited_max) co_return std::unexpected(Errc::limit_exceeded);
    json::object value;
    value["Ref"] = ref_text(walk, top.cid, link);
    value["Err"] = "";
    next.emplace_back(link, top.depth + 1);
    KITH_CO_CHECK(co_await walk.output.value(std::move(value)));
  }
  co_return Result<void>{};
}

Task<void> run_refs(Context& context, const Request& request, Output& output) {
  std::unique_ptr<ipld::BlockSource> source = source_for(context, request);
  KITH_CO_TRY(CidText text, CidText::of(request));
  bool recursive = request.flag("recursive");
  std::int64_t depth = recursive ? request.integer("max-depth").value_or(-1) : 1;
  std::string format = request.flag("edges") ? "<src> -> <dst>" : request.text("format");
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
  return context.terminal.out(text_of(value, "Ref") + "\n");
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
                         {"progress", 'p', flag, "Show progress (the default on a terminal).", ""}},
             .output = OutputKind::bytes,
             .run = run_cat,
             .renderer = [](const RenderContext& context) -> std::unique_ptr<Renderer> {
               return std::make_unique<CatRenderer>(context);
             }});
  table.add({.path = "get",
             .tagline = "Fetch a file or folder and save it.",
             .description = "What was fetched before it was interrupted isn't fetched again.",
             .arguments = {{.name = "path",
                            .required = true,
                            .help = "CID or /ipfs/CID/path.",
                            .from_stdin = true}},
             .options = {{"output", 'o', text, "Where to.", ""},
                         {"archive", 'a', flag, "Save as a tar file.", ""},
                         {"progress", 'p', flag, "Show progress (the default on a terminal).", ""}},
             .output = OutputKind::bytes,
             .content_type = "application/x-tar",
             .run = run_get,
             .renderer = [](const RenderContext& context) -> std::unique_ptr<Renderer> {
               return std::make_unique<GetRenderer>(context);
             }});
  table.add(
      {.path = "ls",
       .tagline = "List what is in a folder.",
       .arguments = {{.name = "path",
                      .required = true,
                      .variadic = true,
                      .help = "CID or /ipfs/CID/path.",
                      .from_stdin = true}},
       .options = {{"headers", 'v', flag, "With a line of headers.", ""},
                   {"resolve-type", 0, flag, "Look at each entry to tell its type.", "true"},
                   {"size", 0, flag, "Show sizes.", "true"},
                   {"stream", 's', flag, "List entries as they come.", ""},
                   {"long", 'l', flag, "With mode and time.", ""}},
       .run = run_ls,
       .renderer = [](const RenderContext& context) { return text_renderer(context, show_ls); }});
  table.add(
      {.path = "refs",
       .tagline = "List the CIDs that blocks link to.",
       .arguments = {{.name = "path",
                      .required = true,
                      .variadic = true,
                      .help = "CID or /ipfs/CID/path.",
                      .from_stdin = true}},
       .options = {{"format", 0, text, "With <src> <dst> filled in.", "<dst>"},
                   {"edges", 'e', flag, "Show as <src> -> <dst>.", ""},
                   {"unique", 'u', flag, "Each only once.", ""},
                   {"recursive", 'r', flag, "And what those link to.", ""},
                   {"max-depth", 0, integer, "At most so deep.", "-1"}},
       .run = run_refs,
       .renderer = [](const RenderContext& context) { return text_renderer(context, show_ref); }});
  table.add(
      {.path = "refs local",
       .tagline = "List every block in the store.",
       .run = run_refs_local,
       .renderer = [](const RenderContext& context) { return text_renderer(context, show_ref); }});
}

}  // namespace kith::api
