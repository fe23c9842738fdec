// block get, put, stat, rm.
#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/detail/sentence.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/ipld/content.hpp>
#include <kith/multiformats/multicodec.hpp>
#include <kith/node/node.hpp>

namespace kith::api {
namespace {

using multiformats::Cid;

/// The block that a CID or a path leads to.
Task<ipld::Block> get_block(Context& context, const Request& request) {
  std::unique_ptr<ipld::BlockSource> source = source_for(context, request);
  std::string argument = request.argument(0);
  KITH_CO_TRY(unixfs::Resolved resolved, co_await resolve_block(*source, argument));
  if (!resolved.rest.empty()) co_return std::unexpected(ends_inside(argument));
  co_return std::move(resolved.block);
}

Task<void> run_get(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(ipld::Block block, co_await get_block(context, request));
  output.announce_length(block.data.size());
  co_return co_await output.bytes(block.data);
}

Task<void> run_stat(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(CidText text, CidText::of(request));
  KITH_CO_TRY(ipld::Block block, co_await get_block(context, request));
  json::object value;
  value["Key"] = text(block.cid);
  value["Size"] = block.data.size();
  co_return co_await output.value(std::move(value));
}

Result<void> show_stat(const json::value& value, const RenderContext& context) {
  return context.terminal.out(
      fmt::format("Key: {}\nSize: {}\n", text_of(value, "Key"), number_of(value, "Size")));
}

/// Shorter digests are refused by everybody: somebody could make another block of the same name.
constexpr std::int64_t digest_bytes_min = 20;
constexpr std::int64_t digest_bytes_max = 128;

Result<multiformats::CidPrefix> prefix_of(Context& context, const Request& request) {
  KITH_TRY(multiformats::CidPrefix prefix,
           prefix_hashed_by(hash_option(context, request, "mhtype")));
  std::string format = request.text("format");
  std::string name = request.text("cid-codec");
  // Kubo's older --format: v0 and protobuf meant dag-pb.
  if (!format.empty())
    name = format == "v0" || format == "protobuf" ? "dag-pb"
           : format == "cbor"                     ? "dag-cbor"
                                                  : format;
  auto codec = multiformats::codec_from_name(name);
  if (!codec) {
    return std::unexpected(
        Error(Errc::invalid_argument,
              fmt::format("option --cid-codec: \"{}\" isn't a codec's name", name)));
  }
  prefix.codec = *codec;
  if (format == "v0") prefix.version = 0;
  std::int64_t length = request.integer("mhlen").value_or(-1);
  if (length == -1) return prefix;
  if (length < digest_bytes_min || length > digest_bytes_max) {
    return std::unexpected(
        Error(Errc::invalid_argument,
              fmt::format("option --mhlen: use {} to {}, or -1 for the hash function's own",
                          digest_bytes_min, digest_bytes_max)));
  }
  prefix.digest_bytes = static_cast<std::size_t>(length);
  return prefix;
}

Task<void> run_put(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(multiformats::CidPrefix prefix, prefix_of(context, request));
  KITH_CO_TRY(CidText text, CidText::of(request));
  if (!request.files) co_return std::unexpected(Error(Errc::invalid_argument, "no data"));
  std::vector<json::value> values;
  for (;;) {
    KITH_CO_TRY(std::optional<InputEntry> entry, co_await request.files->next());
    if (!entry) break;
    Bytes content;
    for (;;) {
      KITH_CO_TRY(Buffer part, co_await request.files->read(ipld::block_bytes_max + 1));
      if (part.empty()) break;
      append(content, part);
      if (content.size() > ipld::block_bytes_max) {
        co_return std::unexpected(block_too_big());
      }
    }
    KITH_CO_TRY(ipld::Block block, ipld::make_block(prefix, Buffer::adopt(std::move(content))));
    json::object value;
    value["Key"] = text(block.cid);
    value["Size"] = block.data.size();
    std::vector<ipld::Block> blocks;
    blocks.push_back(std::move(block));
    std::vector<ipld::Block> told = blocks;
    KITH_CO_CHECK(co_await context.node->store().put(std::move(blocks)));
    context.node->announce_blocks(told);
    values.emplace_back(std::move(value));
  }
  KITH_CO_CHECK(co_await context.node->store().flush());
  for (json::value& value : values)
    KITH_CO_CHECK(co_await output.value(std::move(value)));
  co_return Result<void>{};
}

Result<void> show_key(const json::value& value, const RenderContext& context) {
  return context.terminal.out(text_of(value, "Key") + "\n");
}

Task<void> run_rm(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(CidText text, CidText::of(request));
  std::vector<Cid> cids;
  for (const std::string& argument : request.arguments()) {
    KITH_CO_TRY(Cid cid, parse_cid(argument));
    cids.push_back(std::move(cid));
  }
  for (const Cid& cid : cids) {
    std::vector<Cid> one = {cid};
    KITH_CO_TRY(std::size_t removed, co_await context.node->store().remove(std::move(one)));
    json::object value;
    value["Hash"] = text(cid);
    if (removed == 0 && !request.flag("force")) {
      value["Error"] = "ipld: could not find " + text(cid);
    }
    if (!request.flag("quiet") || value.contains("Error"))
      KITH_CO_CHECK(co_await output.value(std::move(value)));
  }
  co_return Result<void>{};
}

class RmRenderer final : public Renderer {
 public:
  explicit RmRenderer(const RenderContext& context) : context_(context) {}
  Result<void> bytes(ByteView) override { return {}; }
  Result<void> value(const json::value& value) override {
    std::string hash = text_of(value, "Hash");
    std::string failure = text_of(value, "Error");
    if (failure.empty()) return context_.terminal.out(fmt::format("removed {}\n", hash));
    failed_ = true;
    return context_.terminal.err(fmt::format("cannot remove {}: {}\n", hash, failure));
  }
  Result<void> finish(bool ok) override {
    if (ok && failed_) return std::unexpected(say("some blocks not removed"));
    return {};
  }

