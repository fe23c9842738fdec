#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <kith/io/detail/fixture.hpp>
#include <kith/io/limits.hpp>

namespace kith::io::detail {
namespace {

using port::Env;
using port::IpAddress;
using port::IpFamily;
using port::TaskGroup;

constexpr std::uint16_t type_a = 1;
constexpr std::uint16_t type_txt = 16;
constexpr std::uint16_t type_aaaa = 28;

struct Question {
  std::string name;
  std::uint16_t type = 0;
  bool over_tcp = false;
};

/// What the server says: records, each the bytes of one RDATA.
struct Answer {
  std::vector<Bytes> records;
  std::uint8_t code = 0;
  bool truncated = false;
  bool silent = false;
};

using Answering = std::function<Answer(const Question&)>;

/// A name server of our own on a loopback port, for UDP and TCP, on a thread.
class NameServer {
 public:
  explicit NameServer(Answering answering) : answering_(std::move(answering)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    // The port must be free for both.
    for (int attempt = 0; attempt < 100; ++attempt) {
      tcp_ = ::socket(AF_INET, SOCK_STREAM, 0);
      udp_ = ::socket(AF_INET, SOCK_DGRAM, 0);
      address.sin_port = 0;
      ::bind(tcp_, generic, sizeof address);
      socklen_t size = sizeof address;
      ::getsockname(tcp_, generic, &size);
      if (::bind(udp_, generic, sizeof address) == 0) break;
      ::close(tcp_);
      ::close(udp_);
    }
    ::listen(tcp_, 10);
    port_ = ntohs(address.sin_port);
    if (::pipe(stop_) != 0) std::abort();
    thread_ = std::thread([this] { serve(); });
  }
  NameServer(const NameServer&) = delete;
  NameServer& operator=(const NameServer&) = delete;
  ~NameServer() {
    ::close(stop_[1]);
    thread_.join();
    ::close(stop_[0]);
    ::close(tcp_);
    ::close(udp_);
  }

  RuntimeOptions options() const {
    RuntimeOptions options;
    options.name_servers = "127.0.0.1:" + std::to_string(port_);
    return options;
  }
  int questions() const { return questions_; }

 private:
  void serve() {
    for (;;) {
      pollfd ready[3] = {{stop_[0], POLLIN, 0}, {udp_, POLLIN, 0}, {tcp_, POLLIN, 0}};
      ::poll(ready, 3, -1);
      if (ready[0].revents != 0) return;
      if (ready[1].revents != 0) serve_datagram();
      if (ready[2].revents != 0) serve_connection();
    }
  }

