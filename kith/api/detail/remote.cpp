#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <span>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/detail/authorization.hpp>
#include <kith/api/detail/remote.hpp>
#include <kith/api/detail/sentence.hpp>
#include <kith/api/detail/upload.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/api/detail/waiting.hpp>
#include <kith/api/rpc.hpp>
#include <kith/http/client.hpp>
#include <kith/multiformats/multiaddr.hpp>
#include <kith/port/stream.hpp>
#include <kith/port/task_group.hpp>

namespace kith::api {

namespace {

constexpr std::size_t error_body_bytes_max = 1024 * 1024;
constexpr std::size_t transfer_bytes_max = 1024 * 1024;
/// More arguments go into the body, where the command takes them there: servers bound the head.
constexpr std::size_t query_arguments_max = 64;
constexpr std::size_t query_arguments_bytes_max = 8 * 1024;
/// Of a daemon that closed the connection, whether it still runs.
constexpr int questions_max = 3;
constexpr Duration question_timeout = 10s;

struct Target {
  std::string host;
  std::uint16_t port = 0;
  std::string authorization{};  ///< the header; empty: none
};

http::ClientRequest call_to(const Target& target, std::string path) {
  http::ClientRequest call;
  call.host = target.host;
  call.port = target.port;
  call.target = std::move(path);
  if (!target.authorization.empty()) call.headers.set("Authorization", target.authorization);
  return call;
}

/// "127.0.0.1:5001", "[::1]:5001" or a name; nothing for what is none of these.
std::optional<Target> target_of_authority(std::string_view authority) {
  bool bracketed = authority.starts_with('[');
  std::size_t end = authority.find(bracketed ? ']' : ':');
  if (bracketed && end == std::string_view::npos) return std::nullopt;
  std::string host(authority.substr(bracketed ? 1 : 0, bracketed ? end - 1 : end));
  std::string_view port;
  if (end != std::string_view::npos) port = authority.substr(end + (bracketed ? 1 : 0));
  if (host.empty() || (bracketed && !port::IpAddress::parse(host))) return std::nullopt;
  if (port.empty()) return Target{std::move(host), 80};
  std::uint16_t number = 0;
  auto [stop, failure] = std::from_chars(port.data() + 1, port.data() + port.size(), number);
  bool whole = failure == std::errc{} && stop == port.data() + port.size() && number > 0;
  if (port.front() != ':' || !whole) return std::nullopt;
  return Target{std::move(host), number};
}

Result<Target> target_of(const std::string& api) {
  auto wrong = [&api] {
    return std::unexpected(Error(Errc::invalid_argument,
                                 fmt::format("API address \"{}\" (use /ip4/127.0.0.1/tcp/5001 or "
                                             "http://127.0.0.1:5001)",
                                             api)));
  };
  if (api.starts_with("http://")) {
    auto target = target_of_authority(std::string_view(api).substr(7, api.find('/', 7) - 7));
    if (!target) return wrong();
    return *std::move(target);
  }
  auto address = multiformats::Multiaddr::parse(api);
  if (!address) return wrong();
  if (auto ip = address->ip_and_port()) {
    auto host = port::IpAddress::from_bytes(ip->address());
    if (host) return Target{host->to_string(), ip->port};
  }
  auto name = address->dns_name();
  auto tcp = address->find(multiformats::Protocol::tcp);
  if (!name || !tcp) return wrong();
  return Target{name->value_text(), load_be<std::uint16_t>(tcp->value.data())};
}

/// What the Authorization header says for the secret that --api-auth gives.
Result<std::string> authorization_of(const std::string& secret) {
  if (secret.empty()) return secret;
  if (auto header = authorization_header(secret)) return *std::move(header);
  return std::unexpected(Error(Errc::invalid_argument,
                               "option --api-auth: use bearer:<token> or basic:<user>:<password>"));
}

/// Names one of the daemon's transfers, so that it can be asked for.
std::string make_transfer_id(port::Env& env) {
  std::array<std::uint8_t, 8> id;
  env.random.fill(id);
  std::string text;
  for (std::uint8_t byte : id)
    text += fmt::format("{:02x}", byte);
  return text;
}

/// How many arguments fit the query.
std::size_t query_arguments(const Command& command, const Request& request) {
  const std::vector<std::string>& all = request.arguments();
  if (command.arguments.empty()) return all.size();
  const ArgumentSpec& last = command.arguments.back();
  if (last.kind != ArgumentKind::text || !last.from_stdin || !last.variadic) return all.size();
  std::size_t bytes = 0;
  for (const std::string& argument : all) {
    bytes += argument.size();
    // A line is an argument there.
    if (argument.empty() || argument.find_first_of("\r\n") != std::string::npos) return all.size();
  }
  const bool fit = all.size() <= query_arguments_max && bytes <= query_arguments_bytes_max;
  return fit ? all.size() : std::min(all.size(), command.arguments.size() - 1);
}

/// Arguments as Kubo has them in a body: the lines of a file named "stdin".
class ArgumentLines final : public InputTree {
 public:
  explicit ArgumentLines(std::string lines) : lines_(std::move(lines)) {}
  Task<std::optional<InputEntry>> next() override {
    if (std::exchange(given_, true)) co_return std::optional<InputEntry>();
    InputEntry entry;
    entry.path = "stdin";
    co_return std::optional(std::move(entry));
  }
  Task<Buffer> read(std::size_t size_max) override {
    const std::string_view part = std::string_view(lines_).substr(at_, size_max);
    at_ += part.size();
    co_return Buffer::copy_of(as_bytes(part));
  }

