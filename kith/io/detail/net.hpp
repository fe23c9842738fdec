// port::Net on Asio's sockets.
#pragma once

#include <boost/asio/io_context.hpp>

#include <kith/io/detail/dns.hpp>
#include <kith/port/clock.hpp>
#include <kith/port/net.hpp>

namespace kith::io::detail {

class LoopNet final : public port::Net {
 public:
  /// `name_servers` as Resolver has them.
  LoopNet(boost::asio::io_context& loop, port::Clock& clock, std::string name_servers)
      : executor_(loop.get_executor()),
        clock_(clock),
        resolver_(loop, clock, std::move(name_servers)) {}

  Task<std::unique_ptr<port::TcpStream>> dial_tcp(port::Endpoint remote,
                                                  port::TcpDialOptions options,
                                                  Instant deadline) override;
  Result<std::unique_ptr<port::TcpListener>> listen_tcp(port::Endpoint local,
                                                        port::TcpListenOptions options) override;
  Result<std::unique_ptr<port::UdpSocket>> bind_udp(port::Endpoint local,
                                                    port::UdpOptions options) override;
  Task<std::vector<port::IpAddress>> resolve(std::string name, std::optional<port::IpFamily> family,
                                             Instant deadline) override;
  Task<std::vector<std::string>> resolve_txt(std::string name, Instant deadline) override;
  Result<std::vector<port::InterfaceAddress>> interfaces() override;
  Result<std::unique_ptr<port::InterfaceWatch>> watch_interfaces() override;
  std::uint64_t descriptors_max() const noexcept override;

 private:
  boost::asio::io_context::executor_type executor_;
  port::Clock& clock_;
  Resolver resolver_;
};

}  // namespace kith::io::detail
