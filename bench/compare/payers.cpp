// Accounts that pay as fast as a chain takes it.
//
//   payers addresses ACCOUNTS
//   payers ACCOUNTS EACH WINDOW URL...
//
// The first prints the accounts' addresses, a line each: for a genesis that gives them coins. The
// second signs EACH transfers of each account, prints "ready TRANSFERS", waits for a line, and
// sends them by JSON-RPC to the nodes at the URLs (http://ADDRESS:PORT/PATH), each account's to one
// of them, as long as no more than WINDOW aren't in a block yet. Prints the seconds from the first
// sent to the last in a block of the first node, and the milliseconds from sending to that, half of
// them and 95 of a hundred being shorter.
#include <algorithm>
#include <cstdio>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/json.hpp>

#include <kith/crypto/hash.hpp>
#include <kith/http/client.hpp>
#include <kith/io/runtime.hpp>
#include <kith/io/standard_input.hpp>
#include <kith/ledger/chain/transaction.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>

#include "arguments.hpp"

namespace {

using namespace std::chrono_literals;
using namespace kith::ledger;
using kith::Bytes;
using kith::Errc;
using kith::Instant;
using kith::Result;
using kith::Task;
namespace json = boost::json;
namespace port = kith::port;

constexpr std::size_t sent_at_once = 100;
constexpr std::size_t answer_bytes_max = 64 << 20;
constexpr kith::Duration look_interval = 20ms;

struct Account {
  kith::crypto::SecretArray<32> secret;
  Address address;
};

Account account(std::size_t number) {
  Account made;
  const Hash seed = keccak256(kith::as_bytes("payer " + std::to_string(number)));
  std::ranges::copy(seed.bytes, made.secret.data());
  made.address = *address_of(made.secret);
  return made;
}

struct Url {
  std::string host;
  std::uint16_t port = 80;
  std::string path = "/";
};

Result<Url> url_of(std::string_view text) {
  if (!text.starts_with("http://")) return std::unexpected(Errc::invalid_argument);
  text.remove_prefix(7);
  const std::size_t slash = std::min(text.find('/'), text.size());
  const std::size_t colon = std::min(text.find(':'), slash);
  Url url;
  url.host = text.substr(0, colon);
  if (colon < slash)
    url.port = static_cast<std::uint16_t>(
        std::stoul(std::string(text.substr(colon + 1, slash - colon - 1))));
  if (slash < text.size()) url.path = text.substr(slash);
  return url;
}

struct Signed {
  Hash hash;
  std::string raw;  ///< hexadecimal, behind 0x
};

class Payers {
 public:
  Payers(port::Env& env, std::vector<Url> urls, std::size_t window)
      : env_(env), urls_(std::move(urls)), window_(window), included_more_(env.clock) {
    for (std::size_t i = 0; i < urls_.size() + 1; ++i)
      clients_.push_back(std::make_unique<kith::http::Client>(env, kith::http::ClientOptions()));
    waiting_.resize(urls_.size());
  }

