// add.
#include <algorithm>
#include <iterator>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/detail/add_options.hpp>
#include <kith/api/detail/gathering_sink.hpp>
#include <kith/api/detail/progress.hpp>
#include <kith/api/detail/text.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/node/node.hpp>
#include <kith/unixfs/tree_importer.hpp>

namespace kith::api {
namespace {

using unixfs::AddedNode;
using unixfs::ImportOptions;
using OnAdded = unixfs::TreeImporter::OnAdded;

constexpr std::uint64_t progress_step_bytes = 4 * 1024 * 1024;
/// How long what was added waits to be told: many small files share one sync.
constexpr Duration confirm_interval = 250ms;
/// --fast-provide-wait waits no longer.
constexpr Duration provide_deadline = 1min;

/// Leaves stay in the user's file; the nodes above them go to the store. Leaves come in the file's
/// order.
class NoCopySink final : public ipld::BlockSink {
 public:
  explicit NoCopySink(store::BlockStore& store) : store_(store) {}

  Task<void> begin_file(std::string path) {
    offset_ = 0;
    KITH_CO_TRY(file_, co_await store_.reference_file(std::move(path)));
    co_return Result<void>{};
  }
  void end_file() { file_.reset(); }

  Task<void> put(std::vector<ipld::Block> blocks) override {
    std::vector<store::BlockInFile> in_file;
    std::vector<ipld::Block> nodes;
    for (ipld::Block& block : blocks) {
      if (file_ && block.cid.codec() == multiformats::Codec::raw) {
        auto size = static_cast<std::uint32_t>(block.data.size());
        in_file.push_back({block.cid, offset_, size});
        offset_ += size;
      } else {
        nodes.push_back(std::move(block));
      }
    }
    if (!in_file.empty()) {
      store::FileReference file = *file_;
      auto put = co_await store_.put_in_file(std::move(file), std::move(in_file));
      if (!put) co_return std::unexpected(put.error());
    }
    if (!nodes.empty()) co_return co_await store_.put(std::move(nodes));
    co_return Result<void>{};
  }
  Task<void> flush() override { return store_.flush(); }

 private:
  store::BlockStore& store_;
  std::optional<store::FileReference> file_;
  std::uint64_t offset_ = 0;
};

/// Tells peers that wait for a block that it is here now.
class AnnouncingSink final : public ipld::BlockSink {
 public:
  AnnouncingSink(node::Node& node, ipld::BlockSink& below) : node_(node), below_(below) {}
  Task<void> put(std::vector<ipld::Block> blocks) override {
    std::vector<ipld::Block> told = blocks;
    KITH_CO_CHECK(co_await below_.put(std::move(blocks)));
    node_.announce_blocks(told);
    co_return Result<void>{};
  }
  Task<void> flush() override { return below_.flush(); }

 private:
  node::Node& node_;
  ipld::BlockSink& below_;
};

/// What the importer's callbacks said and the output hasn't got yet: they can't wait, so whoever
/// reads or adds sends it. What is told as added survives a crash: it is told when it is durable.
class Report {
 public:
  /// Without a sink nothing is kept, and nothing has to be durable.
  Report(port::Clock& clock, const Request& request, const CidText& text, ipld::BlockSink* sink,
         Output& output)
      : clock_(clock),
        progress_(request.flag("progress") && !request.flag("silent")),
        silent_(request.flag("silent")),
        text_(text),
        sink_(sink),
        output_(output),
        confirm_at_(clock.now() + confirm_interval) {}

  /// Said along when the entry has been added.
  void expect(std::string path, const unixfs::Metadata& metadata) {
    if (!metadata.empty()) metadata_[std::move(path)] = metadata;
  }

  void added(const AddedNode& node) {
    unixfs::Metadata metadata;
    if (auto known = metadata_.extract(node.path)) metadata = known.mapped();
    if (silent_) return;
    if (progress_ && node.kind == unixfs::Kind::file) tell_bytes(node.path, file_bytes_);
    json::object value;
    value["Name"] = node.path;
    value["Hash"] = text_(node.cid);
    value["Size"] = std::to_string(node.cumulative_size);
    if (auto mode = metadata.permissions()) value["Mode"] = fmt::format("0{:o}", *mode);
    if (auto mtime = metadata.mtime; mtime && mtime->seconds > 0) {
      value["Mtime"] = mtime->seconds;
      if (mtime->nanoseconds > 0) value["MtimeNsecs"] = mtime->nanoseconds;
    }
    unconfirmed_.emplace_back(std::move(value));
    said_bytes_ = 0;
  }

