#include <algorithm>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/detail/host_name.hpp>
#include <kith/api/detail/multipart_input.hpp>
#include <kith/api/detail/sentence.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/api/rpc.hpp>
#include <kith/base/duration.hpp>
#include <kith/node/node.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>

namespace kith::api {
namespace {

/// Values are gathered into writes of about this size.
constexpr std::size_t value_buffer_bytes = 32 * 1024;
constexpr std::size_t body_read_bytes = 64 * 1024;
/// One runs at a time; one that has ended may hold its place for a moment.
constexpr std::size_t send_tasks_max = 4;

/// What is wrong with the request itself, before any command: plain text, as Kubo does.
Task<void> refuse(http::ResponseWriter& response, int status, std::string text) {
  response.headers.set("X-Content-Type-Options", "nosniff");
  text += '\n';
  co_return co_await response.send(status, "text/plain; charset=utf-8", as_bytes(text));
}

/// What a command answers instead of output.
Task<void> send_failure(http::ResponseWriter& response, const Error& error) {
  response.headers.remove("X-Content-Length");
  json::object body;
  body["Message"] = sentence_of(error);
  body["Code"] = 0;
  body["Type"] = "error";
  std::string text = json_text(body) + "\n";
  co_return co_await response.send(500, "application/json", as_bytes(text));
}

/// Writes what a command says. A command may wait long after a value, so that a task of its own
/// sends what is held; the two take turns at the response.
class RpcOutput final : public Output {
 public:
  RpcOutput(port::Env& env, const Command& command, http::ResponseWriter& response)
      : clock_(env.clock),
        command_(command),
        response_(response),
        turn_(env.clock),
        tasks_(env.executor, env.clock, send_tasks_max) {}

  Task<void> value(json::value value) override {
    prepare();
    held_ += json_text(value);
    held_ += '\n';
    if (held_.size() >= value_buffer_bytes) co_return co_await flush();
    if (!sending_soon_) sending_soon_ = tasks_.spawn(send_soon());
    co_return failure_;
  }

  Task<void> bytes(ByteView bytes) override {
    prepare();
    KITH_CO_CHECK(co_await take_turn());
    Result<void> written = co_await response_.write(bytes);
    end_turn();
    co_return written;
  }

  void announce_type(std::string_view content_type) override { content_type_ = content_type; }

  void announce_stream() override { streams_ = true; }

  void announce_length(std::uint64_t length) override {
    if (!prepared_) response_.headers.set("X-Content-Length", std::to_string(length));
  }

  Task<void> flush() override {
    prepare();
    KITH_CO_CHECK(co_await take_turn());
    std::string now;
    now.swap(held_);
    Result<void> written;
    if (now.empty()) {
      written = co_await response_.flush();
    } else {
      written = co_await response_.write(as_bytes(now));
    }
    end_turn();
    co_return written;
  }

  /// Nothing is sent by itself any more. The last call but finish(), whatever happened.
  Task<void> end_shielded() {
    // What is being written is a chunk that the client needs whole, unless all is cancelled.
    (void)co_await take_turn();
    tasks_.cancel();
    co_return co_await tasks_.join_shielded();
  }

  /// A command without any output answers with an empty body.
  Task<void> finish() {
    prepare();
    // An answer without a body isn't chunked, and has no room for trailers (RFC 9110, 6.5.1).
    if (!begun()) response_.headers.remove("Trailer");
    if (!held_.empty()) KITH_CO_CHECK(co_await response_.write(as_bytes(held_)));
    co_return co_await response_.finish();
  }

  bool begun() const noexcept { return response_.head_sent() || !held_.empty(); }

 private:
  void prepare() {
    if (std::exchange(prepared_, true)) return;
    http::Headers& headers = response_.headers;
    if (command_.output == OutputKind::values) {
      headers.set("Content-Type", "application/json");
      if (streams_ || command_.streams) headers.set("X-Chunked-Output", "1");
    } else {
      if (content_type_.empty()) content_type_ = command_.content_type;
      headers.set("Content-Type", content_type_.empty() ? "text/plain" : content_type_);
      headers.set("X-Stream-Output", "1");
    }
    headers.set("Trailer", "X-Stream-Error");
  }

  Task<void> take_turn() {
    while (writing_)
      KITH_CO_CHECK(co_await turn_.wait());
    writing_ = true;
    co_return Result<void>{};
  }
  void end_turn() {
    writing_ = false;
    turn_.notify_all();
  }

