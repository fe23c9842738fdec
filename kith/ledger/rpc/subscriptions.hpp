// What a connection wants to be told without asking (eth_subscribe, as geth has it): new heads,
// logs, transactions that wait, whether the node is behind.
//
//   {"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["logs",{"address":"0x..."}]}
//   {"jsonrpc":"2.0","id":1,"result":"0x1"}
//   {"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":"0x1","result":{...}}}
//
// What happened is looked up once (ChainNews) and then told to each connection (Subscriptions). A
// subscription tells nothing before the owner says that its id is on the way (begin), or the client
// would get news of what it doesn't know. A block that left the chain takes its logs back
// ("removed": true) before those of the blocks that came are told; of heads only the new ones are
// told.
//
// Thread: any, at the same time; looking up and telling compute, so they are for workers.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <kith/ledger/chain/chain.hpp>
#include <kith/ledger/rpc/rpc_error.hpp>

namespace boost::json {
class array;
class value;
}  // namespace boost::json

namespace kith::ledger {

namespace detail {
struct LogQuery;
}

inline constexpr std::size_t subscriptions_max = 256;  ///< of a connection

/// The text of a request, to that of the answer; as ChainRpc::handle and DevChain::handle.
using RpcHandler = std::function<std::string(std::string_view request)>;

/// Of what any connection wants to know.
struct SubscriptionKinds {
  bool heads = false;
  bool logs = false;
  bool pending = false;
  bool whole_pending = false;
  bool syncing = false;

  bool any() const noexcept { return heads || logs || pending || whole_pending || syncing; }
  void add(const SubscriptionKinds& more) noexcept;
};

/// What happened, looked up.
class ChainNews {
 public:
  /// `syncing`: the JSON text of what eth_syncing says, when it has begun to say something else.
  /// What can't be found any more is left out; faults() tells.
  ChainNews(const RpcHandler& chain, const HeadChange& change, const std::vector<Hash>& pending,
            const std::optional<std::string>& syncing, const SubscriptionKinds& wanted);
  ~ChainNews();
  ChainNews(const ChainNews&) = delete;
  ChainNews& operator=(const ChainNews&) = delete;

  /// Of look-ups that failed, each for people.
  const std::vector<std::string>& faults() const noexcept;

 private:
  friend class Subscriptions;
  struct State;
  std::unique_ptr<State> state_;
};

/// Those of one connection.
class Subscriptions {
 public:
  struct Answer {
    std::string text;                ///< empty if none is due
    std::vector<std::string> begun;  ///< to be told to begin() once the text is on the way
  };

  explicit Subscriptions(std::size_t max = subscriptions_max);
  ~Subscriptions();
  Subscriptions(const Subscriptions&) = delete;
  Subscriptions& operator=(const Subscriptions&) = delete;

  /// eth_subscribe and eth_unsubscribe are answered here, all else by `chain`; in a batch, too.
  Answer handle(std::string_view request, const RpcHandler& chain);
  void begin(const std::vector<std::string>& ids);

  SubscriptionKinds kinds() const;
  /// The notifications, in their order.
  std::vector<std::string> tell(const ChainNews& news) const;

 private:
  enum class Kind : std::uint8_t { heads, logs, pending, whole_pending, syncing };
  struct Subscription;

  Answer handle_one(const boost::json::value& request, const RpcHandler& chain);
  RpcResult<std::string> subscribe(const boost::json::array& params);
  RpcResult<boost::json::value> unsubscribe(const boost::json::array& params);

  std::size_t max_;
  mutable std::mutex mutex_;
  std::vector<Subscription> all_;
  std::uint64_t last_id_ = 0;
};

}  // namespace kith::ledger