  void progress(std::string_view path, std::uint64_t bytes) {
    file_bytes_ = bytes;
    if (!progress_ || bytes < said_bytes_ + progress_step_bytes) return;
    tell_bytes(path, bytes);
  }

  Task<void> send() {
    if (!unconfirmed_.empty() && clock_.now() >= confirm_at_) co_return co_await send_all();
    co_return co_await send_pending();
  }

  Task<void> send_all() {
    if (sink_ != nullptr) KITH_CO_CHECK(co_await sink_->flush());
    std::ranges::move(unconfirmed_, std::back_inserter(pending_));
    unconfirmed_.clear();
    confirm_at_ = clock_.now() + confirm_interval;
    co_return co_await send_pending();
  }

 private:
  Task<void> send_pending() {
    if (pending_.empty()) co_return Result<void>{};
    std::vector<json::value> now;
    now.swap(pending_);
    for (json::value& value : now)
      KITH_CO_CHECK(co_await output_.value(std::move(value)));
    if (progress_) co_return co_await output_.flush();
    co_return Result<void>{};
  }

  void tell_bytes(std::string_view path, std::uint64_t bytes) {
    said_bytes_ = bytes;
    json::object value;
    value["Name"] = path;
    value["Bytes"] = bytes;
    pending_.emplace_back(std::move(value));
  }

  port::Clock& clock_;
  bool progress_;
  bool silent_;
  CidText text_;
  ipld::BlockSink* sink_;
  Output& output_;
  Instant confirm_at_;
  std::vector<json::value> pending_;
  /// Nodes that are in the store, perhaps not durably.
  std::vector<json::value> unconfirmed_;
  std::uint64_t said_bytes_ = 0;
  std::uint64_t file_bytes_ = 0;
  std::map<std::string, unixfs::Metadata> metadata_;
};

class EntrySource final : public unixfs::ByteSource {
 public:
  EntrySource(InputTree& files, Report& report) : files_(files), report_(report) {}
  Task<Buffer> read(std::size_t size_max) override {
    KITH_CO_CHECK(co_await report_.send());
    co_return co_await files_.read(size_max);
  }

 private:
  InputTree& files_;
  Report& report_;
};

/// A file without a name, as from standard input: it is nobody's entry, and is called by its CID as
/// Kubo does.
Task<void> import_nameless(Context& context, const Request& request, ipld::BlockSink* sink,
                           const ImportOptions& options, unixfs::ByteSource& source, Report& report,
                           const OnAdded& on_added, unixfs::Metadata metadata) {
  if (request.flag("wrap-with-directory")) {
    co_return std::unexpected(
        Error(Errc::invalid_argument, "--wrap-with-directory needs names: use --stdin-name"));
  }
  unixfs::ImportProgress progress = [&report](std::uint64_t bytes) { report.progress("", bytes); };
  KITH_CO_TRY(unixfs::ImportedFile file,
              co_await unixfs::import_file(context.env, sink, options, source, metadata, progress));
  on_added({file.cid.to_string(), unixfs::Kind::file, file.cid, file.cumulative_size});
  co_return Result<void>{};
}

/// Adds folders, or, if empty ones aren't wanted, each when the first entry in it comes. As with
/// Kubo, one that has only an empty folder in it isn't empty, and the top of what is added is kept.
class FolderEntries {
 public:
  FolderEntries(unixfs::TreeImporter& importer, const Request& request)
      : importer_(importer),
        with_empty_(request.flag("empty-dirs")),
        wrapped_(request.flag("wrap-with-directory")) {}

  /// Before any entry is added.
  Result<void> before(const std::string& path) {
    auto folder = std::exchange(waiting_, std::nullopt);
    if (!folder || !path.starts_with(folder->path + "/")) return {};
    return importer_.add_directory(folder->path, folder->metadata);
  }
  Result<void> add(const std::string& path, unixfs::Metadata metadata) {
    bool top = !wrapped_ && path.find('/') == std::string::npos;
    if (with_empty_ || top) return importer_.add_directory(path, metadata);
    waiting_ = Folder{path, metadata};
    return {};
  }

