// UDP on the event loop.
#pragma once

#include <memory>

#include <boost/asio/io_context.hpp>

#include <kith/port/net.hpp>

namespace kith::io::detail {

Result<std::unique_ptr<port::UdpSocket>> bind_udp(boost::asio::io_context::executor_type executor,
                                                  port::Clock& clock, const port::Endpoint& local,
                                                  const port::UdpOptions& options);

}  // namespace kith::io::detail
