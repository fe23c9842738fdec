// dag get, put, stat, resolve.
#include <algorithm>
#include <unordered_set>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/detail/sentence.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/ipld/codec.hpp>
#include <kith/ipld/content.hpp>
#include <kith/ipld/links.hpp>
#include <kith/ipld/path.hpp>
#include <kith/multiformats/multicodec.hpp>
#include <kith/multiformats/seeded_hash.hpp>
#include <kith/node/node.hpp>

namespace kith::api {

namespace {

using multiformats::Cid;
using multiformats::Codec;

constexpr std::size_t dag_blocks_max = 50'000'000;

Result<Codec> codec_option(const Request& request, std::string_view option) {
  auto codec = multiformats::codec_from_name(request.text(option));
  if (!codec || (*codec != Codec::raw && !ipld::codec_known(*codec))) {
    return std::unexpected(
        Error(Errc::invalid_argument,
              fmt::format("option --{}: \"{}\" (use dag-json, dag-cbor, dag-pb or raw)", option,
                          request.text(option))));
  }
  return *codec;
}

Task<void> run_get(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(Codec codec, codec_option(request, "output-codec"));
  std::unique_ptr<ipld::BlockSource> source = source_for(context, request);
  std::string path = request.argument(0);
  KITH_CO_TRY(unixfs::Resolved resolved, co_await resolve_block(*source, path));
  if (resolved.rest.empty() && resolved.block.cid.codec() == codec) {
    co_return co_await output.bytes(resolved.block.data);
  }
  KITH_CO_TRY(ipld::Value value,
              ipld::decode_value(resolved.block.cid.codec(), resolved.block.data));
  const ipld::Value* shown = &value;
  if (!resolved.rest.empty()) {
    KITH_CO_TRY(ipld::PathEnd end, ipld::follow_path(value, resolved.rest));
    if (end.value != nullptr) shown = end.value;
  }
  KITH_CO_TRY(Bytes encoded, ipld::encode_value(codec, *shown));
  co_return co_await output.bytes(encoded);
}

class DagGetRenderer final : public Renderer {
 public:
  explicit DagGetRenderer(const RenderContext& context) : context_(context) {}
  Result<void> value(const json::value&) override { return {}; }
  Result<void> bytes(ByteView bytes) override { return context_.terminal.out(as_text(bytes)); }
  Result<void> finish(bool ok) override {
    // A line's end for people who read JSON.
    if (ok && context_.terminal.out_is_terminal() &&
        context_.request.text("output-codec") == "dag-json") {
      return context_.terminal.out("\n");
    }
    return {};
  }

 private:
  RenderContext context_;
};

/// Whoever puts a node of dag-pb may name its links in any order, as with Kubo.
void sort_links(ipld::Value& node) {
  auto* entries = node.get<ipld::Map>();
  if (entries == nullptr) return;
  auto links = std::ranges::find(*entries, "Links", &ipld::MapEntry::key);
  auto* list = links == entries->end() ? nullptr : links->value.get<ipld::List>();
  if (list == nullptr) return;
  auto name_of = [](const ipld::Value& link) {
    const ipld::Value* name = link.find("Name");
    const auto* text = name == nullptr ? nullptr : name->get<std::string>();
    return text == nullptr ? std::string_view() : std::string_view(*text);
  };
  std::ranges::stable_sort(*list, {}, name_of);
}

Task<void> run_put(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(Codec store_codec, codec_option(request, "store-codec"));
  KITH_CO_TRY(Codec input_codec, codec_option(request, "input-codec"));
  KITH_CO_TRY(CidText text, CidText::of(request));
  KITH_CO_TRY(multiformats::CidPrefix prefix,
              prefix_hashed_by(hash_option(context, request, "hash")));
  prefix.codec = store_codec;
  if (!request.files) co_return std::unexpected(Error(Errc::invalid_argument, "no data"));
  std::vector<Cid> cids;
  for (;;) {
    KITH_CO_TRY(std::optional<InputEntry> entry, co_await request.files->next());
    if (!entry) break;
    Bytes content;
    for (;;) {
      KITH_CO_TRY(Buffer part, co_await request.files->read(4 * ipld::block_bytes_max));
      if (part.empty()) break;
      append(content, part);
      if (content.size() > 4 * ipld::block_bytes_max)
        co_return std::unexpected(Errc::limit_exceeded);
    }
    if (input_codec != store_codec || store_codec != Codec::raw) {
      KITH_CO_TRY(ipld::Value value, ipld::decode_value(input_codec, content));
      if (store_codec == Codec::dag_pb) sort_links(value);
      KITH_CO_TRY(content, ipld::encode_value(store_codec, value));
    }
    if (content.size() > ipld::block_bytes_max) {
      co_return std::unexpected(block_too_big());
    }
    KITH_CO_TRY(ipld::Block block, ipld::make_block(prefix, Buffer::adopt(std::move(content))));
    cids.push_back(block.cid);
    std::vector<ipld::Block> blocks;
    blocks.push_back(std::move(block));
    std::vector<ipld::Block> told = blocks;
    KITH_CO_CHECK(co_await context.node->store().put(std::move(blocks)));
    context.node->announce_blocks(told);
  }
  KITH_CO_CHECK(co_await context.node->store().flush());
  for (const Cid& cid : cids) {
    json::object link;
    link["/"] = text(cid);
    json::object value;
    value["Cid"] = std::move(link);
    KITH_CO_CHECK(co_await output.value(std::move(value)));
  }
  co_return Result<void>{};
}

Result<void> show_put(const json::value& value, const RenderContext& context) {
  return context.terminal.out(text_of(member(value, "Cid"), "/") + "\n");
}

Task<void> run_resolve(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(CidText text, CidText::of(request));
  std::unique_ptr<ipld::BlockSource> source = source_for(context, request);
  std::string path = request.argument(0);
  KITH_CO_TRY(unixfs::Resolved resolved, co_await resolve_link(*source, path));
  std::string rest;
  for (const std::string& step : resolved.rest)
    rest += "/" + step;
  json::object link;
  link["/"] = text(resolved.block.cid);
  json::object value;
  value["Cid"] = std::move(link);
  value["RemPath"] = rest;
  co_return co_await output.value(std::move(value));
}

Result<void> show_resolve(const json::value& value, const RenderContext& context) {
  std::string rest = text_of(value, "RemPath");
  std::string cid = text_of(member(value, "Cid"), "/");
  return context.terminal.out(cid + rest + "\n");
}

struct DagCount {
  Cid root;
  std::uint64_t size = 0;
  std::uint64_t blocks = 0;
};

/// A whole number if it is one: a real one's JSON would be 1E0.
json::value ratio(std::uint64_t sum, std::uint64_t size) {
  if (sum % size == 0) return sum / size;
  return static_cast<double>(sum) / static_cast<double>(size);
}

/// What `dag stat` answers: so far, or in the end.
struct DagSummary {
  std::vector<DagCount> dags;
  std::unordered_set<Cid, multiformats::SeededHash> seen;  ///< in any of the DAGs
  std::uint64_t size = 0;                                  ///< of those

