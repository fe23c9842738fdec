#include <fmt/format.h>

#include <kith/api/detail/gateway_call.hpp>
#include <kith/api/gateway.hpp>
#include <kith/node/node.hpp>

namespace kith::api {
namespace {

/// Counts a request, and for whom it is, for as long as it lives.
class Counted {
 public:
  Counted(std::size_t& count, std::map<port::IpAddress, std::size_t>& by_address,
          const port::IpAddress& address)
      : count_(count), by_address_(by_address), mine_(by_address.try_emplace(address).first) {
    ++count_;
    ++mine_->second;
  }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() {
    --count_;
    if (--mine_->second == 0) by_address_.erase(mine_);
  }

 private:
  std::size_t& count_;
  std::map<port::IpAddress, std::size_t>& by_address_;
  std::map<port::IpAddress, std::size_t>::iterator mine_;
};

}  // namespace

OpenBlockSource blocks_of(node::Node& node) {
  return [&node](bool fetch) {
    node::SourceOptions source;
    source.fetch = fetch;
    source.what = "gateway";
    return node.open_source(std::move(source));
  };
}

Gateway::Gateway(node::Node& node, GatewayOptions options)
    : Gateway(node.env(), blocks_of(node), options) {}

Gateway::Gateway(port::Env& env, OpenBlockSource open, GatewayOptions options)
    : env_(env), open_(std::move(open)), options_(options) {}

Gateway::~Gateway() {
  ASSERT(requests_ == 0);
}

bool Gateway::has_its_share(const port::IpAddress& address) const {
  auto held = by_address_.find(address);
  return held != by_address_.end() && held->second >= options_.requests_max - requests_;
}

Task<void> Gateway::serve(http::Request& request, http::ResponseWriter& response) {
  gateway::GatewayCall call(env_, open_, options_, request, response);
  const port::IpAddress address = http::counted_as(request.remote.address);
  // A proxy on this machine asks for many.
  const bool has_enough = !request.remote.address.is_loopback() && has_its_share(address);
  if (requests_ >= options_.requests_max || has_enough) {
    response.headers.set("Retry-After", "1");
    co_return co_await call.answer(429,
                                   requests_ >= options_.requests_max
                                       ? "this gateway answers as many requests as it can"
                                       : "this gateway answers as many of your requests as it can",
                                   "Try again in a moment.");
  }
  Counted counted(requests_, by_address_, address);
  co_return co_await call.run();
}

http::ServerLimits gateway_server_limits() {
  http::ServerLimits limits;
  limits.body_bytes_max = 0;
  limits.write_timeout = gateway_write_timeout;
  return limits;
}

}  // namespace kith::api
