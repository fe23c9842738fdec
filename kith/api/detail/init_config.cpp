#include <boost/json.hpp>

#include <kith/api/detail/init_config.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/multiformats/multibase.hpp>
#include <kith/node/config.hpp>

namespace kith::api {
namespace {

Result<crypto::PrivateKey> key_of(const std::string& text) {
  auto encoded = multiformats::base_decode(multiformats::Base::base64pad, text);
  if (encoded) {
    if (auto key = crypto::PrivateKey::decode(*encoded)) return key;
  }
  return std::unexpected(
      Error(Errc::invalid_argument, "config key Identity.PrivKey: no private key in base64"));
}

}  // namespace

Result<void> take_config(std::string_view text, node::InitOptions& options) {
  KITH_TRY(json::value config, node::parse_config(text));
  KITH_TRY(node::NodeSettings checked, node::read_settings(config));
  std::string key = text_of(member(config, "Identity"), "PrivKey");
  if (!key.empty()) {
    KITH_TRY(crypto::PrivateKey identity, key_of(key));
    options.identity = std::move(identity);
  }
  json::object& root = config.as_object();
  root["Identity"] = json::object();
  if (json::value* datastore = root.if_contains("Datastore"); datastore && datastore->is_object()) {
    datastore->as_object().erase("Spec");
  }
  options.config = std::move(config);
  return {};
}

}  // namespace kith::api
