#include <fmt/format.h>

#include <kith/api/detail/gateway_call.hpp>
#include <kith/api/gateway.hpp>
#include <kith/node/node.hpp>

namespace kith::api {
namespace {

/// Counts a request for as long as it lives.
class Counted {
 public:
  explicit Counted(std::size_t& count) noexcept : count_(count) { ++count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --count_; }

 private:
  std::size_t& count_;
};

OpenBlockSource open_for(node::Node& node) {
  return [&node](bool fetch) {
    node::SourceOptions source;
    source.fetch = fetch;
    source.what = "gateway";
    return node.open_source(std::move(source));
  };
}

}  // namespace

Gateway::Gateway(node::Node& node, GatewayOptions options)
    : Gateway(node.env(), open_for(node), options) {}

Gateway::Gateway(port::Env& env, OpenBlockSource open, GatewayOptions options)
    : env_(env), open_(std::move(open)), options_(options) {}

Gateway::~Gateway() {
  ASSERT(requests_ == 0);
}

Task<void> Gateway::serve(http::Request& request, http::ResponseWriter& response) {
  gateway::GatewayCall call(env_, open_, options_, request, response);
  if (requests_ >= options_.requests_max) {
    response.headers.set("Retry-After", "1");
    co_return co_await call.answer(429, "this gateway answers as many requests as it can",
                                   "Try again in a moment.");
  }
  Counted counted(requests_);
  co_return co_await call.run();
}

http::ServerLimits gateway_server_limits() {
  http::ServerLimits limits;
  limits.body_bytes_max = 0;
  limits.write_timeout = gateway_write_timeout;
  return limits;
}

}  // namespace kith::api