  Task<void> sign(std::size_t accounts, std::size_t each) {
    KITH_CO_TRY(const json::value chain, co_await call(0, "eth_chainId", {}));
    const auto chain_id = U256::parse(std::string_view(chain.as_string()));
    if (!chain_id) co_return std::unexpected(Errc::corrupt);
    std::vector<Account> all;
    for (std::size_t i = 0; i < accounts; ++i)
      all.push_back(account(i));
    for (std::size_t nonce = 0; nonce < each; ++nonce) {
      for (std::size_t i = 0; i < accounts; ++i) {
        Transaction one;
        one.type = Transaction::Type::dynamic_fee;
        one.chain_id = chain_id->low();
        one.nonce = nonce;
        one.max_priority_fee = 1'000'000'000;
        one.max_fee = U256(1'000) * 1'000'000'000;
        one.gas_limit = 21'000;
        one.to = all[(i + 1) % accounts].address;
        one.value = 1;
        if (!one.sign(all[i].secret)) co_return std::unexpected(Errc::invalid_argument);
        waiting_[i % urls_.size()].push_back({one.hash(), "0x" + kith::to_hex(one.encode())});
        ++count_;
      }
    }
    co_return Result<void>{};
  }

  std::size_t count() const noexcept { return count_; }

  Task<void> run() {
    KITH_CO_TRY(next_block_, co_await head());
    ++next_block_;
    const Instant begun = env_.clock.now();
    port::TaskGroup sending(env_.executor, env_.clock);
    for (std::size_t i = 0; i < urls_.size(); ++i)
      sending.spawn(pay(i));
    auto watched = co_await watch();
    sending.cancel();
    co_await sending.join_shielded();
    KITH_CO_CHECK(std::move(watched));
    if (!failure_.empty()) co_return std::unexpected(kith::Error(Errc::refused, failure_));
    const std::chrono::duration<double> passed = env_.clock.now() - begun;
    std::ranges::sort(latencies_);
    const auto milliseconds = [this](std::size_t percent) {
      const std::chrono::duration<double, std::milli> time =
          latencies_[(latencies_.size() - 1) * percent / 100];
      return time.count();
    };
    std::printf("%.3f %.0f %.0f\n", passed.count(), milliseconds(50), milliseconds(95));
    co_return Result<void>{};
  }

  Task<void> close() {
    for (auto& client : clients_)
      co_await client->close();
    co_return Result<void>{};
  }

 private:
  Task<json::value> post(std::size_t client, const Url& url, std::string body) {
    kith::http::ClientRequest request{.host = url.host, .port = url.port, .target = url.path};
    request.headers.set("Content-Type", "application/json");
    request.body_bytes = body.size();
    request.body =
        std::make_unique<kith::http::MemoryBody>(kith::Buffer::copy_of(kith::as_bytes(body)));
    KITH_CO_TRY(kith::http::ResponsePtr response,
                co_await clients_[client]->send(std::move(request)));
    KITH_CO_TRY(const Bytes answer, co_await kith::http::read_all(*response, answer_bytes_max));
    boost::system::error_code failed;
    json::value value = json::parse(kith::as_text(answer), failed);
    if (failed) co_return std::unexpected(kith::Error(Errc::corrupt, failed.message()));
    co_return value;
  }

  /// Of the first node, on a connection of its own.
  Task<json::value> call(std::size_t url, std::string_view method, json::array parameters) {
    json::object request{{"jsonrpc", "2.0"}, {"id", 1}, {"method", method}};
    request["params"] = std::move(parameters);
    KITH_CO_TRY(json::value answer,
                co_await post(urls_.size(), urls_[url], json::serialize(request)));
    auto* object = answer.if_object();
    json::value* result = object != nullptr ? object->if_contains("result") : nullptr;
    if (result == nullptr)
      co_return std::unexpected(kith::Error(Errc::refused, json::serialize(answer)));
    co_return std::move(*result);
  }

  Task<std::uint64_t> head() {
    KITH_CO_TRY(const json::value number, co_await call(0, "eth_blockNumber", {}));
    co_return U256::parse(std::string_view(number.as_string())).value_or(0).low();
  }

  Task<void> pay(std::size_t number) {
    std::deque<Signed>& mine = waiting_[number];
    while (!mine.empty()) {
      while (sent_ - included_ >= window_)
        KITH_CO_CHECK(co_await included_more_.wait());
      std::string batch = "[";
      const std::size_t count = std::min(mine.size(), sent_at_once);
      const Instant now = env_.clock.now();
      for (std::size_t i = 0; i < count; ++i) {
        const Signed one = std::move(mine.front());
        mine.pop_front();
        batch += std::string(i == 0 ? "" : ",") + R"({"jsonrpc":"2.0","id":)" + std::to_string(i) +
                 R"(,"method":"eth_sendRawTransaction","params":[")" + one.raw + R"("]})";
        sent_at_[one.hash.to_hex()] = now;
      }
      batch += ']';
      sent_ += count;
      auto answer = co_await post(number, urls_[number], std::move(batch));
      if (!answer) {
        failure_ = answer.error().message();
        co_return std::unexpected(answer.error());
      }
      for (const json::value& one : answer->as_array()) {
        if (const json::value* error = one.as_object().if_contains("error"))
          failure_ = json::serialize(*error);
      }
    }
    co_return Result<void>{};
  }

  Task<void> watch() {
    while (included_ < count_ && failure_.empty()) {
      KITH_CO_TRY(const std::uint64_t newest, co_await head());
      for (; next_block_ <= newest; ++next_block_) {
        KITH_CO_TRY(const json::value block,
                    co_await call(0, "eth_getBlockByNumber",
                                  {json::value(U256(next_block_).to_hex()), json::value(false)}));
        const Instant now = env_.clock.now();
        for (const json::value& hash : block.at("transactions").as_array()) {
          const auto found = sent_at_.find(std::string(hash.as_string()));
          if (found == sent_at_.end()) continue;
          latencies_.push_back(now - found->second);
          ++included_;
        }
        included_more_.notify_all();
      }
      KITH_CO_CHECK(co_await port::sleep_for(env_.clock, look_interval));
    }
    co_return Result<void>{};
  }

  port::Env& env_;
  std::vector<Url> urls_;
  std::size_t window_;
  std::vector<std::unique_ptr<kith::http::Client>> clients_;
  std::vector<std::deque<Signed>> waiting_;
  std::unordered_map<std::string, Instant> sent_at_;
  std::vector<kith::Duration> latencies_;
  std::size_t count_ = 0;
  std::size_t sent_ = 0;
  std::size_t included_ = 0;
  std::uint64_t next_block_ = 0;
  std::string failure_;
  port::Event included_more_;
};

Task<void> wait_for_a_line(port::Env& env) {
  KITH_CO_TRY(kith::io::StandardInput input, kith::io::StandardInput::open(env));
  auto line = co_await input.read(1);
  static_cast<void>(line);
  co_return Result<void>{};
}

Task<void> pay(port::Env& env, std::vector<Url> urls, std::size_t accounts, std::size_t each,
               std::size_t window) {
  Payers payers(env, std::move(urls), window);
  auto outcome = co_await payers.sign(accounts, each);
  if (outcome) {
    std::printf("ready %zu\n", payers.count());
    std::fflush(stdout);
    outcome = co_await wait_for_a_line(env);
  }
  if (outcome) outcome = co_await payers.run();
  co_await payers.close();
  co_return outcome;
}

int fail(const std::string& why) {
  std::fprintf(stderr, "payers: %s\n", why.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 2 && words[0] == "addresses") {
    for (std::size_t i = 0; i < std::stoul(words[1]); ++i)
      std::printf("%s\n", account(i).address.to_hex().c_str());
    return 0;
  }
  if (words.size() < 4) return fail("ACCOUNTS EACH WINDOW URL..., or addresses ACCOUNTS");
  std::vector<Url> urls;
  for (std::size_t i = 3; i < words.size(); ++i) {
    auto url = url_of(words[i]);
    if (!url) return fail(words[i] + " isn't http://ADDRESS:PORT/PATH");
    urls.push_back(*url);
  }
  auto runtime = kith::io::Runtime::create();
  if (!runtime) return fail(runtime.error().message());
  const auto outcome = runtime->run(pay(runtime->env(), std::move(urls), std::stoul(words[0]),
                                        std::stoul(words[1]), std::stoul(words[2])));
  return outcome ? 0 : fail(outcome.error().message());
}