 private:
  struct Folder {
    std::string path;
    unixfs::Metadata metadata;
  };

  unixfs::TreeImporter& importer_;
  bool with_empty_;
  bool wrapped_;
  std::optional<Folder> waiting_;
};

Task<void> import_entries(Context& context, const Request& request, ipld::BlockSink* sink,
                          unixfs::TreeImporter& importer, Report& report, const OnAdded& on_added,
                          NoCopySink* no_copy) {
  EntrySource source(*request.files, report);
  FolderEntries folders(importer, request);
  KITH_CO_TRY(unixfs::Metadata wanted, wanted_metadata(request));
  if (request.flag("wrap-with-directory")) KITH_CO_CHECK(importer.add_directory("", wanted));
  std::size_t nameless = 0;
  for (;;) {
    KITH_CO_TRY(std::optional<InputEntry> entry, co_await request.files->next());
    if (!entry) co_return Result<void>{};
    unixfs::Metadata metadata = metadata_of(*entry, wanted);
    std::string path = entry->path;
    if (path.empty()) path = request.text("stdin-name");
    report.expect(path, metadata);
    KITH_CO_CHECK(folders.before(path));
    switch (entry->kind) {
      case port::FileKind::directory:
        KITH_CO_CHECK(folders.add(path, metadata));
        break;
      case port::FileKind::symlink:
        KITH_CO_CHECK(co_await importer.add_symlink(path, entry->target, metadata));
        break;
      default: {
        if (path.empty() && nameless++ > 0) {
          co_return std::unexpected(
              Error(Errc::invalid_argument, "only one file may have no name"));
        }
        if (no_copy != nullptr) {
          if (entry->absolute_path.empty()) {
            co_return std::unexpected(
                Error(Errc::invalid_argument,
                      "--nocopy: where the file lies isn't known (standard input can't stay "
                      "where it is)"));
          }
          KITH_CO_CHECK(co_await no_copy->begin_file(entry->absolute_path));
        }
        if (path.empty()) {
          KITH_CO_CHECK(co_await import_nameless(context, request, sink, importer.options(), source,
                                                 report, on_added, metadata));
          continue;
        }
        auto added = co_await importer.add_file(path, source, metadata);
        if (no_copy != nullptr) no_copy->end_file();
        if (!added) co_return std::unexpected(added.error());
      }
    }
    KITH_CO_CHECK(co_await report.send());
  }
}

Task<void> finish(unixfs::TreeImporter& importer, const Request& request) {
  KITH_CO_CHECK(co_await importer.finish(request.flag("wrap-with-directory")));
  co_return Result<void>{};
}

/// What was added at the top, to be told of in the DHTs.
class Roots {
 public:
  explicit Roots(const Request& request) : wrapped_(request.flag("wrap-with-directory")) {}

  void added(const AddedNode& node) {
    const bool at_top = wrapped_ ? node.path.empty() : node.path.find('/') == std::string::npos;
    if (at_top && cids_.size() < roots_max) cids_.push_back(node.cid);
  }

  Task<void> provide(Context& context, const Request& request) {
    node::Node& node = *context.node;
    const node::ImportSettings& settings = node.settings().new_files;
    auto said = [&request](std::string_view option, bool otherwise) {
      return request.given(option) ? request.flag(option) : otherwise;
    };
    if (!said("fast-provide-root", settings.provide_root) || !node.settings().providing.enabled)
      co_return Result<void>{};
    if (!said("fast-provide-wait", settings.provide_wait) || node.routing() == nullptr) {
      for (const multiformats::Cid& cid : cids_)
        node.provide(cid);
      co_return Result<void>{};
    }
    for (const multiformats::Cid& cid : cids_) {
      Instant deadline = context.env.clock.now() + provide_deadline;
      // What can't be told now is told later: no failure of what was added.
      auto told = co_await node.routing()->provide(cid.hash(), deadline);
      if (!told && told.error().is(Errc::cancelled)) co_return told;
    }
    co_return Result<void>{};
  }

