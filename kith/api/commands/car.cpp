// dag import, dag export.
#include <algorithm>
#include <unordered_set>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/detail/progress.hpp>
#include <kith/api/detail/sentence.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/ipld/car.hpp>
#include <kith/ipld/codec.hpp>
#include <kith/ipld/content.hpp>
#include <kith/ipld/links.hpp>
#include <kith/ipld/walk.hpp>
#include <kith/multiformats/seeded_hash.hpp>
#include <kith/node/node.hpp>

namespace kith::api {
namespace {

using multiformats::Cid;

constexpr std::size_t read_bytes = 1024 * 1024;
/// Empty blocks have no bytes, and take memory.
constexpr std::size_t batch_blocks_max = 16 * 1024;
/// Blocks that are hashed and stored together.
constexpr std::uint64_t batch_bytes = 8 * 1024 * 1024;
constexpr std::size_t dag_blocks_max = 50'000'000;
/// Of all archives of an import together.
constexpr std::size_t roots_max = 10'000;

struct ImportState {
  node::Node& node;
  std::vector<ipld::Block> batch;
  std::uint64_t batch_size = 0;
  std::uint64_t blocks = 0;
  std::uint64_t bytes = 0;
  std::vector<Cid> roots;
  std::unordered_set<Cid, multiformats::SeededHash> known_roots;
};

/// An archive is anybody's word: each block is hashed before it is kept.
Task<void> store_batch(Context& context, ImportState& state) {
  if (state.batch.empty()) co_return Result<void>{};
  std::vector<ipld::Block> blocks;
  blocks.swap(state.batch);
  state.batch_size = 0;
  auto verify = [&blocks]() -> Result<void> {
    for (const ipld::Block& block : blocks) {
      auto good = ipld::verify(block.cid, block.data);
      if (!good) return std::unexpected(good.error().with_context(block.cid.to_string()));
    }
    return {};
  };
  KITH_CO_CHECK(co_await port::run_on(context.env.pool, verify));
  for (const ipld::Block& block : blocks) {
    ++state.blocks;
    state.bytes += block.data.size();
  }
  std::vector<ipld::Block> told = blocks;
  KITH_CO_CHECK(co_await state.node.store().put(std::move(blocks)));
  state.node.announce_blocks(told);
  co_return Result<void>{};
}

Result<void> add_roots(ImportState& state, const std::vector<Cid>& roots) {
  for (const Cid& root : roots) {
    if (state.known_roots.contains(root)) continue;
    if (state.roots.size() == roots_max) {
      return std::unexpected(
          Error(Errc::limit_exceeded, fmt::format("more than {} roots", roots_max)));
    }
    state.known_roots.insert(root);
    state.roots.push_back(root);
  }
  return {};
}

Task<void> import_archive(Context& context, const Request& request, ImportState& state) {
  ipld::CarReader reader;
  bool ended = false;
  bool begun = false;
  while (!ended) {
    KITH_CO_TRY(Buffer part, co_await request.files->read(read_bytes));
    ended = part.empty();
    if (ended) {
      reader.end();
    } else {
      reader.feed(std::move(part));
    }
    for (;;) {
      KITH_CO_TRY(std::optional<ipld::Block> block, reader.next());
      if (reader.has_header() && !std::exchange(begun, true)) {
        KITH_CO_CHECK(add_roots(state, reader.roots()));
      }
      if (!block) break;
      if (block->data.size() > ipld::block_bytes_max) {
        co_return std::unexpected(block_too_big().with_context("block " + block->cid.to_string()));
      }
      state.batch_size += block->data.size();
      state.batch.push_back(*std::move(block));
      const bool full = state.batch_size >= batch_bytes || state.batch.size() >= batch_blocks_max;
      if (full) KITH_CO_CHECK(co_await store_batch(context, state));
    }
  }
  co_return co_await store_batch(context, state);
}

/// Fails with a block of the DAG that isn't here. Leaves are looked up, not read.
Task<void> expect_whole(Context& context, ipld::BlockSource& local, Cid root) {
  std::unordered_set<Cid, multiformats::SeededHash> seen = {root};
  std::vector<Cid> open = {root};
  while (!open.empty()) {
    Cid cid = std::move(open.back());
    open.pop_back();
    KITH_CO_TRY(ipld::Block block, co_await ipld::get_block(local, cid));
    if (!ipld::codec_known(cid.codec())) continue;
    KITH_CO_TRY(std::vector<Cid> links, ipld::links_of(cid.codec(), block.data));
    std::vector<Cid> leaves;
    for (Cid& link : links) {
      if (link.is_identity() || !seen.insert(link).second) continue;
      bool leaf = link.codec() == multiformats::Codec::raw;
      (leaf ? leaves : open).push_back(std::move(link));
    }
    if (seen.size() > dag_blocks_max) co_return std::unexpected(Errc::limit_exceeded);
    KITH_CO_TRY(std::vector<bool> here, co_await context.node->store().has_many(leaves));
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      if (!here[i]) co_return std::unexpected(not_here(leaves[i]));
    }
  }
  co_return Result<void>{};
}

/// Nothing is collected yet, so a root is as good as pinned once all that is below it is here.
Task<void> tell_roots(Context& context, const Request& request, const std::vector<Cid>& roots,
                      Output& output) {
  KITH_CO_TRY(CidText text, CidText::of(request));
  std::unique_ptr<ipld::BlockSource> local = source_for(context, request, false);
  for (const Cid& root : roots) {
    auto whole = co_await expect_whole(context, *local, root);
    if (!whole && whole.error().is(Errc::cancelled)) co_return whole;
    json::object link;
    link["/"] = text(root);
    json::object meta;
    meta["Cid"] = std::move(link);
    meta["PinErrorMsg"] = whole ? "" : sentence_of(whole.error());
    json::object value;
    value["Root"] = std::move(meta);
    KITH_CO_CHECK(co_await output.value(std::move(value)));
  }
  co_return Result<void>{};
}

Task<void> run_import(Context& context, const Request& request, Output& output) {
  if (!request.files) co_return std::unexpected(Error(Errc::invalid_argument, "no archive"));
  bool local_only = request.flag("local-only");
  if (local_only && request.given("pin-roots") && request.flag("pin-roots")) {
    co_return std::unexpected(
        Error(Errc::invalid_argument,
              "--local-only implies --pin-roots=false and cannot be combined with "
              "--pin-roots=true; please drop one of them"));
  }
  ImportState state{*context.node, {}, 0, 0, 0, {}, {}};
  for (;;) {
    KITH_CO_TRY(std::optional<InputEntry> entry, co_await request.files->next());
    if (!entry) break;
    auto imported = co_await import_archive(context, request, state);
    if (!imported) co_return std::unexpected(imported.error().with_context("import failed"));
  }
  KITH_CO_CHECK(co_await context.node->store().flush());
  if (request.flag("pin-roots") && !local_only) {
    KITH_CO_CHECK(co_await tell_roots(context, request, state.roots, output));
  }
  const bool provided = request.given("fast-provide-root")
                            ? request.flag("fast-provide-root")
                            : context.node->settings().new_files.provide_root;
  for (std::size_t i = 0; provided && i < state.roots.size(); ++i)
    context.node->provide(state.roots[i]);
  if (request.flag("stats")) {
    json::object stats;
    stats["BlockCount"] = state.blocks;
    stats["BlockBytesCount"] = state.bytes;
    json::object value;
    value["Stats"] = std::move(stats);
    KITH_CO_CHECK(co_await output.value(std::move(value)));
  }
  co_return Result<void>{};
}

class ImportRenderer final : public Renderer {
 public:
  explicit ImportRenderer(const RenderContext& context)
      : context_(context),
        silent_(context.request.flag("silent")),
        bar_(context,
             context.request.flag("progress") && !silent_ && context.terminal.err_is_terminal()) {}
  Result<void> bytes(ByteView) override { return {}; }
  void announce_length(std::uint64_t length) override { bar_.set_total(length); }
  void announce_sent(std::uint64_t bytes) override { bar_.set_done(bytes); }
  Result<void> value(const json::value& value) override {
    bar_.clear();
    if (silent_) return {};
    if (const json::value& stats = member(value, "Stats"); stats.is_object()) {
      return context_.terminal.out(fmt::format("Imported {} blocks ({} bytes)\n",
                                               number_of(stats, "BlockCount"),
                                               number_of(stats, "BlockBytesCount")));
    }
    const json::value& root = member(value, "Root");
    std::string cid = text_of(member(root, "Cid"), "/");
    if (std::string failure = text_of(root, "PinErrorMsg"); !failure.empty()) {
      return std::unexpected(say(fmt::format("pinning root \"{}\" FAILED: {}", cid, failure)));
    }
    return context_.terminal.out(fmt::format("Pinned root\t{}\tsuccess\n", cid));
  }
  Result<void> finish(bool) override {
    bar_.clear();
    return {};
  }

