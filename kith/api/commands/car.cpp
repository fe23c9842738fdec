// dag import, dag export.
#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/detail/progress.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/ipld/car.hpp>
#include <kith/ipld/content.hpp>
#include <kith/ipld/walk.hpp>
#include <kith/node/node.hpp>

namespace kith::api {
namespace {

using multiformats::Cid;

constexpr std::size_t read_bytes = 1024 * 1024;
/// Empty blocks have no bytes, and take memory.
constexpr std::size_t batch_blocks_max = 16 * 1024;
/// Blocks that are hashed and stored together.
constexpr std::uint64_t batch_bytes = 8 * 1024 * 1024;

struct ImportState {
  node::Node& node;
  std::vector<ipld::Block> batch;
  std::uint64_t batch_size = 0;
  std::uint64_t blocks = 0;
  std::uint64_t bytes = 0;
  std::vector<Cid> roots;
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

Task<void> import_archive(Context& context, const Request& request, ImportState& state) {
  ipld::CarReader reader;
  bool ended = false;
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
      if (!block) break;
      if (block->data.size() > ipld::block_bytes_max) {
        co_return std::unexpected(Error(Errc::limit_exceeded, "block " + block->cid.to_string()));
      }
      state.batch_size += block->data.size();
      state.batch.push_back(*std::move(block));
      const bool full = state.batch_size >= batch_bytes || state.batch.size() >= batch_blocks_max;
      if (full) KITH_CO_CHECK(co_await store_batch(context, state));
    }
  }
  state.roots.insert(state.roots.end(), reader.roots().begin(), reader.roots().end());
  co_return co_await store_batch(context, state);
}

Task<void> run_import(Context& context, const Request& request, Output& output) {
  if (!request.files) co_return std::unexpected(Error(Errc::invalid_argument, "no archive"));
  KITH_CO_TRY(CidText text, CidText::of(request));
  ImportState state{*context.node, {}, 0, 0, 0, {}};
  for (;;) {
    KITH_CO_TRY(std::optional<InputEntry> entry, co_await request.files->next());
    if (!entry) break;
    auto imported = co_await import_archive(context, request, state);
    if (!imported) co_return std::unexpected(imported.error().with_context("import failed"));
  }
  KITH_CO_CHECK(co_await context.node->store().flush());
  if (request.flag("pin-roots")) {
    for (const Cid& root : state.roots) {
      KITH_CO_TRY(bool here, co_await context.node->store().has(root));
      json::object link;
      link["/"] = text(root);
      json::object meta;
      meta["Cid"] = std::move(link);
      meta["PinErrorMsg"] = here ? "" : "block was not found locally";
      json::object value;
      value["Root"] = std::move(meta);
      KITH_CO_CHECK(co_await output.value(std::move(value)));
    }
  }
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
    if (const json::value* stats = value.as_object().if_contains("Stats")) {
      return context_.terminal.out(fmt::format("Imported {} blocks ({} bytes)\n",
                                               number_of(*stats, "BlockCount"),
                                               number_of(*stats, "BlockBytesCount")));
    }
    const json::value& root = value.at("Root");
    std::string failure = text_of(root, "PinErrorMsg");
    return context_.terminal.out(fmt::format("Pinned root\t{}\t{}\n", text_of(root.at("Cid"), "/"),
                                             failure.empty() ? "success" : "FAILED: " + failure));
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
  KITH_CO_TRY(Cid root, parse_cid(request.argument(0)));
  bool local_only = request.flag("local-only");
  std::unique_ptr<ipld::BlockSource> source = source_for(context, request, !local_only);
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
  table.add(
      {.path = "dag import",
       .tagline = "Store the blocks of CAR archives.",
       .arguments = {{.name = "path",
                      .variadic = true,
                      .help = "CAR files of version 1 or 2, or - for standard input.",
                      .kind = ArgumentKind::file}},
       .options = {{"pin-roots", 0, flag, "Name the roots, and whether they are here.", "true"},
                   {"silent", 0, flag, "Print nothing.", ""},
                   {"stats", 0, flag, "Count blocks and bytes.", ""},
                   {"progress", 'p', flag, "Show progress (the default on a terminal).", ""},
                   {"allow-big-block", 0, flag,
                    "Accepted for Kubo's sake: larger blocks can't be shared.", ""}},
       .streams = true,
       .run = run_import,
       .renderer = [](const RenderContext& context) -> std::unique_ptr<Renderer> {
         return std::make_unique<ImportRenderer>(context);
       }});
  table.add({.path = "dag export",
             .tagline = "Write a DAG as a CAR archive.",
             .arguments = {{.name = "root", .help = "Its CID."}},
             .options = {{"progress", 'p', flag, "Show progress (the default on a terminal).", ""},
                         {"local-only", 0, flag,
                          "Only what is here, even if the DAG isn't complete.", ""}},
             .output = OutputKind::bytes,
             .transfers = true,
             .content_type = "application/vnd.ipld.car",
             .run = run_export,
             .renderer = [](const RenderContext& context) -> std::unique_ptr<Renderer> {
               return std::make_unique<ExportRenderer>(context);
             }});
}

}  // namespace kith::api
