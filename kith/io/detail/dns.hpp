// Names: A, AAAA and TXT records by c-ares on the event loop; no thread, and a query that nobody
// waits for any more is gone at once. /etc/resolv.conf and /etc/hosts are honoured (and read anew
// for each query, so that a change of network is noticed; they are small local files). Names are
// taken as they are: no search domains.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include <kith/port/event.hpp>
#include <kith/port/ip.hpp>
#include <kith/port/task.hpp>

namespace kith::io::detail {

class Resolver {
 public:
  /// `servers` as "192.0.2.1:53,[2001:db8::1]:53"; empty: the system's.
  Resolver(boost::asio::io_context& loop, port::Clock& clock, std::string servers);
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  ~Resolver();

  Task<std::vector<port::IpAddress>> addresses(std::string name,
                                               std::optional<port::IpFamily> family,
                                               Instant deadline);
  Task<std::vector<std::string>> texts(std::string name, Instant deadline);

 private:
  class Query;
  class Place;

  boost::asio::io_context::executor_type executor_;
  port::Clock& clock_;
  std::string servers_;
  std::size_t running_ = 0;
  port::Event room_;
};

}  // namespace kith::io::detail
