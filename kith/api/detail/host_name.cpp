#include <algorithm>

#include <kith/api/detail/host_name.hpp>
#include <kith/port/ip.hpp>

namespace kith::api {

std::string host_name(std::string_view host) {
  const std::size_t colon = host.rfind(':');
  if (colon != std::string_view::npos && !host.ends_with(']')) host = host.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  std::string name(host);
  std::ranges::transform(name, name.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter | 0x20) : letter;
  });
  return name;
}

bool is_number(std::string_view host_name) {
  return port::IpAddress::parse(host_name).has_value();
}

}  // namespace kith::api
