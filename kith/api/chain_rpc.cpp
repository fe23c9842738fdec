#include <algorithm>
#include <mutex>

#include <kith/api/chain_rpc.hpp>
#include <kith/api/detail/host_name.hpp>
#include <kith/base/budget.hpp>
#include <kith/http/websocket_messages.hpp>
#include <kith/ipld/value.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>

namespace kith::api {
namespace {

using ledger::ChainNews;
using ledger::SubscriptionKinds;
using ledger::Subscriptions;

/// How long a peer may take to hear our last words.
constexpr Duration goodbye_time = 2s;
/// What happened is looked up together up to here.
constexpr std::size_t news_at_once_max = 100;
constexpr std::uint16_t close_invalid_text = 1007;
constexpr std::uint16_t close_try_again = 1013;

Task<void> refuse(http::ResponseWriter& response, int status, std::string text) {
  text += '\n';
  response.headers.set("X-Content-Type-Options", "nosniff");
  co_return co_await response.send(status, "text/plain; charset=utf-8", as_bytes(text));
}

bool says_json(const http::Headers& headers) {
  const auto type = http::parse_parameterized(headers.get("Content-Type").value_or(""));
  return type && (type->value == "application/json" || type->value == "application/json-rpc" ||
                  type->value == "application/jsonrequest");
}

bool names(const std::vector<std::string>& list, std::string_view wanted) {
  return std::ranges::any_of(list,
                             [&](const std::string& one) { return one == "*" || one == wanted; });
}

struct News {
  ledger::HeadChange change;
  std::vector<ledger::Hash> pending;
};

/// A WebSocket.
struct Session {
  Session(port::Env& env, port::Stream& in, const ChainRpcLimits& limits, std::string from)
      : stream(in),
        messages(env, in, http::WebSocketRole::server,
                 {.message_bytes_max = limits.request_bytes_max,
                  .waiting_bytes_max = limits.waiting_bytes_max}),
        subscriptions(limits.subscriptions_max),
        remote(std::move(from)),
        writing(env.executor, env.clock, 1),
        calls(env.executor, env.clock),
        call_ended(env.clock) {}

  port::Stream& stream;
  http::WebSocketMessages messages;
  Subscriptions subscriptions;
  std::string remote;
  port::TaskGroup writing;
  port::TaskGroup calls;
  std::size_t calls_running = 0;
  port::Event call_ended;
  bool dropped = false;
};

}  // namespace

struct ChainRpcServer::State {
  State(port::Env& environment, ledger::RpcHandler handler, ChainRpcOptions some)
      : env(environment),
        chain(std::move(handler)),
        options(std::move(some)),
        log(env.log, "chain-rpc"),
        request_bytes(options.limits.all_request_bytes_max),
        calls_max(std::max<std::size_t>(2, env.pool.parallelism())),
        call_ended(env.clock),
        news_came(env.clock),
        told(env.clock),
        telling(env.executor, env.clock, 1) {
    telling.spawn(tell_on());
  }

  // Who may ask.
  bool host_allowed(const http::Request& request) const;
  bool origin_allowed(const http::Request& request) const;
  void allow_page(const http::Request& request, http::Headers& headers) const;

  // Calls.
  template <class Work>
  auto run(Work work) -> Task<typename std::invoke_result_t<Work&>::value_type>;
  Task<void> answer(http::Request& request, http::ResponseWriter& response);

  // WebSockets.
  Task<void> open_websocket(http::Request& request, http::ResponseWriter& response);
  Task<void> talk(Session& session);
  Task<void> answer_message(Session& session, std::string text, Reservation room);
  void drop(Session& session, std::string_view why) const;

  // News.
  Task<void> tell_on();
  std::vector<News> take_news();
  Result<std::vector<std::vector<std::string>>> look_up(const std::vector<News>& happened,
                                                        const std::vector<Session*>& to) const;

