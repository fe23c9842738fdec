#include <algorithm>

#include <kith/unixfs/directory.hpp>
#include <kith/unixfs/hamt.hpp>
#include <kith/unixfs/limits.hpp>

namespace kith::unixfs {
namespace {

using multiformats::Codec;

Result<MadeNode> emit(const BlockMaker& maker, const ipld::DagPbNode& node,
                      std::vector<ipld::Block>& out) {
  Bytes encoded = ipld::encode_dag_pb(node);
  MadeNode made;
  made.cumulative_size = encoded.size();
  for (const ipld::DagPbLink& link : node.links)
    made.cumulative_size += link.tsize_or_zero();
  KITH_TRY(ipld::Block block, maker.make(Codec::dag_pb, Buffer::adopt(std::move(encoded))));
  made.cid = block.cid;
  out.push_back(std::move(block));
  return made;
}

Bytes directory_message(const Metadata& metadata) {
  NodeData data;
  data.type = NodeType::directory;
  data.metadata = metadata;
  return encode_data(data);
}

struct Hashed {
  std::uint64_t hash;
  const DirectoryEntry* entry;
};

/// Makes the shards below one position, from entries that are sorted by hash.
class ShardWriter {
 public:
  ShardWriter(HamtShape shape, const BlockMaker& maker, std::vector<ipld::Block>& out) noexcept
      : shape_(shape), maker_(maker), out_(out) {}

  Result<MadeNode> write(std::span<const Hashed> entries, unsigned level,
                         const Metadata& metadata) {
    if (level >= shape_.levels()) return std::unexpected(UnixfsError::too_deep);
    std::vector<unsigned> slots;
    std::vector<std::string> names;
    ipld::DagPbNode node;
    names.reserve(shape_.fanout);
    while (!entries.empty()) {
      unsigned slot = shape_.slot(entries.front().hash, level);
      auto same_slot = [&](const Hashed& entry) { return shape_.slot(entry.hash, level) == slot; };
      auto end = std::ranges::find_if_not(entries, same_slot);
      auto group = entries.first(static_cast<std::size_t>(end - entries.begin()));
      entries = entries.subspan(group.size());
      slots.push_back(slot);
      names.push_back(shape_.prefix(slot));
      if (group.size() == 1) {
        const DirectoryEntry& entry = *group.front().entry;
        names.back() += entry.name;
        node.links.push_back({entry.cid, names.back(), entry.cumulative_size});
        continue;
      }
      KITH_TRY(MadeNode shard, write(group, level + 1, {}));
      node.links.push_back({shard.cid, names.back(), shard.cumulative_size});
    }
    NodeData data;
    data.type = NodeType::hamt_shard;
    Bytes bitfield = hamt_bitfield(shape_, slots);
    data.data = bitfield;
    data.hash_type = static_cast<std::uint64_t>(Codec::murmur3_x64_64);
    data.fanout = shape_.fanout;
    data.metadata = metadata;
    Bytes message = encode_data(data);
    node.data = message;
    return emit(maker_, node, out_);
  }

 private:
  HamtShape shape_;
  const BlockMaker& maker_;
  std::vector<ipld::Block>& out_;
};

Result<MadeNode> make_sharded(const ImportOptions& options, const BlockMaker& maker,
                              const std::vector<DirectoryEntry>& entries, const Metadata& metadata,
                              std::vector<ipld::Block>& out) {
  KITH_TRY(HamtShape shape, HamtShape::of_fanout(options.hamt_fanout));
  std::vector<Hashed> hashed;
  hashed.reserve(entries.size());
  for (const DirectoryEntry& entry : entries)
    hashed.push_back({murmur3_x64_64(as_bytes(entry.name)), &entry});
  std::ranges::sort(hashed, {}, &Hashed::hash);
  KITH_TRY(MadeNode made, ShardWriter(shape, maker, out).write(hashed, 0, metadata));
  made.sharded = true;
  return made;
}

Result<MadeNode> make_plain(const BlockMaker& maker, const std::vector<DirectoryEntry>& entries,
                            const Metadata& metadata, std::vector<ipld::Block>& out) {
  Bytes message = directory_message(metadata);
  ipld::DagPbNode node;
  node.data = message;
  node.links.reserve(entries.size());
  for (const DirectoryEntry& entry : entries)
    node.links.push_back({entry.cid, std::string_view(entry.name), entry.cumulative_size});
  return emit(maker, node, out);
}

}  // namespace

std::uint64_t estimate_directory_size(const ImportOptions& options,
                                      const std::vector<DirectoryEntry>& entries,
                                      const Metadata& metadata) {
  std::uint64_t size = 0;
  switch (options.size_estimate) {
    case SizeEstimate::disabled:
      break;
    case SizeEstimate::links_bytes:
      for (const DirectoryEntry& entry : entries)
        size += entry.name.size() + entry.cid.bytes().size();
      break;
    case SizeEstimate::block_bytes: {
      Bytes message = directory_message(metadata);
      size = ipld::dag_pb_size({{}, message});
      for (const DirectoryEntry& entry : entries) {
        size += ipld::dag_pb_link_size(entry.cid.bytes().size(), entry.name.size(),
                                       entry.cumulative_size);
      }
      break;
    }
  }
  return size;
}

Result<MadeNode> make_directory(const ImportOptions& options, const BlockMaker& maker,
                                std::vector<DirectoryEntry> entries, const Metadata& metadata,
                                std::vector<ipld::Block>& out) {
  std::ranges::sort(entries, {}, &DirectoryEntry::name);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (!name_is_safe(entries[i].name)) return std::unexpected(UnixfsError::bad_name);
    if (i > 0 && entries[i].name == entries[i - 1].name) {
      return std::unexpected(UnixfsError::duplicate_name);
    }
  }
  bool too_many = options.directory_links_max != 0 && entries.size() > options.directory_links_max;
  bool too_large =
      estimate_directory_size(options, entries, metadata) > options.hamt_threshold_bytes;
  // Kubo's threshold of 0 turns the limit on links off too.
  if (options.hamt_threshold_bytes != 0 && (too_many || too_large)) {
    return make_sharded(options, maker, entries, metadata, out);
  }
  return make_plain(maker, entries, metadata, out);
}

Result<MadeNode> make_symlink(const BlockMaker& maker, std::string_view target,
                              const Metadata& metadata, std::vector<ipld::Block>& out) {
  if (target.empty() || target.size() > symlink_bytes_max) {
    return std::unexpected(UnixfsError::bad_name);
  }
  NodeData data;
  data.type = NodeType::symlink;
  data.data = as_bytes(target);
  data.metadata = metadata;
  Bytes message = encode_data(data);
  return emit(maker, {{}, message}, out);
}

}  // namespace kith::unixfs
