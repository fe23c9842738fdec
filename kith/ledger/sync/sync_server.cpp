#include <algorithm>

#include <kith/ledger/sync/sync_server.hpp>

namespace kith::ledger {
namespace {

/// Of the blocks with those hashes what `part_of` has, as far as it goes into an answer.
template <class PartOf>
std::vector<Bytes> gather(const std::vector<Hash>& hashes, PartOf part_of) {
  std::vector<Bytes> parts;
  std::size_t bytes = 0;
  for (const Hash& hash : hashes) {
    if (bytes >= blocks_answer_soft_max) break;
    std::optional<Bytes> part = part_of(hash);
    // Larger ones than a block may be are receipts of a block that logs without end.
    if (!part || part->size() > block_bytes_max) continue;
    bytes += part->size();
    parts.push_back(*std::move(part));
  }
  return parts;
}

}  // namespace

std::optional<SyncServer::Place> SyncServer::at_number(std::uint64_t number) const {
  const auto hash = chain_.hash_at(number);
  if (!hash) return std::nullopt;
  auto header = chain_.header(*hash);
  if (!header) return std::nullopt;
  return Place{.header = *std::move(header), .hash = *hash, .is_of_chain = true};
}

std::optional<SyncServer::Place> SyncServer::at_start(const GetHeaders& request) const {
  if (const auto* number = std::get_if<std::uint64_t>(&request.start)) return at_number(*number);
  const Hash& hash = std::get<Hash>(request.start);
  auto header = chain_.header(hash);
  if (!header) return std::nullopt;
  const auto of_chain = chain_.hash_at(header->number);
  return Place{
      .header = *std::move(header), .hash = hash, .is_of_chain = of_chain && *of_chain == hash};
}

std::optional<SyncServer::Place> SyncServer::next_of(const Place& place, std::uint64_t step,
                                                     bool reverse, std::size_t& side_steps) const {
  const std::uint64_t number = place.header.number;
  if (!reverse) {
    if (!place.is_of_chain || number + step < number) return std::nullopt;
    return at_number(number + step);
  }
  if (step > number) return std::nullopt;
  if (place.is_of_chain) return at_number(number - step);
  Place at = place;
  for (; step > 0; --step) {
    if (at.is_of_chain) return at_number(at.header.number - step);
    if (side_steps == 0) return std::nullopt;
    --side_steps;
    const Hash parent = at.header.parent;
    auto header = chain_.header(parent);
    if (!header) return std::nullopt;
    const auto of_chain = chain_.hash_at(header->number);
    at = Place{.header = *std::move(header),
               .hash = parent,
               .is_of_chain = of_chain && *of_chain == parent};
  }
  return at;
}

Bytes SyncServer::answer(const GetHeaders& request) const {
  const std::uint64_t amount = std::min<std::uint64_t>(request.amount, headers_per_answer_max);
  const std::uint64_t step = request.skip + 1;
  std::vector<Header> headers;
  std::size_t bytes = 0;
  std::size_t side_steps = side_steps_max;
  std::optional<Place> at = amount > 0 ? at_start(request) : std::nullopt;
  while (at) {
    bytes += at->header.encode().size();
    headers.push_back(at->header);
    // A step of 2^64 leads nowhere.
    if (headers.size() == amount || bytes >= headers_answer_soft_max || step == 0) break;
    std::optional<Place> next = next_of(*at, step, request.reverse, side_steps);
    // The chain has changed between two questions.
    if (next && step == 1 &&
        (request.reverse ? at->header.parent != next->hash : next->header.parent != at->hash))
      break;
    at = std::move(next);
  }
  return encode_headers(request.id, headers);
}

Bytes SyncServer::answer(const GetBodies& request) const {
  return encode_bodies(request.id,
                       gather(request.hashes, [this](const Hash& hash) -> std::optional<Bytes> {
                         const auto block = chain_.block(hash);
                         if (!block) return std::nullopt;
                         return body_of(*block);
                       }));
}

Bytes SyncServer::answer(const GetReceipts& request) const {
  return encode_receipt_answer(
      request.id, gather(request.hashes, [this](const Hash& hash) -> std::optional<Bytes> {
        const auto receipts = chain_.receipts(hash);
        if (!receipts) return std::nullopt;
        return receipts_of(*receipts);
      }));
}

}  // namespace kith::ledger