 private:
  RenderContext context_;
  bool silent_;
  ProgressBar bar_;
};

Task<void> run_export(Context& context, const Request& request, Output& output) {
  bool local_only = request.flag("local-only");
  std::unique_ptr<ipld::BlockSource> source = source_for(context, request, !local_only);
  const std::string path = request.argument(0);
  KITH_CO_TRY(unixfs::Resolved resolved, co_await resolve_link(*source, path));
  if (!resolved.rest.empty()) {
    co_return std::unexpected(say("cannot export what lies inside of a block"));
  }
  const Cid root = resolved.block.cid;
  ipld::WalkOptions options;
  options.local_only = local_only;
  ipld::DagWalk walk(*source, root, options);
  std::vector<Cid> roots = {root};
  bool first = true;
  for (;;) {
    KITH_CO_TRY(std::optional<ipld::Block> block, co_await walk.next());
    if (!block) break;
    // The head goes out with the first block, so that a root that can't be had is an error and no
    // archive.
    if (std::exchange(first, false)) {
      Bytes head = ipld::encode_car_header(roots);
      KITH_CO_CHECK(co_await output.bytes(head));
    }
    Bytes start = ipld::encode_car_section_start(block->cid, block->data.size());
    KITH_CO_CHECK(co_await output.bytes(start));
    KITH_CO_CHECK(co_await output.bytes(block->data));
  }
  if (first) co_return std::unexpected(Error(Errc::not_found, root.to_string()));
  co_return Result<void>{};
}

class ExportRenderer final : public Renderer {
 public:
  explicit ExportRenderer(const RenderContext& context)
      : context_(context),
        bar_(context, context.request.flag("progress") && context.terminal.err_is_terminal() &&
                          !context.terminal.out_is_terminal()) {}
  Result<void> value(const json::value&) override { return {}; }
  Result<void> bytes(ByteView bytes) override {
    KITH_CHECK(context_.terminal.out(as_text(bytes)));
    bar_.add(bytes.size());
    return {};
  }
  void announce_peers(std::size_t peers) override { bar_.set_peers(peers); }
  void interrupt() override { bar_.clear(); }
  Result<void> finish(bool) override {
    bar_.clear();
    return {};
  }