 private:
  std::string lines_;
  std::size_t at_ = 0;
  bool given_ = false;
};

std::shared_ptr<InputTree> body_arguments(const Request& request, std::size_t from) {
  if (from == request.arguments().size()) return nullptr;
  std::string lines;
  for (const std::string& argument : std::span(request.arguments()).subspan(from))
    lines += argument + '\n';
  return std::make_shared<ArgumentLines>(std::move(lines));
}

std::string target_path(const Command& command, const Request& request,
                        const std::string& transfer_id) {
  std::string path(rpc_prefix);
  for (char c : command.path)
    path += c == ' ' ? '/' : c;
  http::Query query;
  const std::size_t count = query_arguments(command, request);
  for (const std::string& argument : std::span(request.arguments()).first(count))
    query.add("arg", argument);
  for (const auto& [name, value] : request.raw_options()) {
    static constexpr std::string_view ours[] = {
        "home", "repo-dir", "api",  "api-auth", "passphrase-file", "config", "config-file", "debug",
        "enc",  "encoding", "json", "help"};
    bool own = std::ranges::find(command.options, name, &OptionSpec::name) != command.options.end();
    if (own || std::ranges::find(ours, name) == std::end(ours)) query.add(name, value);
  }
  if (!transfer_id.empty()) query.add("transfer-id", transfer_id);
  query.add("encoding", "json");
  query.add("stream-channels", "true");
  return path + "?" + query.to_string();
}

Error daemon_error(std::string_view body, int status, const Target& target) {
  boost::system::error_code failure;
  json::value value = json::parse(json::string_view(body.data(), body.size()), failure);
  if (!failure && value.is_object()) {
    if (const json::value* message = value.as_object().if_contains("Message");
        message != nullptr && message->is_string()) {
      return say(std::string(message->as_string()));
    }
  }
  std::string text(body.substr(0, 200));
  while (!text.empty() && text.back() == '\n')
    text.pop_back();
  // Wrong arguments are told in plain text.
  if (status == 400 && !text.empty()) return say(std::move(text));
  if (status == 503) {
    return say(
        fmt::format("the daemon at {} is busy and serves no more requests now ({}): wait "
                    "until some have ended, and try again",
                    http::authority_of(target.host, target.port), text));
  }
  if (status == 403 && text.find("API.Authorizations") != std::string::npos)
    return say(text + " (--api-auth gives it)");
  return say(fmt::format("the daemon answered {}: {}", status, text));
}

/// A command's talk with the daemon.
struct Exchange {
  const RenderContext& context;
  http::Client& client;
  const Target& target;
};

/// Whether a daemon runs there. One that is full may let whoever asks wait or drop it without a
/// word, and so may one that is about to end; but that one refuses the next.
Task<bool> still_runs(Exchange& exchange) {
  for (int i = 0; i < questions_max; ++i) {
    http::ClientRequest call = call_to(exchange.target, std::string(rpc_prefix) + "version");
    const Instant deadline = exchange.context.env.clock.now() + question_timeout;
    auto response = co_await exchange.client.send(std::move(call), deadline);
    if (response) co_return true;
    if (response.error().is(Errc::cancelled)) co_return std::unexpected(response.error());
    if (response.error().is_errno(ECONNREFUSED)) co_return false;
    if (!port::ended_by_peer(response.error())) break;
  }
  co_return true;
}

/// Fails with why an exchange with the daemon failed; if it's the daemon that ended it, with what
/// to do about that. The command is repeated as a whole: blocks that came through are kept, but
/// `add` sends all again.
Task<void> fail_by(Error why, Exchange& exchange, bool answered) {
  if (!port::ended_by_peer(why)) co_return std::unexpected(std::move(why));
  KITH_CO_TRY(bool runs, co_await still_runs(exchange));
  const std::string at = http::authority_of(exchange.target.host, exchange.target.port);
  const std::string how = why.domain().message(why.code());
  if (!runs) {
    co_return std::unexpected(
        say(fmt::format("the daemon at {} ended before the command did ({}): start it again with "
                        "`{} daemon`, and repeat the command",
                        at, how, exchange.context.program)));
  }
  if (answered) {
    co_return std::unexpected(say(fmt::format(
        "the daemon at {} closed the connection in the middle of its answer ({}), but still runs: "
        "repeat the command",
        at, how)));
  }
  co_return std::unexpected(say(fmt::format(
      "the daemon at {} closed the connection without an answer ({}), but still runs: perhaps it "
      "serves as many requests as it may; wait until some have ended, and try again",
      at, how)));
}

/// Cuts a flow of bytes into JSON values.
class ValueReader {
 public:
  explicit ValueReader(Renderer& renderer)
      : renderer_(renderer), parser_(json::storage_ptr(), lenient()) {}

