#include <algorithm>

#include <kith/ipld/codec.hpp>
#include <kith/ipld/content.hpp>
#include <kith/ipld/path.hpp>
#include <kith/unixfs/directory_reader.hpp>
#include <kith/unixfs/limits.hpp>
#include <kith/unixfs/path.hpp>

namespace kith::unixfs {
namespace {

using multiformats::Cid;
using multiformats::Codec;

Error about(UnixfsError code, std::string_view text) {
  return Error(code, std::string(text));
}

/// One step of the way: where it leads, and how many of the path's steps it took. Without a target
/// the path ends inside the block.
struct Step {
  std::optional<Cid> target;
  std::uint64_t cumulative_size = 0;
  std::size_t consumed = 1;
};

/// A link of a dag-pb block that isn't UnixFS, by name.
Result<Step> step_by_link(const ipld::Block& block, const std::string& name) {
  KITH_TRY(ipld::DagPbNode node, ipld::decode_dag_pb(block.data));
  auto found = std::ranges::find(node.links, name, &ipld::DagPbLink::name_or_empty);
  if (name.empty() || found == node.links.end()) {
    return std::unexpected(UnixfsError::no_such_entry);
  }
  return Step{found->hash, found->tsize_or_zero(), 1};
}

Result<Step> step_inside(const ipld::Block& block, std::span<const std::string> steps) {
  KITH_TRY(ipld::Value value, ipld::decode_value(block.cid.codec(), block.data));
  KITH_TRY(ipld::PathEnd end, ipld::follow_path(value, steps));
  return Step{end.link, 0, end.consumed};
}

Task<Step> take_step(ipld::BlockSource& source, ipld::Block block,
                     std::span<const std::string> steps) {
  Codec codec = block.cid.codec();
  if (codec == Codec::raw) co_return std::unexpected(UnixfsError::not_a_directory);
  if (codec != Codec::dag_pb) co_return step_inside(block, steps);
  auto node = parse_node(block.cid, block.data);
  if (!node) {
    auto linked = step_by_link(block, steps.front());
    if (linked) co_return linked;
    co_return step_inside(block, steps);
  }
  if (!node->is_directory()) co_return std::unexpected(UnixfsError::not_a_directory);
  std::string name = steps.front();
  KITH_CO_TRY(ListedEntry entry, co_await find_entry(source, std::move(block), std::move(name)));
  co_return Step{std::move(entry.cid), entry.cumulative_size, 1};
}

/// Walks to the block that the path's last link leads to, which isn't got; or to the block that has
/// the rest of the path inside, which is.
Task<Resolved> walk(ipld::BlockSource& source, ContentPath path) {
  Resolved found;
  found.block.cid = path.root;
  found.way.push_back(path.root);
  std::span<const std::string> steps = path.steps;
  while (!steps.empty()) {
    KITH_CO_TRY(found.block, co_await ipld::get_block(source, found.block.cid));
    auto step = co_await take_step(source, found.block, steps);
    if (!step) co_return std::unexpected(step.error().with_context(steps.front()));
    if (!step->target) {
      found.rest.assign(steps.begin(), steps.end());
      co_return found;
    }
    found.block = {*step->target, Buffer()};
    found.cumulative_size = step->cumulative_size;
    found.way.push_back(*step->target);
    steps = steps.subspan(step->consumed);
  }
  co_return found;
}

}  // namespace

Result<ContentPath> ContentPath::parse(std::string_view text) {
  std::string_view rest = text;
  for (std::string_view prefix : {"/ipfs/", "ipfs://"}) {
    if (rest.starts_with(prefix)) {
      rest.remove_prefix(prefix.size());
      break;
    }
  }
  if (text.size() > path_bytes_max) return std::unexpected(UnixfsError::bad_path);
  std::size_t slash = std::min(rest.find('/'), rest.size());
  ContentPath path;
  auto root = Cid::parse(rest.substr(0, slash));
  if (!root) return std::unexpected(Error(root.error()).with_context(std::string(text)));
  path.root = *std::move(root);
  while (slash < rest.size()) {
    std::size_t start = slash + 1;
    slash = std::min(rest.find('/', start), rest.size());
    std::string_view step = rest.substr(start, slash - start);
    if (step.empty() || step == ".") continue;
    if (step == "..") {
      if (path.steps.empty()) return std::unexpected(about(UnixfsError::bad_path, text));
      path.steps.pop_back();
      continue;
    }
    if (path.steps.size() >= path_depth_max) {
      return std::unexpected(about(UnixfsError::too_deep, text));
    }
    path.steps.emplace_back(step);
  }
  return path;
}

std::string ContentPath::to_string() const {
  std::string text = "/ipfs/" + root.to_string();
  for (const std::string& step : steps)
    text += "/" + step;
  return text;
}

Task<Resolved> resolve_link(ipld::BlockSource& source, ContentPath path) {
  co_return co_await walk(source, std::move(path));
}

Task<Resolved> resolve(ipld::BlockSource& source, ContentPath path) {
  KITH_CO_TRY(Resolved found, co_await walk(source, std::move(path)));
  if (!found.rest.empty()) co_return found;
  Cid cid = found.block.cid;
  KITH_CO_TRY(found.block, co_await ipld::get_block(source, std::move(cid)));
  co_return found;
}

}  // namespace kith::unixfs
