#include <algorithm>

#include <kith/ledger/rpc/detail/rpc_call.hpp>
#include <kith/ledger/rpc/detail/rpc_logs.hpp>
#include <kith/ledger/rpc/detail/rpc_values.hpp>

namespace kith::ledger::detail {
namespace {

constexpr std::size_t topics_max = 4;
constexpr std::size_t alternatives_max = 1'000;

RpcError too_many(const Param& param) {
  return param.bad("at most " + std::to_string(alternatives_max) + " may be named");
}

RpcResult<std::uint64_t> number_of(const Chain& chain, const Param& param,
                                   std::uint64_t otherwise) {
  if (!param.there()) return otherwise;
  if (param.is_text()) {
    KITH_TRY(const std::string_view text, param.text());
    if (text == "latest" || text == "pending") return chain.head().number;
    if (text == "earliest") return 0;
    if (text == "safe" || text == "finalized") return chain.finalized().number;
  }
  return param.small_number();
}

}  // namespace

bool LogQuery::matches(const LogEntry& entry) const {
  if (!addresses.empty() && std::ranges::find(addresses, entry.address) == addresses.end())
    return false;
  if (topics.size() > entry.topics.size()) return false;
  for (std::size_t i = 0; i < topics.size(); ++i) {
    if (!topics[i].empty() && std::ranges::find(topics[i], entry.topics[i]) == topics[i].end())
      return false;
  }
  return true;
}

bool LogQuery::may_match(const Bloom& bloom) const {
  const auto may = [&](const auto& one) { return bloom.may_contain(one.view()); };
  if (!addresses.empty() && std::ranges::none_of(addresses, may)) return false;
  return std::ranges::all_of(topics, [&](const std::vector<Hash>& any) {
    return any.empty() || std::ranges::any_of(any, may);
  });
}

RpcResult<LogQuery> read_match(const Param& param) {
  LogQuery query;
  if (param.there() && !param.is_object()) return std::unexpected(param.bad("an object expected"));
  const Param address = param["address"];
  if (address.is_list()) {
    if (address.size() > alternatives_max) return std::unexpected(too_many(address));
    for (std::size_t i = 0; i < address.size(); ++i) {
      KITH_TRY(query.addresses.emplace_back(), address[i].address());
    }
  } else if (address.there()) {
    KITH_TRY(query.addresses.emplace_back(), address.address());
  }
  const Param topics = param["topics"];
  if (topics.size() > topics_max)
    return std::unexpected(RpcError(RpcCode::invalid_params, "exceed max topics"));
  for (std::size_t i = 0; i < topics.size(); ++i) {
    std::vector<Hash>& any = query.topics.emplace_back();
    const Param at = topics[i];
    if (!at.there()) continue;
    if (!at.is_list()) {
      KITH_TRY(any.emplace_back(), at.hash());
      continue;
    }
    if (at.size() > alternatives_max) return std::unexpected(too_many(at));
    for (std::size_t k = 0; k < at.size(); ++k) {
      // null among others means all.
      if (!at[k].there()) {
        any.clear();
        break;
      }
      KITH_TRY(any.emplace_back(), at[k].hash());
    }
  }
  return query;
}

RpcResult<LogQuery> read_query(const Chain& chain, const Param& param, bool of_filter) {
  KITH_TRY(LogQuery query, read_match(param));
  const Param from = param["fromBlock"];
  const Param to = param["toBlock"];
  const std::uint64_t head = chain.head().number;
  if (const Param hash = param["blockHash"]; hash.there()) {
    if (from.there() || to.there()) {
      return std::unexpected(
          RpcError(RpcCode::invalid_params,
                   "cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other"));
    }
    KITH_TRY(query.block, hash.hash());
  } else if (of_filter) {
    KITH_TRY(query.from, number_of(chain, from, head));
    KITH_TRY(query.to, number_of(chain, to, ~0ULL));
  } else {
    KITH_TRY(query.from, number_of(chain, from, head));
    KITH_TRY(query.to, number_of(chain, to, head));
    if (query.from > query.to)
      return std::unexpected(RpcError(RpcCode::invalid_params, "invalid block range params"));
    if (query.to > head) {
      return std::unexpected(
          RpcError(RpcCode::invalid_params, "block range extends beyond current head block"));
    }
  }
  return query;
}

RpcResult<void> append_logs(const Chain& chain, const Hash& block, const LogQuery& query,
                            bool removed, std::size_t max, json::array& into) {
  KITH_TRY(const Header header, chain.header(block));
  if (!query.may_match(header.bloom)) return {};
  KITH_TRY(const Block body, chain.block(block));
  KITH_TRY(const std::vector<Receipt> receipts, chain.receipts(block));
  std::uint64_t log_index = 0;
  Position position{{header.number, block}, header.timestamp, 0};
  for (const Receipt& receipt : receipts) {
    std::optional<Hash> hash;
    for (const LogEntry& entry : receipt.logs) {
      if (query.matches(entry)) {
        if (into.size() >= max) {
          return std::unexpected(
              RpcError(RpcCode::limit_exceeded, "query returned more than " + std::to_string(max) +
                                                    " results. Ask for fewer blocks at a time"));
        }
        if (!hash) hash = body.transactions[position.index].hash();
        into.push_back(log_json(entry, position, *hash, log_index, removed));
      }
      ++log_index;
    }
    ++position.index;
  }
  return {};
}

RpcResult<json::array> find_logs(const Chain& chain, const LogQuery& query,
                                 const RpcOptions& options) {
  json::array found;
  if (query.block) {
    if (!chain.knows(*query.block))
      return std::unexpected(RpcError(RpcCode::server_error, "unknown block"));
    KITH_CHECK(append_logs(chain, *query.block, query, false, options.logs_max, found));
    return found;
  }
  if (query.to - query.from >= options.log_blocks_max) {
    return std::unexpected(
        RpcError(RpcCode::limit_exceeded, "the range has more than " +
                                              std::to_string(options.log_blocks_max) +
                                              " blocks. Ask for fewer at a time"));
  }
  for (std::uint64_t number = query.from; number <= query.to; ++number) {
    KITH_TRY(const Hash hash, chain.hash_at(number));
    KITH_CHECK(append_logs(chain, hash, query, false, options.logs_max, found));
  }
  return found;
}

std::string Filters::add(Filter filter) {
  const std::lock_guard lock(mutex_);
  filter.id = quantity(++last_id_);
  filter.told = chain_.get().head();
  if (filters_.size() >= options_.filters_max) filters_.pop_front();
  filters_.push_back(filter);
  return filter.id;
}

std::string Filters::add_logs(LogQuery query) {
  return add({.id = {}, .kind = Kind::logs, .query = std::move(query), .told = {}, .waiting = {}});
}

std::string Filters::add_blocks() {
  return add({.id = {}, .kind = Kind::blocks, .query = {}, .told = {}, .waiting = {}});
}

std::string Filters::add_pending() {
  return add({.id = {}, .kind = Kind::pending, .query = {}, .told = {}, .waiting = waiting()});
}

std::vector<Hash> Filters::waiting() const {
  std::vector<Hash> hashes;
  if (pending_ == nullptr) return hashes;
  for (const auto& [address, by_nonce] : pending_->content().pending) {
    for (const auto& [nonce, transaction] : by_nonce)
      hashes.push_back(transaction.hash());
  }
  std::ranges::sort(hashes);
  return hashes;
}

bool Filters::remove(std::string_view id) {
  const std::lock_guard lock(mutex_);
  return std::erase_if(filters_, [&](const Filter& one) { return one.id == id; }) > 0;
}

/// A copy, which the caller tells from; what is told from now on is new for the next one.
RpcResult<Filters::Filter> Filters::take(std::string_view id) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(filters_, id, &Filter::id);
  if (found == filters_.end())
    return std::unexpected(RpcError(RpcCode::server_error, "filter not found"));
  Filter taken = *found;
  found->told = chain_.get().head();
  if (found->kind == Kind::pending) found->waiting = waiting();
  std::rotate(found, found + 1, filters_.end());
  return taken;
}

