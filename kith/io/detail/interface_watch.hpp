// port::InterfaceWatch: the kernel's word about interfaces and addresses (rtnetlink(7)).
#pragma once

#include <memory>

#include <boost/asio/io_context.hpp>

#include <kith/port/clock.hpp>
#include <kith/port/net.hpp>

namespace kith::io::detail {

Result<std::unique_ptr<port::InterfaceWatch>> watch_interfaces(
    boost::asio::io_context::executor_type executor, port::Clock& clock);

}  // namespace kith::io::detail