  Result<void> feed(ByteView bytes) {
    std::string_view rest = as_text(bytes);
    while (!rest.empty()) {
      if (!inside_) {
        std::size_t begin = rest.find_first_not_of(" \r\n\t");
        if (begin == std::string_view::npos) return {};
        rest.remove_prefix(begin);
        inside_ = true;
      }
      boost::system::error_code failure;
      std::size_t used = parser_.write_some(rest.data(), rest.size(), failure);
      if (failure) {
        return std::unexpected(
            Error(Errc::corrupt, "the daemon's answer is no JSON: " + failure.message()));
      }
      rest.remove_prefix(used);
      if (parser_.done()) {
        KITH_CHECK(renderer_.value(parser_.release()));
        parser_.reset();
        inside_ = false;
      }
    }
    return {};
  }

 private:
  /// Names of files are any bytes, and not every daemon makes them UTF-8.
  static json::parse_options lenient() {
    json::parse_options options;
    options.allow_invalid_utf8 = true;
    return options;
  }

  Renderer& renderer_;
  json::stream_parser parser_;
  bool inside_ = false;
};

Task<void> read_answer(http::Response& response, const Command& command, Exchange& exchange,
                       Renderer& renderer) {
  if (response.status != 200) {
    auto body = co_await http::read_all(response, error_body_bytes_max);
    if (!body) co_return co_await fail_by(body.error(), exchange, true);
    co_return std::unexpected(daemon_error(as_text(*body), response.status, exchange.target));
  }
  if (auto length = response.headers.get("X-Content-Length")) {
    renderer.announce_length(std::strtoull(std::string(*length).c_str(), nullptr, 10));
  }
  ValueReader values(renderer);
  for (;;) {
    auto part = co_await response.read_buffer();
    if (!part) co_return co_await fail_by(part.error(), exchange, true);
    if (part->empty()) break;
    if (command.output == OutputKind::values) {
      KITH_CO_CHECK(values.feed(*part));
    } else {
      KITH_CO_CHECK(renderer.bytes(*part));
    }
  }
  if (auto failure = response.trailers().get("X-Stream-Error")) {
    co_return std::unexpected(say(std::string(*failure)));
  }
  co_return Result<void>{};
}

/// The state of one of the daemon's transfers, if it is under way.
Task<std::optional<json::value>> read_transfer(http::Client& client, const Target& target,
                                               const std::string& id) {
  http::ClientRequest call = call_to(target, std::string(rpc_prefix) + "stats/transfers?arg=" + id);
  KITH_CO_TRY(http::ResponsePtr response, co_await client.send(std::move(call)));
  KITH_CO_TRY(Bytes body, co_await http::read_all(*response, transfer_bytes_max));
  boost::system::error_code failure;
  std::string_view text = as_text(body);
  json::value value = json::parse(json::string_view(text.data(), text.size()), failure);
  const json::value* list = nullptr;
  if (!failure && value.is_object()) list = value.as_object().if_contains("Transfers");
  if (list == nullptr || !list->is_array() || list->as_array().empty()) {
    co_return std::optional<json::value>();
  }
  const json::value& first = list->as_array().front();
  if (!first.is_object()) co_return std::optional<json::value>();
  co_return std::optional(first);
}

/// Until it is cancelled; a daemon that is too busy to answer is asked again. Of another than ours,
/// which knows no transfers, it learns nothing.
Task<void> watch_transfer(const RenderContext& context, http::Client& client, Target target,
                          std::string id, Renderer& renderer) {
  port::Clock& clock = context.env.clock;
  WaitingNotes notes(clock.now());
  for (;;) {
    KITH_CO_CHECK(co_await port::sleep_for(clock, waiting_poll_interval));
    auto transfer = co_await read_transfer(client, target, id);
    if (!transfer && transfer.error().is(Errc::cancelled))
      co_return std::unexpected(transfer.error());
    if (!transfer || !*transfer) continue;
    std::optional<std::string> note = notes.update(**transfer, clock.now());
    renderer.announce_peers(notes.peers());
    if (!note) continue;
    renderer.interrupt();
    KITH_CO_CHECK(context.terminal.err(*note + "\n"));
  }
}

}  // namespace

Task<void> run_remote(const RenderContext& context, const Command& command, std::string api,
                      Renderer& renderer) {
  port::Env& env = context.env;
  const Request& request = context.request;
  KITH_CO_TRY(Target target, target_of(api));
  KITH_CO_TRY(target.authorization, authorization_of(request.text("api-auth")));
  bool watched = command.transfers && !request.given("transfer-id") && !request.flag("quiet");
  std::string transfer_id = watched ? make_transfer_id(env) : "";
  http::ClientRequest call = call_to(target, target_path(command, request, transfer_id));
  if (request.files) upload(env, request.files, call);
  http::ClientOptions options;
  options.unreachable_hint = "is the daemon running?";
  http::Client client(env, options);
  std::shared_ptr<InputTree> lines = body_arguments(request, query_arguments(command, request));
  if (lines && !request.files) upload(env, std::move(lines), call);
  port::TaskGroup watch(env.executor, env.clock, 1);
  if (watched) watch.spawn(watch_transfer(context, client, target, transfer_id, renderer));
  Exchange exchange{context, client, target};
  auto response = co_await client.send(std::move(call));
  Result<void> outcome;
  if (!response) {
    outcome = co_await fail_by(response.error(), exchange, false);
  } else {
    outcome = co_await read_answer(**response, command, exchange, renderer);
    response->reset();
  }
  watch.cancel();
  co_await watch.join_shielded();
  co_await client.close();
  co_return outcome;
}

}  // namespace kith::api
