#include <algorithm>
#include <deque>
#include <memory>

#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>
#include <kith/unixfs/importer.hpp>
#include <kith/unixfs/layout.hpp>
#include <kith/unixfs/limits.hpp>

namespace kith::unixfs {
namespace {

/// What the bookkeeping of a chunk takes, besides its bytes.
constexpr std::size_t chunk_cost = 256;

/// A chunk in the pieces it was read in; they become one when its leaf is made.
using Pieces = std::vector<Buffer>;

Buffer join(Pieces pieces) {
  if (pieces.empty()) return {};
  if (pieces.size() == 1) return std::move(pieces.front());
  std::size_t size = 0;
  for (const Buffer& piece : pieces)
    size += piece.size();
  Buffer whole = Buffer::allocate(size);
  auto at = whole.mutable_bytes().begin();
  for (const Buffer& piece : pieces)
    at = std::ranges::copy(piece.view(), at).out;
  return whole;
}

struct Leaf {
  ipld::Block block;
  FilePart part;
};

/// Chunks in a row whose leaves are made by one job.
struct Group {
  std::vector<Pieces> chunks;
  std::size_t bytes = 0;
  /// What it takes in memory: tiny chunks cost more than their bytes.
  std::size_t cost = 0;
  /// Of the whole file, if this is all of it and it is a single leaf.
  Metadata root_metadata;
  std::optional<Result<std::vector<Leaf>>> leaves;
};

class Importer {
 public:
  Importer(port::Env& env, ipld::BlockSink* sink, const ImportOptions& options, ByteSource& source,
           Metadata metadata, const ImportProgress& progress)
      : env_(env),
        sink_(sink),
        options_(options),
        source_(source),
        metadata_(metadata),
        progress_(progress),
        maker_(options),
        tree_(options, maker_),
        chunker_(options.chunker.make()),
        group_(std::make_unique<Group>()),
        changed_(env.clock),
        tasks_(env.executor, env.clock) {}

  Task<ImportedFile> run() {
    Result<ImportedFile> imported = co_await pump();
    tasks_.cancel();
    KITH_CO_CHECK(co_await tasks_.join_shielded());
    co_return imported;
  }

 private:
  Task<ImportedFile> pump() {
    while (!ended_ || !hashing_.empty()) {
      bool full = in_flight_ + import_group_bytes > import_bytes_in_flight_max;
      if (!hashing_.empty() && hashing_.front()->leaves) {
        KITH_CO_CHECK(co_await take_front());
      } else if (!ended_ && !full) {
        KITH_CO_CHECK(co_await read_some());
      } else {
        KITH_CO_CHECK(co_await changed_.wait());
      }
    }
    KITH_CO_TRY(FilePart root, tree_.finish(metadata_, made_));
    KITH_CO_CHECK(co_await put_made());
    co_return ImportedFile{std::move(root.cid), root.size, root.cumulative_size};
  }

  Task<void> read_some() {
    std::size_t size_max = read_size();
    KITH_CO_TRY(Buffer piece, co_await source_.read(size_max));
    if (piece.empty()) {
      end_of_file();
      co_return Result<void>{};
    }
    std::vector<Chunker::Cut> cuts;
    if (options_.chunker.kind == ChunkerSpec::Kind::fixed) {
      cuts = cut(piece);
    } else {
      // The piece lives until the job has ended, and so does this frame.
      std::function<void()> job = [this, &cuts, &piece] { cuts = cut(piece); };
      KITH_CO_CHECK(co_await env_.pool.run(std::move(job)));
    }
    for (const Chunker::Cut& part : cuts) {
      chunk_.push_back(piece.slice(0, part.taken));
      piece.remove_prefix(part.taken);
      group_->bytes += part.taken;
      add_cost(part.taken);
      if (part.complete) end_chunk();
    }
    co_return Result<void>{};
  }

  /// Whole chunks, so that they need not be joined.
  std::size_t read_size() const noexcept {
    std::size_t chunk = options_.chunker.size_max;
    if (options_.chunker.kind != ChunkerSpec::Kind::fixed) return import_group_bytes;
    return std::max(chunk, import_group_bytes / chunk * chunk);
  }

  void add_cost(std::size_t cost) noexcept {
    group_->cost += cost;
    in_flight_ += cost;
  }

  std::vector<Chunker::Cut> cut(ByteView piece) {
    std::vector<Chunker::Cut> cuts;
    while (!piece.empty()) {
      cuts.push_back(chunker_->feed(piece));
      piece = piece.subspan(cuts.back().taken);
    }
    return cuts;
  }

  void end_chunk() {
    group_->chunks.push_back(std::exchange(chunk_, {}));
    ++chunks_;
    add_cost(chunk_cost);
    // A file's only leaf carries its metadata, so the first has to wait for what comes.
    bool may_be_root = chunks_ == 1 && !metadata_.empty();
    if (group_->cost >= import_group_bytes && !may_be_root) start_group();
  }

  void end_of_file() {
    ended_ = true;
    bool balanced = options_.layout == Layout::balanced;
    if (!chunk_.empty() || (chunks_ == 0 && balanced)) {
      group_->chunks.push_back(std::exchange(chunk_, {}));
      ++chunks_;
    }
    if (chunks_ == 1 && balanced) group_->root_metadata = metadata_;
    if (!group_->chunks.empty()) start_group();
  }

