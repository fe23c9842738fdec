#include <algorithm>

#include <kith/unixfs/limits.hpp>
#include <kith/unixfs/tree_importer.hpp>

namespace kith::unixfs {
namespace {

Error about(UnixfsError code, std::string_view path) {
  return Error(code, std::string(path));
}

/// The steps of a path, without empty ones.
Result<std::vector<std::string_view>> split(std::string_view path) {
  std::vector<std::string_view> steps;
  for (std::size_t at = 0; at < path.size();) {
    std::size_t slash = std::min(path.find('/', at), path.size());
    std::string_view step = path.substr(at, slash - at);
    at = slash + 1;
    if (step.empty()) continue;
    if (!name_is_safe(step)) return std::unexpected(about(UnixfsError::bad_name, path));
    if (steps.size() == path_depth_max) {
      return std::unexpected(about(UnixfsError::too_deep, path));
    }
    steps.push_back(step);
  }
  return steps;
}

std::string tidy(std::string_view path) {
  std::string out;
  for (std::size_t at = 0; at < path.size();) {
    std::size_t slash = std::min(path.find('/', at), path.size());
    if (slash > at && !out.empty()) out += '/';
    out += path.substr(at, slash - at);
    at = slash + 1;
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<TreeImporter>> TreeImporter::create(port::Env& env, ipld::BlockSink* sink,
                                                           ImportOptions options, OnAdded on_added,
                                                           OnProgress on_progress) {
  KITH_CHECK(options.check());
  return std::unique_ptr<TreeImporter>(
      new TreeImporter(env, sink, options, std::move(on_added), std::move(on_progress)));
}

TreeImporter::TreeImporter(port::Env& env, ipld::BlockSink* sink, ImportOptions options,
                           OnAdded on_added, OnProgress on_progress)
    : env_(env),
      sink_(sink),
      options_(options),
      on_added_(std::move(on_added)),
      on_progress_(std::move(on_progress)),
      maker_(options_) {}

/// The item of a path, made if it isn't there, with all that leads to it.
Result<TreeImporter::Item*> TreeImporter::place(std::string_view path, Kind kind) {
  KITH_TRY(std::vector<std::string_view> steps, split(path));
  if (steps.empty() && kind != Kind::directory) {
    return std::unexpected(about(UnixfsError::bad_name, path));
  }
  Item* item = &root_;
  bool made = false;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (item->kind != Kind::directory) {
      return std::unexpected(about(UnixfsError::duplicate_name, path));
    }
    Kind wanted = i + 1 == steps.size() ? kind : Kind::directory;
    auto found = item->children.find(steps[i]);
    made = found == item->children.end();
    if (made) {
      if (++items_ > import_entries_max) return std::unexpected(UnixfsError::too_many);
      found = item->children.emplace(std::string(steps[i]), std::make_unique<Item>()).first;
      found->second->kind = wanted;
    }
    item = found->second.get();
  }
  // A folder may come again, to be filled further; what anything else held would be lost.
  if (!made && !(item->kind == Kind::directory && kind == Kind::directory))
    return std::unexpected(about(UnixfsError::duplicate_name, path));
  return item;
}

AddedNode TreeImporter::added(std::string path, const Item& item) const {
  AddedNode node{std::move(path), item.kind, item.cid, item.cumulative_size};
  if (on_added_) on_added_(node);
  return node;
}

Task<AddedNode> TreeImporter::add_file(std::string path, ByteSource& source, Metadata metadata) {
  KITH_CO_TRY(std::vector<std::string_view> steps, split(path));
  if (steps.empty()) co_return std::unexpected(about(UnixfsError::bad_name, path));
  std::string tidied = tidy(path);
  ImportProgress progress;
  if (on_progress_) {
    progress = [this, &tidied](std::uint64_t bytes) { on_progress_(tidied, bytes); };
  }
  KITH_CO_TRY(ImportedFile file,
              co_await import_file(env_, sink_, options_, source, metadata, progress));
  KITH_CO_TRY(Item * item, place(tidied, Kind::file));
  item->cid = file.cid;
  item->cumulative_size = file.cumulative_size;
  co_return added(std::move(tidied), *item);
}

Task<AddedNode> TreeImporter::add_symlink(std::string path, std::string target, Metadata metadata) {
  KITH_CO_TRY(Item * item, place(path, Kind::symlink));
  std::vector<ipld::Block> blocks;
  KITH_CO_TRY(MadeNode made, make_symlink(maker_, target, metadata, blocks));
  item->cid = made.cid;
  item->cumulative_size = made.cumulative_size;
  AddedNode node = added(tidy(path), *item);
  KITH_CO_CHECK(co_await put(std::move(blocks)));
  co_return node;
}

Result<void> TreeImporter::add_directory(std::string_view path, Metadata metadata) {
  KITH_TRY(Item * item, place(path, Kind::directory));
  item->metadata = metadata;
  return {};
}

Task<std::vector<AddedNode>> TreeImporter::finish(bool wrap) {
  std::vector<AddedNode> top;
  if (wrap) {
    KITH_CO_CHECK(co_await finish_directory({}, root_));
    top.push_back({{}, Kind::directory, root_.cid, root_.cumulative_size});
    co_return top;
  }
  for (auto& [name, item] : root_.children) {
    if (item->kind == Kind::directory) {
      std::string path = name;
      KITH_CO_CHECK(co_await finish_directory(std::move(path), *item));
    }
    top.push_back({name, item->kind, item->cid, item->cumulative_size});
  }
  co_return top;
}

Task<void> TreeImporter::finish_directory(std::string path, Item& item) {
  std::vector<DirectoryEntry> entries;
  for (auto& [name, child] : item.children) {
    if (child->kind == Kind::directory) {
      std::string below = path.empty() ? name : path + "/" + name;
      KITH_CO_CHECK(co_await finish_directory(std::move(below), *child));
    }
    entries.push_back({name, child->cid, child->cumulative_size});
  }
  item.children.clear();
  std::vector<ipld::Block> blocks;
  Result<MadeNode> made = std::unexpected(Errc::cancelled);
  std::function<void()> job = [&] {
    made = make_directory(options_, maker_, std::move(entries), item.metadata, blocks);
  };
  KITH_CO_CHECK(co_await env_.pool.run(std::move(job)));
  if (!made) co_return std::unexpected(made.error().with_context(path));
  item.cid = made->cid;
  item.cumulative_size = made->cumulative_size;
  KITH_CO_CHECK(co_await put(std::move(blocks)));
  added(std::move(path), item);
  co_return Result<void>{};
}

Task<void> TreeImporter::put(std::vector<ipld::Block> blocks) {
  std::erase_if(blocks, [](const ipld::Block& block) { return block.cid.is_identity(); });
  if (sink_ == nullptr || blocks.empty()) co_return Result<void>{};
  co_return co_await sink_->put(std::move(blocks));
}

}  // namespace kith::unixfs