RpcResult<json::array> Filters::changes(std::string_view id) {
  KITH_TRY(const Filter filter, take(id));
  json::array out;
  if (filter.kind == Kind::pending) {
    for (const Hash& hash : waiting()) {
      if (!std::ranges::binary_search(filter.waiting, hash))
        out.push_back(json::value(hash.to_hex()));
    }
    return out;
  }
  // Back to where the block that was told last is of the chain.
  BlockName at = filter.told;
  while (chain_.get().knows(at.hash) && !chain_.get().is_of_chain(at.hash)) {
    if (filter.kind == Kind::logs) {
      KITH_CHECK(append_logs(chain_, at.hash, filter.query, true, options_.logs_max, out));
    }
    KITH_TRY(const Header header, chain_.get().header(at.hash));
    at = {header.number - 1, header.parent};
  }
  const std::uint64_t head = chain_.get().head().number;
  if (head > at.number && head - at.number > options_.log_blocks_max)
    at.number = head - options_.log_blocks_max;
  for (std::uint64_t number = at.number + 1; number <= head; ++number) {
    KITH_TRY(const Hash hash, chain_.get().hash_at(number));
    if (filter.kind == Kind::blocks) {
      out.push_back(json::value(hash.to_hex()));
    } else {
      KITH_CHECK(append_logs(chain_, hash, filter.query, false, options_.logs_max, out));
    }
  }
  return out;
}

RpcResult<json::array> Filters::logs(std::string_view id) {
  LogQuery query;
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find(filters_, id, &Filter::id);
    if (found == filters_.end() || found->kind != Kind::logs)
      return std::unexpected(RpcError(RpcCode::server_error, "filter not found"));
    query = found->query;
  }
  query.to = std::min(query.to, chain_.get().head().number);
  return find_logs(chain_, query, options_);
}

}  // namespace kith::ledger::detail