  Task<void> send_soon() {
    do {
      KITH_CO_CHECK(co_await port::sleep_for(clock_, rpc_value_delay));
      if (held_.empty()) break;
      failure_ = co_await flush();
    } while (failure_ && !held_.empty());
    sending_soon_ = false;
    co_return failure_;
  }

  port::Clock& clock_;
  const Command& command_;
  http::ResponseWriter& response_;
  std::string content_type_;
  bool streams_ = false;
  bool prepared_ = false;
  std::string held_;
  bool sending_soon_ = false;
  bool writing_ = false;
  port::Event turn_;
  Result<void> failure_;
  port::TaskGroup tasks_;
};

/// "http://127.0.0.1:5001" of "http://127.0.0.1:5001/webui/x".
std::string origin_of(std::string_view url) {
  std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::string(url);
  return std::string(url.substr(0, url.find('/', scheme + 3)));
}

/// A number, or loopback by name: what no page can make a browser say for a foreign name.
bool is_local_host(std::string_view host) {
  const std::string name = host_name(host);
  return name == "localhost" || is_number(name);
}

/// Every browser calls itself that. Electron's pages send no Origin, and are no foreign pages.
bool is_browser(const http::Request& request) {
  const std::string_view agent = request.headers.get("User-Agent").value_or("");
  return agent.starts_with("Mozilla") && agent.find("Electron") == std::string_view::npos;
}

/// Whether the command's last arguments may be lines of standard input, and so of a body.
bool takes_body_arguments(const Command& command) {
  if (command.arguments.empty()) return false;
  const ArgumentSpec& last = command.arguments.back();
  return last.kind == ArgumentKind::text && last.from_stdin;
}

/// The lines of the first file.
Task<void> read_body_arguments(InputTree& body, std::vector<std::string>& arguments) {
  KITH_CO_TRY(std::optional<InputEntry> entry, co_await body.next());
  std::string line;
  std::size_t bytes = 0;
  for (bool ended = !entry; !ended;) {
    KITH_CO_TRY(Buffer part, co_await body.read(body_read_bytes));
    ended = part.empty();
    bytes += part.size();
    std::string_view rest = as_text(part);
    while (!rest.empty() || (ended && !line.empty())) {
      const std::size_t end = rest.find('\n');
      line += rest.substr(0, end);
      if (end == std::string_view::npos && !ended) break;
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
      if (line.ends_with('\r')) line.pop_back();
      if (!line.empty()) arguments.push_back(std::exchange(line, {}));
    }
    if (bytes > rpc_body_arguments_bytes_max || arguments.size() > rpc_body_arguments_max) {
      co_return std::unexpected(
          say(fmt::format("more arguments than a call may have ({} or {} MiB)",
                          rpc_body_arguments_max, rpc_body_arguments_bytes_max >> 20)));
    }
  }
  co_return Result<void>{};
}

/// A command's place in the log, while it runs.
class LoggedRequest {
 public:
  LoggedRequest(RequestLog& log, port::Env& env, const Request& call)
      : log_(log),
        env_(env),
        number_(
            log.begin(call.command_path(), call.arguments(), call.raw_options(), env.wall.now())) {}
  LoggedRequest(const LoggedRequest&) = delete;
  LoggedRequest& operator=(const LoggedRequest&) = delete;
  ~LoggedRequest() { log_.end(number_, env_.wall.now()); }

