#include <algorithm>

#include <boost/json.hpp>

#include <kith/ledger/rpc/detail/rpc_logs.hpp>
#include <kith/ledger/rpc/detail/rpc_request.hpp>
#include <kith/ledger/rpc/subscriptions.hpp>

namespace kith::ledger {

using namespace detail;

namespace {

/// As RpcOptions has them for batches without subscriptions.
constexpr std::size_t batch_max = 1'000;
constexpr std::size_t answer_bytes_max = 25 << 20;

std::string notification(const std::string& id, const json::value& result) {
  return json::serialize(
      json::object{{"jsonrpc", "2.0"},
                   {"method", "eth_subscription"},
                   {"params", json::object{{"subscription", id}, {"result", result}}}});
}

/// A log as eth_getLogs tells it.
std::optional<LogEntry> read_log(const json::value& log) {
  const Param param(&log, "log");
  LogEntry entry;
  const auto address = param["address"].address();
  if (!address) return std::nullopt;
  entry.address = *address;
  const Param topics = param["topics"];
  for (std::size_t i = 0; i < topics.size(); ++i) {
    const auto topic = topics[i].hash();
    if (!topic) return std::nullopt;
    entry.topics.push_back(*topic);
  }
  return entry;
}

bool is_of_subscriptions(std::string_view method) {
  return method == "eth_subscribe" || method == "eth_unsubscribe";
}

}  // namespace

void SubscriptionKinds::add(const SubscriptionKinds& more) noexcept {
  heads |= more.heads;
  logs |= more.logs;
  pending |= more.pending;
  whole_pending |= more.whole_pending;
  syncing |= more.syncing;
}

// What happened.

struct ChainNews::State {
  struct Log {
    LogEntry entry;  ///< without data
    json::value told;
  };
  struct Pending {
    json::value hash;
    json::value whole;  ///< null if it can't be found any more
  };

  void read_heads(const HeadChange& change);
  void read_logs(const Hash& block, bool removed);
  void read_pending(const std::vector<Hash>& hashes, bool whole);
  json::value ask(std::string_view method, json::value param);