 private:
  static constexpr std::size_t roots_max = 10'000;

  bool wrapped_;
  std::vector<multiformats::Cid> cids_;
};

Task<void> run_add(Context& context, const Request& request, Output& output) {
  if (!request.files) co_return std::unexpected(Error(Errc::invalid_argument, "nothing to add"));
  node::Node& node = *context.node;
  KITH_CO_TRY(ImportOptions options, import_options(node.settings().new_files, request));
  KITH_CO_TRY(CidText text, CidText::of(request));
  std::optional<NoCopySink> no_copy;
  if (request.flag("nocopy")) {
    if (!node.settings().filestore) {
      co_return std::unexpected(
          Error(Errc::invalid_argument,
                "filestore is not enabled, which --nocopy needs: allow it by "
                "'kith config --bool Experimental.FilestoreEnabled true', and restart the daemon"));
    }
    no_copy.emplace(node.store());
  }
  ipld::BlockSink& below = no_copy ? static_cast<ipld::BlockSink&>(*no_copy) : node.store();
  AnnouncingSink announcing(node, below);
  GatheringSink gathering(context.env, announcing);
  // Blocks that stay in a file are put while it is known which one that is.
  ipld::BlockSink& chosen = no_copy ? static_cast<ipld::BlockSink&>(announcing) : gathering;
  ipld::BlockSink* sink = request.flag("only-hash") ? nullptr : &chosen;
  Report report(context.env.clock, request, text, sink, output);
  Roots roots(request);
  const OnAdded on_added = [&report, &roots](const AddedNode& added) {
    roots.added(added);
    report.added(added);
  };
  auto on_progress = [&report](std::string_view path, std::uint64_t bytes) {
    report.progress(path, bytes);
  };
  KITH_CO_TRY(std::unique_ptr<unixfs::TreeImporter> importer,
              unixfs::TreeImporter::create(context.env, sink, options, on_added, on_progress));
  NoCopySink* in_place = no_copy ? &*no_copy : nullptr;
  auto imported =
      co_await import_entries(context, request, sink, *importer, report, on_added, in_place);
  if (imported) imported = co_await finish(*importer, request);
  // What was added before a failure is there all the same.
  Result<void> told = co_await report.send_all();
  KITH_CO_CHECK(co_await gathering.close_shielded());
  KITH_CO_CHECK(imported);
  KITH_CO_CHECK(told);
  if (sink == nullptr) co_return Result<void>{};
  co_return co_await roots.provide(context, request);
}

class AddRenderer final : public Renderer {
 public:
  explicit AddRenderer(const RenderContext& context)
      : context_(context),
        quiet_(context.request.flag("quiet")),
        quieter_(context.request.flag("quieter")),
        bar_(context, context.request.flag("progress") && context.terminal.err_is_terminal()) {}

  Result<void> value(const json::value& value) override {
    std::string hash = text_of(value, "Hash");
    std::string name = text_of(value, "Name");
    if (hash.empty()) {
      // Each file's count begins at nothing.
      auto bytes = static_cast<std::uint64_t>(number_of(value, "Bytes"));
      if (name != file_ || bytes < file_bytes_) finished_bytes_ += file_bytes_;
      file_ = name;
      file_bytes_ = bytes;
      bar_.set_done(finished_bytes_ + bytes, name);
      return {};
    }
    last_hash_ = hash;
    if (quieter_) return {};
    bar_.clear();
    if (quiet_) return context_.terminal.out(hash + "\n");
    return context_.terminal.out(name.empty()
                                     ? fmt::format("added {}\n", hash)
                                     : fmt::format("added {} {}\n", hash, printable(name)));
  }
  Result<void> bytes(ByteView) override { return {}; }
  void announce_length(std::uint64_t length) override { bar_.set_total(length); }
  Result<void> finish(bool ok) override {
    bar_.clear();
    if (ok && quieter_ && !last_hash_.empty()) return context_.terminal.out(last_hash_ + "\n");
    return {};
  }