 private:
  RequestLog& log_;
  port::Env& env_;
  std::uint64_t number_;
};

Task<void> run_command(const Command& command, Context& context, const Request& call,
                       Output& output, Result<void>& outcome) {
  outcome = co_await command.run(context, call, output);
  co_return Result<void>{};
}

}  // namespace

bool Rpc::origin_allowed(std::string_view origin, const std::string& host) const {
  // Of a name that leads to us but isn't ours, a page may say that it is of our origin.
  const bool own = origin == "http://" + host || origin == "https://" + host;
  if (own && is_local_host(host)) return true;
  return std::ranges::any_of(options_.allowed_origins, [&origin](const std::string& allowed) {
    return allowed == "*" || allowed == origin;
  });
}

bool Rpc::may_ask(const http::Request& request) const {
  const std::string_view origin = request.headers.get("Origin").value_or("");
  const std::string_view referer = request.headers.get("Referer").value_or("");
  if (origin.empty() && referer.empty()) return !is_browser(request);
  if (!origin.empty() && !origin_allowed(origin, request.host)) return false;
  return referer.empty() || origin_allowed(origin_of(referer), request.host);
}

Task<void> Rpc::serve(http::Request& request, http::ResponseWriter& response) {
  response.headers.set("Server", std::string(node::agent_version));
  if (!options_.authorizations.allow(request)) co_return co_await deny(response);
  response.headers.add("Vary", "Origin");
  const bool allowed = may_ask(request);
  constexpr std::string_view own_headers = "X-Stream-Output, X-Chunked-Output, X-Content-Length";
  response.headers.set("Access-Control-Allow-Headers", std::string(own_headers));
  response.headers.set("Access-Control-Expose-Headers", std::string(own_headers));
  if (auto origin = request.headers.get("Origin"); origin && allowed) {
    response.headers.set("Access-Control-Allow-Origin", std::string(*origin));
    response.headers.set("Access-Control-Allow-Headers",
                         fmt::format("{}, Content-Type, User-Agent", own_headers));
    response.headers.set("Access-Control-Allow-Methods", "POST");
  }
  if (request.method == "OPTIONS") {
    response.headers.set("Allow", "OPTIONS, POST");
    co_return co_await response.send(204, "", {});
  }
  if (request.method != "POST") {
    response.headers.set("Allow", "OPTIONS, POST");
    co_return co_await refuse(response, 405, "405 - Method Not Allowed");
  }
  if (!allowed) co_return co_await refuse(response, 403, "403 - Forbidden");
  std::string path = request.path.substr(std::min(request.path.size(), rpc_prefix.size()));
  std::ranges::replace(path, '/', ' ');
  const Command* command = table_.find(path);
  if (command == nullptr || command->where == Where::client) {
    co_return co_await refuse(response, 404, "404 page not found");
  }
  std::vector<std::string> arguments;
  Request::Raw options;
  for (const auto& [name, value] : request.query.pairs()) {
    if (name == "arg") {
      arguments.push_back(value);
    } else {
      options.emplace(name, value);
    }
  }
  std::shared_ptr<InputTree> input = multipart_input(request);
  if (input && takes_body_arguments(*command)) {
    Result<void> read = co_await read_body_arguments(*input, arguments);
    if (!read && read.error().is(Errc::cancelled)) co_return read;
    if (!read) co_return co_await refuse(response, 400, sentence_of(read.error()));
    input.reset();
  }
  auto call = Request::make(*command, std::move(arguments), options);
  if (!call) co_return co_await refuse(response, 400, sentence_of(call.error()));
  // Text is made where it is shown: here JSON is the answer to both.
  Result<std::string> encoding = encoding_of(*call);
  if (!encoding) co_return co_await refuse(response, 400, sentence_of(encoding.error()));
  if (input) {
    call->files = std::move(input);
  } else if (std::ranges::any_of(command->arguments, [](const ArgumentSpec& spec) {
               return spec.kind == ArgumentKind::file && spec.required;
             })) {
    co_return co_await refuse(response, 400, "file argument 'path' is required");
  }
  if (command->where == Where::network && !context_.node->online()) {
    Error offline =
        say(fmt::format("this command must be run in online mode. Try running '{} daemon' first",
                        context_.program));
    co_return co_await send_failure(response, offline);
  }
  co_return co_await run(*command, *std::move(call), response);
}

Task<void> Rpc::run(const Command& command, Request call, http::ResponseWriter& response) {
  std::optional<Duration> timeout;
  if (call.given("timeout")) {
    auto parsed = parse_duration(call.text("timeout"));
    if (!parsed) co_return co_await refuse(response, 400, sentence_of(parsed.error()));
    timeout = *parsed;
  }
  const LoggedRequest logged(requests_, context_.env, call);
  RpcOutput output(context_.env, command, response);
  // What it stays if the time is over before the command has begun.
  Result<void> outcome = std::unexpected(Errc::cancelled);
  Context context = context_;
  if (timeout) {
    port::TaskGroup group(context.env.executor, context.env.clock, 1);
    group.spawn(run_command(command, context, call, output, outcome));
    auto joined = co_await group.join(context.env.clock.now() + *timeout);
    group.cancel();
    co_await group.join_shielded();
    if (!joined && joined.error().is(Errc::timed_out) && !outcome) {
      outcome = std::unexpected(Error(Errc::timed_out, "no answer within " + call.text("timeout")));
    }
  } else {
    outcome = co_await command.run(context, call, output);
  }
  (void)co_await output.end_shielded();
  if (outcome) co_return co_await output.finish();
  if (outcome.error().is(Errc::cancelled)) co_return outcome;
  if (!output.begun()) co_return co_await send_failure(response, outcome.error());
  response.trailers.add("X-Stream-Error", sentence_of(outcome.error()));
  co_return co_await output.finish();
}

}  // namespace kith::api
