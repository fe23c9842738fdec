#include <algorithm>

#include <errno.h>

#include <kith/ledger/consensus/bft_driver/detail/evidence_file.hpp>
#include <kith/ledger/primitives/rlp.hpp>

namespace kith::ledger::detail {
namespace {

std::optional<BftAccusation> read_one(RlpReader& from) {
  auto item = from.list();
  if (!item) return std::nullopt;
  const auto key = item->string();
  const auto encoded = item->string();
  BftAccusation read;
  if (!key || key->size() != read.accused.size() || !encoded || !item->end()) return std::nullopt;
  std::ranges::copy(*key, read.accused.begin());
  auto evidence = bft::Evidence::decode(*encoded);
  if (!evidence) return std::nullopt;
  read.evidence = *std::move(evidence);
  return read;
}

}  // namespace

Result<std::vector<BftAccusation>> load_evidence(port::FileSystem& files, const std::string& path) {
  remove_leftovers(files, path);
  auto file = port::read_file(files, path, bft_limits::evidence_file_bytes_max);
  if (!file && file.error().is_errno(ENOENT)) return std::vector<BftAccusation>();
  if (!file) return std::unexpected(file.error());
  std::vector<BftAccusation> all;
  RlpReader reader(*file);
  auto list = reader.list();
  while (list && !list->at_end()) {
    auto one = read_one(*list);
    if (!one) return std::unexpected(Error(Errc::corrupt, path));
    all.push_back(*std::move(one));
  }
  if (!list || !reader.at_end()) return std::unexpected(Error(Errc::corrupt, path));
  return all;
}

Result<void> save_evidence(port::FileSystem& files, const std::string& path,
                           const std::vector<BftAccusation>& all) {
  Bytes content;
  RlpWriter writer(content);
  const RlpWriter::List list = writer.begin_list();
  for (const BftAccusation& one : all) {
    const RlpWriter::List item = writer.begin_list();
    writer.string(one.accused);
    writer.string(one.evidence.encode());
    writer.end_list(item);
  }
  writer.end_list(list);
  return port::replace_file(files, path, content, 0600);
}

}  // namespace kith::ledger::detail