  port::Env& env;
  ledger::RpcHandler chain;
  ChainRpcOptions options;
  port::Logger log;
  Budget request_bytes;
  std::size_t calls_max;
  std::size_t calls_running = 0;
  port::Event call_ended;

  std::vector<Session*> sessions;
  std::size_t opening = 0;  ///< more of them, soon
  std::mutex news_mutex;
  std::vector<News> news;
  bool news_lost = false;
  port::Event news_came;
  bool is_telling = false;  ///< sessions stay where they are
  port::Event told;
  port::TaskGroup telling;
};

http::ServerLimits chain_rpc_server_limits() {
  http::ServerLimits limits;
  limits.write_timeout = 30s;
  return limits;
}

// Who may ask.

bool ChainRpcServer::State::host_allowed(const http::Request& request) const {
  const std::string name = host_name(request.host);
  return name.empty() || is_number(name) || names(options.virtual_hosts, name);
}

/// Only browsers say an origin.
bool ChainRpcServer::State::origin_allowed(const http::Request& request) const {
  const auto origin = request.headers.get("Origin");
  return !origin || names(options.allowed_origins, *origin);
}

/// Tells a browser that this page may ask.
void ChainRpcServer::State::allow_page(const http::Request& request, http::Headers& headers) const {
  const auto origin = request.headers.get("Origin");
  headers.add("Vary", "Origin");
  if (!origin || !origin_allowed(request)) return;
  const bool all = std::ranges::find(options.allowed_origins, "*") != options.allowed_origins.end();
  headers.set("Access-Control-Allow-Origin", all ? "*" : std::string(*origin));
  if (request.method != "OPTIONS") return;
  headers.set("Access-Control-Allow-Methods", "POST, GET");
  headers.set("Access-Control-Allow-Headers",
              std::string(request.headers.get("Access-Control-Request-Headers").value_or("")));
  headers.set("Access-Control-Max-Age", "600");
}

// Calls.

template <class Work>
auto ChainRpcServer::State::run(Work work)
    -> Task<typename std::invoke_result_t<Work&>::value_type> {
  while (calls_running >= calls_max)
    KITH_CO_CHECK(co_await call_ended.wait());
  ++calls_running;
  auto outcome = co_await port::run_on(env.pool, std::move(work));
  --calls_running;
  // All: the first may have been cancelled meanwhile.
  call_ended.notify_all();
  news_came.notify_all();
  if (options.called) options.called();
  co_return outcome;
}

Task<void> ChainRpcServer::State::answer(http::Request& request, http::ResponseWriter& response) {
  const std::size_t bytes_max = options.limits.request_bytes_max;
  const std::uint64_t announced = request.body.announced().value_or(bytes_max);
  if (announced > bytes_max) {
    co_return co_await refuse(response, 413,
                              fmt::format("a request has at most {} bytes", bytes_max));
  }
  auto room = Reservation::take(request_bytes, announced);
  if (!room) co_return co_await refuse(response, 503, "too many requests at a time");
  request.body.allow(bytes_max);
  const Instant deadline = env.clock.now() + options.limits.body_timeout;
  KITH_CO_TRY(const Bytes body, co_await http::read_all(request.body, bytes_max, deadline));
  auto work = [this, &body] { return Result<std::string>(chain(as_text(body))); };
  KITH_CO_TRY(const std::string text, co_await run(std::move(work)));
  co_return co_await response.send(200, "application/json", as_bytes(text));
}

// WebSockets.

Task<void> ChainRpcServer::State::open_websocket(http::Request& request,
                                                 http::ResponseWriter& response) {
  // As geth's: without a list, pages of localhost may come.
  const std::string origin(request.headers.get("Origin").value_or(""));
  const bool is_local =
      options.allowed_origins.empty() && origin.starts_with("http://") &&
      host_name(std::string_view(origin).substr(std::string_view("http://").size())) == "localhost";
  if (!origin_allowed(request) && !is_local)
    co_return co_await refuse(response, 403, "pages of " + origin + " may not ask");
  if (sessions.size() + opening >= options.limits.websockets_max)
    co_return co_await refuse(response, 503, "too many WebSockets at a time");
  const http::RequestHead head{.method = request.method,
                               .target = request.target,
                               .version_minor = request.version_minor,
                               .headers = request.headers};
  const auto agreed = http::answer_websocket(head);
  const http::ResponseHead said = agreed ? *agreed : http::refuse_websocket(agreed.error());
  response.status = said.status;
  response.headers = said.headers;
  if (!agreed) co_return co_await response.finish();
  ++opening;
  auto stream = co_await response.take_over();
  --opening;
  if (!stream) co_return std::unexpected(stream.error());
  Session session(env, **stream, options.limits, request.remote.to_string());
  sessions.push_back(&session);
  session.writing.spawn(session.messages.run());
  auto outcome = co_await talk(session);
  session.calls.cancel();
  co_await session.calls.join_shielded();
  session.messages.close();
  const bool cancelled = !outcome && outcome.error().is(Errc::cancelled);
  if (!cancelled) static_cast<void>(co_await session.writing.join(env.clock.now() + goodbye_time));
  session.writing.cancel();
  co_await session.writing.join_shielded();
  while (is_telling)
    co_await told.wait_shielded();
  std::erase(sessions, &session);
  co_return outcome;
}

/// Up to the end of what the client has to say.
Task<void> ChainRpcServer::State::talk(Session& session) {
  for (;;) {
    KITH_CO_TRY(std::optional<std::string> text, co_await session.messages.read());
    if (!text) co_return Result<void>{};
    if (!ipld::is_utf8(*text)) {
      session.messages.close(close_invalid_text);
      co_return Result<void>{};
    }
    while (session.calls_running >= options.limits.calls_per_connection_max)
      KITH_CO_CHECK(co_await session.call_ended.wait());
    KITH_CO_CHECK(co_await session.messages.wait_for_room(options.limits.answered_bytes_max));
    auto room = Reservation::take(request_bytes, text->size());
    if (!room) {
      session.messages.close(close_try_again);
      co_return Result<void>{};
    }
    ++session.calls_running;
    session.calls.spawn(answer_message(session, *std::move(text), *std::move(room)));
  }
}

Task<void> ChainRpcServer::State::answer_message(Session& session, std::string text, Reservation) {
  auto work = [this, &session, &text] {
    return Result<Subscriptions::Answer>(session.subscriptions.handle(text, chain));
  };
  auto answer = co_await run(std::move(work));
  --session.calls_running;
  session.call_ended.notify_all();
  if (!answer) co_return std::unexpected(answer.error());
  const bool due = !answer->text.empty();
  if (due && !session.messages.send(std::move(answer->text)))
    drop(session, "it doesn't take its answers");
  session.subscriptions.begin(answer->begun);
  co_return Result<void>{};
}

void ChainRpcServer::State::drop(Session& session, std::string_view why) const {
  if (std::exchange(session.dropped, true)) return;
  KITH_LOG_INFO(log, "{} is let go: {}", session.remote, why);
  session.stream.reset();
}

// News.

std::vector<News> ChainRpcServer::State::take_news() {
  const std::lock_guard lock(news_mutex);
  if (std::exchange(news_lost, false)) {
    for (Session* session : sessions) {
      if (session->subscriptions.kinds().any())
        drop(*session, "more has happened than can be told");
    }
  }
  const auto count = static_cast<std::ptrdiff_t>(std::min(news.size(), news_at_once_max));
  std::vector<News> taken(std::make_move_iterator(news.begin()),
                          std::make_move_iterator(news.begin() + count));
  news.erase(news.begin(), news.begin() + count);
  return taken;
}

/// For each session the texts that it is told.
Result<std::vector<std::vector<std::string>>> ChainRpcServer::State::look_up(
    const std::vector<News>& happened, const std::vector<Session*>& to) const {
  std::vector<std::vector<std::string>> texts(to.size());
  SubscriptionKinds kinds;
  for (const Session* session : to)
    kinds.add(session->subscriptions.kinds());
  for (const News& one : happened) {
    if (options.watch) options.watch(one.change, one.pending);
    if (!kinds.any()) continue;
    const ChainNews found(chain, one.change, one.pending, std::nullopt, kinds);
    for (const std::string& fault : found.faults())
      KITH_LOG_WARN(log, "news that can't be told: {}", fault);
    for (std::size_t i = 0; i < to.size(); ++i) {
      for (std::string& text : to[i]->subscriptions.tell(found))
        texts[i].push_back(std::move(text));
    }
  }
  return texts;
}

Task<void> ChainRpcServer::State::tell_on() {
  for (;;) {
    const std::vector<News> happened = take_news();
    if (happened.empty()) {
      KITH_CO_CHECK(co_await news_came.wait());
      continue;
    }
    const std::vector<Session*> to = sessions;
    is_telling = true;
    auto work = [this, &happened, &to] { return look_up(happened, to); };
    auto texts = co_await port::run_on(env.pool, std::move(work));
    if (texts) {
      for (std::size_t i = 0; i < to.size(); ++i) {
        const bool sent = std::ranges::all_of(
            (*texts)[i], [&](std::string& text) { return to[i]->messages.send(std::move(text)); });
        if (!sent) drop(*to[i], "it doesn't take its news");
      }
    }
    is_telling = false;
    told.notify_all();
    if (!texts) co_return std::unexpected(texts.error());
  }
}

// The server.

ChainRpcServer::ChainRpcServer(port::Env& env, ledger::RpcHandler chain, ChainRpcOptions options)
    : state_(std::make_unique<State>(env, std::move(chain), std::move(options))) {}

ChainRpcServer::~ChainRpcServer() = default;

Task<void> ChainRpcServer::serve(http::Request& request, http::ResponseWriter& response) {
  State& state = *state_;
  if (!state.host_allowed(request))
    co_return co_await refuse(response, 403, "invalid host specified");
  const http::RequestHead head{
      .method = request.method, .target = request.target, .headers = request.headers};
  if (http::asks_for_websocket(head)) co_return co_await state.open_websocket(request, response);
  state.allow_page(request, response.headers);
  if (request.method == "OPTIONS") co_return co_await response.send(200, "", {});
  const bool empty = request.body.at_end() && request.raw_query.empty();
  if ((request.method == "GET" || request.method == "HEAD") && empty)
    co_return co_await response.send(200, "", {});
  if (request.method != "POST") {
    response.headers.set("Allow", "OPTIONS, POST");
    co_return co_await refuse(response, 405, "method not allowed");
  }
  if (!says_json(request.headers)) {
    co_return co_await refuse(response, 415,
                              "invalid content type, only application/json is supported");
  }
  co_return co_await state.answer(request, response);
}

void ChainRpcServer::tell(ledger::HeadChange change, std::vector<ledger::Hash> pending) {
  const std::lock_guard lock(state_->news_mutex);
  if (state_->news.size() >= state_->options.limits.news_max) {
    state_->news_lost = true;
    state_->news.clear();
  }
  state_->news.push_back({std::move(change), std::move(pending)});
}

void ChainRpcServer::wake() {
  state_->news_came.notify_all();
}

std::size_t ChainRpcServer::websockets() const noexcept {
  return state_->sessions.size();
}

void ChainRpcServer::close_connections() {
  for (Session* session : state_->sessions)
    session->messages.close(http::websocket_close_going_away);
}

Task<void> ChainRpcServer::stop() {
  state_->telling.cancel();
  co_return co_await state_->telling.join_shielded();
}

}  // namespace kith::api