 private:
  RenderContext context_;
  bool failed_ = false;
};

}  // namespace

void add_block_commands(CommandTable& table) {
  using enum OptionKind;
  const std::string block_help = "The block's CID, or a path to it.";
  table.describe_group("block", "Interact with raw blocks.");
  table.add({.path = "block get",
             .tagline = "Get a raw block.",
             .arguments = {{.name = "cid", .help = block_help, .from_stdin = true}},
             .output = OutputKind::bytes,
             .transfers = true,
             .content_type = "application/vnd.ipld.raw",
             .run = run_get});
  table.add(
      {.path = "block stat",
       .tagline = "Show a block's CID and size.",
       .arguments = {{.name = "cid", .help = block_help, .from_stdin = true}},
       .transfers = true,
       .run = run_stat,
       .renderer = [](const RenderContext& context) { return text_renderer(context, show_stat); }});
  table.add(
      {.path = "block put",
       .tagline = "Store bytes as a block.",
       .arguments = {{.name = "data",
                      .variadic = true,
                      .help = "Files, or - for standard input.",
                      .kind = ArgumentKind::file}},
       .options = {{"cid-codec", 0, text, "Codec of the CID.", "raw"},
                   {"mhtype", 0, text, "Hash function (Import.HashFunction's, if it isn't given).",
                    ""},
                   {"mhlen", 0, integer, "Cut the digest to so many bytes.", "-1"},
                   {"pin", 0, flag, "Accepted for Kubo's sake.", ""},
                   big_block_option(),
                   {"format", 'f', text, "Codec, by older names; v0 makes a CID of version 0.",
                    ""}},
       .streams = true,
       .run = run_put,
       .renderer = [](const RenderContext& context) { return text_renderer(context, show_key); }});
  table.add({.path = "block rm",
             .tagline = "Remove blocks from the store.",
             .arguments = {{.name = "cid", .variadic = true, .help = "The blocks' CIDs."}},
             .options = {{"force", 'f', flag, "Don't mind blocks that aren't here.", ""},
                         {"quiet", 'q', flag, "Write only failures.", ""}},
             .streams = true,
             .run = run_rm,
             .renderer = [](const RenderContext& context) -> std::unique_ptr<Renderer> {
               return std::make_unique<RmRenderer>(context);
             }});
}

}  // namespace kith::api