  void start_group() {
    hashing_.push_back(std::exchange(group_, std::make_unique<Group>()));
    Group& group = *hashing_.back();
    if (group.cost > import_hash_here_bytes_max) {
      tasks_.spawn(hash(group));
      return;
    }
    std::vector<Leaf> leaves;
    Result<void> made = make_leaves(group, leaves);
    set_leaves(group, made, std::move(leaves));
  }

  static void set_leaves(Group& group, const Result<void>& made, std::vector<Leaf> leaves) {
    if (made) {
      group.leaves.emplace(std::move(leaves));
    } else {
      group.leaves.emplace(std::unexpected(made.error()));
    }
  }

  Task<void> hash(Group& group) {
    std::vector<Leaf> leaves;
    Result<void> made;
    std::function<void()> job = [this, &group, &leaves, &made] {
      made = make_leaves(group, leaves);
    };
    Result<void> ran = co_await env_.pool.run(std::move(job));
    if (!ran) made = ran;
    set_leaves(group, made, std::move(leaves));
    changed_.notify_all();
    co_return Result<void>{};
  }

  /// On a worker, but for tiny groups.
  Result<void> make_leaves(Group& group, std::vector<Leaf>& leaves) const {
    leaves.reserve(group.chunks.size());
    for (Pieces& pieces : group.chunks) {
      Buffer chunk = join(std::move(pieces));
      std::uint64_t size = chunk.size();
      KITH_TRY(ipld::Block block,
               make_leaf(options_, maker_, std::move(chunk), group.root_metadata));
      FilePart part{block.cid, size, block.data.size()};
      leaves.push_back({std::move(block), std::move(part)});
    }
    return {};
  }

  Task<void> take_front() {
    std::unique_ptr<Group> group = std::move(hashing_.front());
    hashing_.pop_front();
    if (!*group->leaves) co_return std::unexpected(group->leaves->error());
    for (Leaf& leaf : **group->leaves) {
      made_.push_back(std::move(leaf.block));
      KITH_CO_CHECK(tree_.add(std::move(leaf.part), made_));
    }
    waiting_bytes_ += group->bytes;
    waiting_cost_ += group->cost;
    // A file that fits is put at once, with its root.
    if (waiting_cost_ >= import_put_bytes) KITH_CO_CHECK(co_await put_made());
    co_return Result<void>{};
  }

  Task<void> put_made() {
    std::vector<ipld::Block> blocks = std::exchange(made_, {});
    std::erase_if(blocks, [](const ipld::Block& block) { return block.cid.is_identity(); });
    if (sink_ != nullptr && !blocks.empty()) KITH_CO_CHECK(co_await sink_->put(std::move(blocks)));
    imported_bytes_ += waiting_bytes_;
    in_flight_ -= waiting_cost_;
    waiting_bytes_ = waiting_cost_ = 0;
    if (progress_) progress_(imported_bytes_);
    co_return Result<void>{};
  }

  port::Env& env_;
  ipld::BlockSink* sink_;
  const ImportOptions& options_;
  ByteSource& source_;
  Metadata metadata_;
  const ImportProgress& progress_;
  BlockMaker maker_;
  FileTree tree_;
  std::unique_ptr<Chunker> chunker_;

  Pieces chunk_;
  std::unique_ptr<Group> group_;
  std::uint64_t chunks_ = 0;
  bool ended_ = false;
  /// In the file's order.
  std::deque<std::unique_ptr<Group>> hashing_;
  std::vector<ipld::Block> made_;
  std::uint64_t waiting_bytes_ = 0;
  std::size_t waiting_cost_ = 0;
  /// The cost of all that is read and not put.
  std::size_t in_flight_ = 0;
  std::uint64_t imported_bytes_ = 0;
  port::Event changed_;
  port::TaskGroup tasks_;
};

}  // namespace

Task<Buffer> StreamSource::read(std::size_t size_max) {
  co_return co_await stream_.read_buffer(size_max);
}

Task<Buffer> FileSource::read(std::size_t size_max) {
  Buffer piece = Buffer::allocate(size_max);
  Result<std::size_t> got = 0;
  std::function<void()> job = [this, &piece, &got] {
    got = file_.read_at(offset_, piece.mutable_bytes());
  };
  KITH_CO_CHECK(co_await pool_.run(std::move(job)));
  if (!got) co_return std::unexpected(got.error());
  piece.truncate(*got);
  offset_ += *got;
  co_return piece;
}

Task<Buffer> MemorySource::read(std::size_t size_max) {
  std::size_t size = std::min(size_max, content_.size());
  Buffer piece = content_.slice(0, size);
  content_.remove_prefix(size);
  co_return piece;
}

Task<ImportedFile> import_file(port::Env& env, ipld::BlockSink* sink, ImportOptions options,
                               ByteSource& source, Metadata metadata, ImportProgress progress) {
  KITH_CO_CHECK(options.check());
  Importer importer(env, sink, options, source, metadata, progress);
  co_return co_await importer.run();
}

}  // namespace kith::unixfs
