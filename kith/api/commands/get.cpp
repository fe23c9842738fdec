// get.
#include <deque>

#include <fmt/format.h>

#include <kith/api/detail/gzip.hpp>
#include <kith/api/detail/progress.hpp>
#include <kith/api/detail/sentence.hpp>
#include <kith/api/detail/tar.hpp>
#include <kith/api/detail/tar_extractor.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>
#include <kith/unixfs/reader.hpp>
#include <kith/unixfs/tree.hpp>

namespace kith::api {
namespace {

using multiformats::Cid;

/// Files whose blocks are asked for before their turn comes, and how many bytes they may have. What
/// comes early waits in the store, not in memory.
constexpr std::size_t files_ahead_max = 64;
constexpr std::uint64_t bytes_ahead_max = 64 * 1024 * 1024;

struct FoundEntry {
  unixfs::TreeEntry entry;
  std::optional<unixfs::FileReader> reader;  ///< of a file
};

/// Walks a tree ahead of whoever writes it, so that the blocks of the next files are under way
/// while one is written.
class TreeFeed {
 public:
  TreeFeed(port::Clock& clock, ipld::BlockSource& source, Cid root)
      : source_(source), walk_(source, std::move(root)), changed_(clock) {}

  Task<void> run() {
    outcome_ = co_await walk();
    done_ = true;
    changed_.notify_all();
    co_return Result<void>{};
  }

  /// The next entry, or nothing at the end.
  Task<std::optional<FoundEntry>> next() {
    while (found_.empty() && !done_)
      KITH_CO_CHECK(co_await changed_.wait());
    if (found_.empty()) {
      KITH_CO_CHECK(outcome_);
      co_return std::optional<FoundEntry>();
    }
    FoundEntry first = std::move(found_.front());
    found_.pop_front();
    if (first.reader) bytes_ahead_ -= first.reader->remaining();
    changed_.notify_all();
    co_return std::optional(std::move(first));
  }

 private:
  Task<void> walk() {
    for (;;) {
      while (found_.size() >= files_ahead_max || bytes_ahead_ >= bytes_ahead_max)
        KITH_CO_CHECK(co_await changed_.wait());
      KITH_CO_TRY(std::optional<unixfs::TreeEntry> entry, co_await walk_.next());
      if (!entry) co_return Result<void>{};
      FoundEntry found{*std::move(entry), std::nullopt};
      if (found.entry.stat.kind == unixfs::Kind::file) {
        Cid cid = found.entry.stat.cid;
        KITH_CO_TRY(found.reader, co_await unixfs::FileReader::open(source_, std::move(cid)));
        found.reader->prefetch();
        bytes_ahead_ += found.reader->remaining();
      }
      found_.push_back(std::move(found));
      changed_.notify_all();
    }
  }

  ipld::BlockSource& source_;
  unixfs::TreeWalk walk_;
  std::deque<FoundEntry> found_;
  std::uint64_t bytes_ahead_ = 0;
  bool done_ = false;
  Result<void> outcome_;
  port::Event changed_;
};

/// The command's output, compressed if that is wanted.
class GetOutput {
 public:
  GetOutput(Output& output, std::optional<GzipWriter> gzip)
      : output_(output), gzip_(std::move(gzip)) {}

  Task<void> bytes(ByteView bytes) {
    if (!gzip_) co_return co_await output_.bytes(bytes);
    Bytes packed = gzip_->add(bytes);
    if (!packed.empty()) co_return co_await output_.bytes(packed);
    co_return Result<void>{};
  }
  Task<void> finish() {
    if (!gzip_) co_return Result<void>{};
    Bytes packed = gzip_->finish();
    co_return co_await output_.bytes(packed);
  }