  void serve_datagram() {
    Bytes query(2000);
    sockaddr_in from = {};
    socklen_t size = sizeof from;
    ssize_t got =
        ::recvfrom(udp_, query.data(), query.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (got < 12) return;
    query.resize(static_cast<std::size_t>(got));
    Bytes reply = reply_to(query, false);
    if (!reply.empty())
      ::sendto(udp_, reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
  }

  void serve_connection() {
    int connection = ::accept(tcp_, nullptr, nullptr);
    std::uint8_t prefix[2];
    if (::recv(connection, prefix, 2, MSG_WAITALL) == 2) {
      Bytes query(load_be<std::uint16_t>(prefix));
      if (::recv(connection, query.data(), query.size(), MSG_WAITALL) ==
          static_cast<ssize_t>(query.size())) {
        Bytes reply = reply_to(query, true);
        store_be(prefix, static_cast<std::uint16_t>(reply.size()));
        ::send(connection, prefix, 2, MSG_NOSIGNAL);
        ::send(connection, reply.data(), reply.size(), MSG_NOSIGNAL);
      }
    }
    ::close(connection);
  }

  Bytes reply_to(const Bytes& query, bool over_tcp) {
    ++questions_;
    Question question;
    question.over_tcp = over_tcp;
    std::size_t at = 12;
    while (query[at] != 0) {
      if (!question.name.empty()) question.name += '.';
      question.name.append(reinterpret_cast<const char*>(&query[at + 1]), query[at]);
      at += 1 + query[at];
    }
    question.type = load_be<std::uint16_t>(&query[at + 1]);
    Answer answer = answering_(question);
    if (answer.silent) return {};
    std::size_t end = at + 5;
    Bytes reply(query.begin(), query.begin() + static_cast<std::ptrdiff_t>(end));
    reply[2] = static_cast<std::uint8_t>(0x84 | (answer.truncated ? 0x02 : 0));
    reply[3] = static_cast<std::uint8_t>(0x80 | answer.code);
    store_be(&reply[6], static_cast<std::uint16_t>(answer.records.size()));
    store_be(&reply[8], std::uint32_t{0});
    for (const Bytes& record : answer.records) {
      std::uint8_t head[12] = {0xc0, 0x0c};
      store_be(head + 2, question.type);
      store_be(head + 4, std::uint16_t{1});
      store_be(head + 6, std::uint32_t{60});
      store_be(head + 10, static_cast<std::uint16_t>(record.size()));
      append(reply, head);
      append(reply, record);
    }
    return reply;
  }

  Answering answering_;
  int tcp_ = -1;
  int udp_ = -1;
  int stop_[2];
  std::uint16_t port_ = 0;
  std::atomic<int> questions_ = 0;
  std::thread thread_;
};

/// RDATA of a TXT record with these character-strings.
Bytes text_record(std::initializer_list<std::string> strings) {
  Bytes record;
  for (const std::string& text : strings) {
    record.push_back(static_cast<std::uint8_t>(text.size()));
    append(record, as_bytes(text));
  }
  return record;
}

Answer known_names(const Question& question) {
  Answer answer;
  IpAddress v4 = *IpAddress::parse("192.0.2.7");
  IpAddress v6 = *IpAddress::parse("2001:db8::7");
  if (question.name == "both.example") {
    if (question.type == type_a) answer.records = {to_bytes(v4.bytes())};
    if (question.type == type_aaaa) answer.records = {to_bytes(v6.bytes())};
  } else if (question.name == "texts.example" && question.type == type_txt) {
    answer.records = {text_record({"dnsaddr=", "/ip4/1.2.3.4"}), text_record({"second"}),
                      text_record({""})};
  } else if (question.name == "long.example" && question.type == type_txt) {
    std::string full(255, 'x');
    answer.truncated = !question.over_tcp;
    if (question.over_tcp) {
      answer.records = {text_record({full, full, full, full, "tail."}),
                        text_record({full, full, full, full, "tail"})};
      for (int i = 0; i < 80; ++i)
        answer.records.push_back(text_record({"record " + std::to_string(i)}));
    }
  } else if (question.name == "broken.example") {
    answer.code = 2;
  } else if (question.name == "silent.example") {
    answer.silent = true;
  } else if (question.name != "empty.example") {
    answer.code = 3;
  }
  return answer;
}

TEST(Dns, ResolvesBothFamiliesOrOne) {
  NameServer server(known_names);
  run_on_loop(
      [](Env& env) -> Task<void> {
        std::string name = "both.example";
        KITH_CO_TRY(auto both, co_await env.net.resolve(name, std::nullopt, never));
        EXPECT_EQ(both.size(), 2u);
        KITH_CO_TRY(auto v4, co_await env.net.resolve(name, IpFamily::v4, never));
        EXPECT_TRUE(v4.size() == 1 && v4[0].to_string() == "192.0.2.7");
        KITH_CO_TRY(auto v6, co_await env.net.resolve(name, IpFamily::v6, never));
        EXPECT_TRUE(v6.size() == 1 && v6[0].to_string() == "2001:db8::7");
        EXPECT_EQ(env.clock.armed_timers(), 0u);
        co_return Result<void>{};
      },
      server.options());
}

TEST(Dns, ANumberNeedsNoServer) {
  NameServer server(known_names);
  run_on_loop(
      [](Env& env) -> Task<void> {
        std::string v4 = "192.0.2.1";
        KITH_CO_TRY(auto found, co_await env.net.resolve(v4, std::nullopt, never));
        EXPECT_TRUE(found.size() == 1 && found[0].to_string() == v4);
        std::string v6 = "2001:db8::1";
        KITH_CO_TRY(auto found6, co_await env.net.resolve(v6, std::nullopt, never));
        EXPECT_TRUE(found6.size() == 1 && found6[0].to_string() == v6);
        auto other_family = co_await env.net.resolve(v4, IpFamily::v6, never);
        EXPECT_TRUE(!other_family && other_family.error().is(Errc::not_found));
        std::string local = "localhost";
        KITH_CO_TRY(auto loopback, co_await env.net.resolve(local, IpFamily::v4, never));
        EXPECT_TRUE(!loopback.empty() && loopback[0].is_loopback());
        co_return Result<void>{};
      },
      server.options());
  EXPECT_EQ(server.questions(), 0);
}

TEST(Dns, JoinsTheStringsOfATextRecord) {
  NameServer server(known_names);
  run_on_loop(
      [](Env& env) -> Task<void> {
        std::string name = "texts.example";
        KITH_CO_TRY(auto texts, co_await env.net.resolve_txt(name, never));
        EXPECT_EQ(texts, (std::vector<std::string>{"dnsaddr=/ip4/1.2.3.4", "second", ""}));
        co_return Result<void>{};
      },
      server.options());
}

TEST(Dns, TakesALongAnswerByTcpAndBoundsIt) {
  NameServer server(known_names);
  run_on_loop(
      [](Env& env) -> Task<void> {
        std::string name = "long.example";
        KITH_CO_TRY(auto texts, co_await env.net.resolve_txt(name, never));
        EXPECT_EQ(texts.size(), dns_texts_max);
        // The first is a byte too long; the next has the most that is allowed.
        EXPECT_EQ(texts[0].size(), dns_text_bytes_max);
        EXPECT_EQ(texts[1], "record 0");
        co_return Result<void>{};
      },
      server.options());
}

TEST(Dns, TellsWhatIsWrongWithAName) {
  NameServer server(known_names);
  run_on_loop(
      [](Env& env) -> Task<void> {
        for (std::string name : {"missing.example", "empty.example"}) {
          auto found = co_await env.net.resolve(name, std::nullopt, never);
          EXPECT_TRUE(!found && found.error().is(Errc::not_found)) << name;
          auto texts = co_await env.net.resolve_txt(name, never);
          EXPECT_TRUE(!texts && texts.error().is(Errc::not_found)) << name;
        }
        std::string broken = "broken.example";
        auto failed = co_await env.net.resolve_txt(broken, never);
        EXPECT_TRUE(!failed && !failed.error().is(Errc::not_found));
        std::vector<std::string> impossible = {"", "a\0b", std::string(300, 'a')};
        impossible[1] = std::string("a\0b", 3);
        for (const std::string& name : impossible) {
          auto found = co_await env.net.resolve(name, std::nullopt, never);
          EXPECT_TRUE(!found && found.error().is(Errc::invalid_argument));
        }
        co_return Result<void>{};
      },
      server.options());
}

Task<void> resolve_and_tell(Env& env, std::optional<Error>& failure) {
  std::string name = "silent.example";
  auto found = co_await env.net.resolve(name, std::nullopt, never);
  if (!found) failure = found.error();
  co_return Result<void>{};
}

TEST(Dns, ASilentServerIsLeftAtTheDeadlineAndByCancelling) {
  NameServer server(known_names);
  run_on_loop(
      [](Env& env) -> Task<void> {
        std::string name = "silent.example";
        auto late = co_await env.net.resolve_txt(name, env.clock.now() + 20ms);
        EXPECT_TRUE(!late && late.error().is(Errc::timed_out));
        EXPECT_EQ(env.clock.armed_timers(), 0u);
        // More than may run at a time, so that some wait for a place.
        constexpr std::size_t asked = dns_queries_max + 8;
        std::vector<std::optional<Error>> failures(asked);
        TaskGroup group(env.executor, env.clock);
        for (std::optional<Error>& failure : failures)
          group.spawn(resolve_and_tell(env, failure));
        KITH_CO_CHECK(co_await settle());
        group.cancel();
        KITH_CO_CHECK(co_await group.join());
        for (const std::optional<Error>& failure : failures)
          EXPECT_TRUE(failure && failure->is(Errc::cancelled));
        EXPECT_EQ(env.clock.armed_timers(), 0u);
        std::string good = "texts.example";
        KITH_CO_CHECK(co_await env.net.resolve_txt(good, never));
        co_return Result<void>{};
      },
      server.options());
}

}  // namespace
}  // namespace kith::io::detail
