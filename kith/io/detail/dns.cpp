#include <ares.h>
#include <cerrno>
#include <map>
#include <memory>

#include <arpa/nameser.h>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <sys/time.h>

#include <kith/base/assert.hpp>
#include <kith/io/detail/dns.hpp>
#include <kith/io/detail/socket_address.hpp>
#include <kith/io/limits.hpp>

namespace kith::io::detail {
namespace asio = boost::asio;

using port::Clock;
using port::IpAddress;
using port::IpFamily;

/// c-ares' own status codes.
enum class DnsStatus {};

namespace {

class DnsDomain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "dns"; }
  std::string message(int code) const override { return ares_strerror(code); }
};
constinit const DnsDomain dns_domain;

}  // namespace

const ErrorDomain& error_domain(DnsStatus) noexcept {
  return dns_domain;
}

namespace {

Error error_of(int status, const std::string& name) {
  switch (status) {
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
      return Error(Errc::not_found, "resolve " + name);
    case ARES_EBADNAME:
      return Error(Errc::invalid_argument, "resolve " + name);
    case ARES_ETIMEOUT:
      return Error::from_errno(ETIMEDOUT, "resolve " + name);
    case ARES_ENOMEM:
      return Error::from_errno(ENOMEM, "resolve " + name);
    default:
      return Error(static_cast<DnsStatus>(status), "resolve " + name);
  }
}

/// c-ares' own calls would raise SIGPIPE if a server closed its TCP connection.
const ares_socket_functions socket_functions = {
    .asocket = [](int domain, int type, int protocol, void*) -> ares_socket_t {
      return ::socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    },
    .aclose = [](ares_socket_t socket, void*) { return ::close(socket); },
    .aconnect = [](ares_socket_t socket, const sockaddr* to, ares_socklen_t size,
                   void*) { return ::connect(socket, to, size); },
    .arecvfrom = [](ares_socket_t socket, void* into, size_t size, int flags, sockaddr* from,
                    ares_socklen_t* from_size,
                    void*) { return ::recvfrom(socket, into, size, flags, from, from_size); },
    .asendv = [](ares_socket_t socket, const iovec* pieces, int count, void*) -> ares_ssize_t {
      msghdr message = {};
      message.msg_iov = const_cast<iovec*>(pieces);
      message.msg_iovlen = static_cast<std::size_t>(count);
      return ::sendmsg(socket, &message, MSG_NOSIGNAL);
    },
};

}  // namespace

/// One question and all that serves it. c-ares says which sockets it wants watched; we tell it when
/// they are ready and when its time has come.
class Resolver::Query final : public port::Timer, public std::enable_shared_from_this<Query> {
 public:
  Query(asio::io_context::executor_type executor, Clock& clock)
      : executor_(executor), clock_(clock), answered_(clock) {}
  ~Query() override { ASSERT(channel_ == nullptr); }

  Result<void> open(const std::string& servers) {
    ares_options options = {};
    options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_EDNS;
    options.ednspsz = dns_udp_bytes_max;
    options.timeout = dns_try_milliseconds;
    options.tries = dns_tries;
    options.sock_state_cb = [](void* self, ares_socket_t socket, int read, int write) {
      static_cast<Query*>(self)->watch(socket, read != 0, write != 0);
    };
    options.sock_state_cb_data = this;
    int given = ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                ARES_OPT_SOCK_STATE_CB;
    int status = ares_init_options(&channel_, &options, given);
    if (status != ARES_SUCCESS) {
      channel_ = nullptr;
      return std::unexpected(Error(static_cast<DnsStatus>(status), "start the resolver"));
    }
    ares_set_socket_functions(channel_, &socket_functions, nullptr);
    if (servers.empty()) return {};
    status = ares_set_servers_ports_csv(channel_, servers.c_str());
    if (status != ARES_SUCCESS)
      return std::unexpected(Error(Errc::invalid_argument, "name servers " + servers));
    return {};
  }

  void close() noexcept {
    if (channel_ == nullptr) return;
    finished_ = true;
    ares_destroy(std::exchange(channel_, nullptr));
    clock_.disarm(*this);
  }

  void ask_addresses(const std::string& name, std::optional<IpFamily> family) {
    ares_addrinfo_hints hints = {};
    hints.ai_family = family ? domain_of(*family) : AF_UNSPEC;
    // Ranking addresses is the dialer's business.
    hints.ai_flags = ARES_AI_NOSORT;
    ares_getaddrinfo(
        channel_, name.c_str(), nullptr, &hints,
        [](void* self, int status, int, ares_addrinfo* found) {
          static_cast<Query*>(self)->take_addresses(status, found);
        },
        this);
    set_alarm();
  }

