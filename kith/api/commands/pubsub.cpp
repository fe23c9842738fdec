// pubsub pub, sub, ls, peers, reset. Topics are any bytes: over the RPC they are multibase, in
// base64url, as Kubo has them.
#include <algorithm>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/detail/sentence.hpp>
#include <kith/api/detail/text.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/multiformats/multibase.hpp>
#include <kith/node/node.hpp>

namespace kith::api {
namespace {

using multiformats::Base;
using multiformats::PeerId;

/// So often somebody who listens to a silent topic is sent a blank, which no reader of JSON minds:
/// one that has gone is noticed by it.
constexpr Duration sign_of_life_interval = 15s;
constexpr std::size_t sub_queue_messages = 1024;

Result<pubsub::PubSub*> service_of(Context& context) {
  if (pubsub::PubSub* service = context.node->pubsub()) return service;
  return std::unexpected(
      say("experimental pubsub feature not enabled, run daemon with --enable-pubsub-experiment to "
          "use"));
}

std::string encoded(ByteView bytes) {
  return multiformats::multibase_encode(Base::base64url, bytes).value_or("");
}

Result<std::string> topic_of(const Request& request) {
  auto decoded = multiformats::multibase_decode(request.argument(0));
  if (!decoded) {
    return std::unexpected(
        say("URL arg must be multibase encoded: " + std::string(Error(decoded.error()).message())));
  }
  // In other bases a URL may change what was meant.
  if (decoded->base != Base::base64url)
    return std::unexpected(say("URL arg must be base64url encoded"));
  return std::string(as_text(decoded->bytes));
}

Task<Bytes> read_data(const Request& request) {
  if (request.files == nullptr) co_return std::unexpected(say("file argument 'data' is required"));
  KITH_CO_TRY(std::optional<InputEntry> entry, co_await request.files->next());
  if (!entry) co_return std::unexpected(say("file argument 'data' is required"));
  Bytes data;
  for (;;) {
    KITH_CO_TRY(Buffer part, co_await request.files->read(pubsub::message_bytes_max));
    if (part.empty()) co_return data;
    append(data, part);
    if (data.size() > pubsub::message_bytes_max)
      co_return std::unexpected(say("a message has at most 1 MiB, with all that goes with it"));
  }
}

Task<void> run_pub(Context& context, const Request& request, Output&) {
  KITH_CO_TRY(pubsub::PubSub* const service, service_of(context));
  KITH_CO_TRY(std::string topic, topic_of(request));
  KITH_CO_TRY(Bytes data, co_await read_data(request));
  KITH_CO_CHECK(co_await service->publish(std::move(topic), std::move(data)));
  co_return Result<void>{};
}

json::object message_value(const pubsub::Message& message) {
  json::object value;
  const std::optional<PeerId> author = message.author();
  if (author) value["from"] = author->to_string();
  value["data"] = encoded(message.data());
  if (message.sequence()) value["seqno"] = encoded(*message.sequence());
  value["topicIDs"] = json::array{json::string(encoded(as_bytes(message.topic())))};
  return value;
}

Task<void> run_sub(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(pubsub::PubSub* const service, service_of(context));
  KITH_CO_TRY(std::string topic, topic_of(request));
  KITH_CO_TRY(std::unique_ptr<pubsub::Subscription> subscription,
              service->subscribe(std::move(topic), sub_queue_messages));
  // Who subscribes may wait for the answer's head before it has somebody publish.
  KITH_CO_CHECK(co_await output.flush());
  for (;;) {
    const Instant deadline = context.env.clock.now() + sign_of_life_interval;
    auto got = co_await subscription->next(deadline);
    if (got) {
      KITH_CO_CHECK(co_await output.value(message_value(*got->message)));
    } else if (got.error().is(Errc::timed_out)) {
      KITH_CO_CHECK(co_await output.bytes(as_bytes("\n")));
    } else {
      co_return std::unexpected(got.error());
    }
  }
}

/// The payload as it is, with nothing between two of them.
Result<void> show_message(const json::value& value, const RenderContext& context) {
  auto data = multiformats::multibase_decode(text_of(value, "data"));
  if (!data) return std::unexpected(data.error());
  return context.terminal.out(as_text(data->bytes));
}

Task<void> run_ls(Context& context, const Request&, Output& output) {
  KITH_CO_TRY(pubsub::PubSub* const service, service_of(context));
  std::vector<std::string> topics;
  for (const std::string& topic : service->topics())
    topics.push_back(encoded(as_bytes(topic)));
  co_return co_await output.value(strings_value(topics));
}

Result<void> show_topics(const json::value& value, const RenderContext& context) {
  std::string out;
  for (const json::value& item : list_of(value, "Strings")) {
    auto topic = multiformats::multibase_decode(text_of(item));
    if (topic) out += printable(as_text(topic->bytes)) + "\n";
  }
  return context.terminal.out(out);
}

Task<void> run_peers(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(pubsub::PubSub* const service, service_of(context));
  std::vector<PeerId> peers = service->peers();
  if (!request.arguments().empty()) {
    KITH_CO_TRY(std::string topic, topic_of(request));
    if (!topic.empty()) peers = service->peers(topic);
  }
  std::vector<std::string> texts;
  for (const PeerId& peer : peers)
    texts.push_back(peer.to_string());
  std::ranges::sort(texts);
  co_return co_await output.value(strings_value(texts));
}

Task<void> run_reset(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(pubsub::PubSub* const service, service_of(context));
  std::optional<PeerId> peer;
  if (request.given("peer")) {
    auto parsed = parse_peer(request.text("peer"));
    if (!parsed) co_return std::unexpected(parsed.error().with_context("invalid peer ID"));
    peer = *parsed;
  }
  json::object value;
  value["deleted"] = service->authors().forget(peer);
  co_return co_await output.value(std::move(value));
}

Result<void> show_reset(const json::value& value, const RenderContext& context) {
  const std::int64_t deleted = number_of(value, "deleted");
  const std::string peer = context.request.text("peer");
  if (peer.empty()) {
    return context.terminal.out(fmt::format("Reset validator state for {} peer(s)\n", deleted));
  }
  return context.terminal.out(
      fmt::format("{} for peer {}\n",
                  deleted == 0 ? "No validator state found" : "Reset validator state", peer));
}

ArgumentSpec topic_argument(std::string help, bool required = true) {
  return {.name = "topic", .required = required, .help = std::move(help), .binary = true};
}

}  // namespace

void add_pubsub_commands(CommandTable& table) {
  using enum OptionKind;
  table.describe_group("pubsub", "Publish messages, and subscribe to topics.");
  table.add({.path = "pubsub pub",
             .tagline = "Publish a message to a topic.",
             .arguments = {topic_argument("Name of the topic."),
                           {.name = "data",
                            .help = "A file with the message, or - for standard input.",
                            .kind = ArgumentKind::file}},
             .examples = {{"pubsub pub news hello.txt", "What the file holds, as one message."}},
             .where = Where::network,
             .run = run_pub});
  table.add({.path = "pubsub sub",
             .tagline = "Subscribe to a topic and write its messages as they come.",
             .description = "On the RPC, and with --enc=json, each message is {from, data, seqno, "
                            "topicIDs}, all but the first in multibase.",
             .arguments = {topic_argument("Name of the topic.")},
             .where = Where::network,
             .streams = true,
             .run = run_sub,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_message);
             }});
  table.add({.path = "pubsub ls",
             .tagline = "List the topics that this node is subscribed to.",
             .where = Where::network,
             .run = run_ls,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_topics);
             }});
  table.add({.path = "pubsub peers",
             .tagline = "List the peers that speak pubsub, or those subscribed to a topic.",
             .arguments = {topic_argument("Only those subscribed to it.", false)},
             .where = Where::network,
             .run = run_peers,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_strings);
             }});
  table.add({.path = "pubsub reset",
             .tagline = "Forget the sequence numbers of messages that have come.",
             .description = "What was seen before may then be taken for new: for tests, and for a "
                            "peer that sent a number that was much too high.",
             .options = {{"peer", 'p', text, "Only of this peer.", ""}},
             .where = Where::network,
             .run = run_reset,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_reset);
             }});
}

}  // namespace kith::api