 private:
  Output& output_;
  std::optional<GzipWriter> gzip_;
};

TarEntry tar_entry_of(const unixfs::TreeEntry& entry, const std::string& name) {
  const unixfs::Stat& stat = entry.stat;
  TarEntry head;
  head.path = entry.path.empty() ? name : name + "/" + entry.path;
  if (auto mtime = stat.metadata.mtime) head.modified = mtime->wall_time();
  switch (stat.kind) {
    case unixfs::Kind::directory:
    case unixfs::Kind::sharded_directory:
      head.kind = port::FileKind::directory;
      head.mode = stat.metadata.permissions().value_or(0755);
      break;
    case unixfs::Kind::symlink:
      head.kind = port::FileKind::symlink;
      head.target = stat.target;
      head.mode = 0777;
      break;
    case unixfs::Kind::file:
      head.mode = stat.metadata.permissions().value_or(0644);
      break;
  }
  return head;
}

Task<void> send_file(unixfs::FileReader& reader, GetOutput& out) {
  for (;;) {
    KITH_CO_TRY(Buffer part, co_await reader.next());
    if (part.empty()) co_return Result<void>{};
    KITH_CO_CHECK(co_await out.bytes(part));
  }
}

struct GetOptions {
  std::string name;  ///< of the tree's root
  bool archive = false;
  bool compress = false;
  int level = 6;
};

Result<GetOptions> get_options(const Request& request) {
  GetOptions options;
  KITH_TRY(unixfs::ContentPath path, parse_path(request.argument(0)));
  options.name = path.steps.empty() ? path.root.to_string() : path.steps.back();
  options.archive = request.flag("archive");
  options.compress = request.flag("compress");
  if (auto level = request.integer("compression-level"); level && options.compress) {
    // A level that zlib hasn't is refused by GzipWriter.
    options.level = static_cast<int>(std::clamp<std::int64_t>(*level, 0, 10));
  }
  return options;
}

Task<void> send_tree(TreeFeed& feed, const GetOptions& options, Output& output, GetOutput& out) {
  bool bare = options.compress && !options.archive;
  bool first = true;
  for (;;) {
    KITH_CO_TRY(std::optional<FoundEntry> found, co_await feed.next());
    if (!found) break;
    if (std::exchange(first, false)) {
      // The file's or the tree's, for a client's progress: an archive is a little longer. A
      // compressed stream's length isn't known before it is made.
      const unixfs::Stat& stat = found->entry.stat;
      const std::uint64_t length = found->reader ? found->reader->size() : stat.cumulative_size;
      if (!options.compress) output.announce_length(length);
      if (bare && !found->reader) co_return std::unexpected(say("file is not regular"));
    }
    if (bare) {
      KITH_CO_CHECK(co_await send_file(*found->reader, out));
      continue;
    }
    TarEntry head = tar_entry_of(found->entry, options.name);
    if (found->reader) head.size_bytes = found->reader->size();
    Bytes encoded = tar_head(head);
    KITH_CO_CHECK(co_await out.bytes(encoded));
    if (!found->reader) continue;
    KITH_CO_CHECK(co_await send_file(*found->reader, out));
    Bytes padding = tar_padding(head.size_bytes);
    KITH_CO_CHECK(co_await out.bytes(padding));
  }
  if (!bare) {
    Bytes end = tar_end();
    KITH_CO_CHECK(co_await out.bytes(end));
  }
  co_return co_await out.finish();
}

Task<void> run_get(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(GetOptions options, get_options(request));
  std::optional<GzipWriter> gzip;
  if (options.compress) {
    KITH_CO_TRY(gzip, GzipWriter::create(options.level));
    output.announce_type("application/gzip");
  }
  std::unique_ptr<ipld::BlockSource> source = source_for(context, request);
  std::string argument = request.argument(0);
  KITH_CO_TRY(unixfs::Resolved root, co_await resolve_link(*source, argument));
  if (!root.rest.empty()) co_return std::unexpected(say(argument + " is no file or folder"));
  GetOutput out(output, std::move(gzip));
  TreeFeed feed(context.env.clock, *source, root.block.cid);
  port::TaskGroup walking(context.env.executor, context.env.clock, 1);
  walking.spawn(feed.run());
  auto sent = co_await send_tree(feed, options, output, out);
  walking.cancel();
  co_await walking.join_shielded();
  co_return sent;
}

/// Unpacks what comes, or keeps it as it is with --archive and --compress.
class GetRenderer final : public Renderer {
 public:
  explicit GetRenderer(const RenderContext& context)
      : context_(context),
        quiet_(context.request.flag("quiet")),
        packed_(context.request.flag("archive") || context.request.flag("compress")),
        bar_(context,
             context.request.flag("progress") && !quiet_ && context.terminal.err_is_terminal()) {}