  void ask_texts(const std::string& name) {
    ares_query(
        channel_, name.c_str(), ns_c_in, ns_t_txt,
        [](void* self, int status, int, unsigned char* reply, int size) {
          static_cast<Query*>(self)->take_texts(status, reply, size);
        },
        this);
    set_alarm();
  }

  /// The status of the answer.
  Task<int> wait(Instant deadline) {
    while (!finished_)
      KITH_CO_CHECK(co_await answered_.wait(deadline));
    co_return status_;
  }

  std::vector<IpAddress> addresses;
  std::vector<std::string> texts;

 private:
  struct Watched {
    explicit Watched(asio::io_context::executor_type executor) : descriptor(executor) {}
    asio::posix::basic_stream_descriptor<asio::io_context::executor_type> descriptor;
    bool read = false;
    bool write = false;
    bool reading = false;
    bool writing = false;
  };

  void watch(ares_socket_t socket, bool read, bool write) {
    auto found = watched_.find(socket);
    if (!read && !write) {
      if (found == watched_.end()) return;
      // c-ares closes the descriptor itself.
      found->second->read = found->second->write = false;
      found->second->descriptor.release();
      watched_.erase(found);
      return;
    }
    if (found == watched_.end()) {
      auto watched = std::make_shared<Watched>(executor_);
      boost::system::error_code error;
      static_cast<void>(watched->descriptor.assign(socket, error));
      // Without a watch the query runs into its time-out, which is an answer as well.
      if (error) return;
      found = watched_.emplace(socket, std::move(watched)).first;
    }
    found->second->read = read;
    found->second->write = write;
    await_ready(socket, found->second);
  }

  void await_ready(ares_socket_t socket, const std::shared_ptr<Watched>& watched) {
    using asio::posix::descriptor_base;
    if (watched->read && !std::exchange(watched->reading, true)) {
      watched->descriptor.async_wait(
          descriptor_base::wait_read,
          [self = shared_from_this(), socket, watched](boost::system::error_code) {
            watched->reading = false;
            if (watched->read) self->process(socket, ARES_SOCKET_BAD, watched);
          });
    }
    if (watched->write && !std::exchange(watched->writing, true)) {
      watched->descriptor.async_wait(
          descriptor_base::wait_write,
          [self = shared_from_this(), socket, watched](boost::system::error_code) {
            watched->writing = false;
            if (watched->write) self->process(ARES_SOCKET_BAD, socket, watched);
          });
    }
  }

  void process(ares_socket_t readable, ares_socket_t writable,
               const std::shared_ptr<Watched>& watched) {
    ares_process_fd(channel_, readable, writable);
    set_alarm();
    await_ready(readable == ARES_SOCKET_BAD ? writable : readable, watched);
  }

  void set_alarm() {
    timeval left = {};
    if (ares_timeout(channel_, nullptr, &left) == nullptr) {
      clock_.disarm(*this);
      return;
    }
    Duration wait = std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec);
    // c-ares looks at its own clock, of microseconds: a moment later it is surely due.
    clock_.arm(*this, clock_.now() + wait + 1ms);
  }

  void on_fire() override {
    ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_alarm();
  }

  void finish(int status) {
    if (finished_) return;
    finished_ = true;
    status_ = status;
    answered_.notify_all();
  }

  void take_addresses(int status, ares_addrinfo* found) {
    std::unique_ptr<ares_addrinfo, void (*)(ares_addrinfo*)> owner(found, &ares_freeaddrinfo);
    if (status == ARES_SUCCESS) {
      for (const auto* node = found->nodes; node != nullptr; node = node->ai_next) {
        if (addresses.size() >= dns_addresses_max) break;
        bool known = node->ai_family == AF_INET || node->ai_family == AF_INET6;
        if (known) addresses.push_back(endpoint_of(node->ai_addr).address);
      }
      if (addresses.empty()) status = ARES_ENODATA;
    }
    finish(status);
  }

  void take_texts(int status, const unsigned char* reply, int size) {
    ares_txt_ext* list = nullptr;
    if (status == ARES_SUCCESS) status = ares_parse_txt_reply_ext(reply, size, &list);
    std::unique_ptr<void, void (*)(void*)> owner(list, &ares_free_data);
    // A reply has at most 64 KiB, so all of it may be gathered first.
    for (const ares_txt_ext* part = list; part != nullptr; part = part->next) {
      if (part->record_start != 0 || texts.empty()) texts.emplace_back();
      texts.back().append(reinterpret_cast<const char*>(part->txt), part->length);
    }
    std::erase_if(texts, [](const std::string& text) { return text.size() > dns_text_bytes_max; });
    if (texts.size() > dns_texts_max) texts.resize(dns_texts_max);
    if (status == ARES_SUCCESS && texts.empty()) status = ARES_ENODATA;
    finish(status);
  }

  asio::io_context::executor_type executor_;
  Clock& clock_;
  port::Event answered_;
  ares_channel channel_ = nullptr;
  bool finished_ = false;
  int status_ = ARES_SUCCESS;
  std::map<ares_socket_t, std::shared_ptr<Watched>> watched_;
};

