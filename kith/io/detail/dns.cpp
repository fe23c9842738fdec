#include <kith/io/detail/net.hpp>

namespace kith::io::detail {

Task<std::vector<port::IpAddress>> LoopNet::resolve(std::string, std::optional<port::IpFamily>,
                                                    Instant) {
  co_return std::unexpected(Errc::unsupported);
}

Task<std::vector<std::string>> LoopNet::resolve_txt(std::string, Instant) {
  co_return std::unexpected(Errc::unsupported);
}

}  // namespace kith::io::detail