  Result<void> value(const json::value&) override { return {}; }
  void announce_length(std::uint64_t length) override { bar_.set_total(length); }
  void announce_peers(std::size_t peers) override { bar_.set_peers(peers); }
  void interrupt() override { bar_.clear(); }

  Result<void> bytes(ByteView bytes) override {
    if (destination_.empty()) KITH_CHECK(begin());
    if (packed_) {
      KITH_CHECK(file_->write(bytes));
    } else {
      KITH_CHECK(reader_->feed(bytes));
    }
    bar_.add(bytes.size());
    return {};
  }

  Result<void> finish(bool ok) override {
    bar_.finish(ok);
    if (!ok) {
      extractor_.reset();
      file_.reset();
      return {};
    }
    bool complete = reader_ ? reader_->ended() : file_.has_value();
    if (!complete) return std::unexpected(Error(Errc::end_of_stream, destination_));
    return extractor_ ? extractor_->finish() : file_->finish();
  }

 private:
  Result<void> begin() {
    port::FileSystem& files = context_.env.files;
    destination_ = context_.request.text("output");
    if (destination_.empty()) {
      std::string path = context_.request.argument(0);
      while (path.ends_with('/'))
        path.pop_back();
      destination_ = path.substr(path.rfind('/') + 1);
    }
    while (destination_.size() > 1 && destination_.ends_with('/'))
      destination_.pop_back();
    // A device is called what it is called.
    auto there = files.info_followed(destination_);
    bool device = there && there->kind == port::FileKind::other;
    auto end_with = [this, device](std::string_view suffix) {
      if (!device && !destination_.ends_with(suffix)) destination_ += suffix;
    };
    if (context_.request.flag("archive") && !destination_.ends_with(".tar.gz")) end_with(".tar");
    if (context_.request.flag("compress")) end_with(".gz");
    bar_.clear();
    if (!quiet_) {
      KITH_CHECK(context_.terminal.out(
          fmt::format("Saving {} to {}\n", packed_ ? "archive" : "file(s)", destination_)));
    }
    port::CryptoRandom& random = context_.env.random;
    if (packed_) {
      OutputFile::remove_leftovers(files, port::parent_path(destination_));
      KITH_TRY(OutputFile file, OutputFile::open(files, random, destination_));
      file_.emplace(std::move(file));
      return {};
    }
    extractor_.emplace(files, random, destination_);
    reader_.emplace(*extractor_);
    return {};
  }

  RenderContext context_;
  bool quiet_;
  bool packed_;
  ProgressBar bar_;
  std::string destination_;
  std::optional<TarExtractor> extractor_;
  std::optional<TarReader> reader_;
  std::optional<OutputFile> file_;
};

}  // namespace

void add_get_command(CommandTable& table) {
  using enum OptionKind;
  table.add({.path = "get",
             .tagline = "Fetch a file or folder and save it.",
             .description = "What was fetched before it was interrupted isn't fetched again.",
             .arguments = {{.name = "path",
                            .required = true,
                            .help = "CID or /ipfs/CID/path.",
                            .from_stdin = true}},
             .options = {{"output", 'o', text, "Where to.", ""},
                         {"archive", 'a', flag, "Save as a tar file.", ""},
                         {"compress", 'C', flag, "Compress with gzip.", ""},
                         {"compression-level", 'l', integer, "From 1 (fast) to 9 (small).", "6"},
                         {"quiet", 'q', flag, "Say nothing.", ""},
                         {"progress", 'p', flag, "Show progress (the default on a terminal).", ""}},
             .examples = {{"get -o photos <cid>", "Fetch a folder, and call it photos."},
                          {"get -aC <cid>", "Save it as a compressed tar file."}},
             .output = OutputKind::bytes,
             .transfers = true,
             .content_type = "application/x-tar",
             .run = run_get,
             .renderer = [](const RenderContext& context) -> std::unique_ptr<Renderer> {
               return std::make_unique<GetRenderer>(context);
             }});
}

}  // namespace kith::api