  json::value value(const CidText& text, bool complete) const {
    json::object value;
    json::array list;
    std::uint64_t sum = 0;
    for (const DagCount& dag : dags) {
      sum += dag.size;
      json::object one;
      one["Cid"] = text(dag.root);
      if (dag.size > 0) one["Size"] = dag.size;
      if (dag.blocks > 0) one["NumBlocks"] = dag.blocks;
      list.emplace_back(std::move(one));
    }
    if (complete) value["UniqueBlocks"] = seen.size();
    if (size > 0) value["TotalSize"] = size;
    if (complete && sum > size) value["SharedSize"] = sum - size;
    if (complete && size > 0) value["Ratio"] = ratio(sum, size);
    value["DagStats"] = std::move(list);
    return value;
  }
};

/// Each block once a DAG, however often it is linked to.
Task<void> count_dag(Context& context, ipld::BlockSource& source, DagSummary& summary,
                     const CidText* progress, Output& output) {
  constexpr Duration progress_interval = 200ms;
  Instant told = context.env.clock.now();
  Cid root = summary.dags.back().root;
  std::unordered_set<Cid, multiformats::SeededHash> seen = {root};
  std::vector<Cid> open = {root};
  while (!open.empty()) {
    Cid cid = open.back();
    open.pop_back();
    KITH_CO_TRY(ipld::Block block, co_await ipld::get_block(source, cid));
    DagCount& dag = summary.dags.back();
    ++dag.blocks;
    dag.size += block.data.size();
    if (summary.seen.insert(cid).second) summary.size += block.data.size();
    std::vector<Cid> links;
    if (ipld::codec_known(cid.codec())) {
      KITH_CO_TRY(links, ipld::links_of(cid.codec(), block.data));
    }
    std::erase_if(links, [&seen](const Cid& link) { return !seen.insert(link).second; });
    if (seen.size() > dag_blocks_max) co_return std::unexpected(Errc::limit_exceeded);
    open.insert(open.end(), links.rbegin(), links.rend());
    ipld::prefetch_blocks(source, std::move(links));
    if (progress == nullptr || context.env.clock.now() - told < progress_interval) continue;
    told = context.env.clock.now();
    json::value now = summary.value(*progress, false);
    KITH_CO_CHECK(co_await output.value(std::move(now)));
    KITH_CO_CHECK(co_await output.flush());
  }
  co_return Result<void>{};
}

Task<void> run_stat(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(CidText text, CidText::of(request));
  std::unique_ptr<ipld::BlockSource> source = source_for(context, request);
  DagSummary summary;
  const CidText* progress = request.flag("progress") ? &text : nullptr;
  for (const std::string& argument : request.arguments()) {
    KITH_CO_TRY(unixfs::Resolved resolved, co_await resolve_link(*source, argument));
    if (!resolved.rest.empty()) {
      co_return std::unexpected(
          say("cannot return size for anything other than a DAG with a root CID"));
    }
    summary.dags.push_back({resolved.block.cid});
    KITH_CO_CHECK(co_await count_dag(context, *source, summary, progress, output));
  }
  co_return co_await output.value(summary.value(text, true));
}

class DagStatRenderer final : public Renderer {
 public:
  explicit DagStatRenderer(const RenderContext& context) : context_(context) {}
  Result<void> bytes(ByteView) override { return {}; }
  Result<void> value(const json::value& value) override {
    bool complete = !member(value, "UniqueBlocks").is_null();
    if (complete) return show(value);
    std::int64_t blocks = 0;
    for (const json::value& dag : list_of(value, "DagStats"))
      blocks += number_of(dag, "NumBlocks");
    if (!context_.terminal.err_is_terminal()) return {};
    on_screen_ = true;
    return context_.terminal.err(
        fmt::format("\r\x1b[KFetched/Processed {} blocks, {}", blocks,
                    si_bytes(static_cast<double>(number_of(value, "TotalSize")))));
  }
  Result<void> finish(bool) override { return clear(); }

