// TreeImporter: a tree of files, symlinks and directories into UnixFS, from entries in any order,
// as multipart requests and directory walks give them.
//
// Files are imported as they come. What is kept is one small entry for each, until finish() makes
// the directories from the inside out; missing parents are made. A directory may come again, which
// only changes its metadata; anything else at a path that has something is duplicate_name. Limits:
// path_depth_max, import_entries_max. Loop thread; one call at a time.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <kith/unixfs/directory.hpp>
#include <kith/unixfs/importer.hpp>

namespace kith::unixfs {

struct AddedNode {
  /// As it was given, without empty steps; empty for the root.
  std::string path;
  Kind kind = Kind::file;
  multiformats::Cid cid;
  /// Of all blocks, as Kubo's "Size" says.
  std::uint64_t cumulative_size = 0;
};

class TreeImporter {
 public:
  using OnAdded = std::function<void(const AddedNode&)>;
  using OnProgress = std::function<void(std::string_view path, std::uint64_t bytes)>;

  /// Without a sink nothing is kept. `on_added` hears of every file and symlink when it is in, and
  /// of the directories in finish(), children first and by name. Env and sink outlive this.
  static Result<std::unique_ptr<TreeImporter>> create(port::Env& env, ipld::BlockSink* sink,
                                                      ImportOptions options, OnAdded on_added = {},
                                                      OnProgress on_progress = {});

  /// bad_name for a path with impossible steps or without any.
  Task<AddedNode> add_file(std::string path, ByteSource& source, Metadata metadata = {});
  Task<AddedNode> add_symlink(std::string path, std::string target, Metadata metadata = {});
  /// An empty path gives the root its metadata.
  Result<void> add_directory(std::string_view path, Metadata metadata = {});

  /// Makes the directories. With `wrap` also the root, which is then last and returned; otherwise
  /// what lies in the root is all there is, and returned by name. Nothing is added after it. The
  /// blocks are durable after sink->flush(), which is the caller's.
  Task<std::vector<AddedNode>> finish(bool wrap);

  const ImportOptions& options() const noexcept { return options_; }

 private:
  struct Item {
    Kind kind = Kind::directory;
    multiformats::Cid cid;  ///< of a file or a symlink, or of a finished directory
    std::uint64_t cumulative_size = 0;
    Metadata metadata;  ///< of a directory
    std::map<std::string, std::unique_ptr<Item>, std::less<>> children;
  };

  TreeImporter(port::Env& env, ipld::BlockSink* sink, ImportOptions options, OnAdded on_added,
               OnProgress on_progress);
  Result<Item*> place(std::string_view path, Kind kind);
  AddedNode added(std::string path, const Item& item) const;
  Task<void> finish_directory(std::string path, Item& item);
  Task<void> put(std::vector<ipld::Block> blocks);

  port::Env& env_;
  ipld::BlockSink* sink_;
  ImportOptions options_;
  OnAdded on_added_;
  OnProgress on_progress_;
  BlockMaker maker_;
  Item root_;
  std::size_t items_ = 0;
};

}  // namespace kith::unixfs
