#include <boost/json.hpp>

#include <kith/api/detail/init_config.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/multiformats/multibase.hpp>
#include <kith/node/config.hpp>

namespace kith::api {
namespace {

/// Where Kubo has its private key.
json::string* key_text_of(json::value& config) {
  json::value* identity = config.as_object().if_contains("Identity");
  if (identity == nullptr || !identity->is_object()) return nullptr;
  json::value* key = identity->as_object().if_contains("PrivKey");
  return key == nullptr ? nullptr : key->if_string();
}

Result<crypto::PrivateKey> key_of(std::string_view text) {
  if (auto encoded = multiformats::base_decode(multiformats::Base::base64pad, text)) {
    const crypto::Secret secret(*std::move(encoded));
    if (auto key = crypto::PrivateKey::decode(secret)) return key;
  }
  return std::unexpected(
      Error(Errc::invalid_argument, "config key Identity.PrivKey: no private key in base64"));
}

}  // namespace

Result<void> take_config(std::string_view text, node::InitOptions& options) {
  KITH_TRY(json::value config, node::parse_config(text));
  KITH_TRY(node::NodeSettings checked, node::read_settings(config));
  json::string* key = key_text_of(config);
  if (key != nullptr && !key->empty()) {
    auto identity = key_of(std::string_view(*key));
    crypto::wipe(std::span<char>(key->data(), key->size()));
    if (!identity) return std::unexpected(identity.error());
    options.identity = *std::move(identity);
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