/// One of the queries that may run at a time, given back when this dies.
class Resolver::Place {
 public:
  explicit Place(Resolver& resolver) noexcept : resolver_(resolver) { ++resolver_.running_; }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() {
    --resolver_.running_;
    resolver_.room_.notify_one();
  }

  static Task<void> wait_for(Resolver& resolver, Instant deadline) {
    bool cancelled = co_await port::is_cancelled();
    if (cancelled) co_return std::unexpected(Errc::cancelled);
    while (resolver.running_ >= dns_queries_max) {
      auto woken = co_await resolver.room_.wait(deadline);
      if (woken) continue;
      // A place that was offered to this task is for the next one.
      if (resolver.running_ < dns_queries_max) resolver.room_.notify_one();
      co_return std::unexpected(woken.error());
    }
    co_return Result<void>{};
  }

 private:
  Resolver& resolver_;
};

namespace {

/// c-ares reads names up to a zero byte, which would be another name.
bool is_name(const std::string& name) noexcept {
  return !name.empty() && name.size() <= dns_name_bytes_max && name.find('\0') == std::string::npos;
}

/// Closes a query when its asker leaves, whatever the reason.
template <class Query>
class Closing {
 public:
  explicit Closing(Query& query) noexcept : query_(query) {}
  Closing(const Closing&) = delete;
  Closing& operator=(const Closing&) = delete;
  ~Closing() { query_.close(); }

 private:
  Query& query_;
};

}  // namespace

Resolver::Resolver(asio::io_context& loop, Clock& clock, std::string servers)
    : executor_(loop.get_executor()), clock_(clock), servers_(std::move(servers)), room_(clock) {
  ares_library_init(ARES_LIB_INIT_ALL);
}

Resolver::~Resolver() {
  ASSERT(running_ == 0);
  ares_library_cleanup();
}

Task<std::vector<IpAddress>> Resolver::addresses(std::string name, std::optional<IpFamily> family,
                                                 Instant deadline) {
  if (!is_name(name)) co_return std::unexpected(Errc::invalid_argument);
  KITH_CO_CHECK(co_await Place::wait_for(*this, deadline));
  Place place(*this);
  // c-ares 1.18 asks the servers even for numbers if any family will do.
  if (auto number = IpAddress::parse(name)) {
    if (family && number->family() != *family) co_return std::unexpected(Errc::not_found);
    co_return std::vector<IpAddress>(1, *number);
  }
  auto query = std::make_shared<Query>(executor_, clock_);
  Closing closing(*query);
  KITH_CO_CHECK(query->open(servers_));
  query->ask_addresses(name, family);
  KITH_CO_TRY(int status, co_await query->wait(deadline));
  if (status != ARES_SUCCESS) co_return std::unexpected(error_of(status, name));
  co_return std::move(query->addresses);
}

Task<std::vector<std::string>> Resolver::texts(std::string name, Instant deadline) {
  if (!is_name(name)) co_return std::unexpected(Errc::invalid_argument);
  KITH_CO_CHECK(co_await Place::wait_for(*this, deadline));
  Place place(*this);
  auto query = std::make_shared<Query>(executor_, clock_);
  Closing closing(*query);
  KITH_CO_CHECK(query->open(servers_));
  query->ask_texts(name);
  KITH_CO_TRY(int status, co_await query->wait(deadline));
  if (status != ARES_SUCCESS) co_return std::unexpected(error_of(status, name));
  co_return std::move(query->texts);
}

}  // namespace kith::io::detail