  const RpcHandler& chain;
  std::vector<json::value> heads{};
  std::vector<Log> logs{};
  std::vector<Pending> pending{};
  json::value syncing{};
  std::vector<std::string> faults{};
};

ChainNews::ChainNews(const RpcHandler& chain, const HeadChange& change,
                     const std::vector<Hash>& pending, const std::optional<std::string>& syncing,
                     const SubscriptionKinds& wanted)
    : state_(std::make_unique<State>(State{chain})) {
  if (syncing) state_->syncing = json::parse(*syncing);
  if (wanted.heads) state_->read_heads(change);
  if (wanted.logs) {
    for (const BlockName& block : change.removed)
      state_->read_logs(block.hash, true);
    for (const BlockName& block : change.added)
      state_->read_logs(block.hash, false);
  }
  if (wanted.pending || wanted.whole_pending) state_->read_pending(pending, wanted.whole_pending);
}

ChainNews::~ChainNews() = default;

const std::vector<std::string>& ChainNews::faults() const noexcept {
  return state_->faults;
}

/// null if it fails.
json::value ChainNews::State::ask(std::string_view method, json::value param) {
  json::array params;
  params.push_back(std::move(param));
  const std::string text = chain(json::serialize(json::object{
      {"jsonrpc", "2.0"}, {"id", 1}, {"method", method}, {"params", std::move(params)}}));
  boost::system::error_code failed;
  json::value answer = json::parse(text, failed);
  auto* object = failed ? nullptr : answer.if_object();
  if (object != nullptr) {
    if (json::value* result = object->if_contains("result")) return std::move(*result);
  }
  faults.push_back(std::string(method) + ": " + text.substr(0, 200));
  return nullptr;
}

void ChainNews::State::read_heads(const HeadChange& change) {
  for (const BlockName& block : change.added) {
    json::value header = ask("eth_getHeaderByHash", json::value(block.hash.to_hex()));
    if (!header.is_null()) heads.push_back(std::move(header));
  }
}

void ChainNews::State::read_logs(const Hash& block, bool removed) {
  json::value found = ask("eth_getLogs", json::object{{"blockHash", json::value(block.to_hex())}});
  auto* list = found.if_array();
  if (list == nullptr) return;
  for (json::value& log : *list) {
    auto entry = read_log(log);
    if (!entry) continue;
    log.as_object()["removed"] = removed;
    logs.push_back({*std::move(entry), std::move(log)});
  }
}

void ChainNews::State::read_pending(const std::vector<Hash>& hashes, bool whole) {
  for (const Hash& hash : hashes) {
    Pending& one = pending.emplace_back();
    one.hash = json::value(hash.to_hex());
    if (whole) one.whole = ask("eth_getTransactionByHash", one.hash);
  }
}

// Who is told.

struct Subscriptions::Subscription {
  std::string id;
  Kind kind;
  LogQuery query;
  bool begun = false;
};

Subscriptions::Subscriptions(std::size_t max) : max_(max) {}

Subscriptions::~Subscriptions() = default;

Subscriptions::Answer Subscriptions::handle(std::string_view request, const RpcHandler& chain) {
  // Nearly no request is of interest here, and some are large.
  if (request.find("subscribe") == std::string_view::npos) return {chain(request), {}};
  boost::system::error_code failed;
  const json::value document = json::parse(request, failed);
  if (failed) return {chain(request), {}};
  const auto* batch = document.if_array();
  if (batch == nullptr) return handle_one(document, chain);
  if (batch->empty() || batch->size() > batch_max) return {chain(request), {}};
  Answer all;
  for (const json::value& one : *batch) {
    Answer answer;
    if (all.text.size() < answer_bytes_max) {
      answer = handle_one(one, chain);
    } else {
      answer.text =
          error_text(nullptr, {RpcCode::limit_exceeded, "the batch's answer would be too large"});
    }
    if (answer.text.empty()) continue;
    all.text += (all.text.empty() ? "[" : ",") + answer.text;
    all.begun.insert(all.begun.end(), answer.begun.begin(), answer.begun.end());
  }
  if (!all.text.empty()) all.text += "]";
  return all;
}

Subscriptions::Answer Subscriptions::handle_one(const json::value& request,
                                                const RpcHandler& chain) {
  const auto read = read_request(request);
  if (!read || !is_of_subscriptions(read->method)) return {chain(json::serialize(request)), {}};
  const json::value id = read->id != nullptr ? *read->id : json::value(nullptr);
  const auto answered = [&](std::string text) {
    return read->id != nullptr ? std::move(text) : std::string();
  };
  if (read->method == "eth_unsubscribe") {
    auto done = unsubscribe(*read->params);
    if (!done) return {answered(error_text(id, done.error())), {}};
    return {answered(result_text(id, *done)), {}};
  }
  // Whom no id is told, nothing can be told.
  if (read->id == nullptr) return {};
  auto begun = subscribe(*read->params);
  if (!begun) return {answered(error_text(id, begun.error())), {}};
  return {answered(result_text(id, json::value(*begun))), {*begun}};
}

RpcResult<std::string> Subscriptions::subscribe(const json::array& params) {
  const Params list(params);
  KITH_TRY(const std::string_view name, list[0].text());
  Subscription made{.id = {}, .kind = Kind::heads, .query = {}, .begun = false};
  if (name == "logs") {
    made.kind = Kind::logs;
    KITH_TRY(made.query, read_match(list[1]));
  } else if (name == "newPendingTransactions") {
    KITH_TRY(const bool whole, list[1].truth());
    made.kind = whole ? Kind::whole_pending : Kind::pending;
  } else if (name == "syncing") {
    made.kind = Kind::syncing;
  } else if (name != "newHeads") {
    return std::unexpected(
        RpcError(RpcCode::method_not_found,
                 "no \"" + std::string(name) + "\" subscription in eth namespace"));
  }
  const std::lock_guard lock(mutex_);
  if (all_.size() >= max_) {
    return std::unexpected(
        RpcError(RpcCode::limit_exceeded,
                 "a connection has at most " + std::to_string(max_) + " subscriptions"));
  }
  made.id = quantity(++last_id_);
  return all_.emplace_back(std::move(made)).id;
}

RpcResult<json::value> Subscriptions::unsubscribe(const json::array& params) {
  const Params list(params);
  KITH_TRY(const std::string_view id, list[0].text());
  const std::lock_guard lock(mutex_);
  if (std::erase_if(all_, [&](const Subscription& one) { return one.id == id; }) > 0) return true;
  return std::unexpected(RpcError(RpcCode::server_error, "subscription not found"));
}

void Subscriptions::begin(const std::vector<std::string>& ids) {
  const std::lock_guard lock(mutex_);
  for (Subscription& one : all_) {
    if (std::ranges::find(ids, one.id) != ids.end()) one.begun = true;
  }
}

SubscriptionKinds Subscriptions::kinds() const {
  const std::lock_guard lock(mutex_);
  SubscriptionKinds kinds;
  for (const Subscription& one : all_) {
    kinds.heads |= one.kind == Kind::heads;
    kinds.logs |= one.kind == Kind::logs;
    kinds.pending |= one.kind == Kind::pending;
    kinds.whole_pending |= one.kind == Kind::whole_pending;
    kinds.syncing |= one.kind == Kind::syncing;
  }
  return kinds;
}

std::vector<std::string> Subscriptions::tell(const ChainNews& news) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> told;
  const auto tell = [&](const Subscription& to, const json::value& what) {
    if (!what.is_null()) told.push_back(notification(to.id, what));
  };
  for (const Subscription& to : all_) {
    if (!to.begun) continue;
    switch (to.kind) {
      case Kind::heads:
        for (const json::value& head : news.state_->heads)
          tell(to, head);
        break;
      case Kind::logs:
        for (const ChainNews::State::Log& log : news.state_->logs) {
          if (to.query.matches(log.entry)) tell(to, log.told);
        }
        break;
      case Kind::pending:
      case Kind::whole_pending:
        for (const ChainNews::State::Pending& one : news.state_->pending)
          tell(to, to.kind == Kind::pending ? one.hash : one.whole);
        break;
      case Kind::syncing:
        tell(to, news.state_->syncing);
        break;
    }
  }
  return told;
}

}  // namespace kith::ledger