 private:
  RenderContext context_;
  bool quiet_;
  bool quieter_;
  ProgressBar bar_;
  std::uint64_t finished_bytes_ = 0;
  std::uint64_t file_bytes_ = 0;
  std::string file_;
  std::string last_hash_;
};

}  // namespace

void add_add_command(CommandTable& table) {
  using enum OptionKind;
  table.add(
      {.path = "add",
       .tagline = "Add files and folders; prints their CIDs.",
       .description =
           "Cuts files into blocks, keeps them in the store, and prints the CID by which anyone "
           "can fetch "
           "them. By IPIP-499's profile unixfs-v1-2025 unless the configuration (Import) says "
           "otherwise.",
       .arguments = {{.name = "path",
                      .required = true,
                      .variadic = true,
                      .help = "Files, folders (with -r), or - for standard input.",
                      .kind = ArgumentKind::file,
                      .recursive = true}},
       .options = {{"recursive", 'r', flag, "Add folders with all that is in them.", ""},
                   {"dereference-args", 0, flag,
                    "A symlink given as an argument stands for its target.", ""},
                   {"stdin-name", 0, text, "A name for what comes from standard input.", ""},
                   {"dereference-symlinks", 0, flag,
                    "Every symlink stands for its target, inside of folders too.", ""},
                   {"hidden", 'H', flag, "Also files whose names begin with a dot.", ""},
                   {"ignore", 0, texts,
                    "Leave out what this rule of .gitignore's kind matches. May be given again.",
                    ""},
                   {"ignore-rules-path", 0, text, "A file with such rules, one a line.", ""},
                   {"empty-dirs", 'E', flag, "Add folders that have nothing in them.", "true"},
                   {"quiet", 'q', flag, "Print only CIDs.", ""},
                   {"quieter", 'Q', flag, "Print only the last CID.", ""},
                   {"silent", 0, flag, "Print nothing.", ""},
                   {"progress", 'p', flag, "Show progress (the default on a terminal).", ""},
                   {"trickle", 't', flag, "Lay files out for reading from the start.", ""},
                   {"only-hash", 'n', flag, "Compute CIDs, keep nothing.", ""},
                   {"wrap-with-directory", 'w', flag, "Wrap it all in a folder.", ""},
                   {"chunker", 's', text, "size-<bytes>, rabin-<min>-<avg>-<max> or buzhash.", ""},
                   {"raw-leaves", 0, flag, "Leaves without a UnixFS frame.", ""},
                   {"nocopy", 0, flag, "Leave the bytes in the files; they must not change.", ""},
                   {"fscache", 0, flag, "Accepted for Kubo's sake.", ""},
                   {"cid-version", 0, integer, "0 or 1.", ""},
                   {"hash", 0, text, "Hash function, for example sha2-256 or blake3.", ""},
                   {"inline", 0, flag, "Put small blocks into their CIDs.", ""},
                   {"inline-limit", 0, integer, "How small.", "32"},
                   {"pin", 0, flag, "Accepted for Kubo's sake: nothing is collected yet.", "true"},
                   {"pin-name", 0, text, "Accepted for Kubo's sake.", ""},
                   {"fast-provide-root", 0, flag, "Tell the DHTs at once that it is here.", "true"},
                   {"fast-provide-dag", 0, flag, "Accepted for Kubo's sake.", ""},
                   {"fast-provide-wait", 0, flag, "Wait until they have been told.", ""},
                   {"max-file-links", 0, integer, "Children of a file's node.", ""},
                   {"max-directory-links", 0, integer, "Entries of an unsharded folder.", ""},
                   {"max-hamt-fanout", 0, integer, "Width of a sharded folder's nodes.", ""},
                   {"preserve-mode", 0, flag, "Keep permissions.", ""},
                   {"preserve-mtime", 0, flag, "Keep modification times.", ""},
                   {"mode", 0, integer, "Permissions for all, for example 0644.", ""},
                   {"mtime", 0, integer, "Modification time for all, seconds since 1970.", ""},
                   {"mtime-nsecs", 0, integer, "Its nanoseconds.", ""}},
       .examples = {{"add -r photos", "Share a folder. The last line has its CID."},
                    {"add -nQ disk.iso", "Only tell which CID a file has."}},
       .streams = true,
       .run = run_add,
       .renderer = [](const RenderContext& context) -> std::unique_ptr<Renderer> {
         return std::make_unique<AddRenderer>(context);
       }});
}

}  // namespace kith::api
