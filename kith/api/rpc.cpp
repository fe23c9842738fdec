#include <algorithm>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/detail/multipart_input.hpp>
#include <kith/api/detail/sentence.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/api/rpc.hpp>
#include <kith/base/duration.hpp>
#include <kith/node/node.hpp>

namespace kith::api {
namespace {

/// Values are gathered into writes of about this size; flush() and the end send what there is.
constexpr std::size_t value_buffer_bytes = 32 * 1024;

/// What is wrong with the request itself, before any command: plain text, as Kubo does.
Task<void> refuse(http::ResponseWriter& response, int status, std::string text) {
  response.headers.set("X-Content-Type-Options", "nosniff");
  text += '\n';
  co_return co_await response.send(status, "text/plain; charset=utf-8", as_bytes(text));
}

/// What a command answers instead of output.
Task<void> send_failure(http::ResponseWriter& response, const Error& error) {
  json::object body;
  body["Message"] = sentence_of(error);
  body["Code"] = 0;
  body["Type"] = "error";
  std::string text = json_text(body) + "\n";
  co_return co_await response.send(500, "application/json", as_bytes(text));
}

class RpcOutput final : public Output {
 public:
  RpcOutput(const Command& command, http::ResponseWriter& response)
      : command_(command), response_(response) {}

  Task<void> value(json::value value) override {
    prepare();
    held_ += json_text(value);
    held_ += '\n';
    if (held_.size() < value_buffer_bytes) co_return Result<void>{};
    co_return co_await flush();
  }

  Task<void> bytes(ByteView bytes) override {
    prepare();
    co_return co_await response_.write(bytes);
  }

  void announce_type(std::string_view content_type) override { content_type_ = content_type; }

  void announce_length(std::uint64_t length) override {
    if (!prepared_) response_.headers.set("X-Content-Length", std::to_string(length));
  }

  Task<void> flush() override {
    prepare();
    if (held_.empty()) co_return co_await response_.flush();
    std::string now;
    now.swap(held_);
    co_return co_await response_.write(as_bytes(now));
  }

  /// A command without any output answers with an empty body.
  Task<void> finish() {
    prepare();
    if (!held_.empty()) KITH_CO_CHECK(co_await flush());
    co_return co_await response_.finish();
  }

  bool begun() const noexcept { return response_.head_sent() || !held_.empty(); }

 private:
  void prepare() {
    if (std::exchange(prepared_, true)) return;
    http::Headers& headers = response_.headers;
    if (command_.output == OutputKind::values) {
      headers.set("Content-Type", "application/json");
      if (command_.streams) headers.set("X-Chunked-Output", "1");
    } else {
      if (content_type_.empty()) content_type_ = command_.content_type;
      headers.set("Content-Type", content_type_.empty() ? "text/plain" : content_type_);
      headers.set("X-Stream-Output", "1");
    }
    headers.set("Trailer", "X-Stream-Error");
  }

  const Command& command_;
  http::ResponseWriter& response_;
  std::string content_type_;
  bool prepared_ = false;
  std::string held_;
};

/// "http://127.0.0.1:5001" of "http://127.0.0.1:5001/webui/x".
std::string origin_of(std::string_view url) {
  std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::string(url);
  return std::string(url.substr(0, url.find('/', scheme + 3)));
}

/// Loopback by name or number: what a page can't make a browser send for a foreign name (DNS
/// rebinding).
bool is_local_host(std::string_view host) {
  std::string_view name = host.substr(
      0, host.rfind(':') == std::string_view::npos || host.ends_with(']') ? host.size()
                                                                          : host.rfind(':'));
  if (name == "localhost") return true;
  if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
  auto address = port::IpAddress::parse(name);
  return address.has_value();
}

Task<void> run_command(const Command& command, Context& context, const Request& call,
                       Output& output, Result<void>& outcome) {
  outcome = co_await command.run(context, call, output);
  co_return Result<void>{};
}

}  // namespace

bool Rpc::origin_allowed(const http::Request& request) const {
  // A name that leads to us but isn't ours is a page's way round the rule of origins.
  if (!is_local_host(request.host)) return false;
  std::string_view said = request.headers.get("Origin").value_or("");
  if (said.empty()) said = request.headers.get("Referer").value_or("");
  if (said.empty()) return true;
  std::string origin = origin_of(said);
  if (origin == "http://" + request.host) return true;
  return std::ranges::any_of(options_.allowed_origins, [&origin](const std::string& allowed) {
    return allowed == "*" || allowed == origin;
  });
}

Task<void> Rpc::serve(http::Request& request, http::ResponseWriter& response) {
  response.headers.set("Server", std::string(node::agent_version));
  response.headers.add("Vary", "Origin");
  if (!origin_allowed(request)) co_return co_await refuse(response, 403, "403 - Forbidden");
  constexpr std::string_view own_headers = "X-Stream-Output, X-Chunked-Output, X-Content-Length";
  response.headers.set("Access-Control-Allow-Headers", std::string(own_headers));
  response.headers.set("Access-Control-Expose-Headers", std::string(own_headers));
  if (auto origin = request.headers.get("Origin")) {
    response.headers.set("Access-Control-Allow-Origin", std::string(*origin));
    response.headers.set("Access-Control-Allow-Headers",
                         fmt::format("{}, Content-Type, User-Agent", own_headers));
    response.headers.set("Access-Control-Allow-Methods", "POST");
  }
  if (request.method == "OPTIONS") co_return co_await response.send(200, "text/plain", {});
  if (request.method != "POST") {
    response.headers.set("Allow", "OPTIONS, POST");
    co_return co_await refuse(response, 405, "405 - Method Not Allowed");
  }
  std::string path = request.path.substr(rpc_prefix.size());
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
  auto call = Request::make(*command, std::move(arguments), options);
  if (!call) co_return co_await refuse(response, 400, sentence_of(call.error()));
  if (auto input = multipart_input(request)) {
    call->files = std::move(input);
  } else if (std::ranges::any_of(command->arguments, [](const ArgumentSpec& spec) {
               return spec.kind == ArgumentKind::file && spec.required;
             })) {
    co_return co_await refuse(response, 400, "file argument 'path' is required");
  }
  if (command->where == Where::network && !context_.node->online()) {
    Error offline = say("this command must be run in online mode. Try running 'kith daemon' first");
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
  RpcOutput output(command, response);
  Result<void> outcome;
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
  if (outcome) co_return co_await output.finish();
  if (outcome.error().is(Errc::cancelled)) co_return outcome;
  if (!output.begun()) co_return co_await send_failure(response, outcome.error());
  response.trailers.add("X-Stream-Error", sentence_of(outcome.error()));
  co_return co_await output.finish();
}

}  // namespace kith::api
