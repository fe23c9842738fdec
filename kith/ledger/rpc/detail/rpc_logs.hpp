// Logs of the chain by address and topics, at once or as they come (eth_getLogs, eth_newFilter).
// For .cpp files of rpc/ alone.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <unordered_map>

#include <kith/ledger/chain/chain.hpp>
#include <kith/ledger/rpc/detail/rpc_params.hpp>
#include <kith/ledger/rpc/rpc.hpp>

namespace kith::ledger::detail {

struct LogQuery {
  std::optional<Hash> block;
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  std::vector<Address> addresses;  ///< none: all
  /// By position: any of these; none: all.
  std::vector<std::vector<Hash>> topics;

  bool matches(const LogEntry& entry) const;
  /// False if the block can't have a log that matches.
  bool may_match(const Bloom& bloom) const;
};

/// Addresses and topics alone.
RpcResult<LogQuery> read_match(const Param& param);
/// The range of a filter may go beyond the head.
RpcResult<LogQuery> read_query(const Chain& chain, const Param& param, bool of_filter);
RpcResult<json::array> find_logs(const Chain& chain, const LogQuery& query,
                                 const RpcOptions& options);
/// Appends those of one block.
RpcResult<void> append_logs(const Chain& chain, const Hash& block, const LogQuery& query,
                            bool removed, std::size_t max, json::array& into);

/// Filters that are polled. Each knows the block up to which it has told.
class Filters {
 public:
  Filters(const Chain& chain, const PendingTransactions* pending, const RpcOptions& options)
      : chain_(chain), pending_(pending), options_(options) {}

  void set_chain(const Chain& chain) { chain_ = chain; }
  std::string add_logs(LogQuery query);
  std::string add_blocks();
  std::string add_pending();
  bool remove(std::string_view id);
  RpcResult<json::array> changes(std::string_view id);
  RpcResult<json::array> logs(std::string_view id);

 private:
  enum class Kind : std::uint8_t { logs, blocks, pending };
  struct Filter {
    std::string id;
    Kind kind;
    LogQuery query;
    BlockName told;
    std::vector<Hash> waiting;  ///< sorted
  };

  std::string add(Filter filter);
  RpcResult<Filter> take(std::string_view id);
  std::vector<Hash> waiting() const;

  std::reference_wrapper<const Chain> chain_;
  const PendingTransactions* pending_;
  const RpcOptions& options_;
  std::mutex mutex_;
  /// The one that was asked last is last.
  std::deque<Filter> filters_;
  std::uint64_t last_id_ = 0;
};

}  // namespace kith::ledger::detail