 private:
  RenderContext context_;
  ProgressBar bar_;
};

}  // namespace

void add_car_commands(CommandTable& table) {
  using enum OptionKind;
  table.add({.path = "dag import",
             .tagline = "Store the blocks of CAR archives.",
             .arguments = {{.name = "path",
                            .variadic = true,
                            .help = "CAR files of version 1 or 2, or - for standard input.",
                            .kind = ArgumentKind::file}},
             .options = {{"pin-roots", 0, flag,
                          "Name the roots; fail if something below them isn't here.", "true"},
                         {"local-only", 0, flag,
                          "The archive is a part of a DAG. Implies --pin-roots=false.", ""},
                         {"silent", 0, flag, "Print nothing.", ""},
                         {"stats", 0, flag, "Count blocks and bytes.", ""},
                         {"progress", 'p', flag, "Show progress (the default on a terminal).", ""},
                         {"fast-provide-root", 0, flag,
                          "Tell the DHTs at once that the roots are here.", "true"},
                         {"fast-provide-dag", 0, flag, "Accepted for Kubo's sake.", ""},
                         {"fast-provide-wait", 0, flag, "Accepted for Kubo's sake.", ""},
                         big_block_option()},
             .examples = {{"dag import photos.car", "Store what an archive holds."}},
             .streams = true,
             .run = run_import,
             .renderer = [](const RenderContext& context) -> std::unique_ptr<Renderer> {
               return std::make_unique<ImportRenderer>(context);
             }});
  table.add({.path = "dag export",
             .tagline = "Write a DAG as a CAR archive.",
             .arguments = {{.name = "root", .help = "CID or path.", .from_stdin = true}},
             .options = {{"progress", 'p', flag, "Show progress (the default on a terminal).", ""},
                         {"local-only", 0, flag,
                          "Only what is here, even if the DAG isn't complete.", ""}},
             .examples = {{"dag export <cid> > photos.car",
                           "Write a file or folder with all its blocks."}},
             .output = OutputKind::bytes,
             .transfers = true,
             .content_type = "application/vnd.ipld.car",
             .run = run_export,
             .renderer = [](const RenderContext& context) -> std::unique_ptr<Renderer> {
               return std::make_unique<ExportRenderer>(context);
             }});
}

}  // namespace kith::api