 private:
  Result<void> clear() {
    if (!std::exchange(on_screen_, false)) return {};
    return context_.terminal.err("\r\x1b[K");
  }
  Result<void> show(const json::value& value) {
    KITH_CHECK(clear());
    const json::array& dags = list_of(value, "DagStats");
    std::size_t width = dags.empty() ? 3 : text_of(dags.front(), "Cid").size();
    std::string out = fmt::format("\n{:<{}}\t{:<15}\tSize\n", "CID", width, "Blocks");
    for (const json::value& dag : dags) {
      out += fmt::format("{}\t{:<15}\t{}\n", text_of(dag, "Cid"), number_of(dag, "NumBlocks"),
                         number_of(dag, "Size"));
    }
    auto both = [&value](std::string_view key) {
      std::int64_t number = number_of(value, key);
      return fmt::format("{} ({})", number, si_bytes(static_cast<double>(number)));
    };
    out += fmt::format(
        "\nSummary\nTotal Size: {}\nUnique Blocks: {}\nShared Size: {}\nRatio: {:.6f}\n\n\n",
        both("TotalSize"), number_of(value, "UniqueBlocks"), both("SharedSize"),
        real_of(value, "Ratio"));
    return context_.terminal.out(out);
  }

  RenderContext context_;
  bool on_screen_ = false;
};

}  // namespace

void add_dag_commands(CommandTable& table) {
  using enum OptionKind;
  table.describe_group("dag", "Interact with IPLD DAGs.");
  table.add(
      {.path = "dag get",
       .tagline = "Show a node, or a part of one.",
       .arguments = {{.name = "ref", .help = "CID or path.", .from_stdin = true}},
       .options = {{"output-codec", 0, text, "dag-json, dag-cbor, dag-pb or raw.", "dag-json"}},
       .output = OutputKind::bytes,
       .transfers = true,
       .run = run_get,
       .renderer = [](const RenderContext& context) -> std::unique_ptr<Renderer> {
         return std::make_unique<DagGetRenderer>(context);
       }});
  table.add(
      {.path = "dag put",
       .tagline = "Store a node.",
       .arguments = {{.name = "object data",
                      .variadic = true,
                      .help = "Files, or - for standard input.",
                      .kind = ArgumentKind::file}},
       .options = {{"store-codec", 0, text, "Codec of the block.", "dag-cbor"},
                   {"input-codec", 0, text, "Codec of the input.", "dag-json"},
                   {"hash", 0, text, "Hash function (Import.HashFunction's, if it isn't given).",
                    ""},
                   {"pin", 0, flag, "Accepted for Kubo's sake.", ""},
                   big_block_option()},
       .run = run_put,
       .renderer = [](const RenderContext& context) { return text_renderer(context, show_put); }});
  table.add({.path = "dag resolve",
             .tagline = "Show which CID a path leads to.",
             .arguments = {{.name = "ref", .help = "Path.", .from_stdin = true}},
             .transfers = true,
             .run = run_resolve,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_resolve);
             }});
  table.add({.path = "dag stat",
             .tagline = "Count the blocks and bytes of a DAG.",
             .arguments =
                 {{.name = "root", .variadic = true, .help = "CID or path.", .from_stdin = true}},
             .options = {{"progress", 'p', flag, "Show progress (the default on a terminal).", ""}},
             .transfers = true,
             .streams = true,
             .run = run_stat,
             .renderer = [](const RenderContext& context) -> std::unique_ptr<Renderer> {
               return std::make_unique<DagStatRenderer>(context);
             }});
}

}  // namespace kith::api
