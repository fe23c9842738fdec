#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/crypto/key_file.hpp>
#include <kith/multiformats/peer_id.hpp>
#include <kith/node/config.hpp>
#include <kith/node/home.hpp>

namespace kith::node {
namespace {

constexpr std::size_t key_file_bytes_read_max = 64 * 1024;

Result<crypto::PrivateKey> make_key(port::Env& env, const InitOptions& options) {
  if (options.identity) return *options.identity;
  if (options.key_type == crypto::KeyType::rsa)
    return crypto::PrivateKey::generate_rsa(options.rsa_bits);
  return crypto::PrivateKey::generate(options.key_type,
                                      [&env](MutableBytes out) { env.random.fill(out); });
}

Result<void> write_key(port::Env& env, const std::string& path, const crypto::PrivateKey& key,
                       const std::optional<std::string>& passphrase) {
  if (!passphrase) {
    crypto::Secret content = crypto::encode_key_file(key);
    return port::replace_file(env.files, path, content.view(), 0600);
  }
  KITH_TRY(Bytes content,
           crypto::seal_key_file(key, as_bytes(*passphrase),
                                 [&env](MutableBytes out) { env.random.fill(out); }));
  return port::replace_file(env.files, path, content, 0600);
}

Result<int> read_version(port::FileSystem& files, const std::string& home) {
  KITH_TRY(Bytes text, port::read_file(files, home + "/version", 64));
  int version = 0;
  for (std::uint8_t c : text) {
    if (c == '\n') break;
    if (c < '0' || c > '9' || version > 1'000'000) {
      return std::unexpected(Error(Errc::corrupt, home + "/version is no number"));
    }
    version = version * 10 + (c - '0');
  }
  return version;
}

}  // namespace

bool home_exists(port::Env& env, const std::string& path) {
  // The version is written last, so a home that was being made when the power went doesn't count.
  return env.files.info(path + "/version").has_value();
}

Result<boost::json::value> read_config(port::FileSystem& files, const std::string& home) {
  KITH_TRY(Bytes text, port::read_file(files, home + "/config", config_bytes_max));
  auto config = parse_config(as_text(text));
  if (!config) return std::unexpected(config.error().with_context(home));
  return config;
}

Result<void> write_config(port::FileSystem& files, const std::string& home,
                          const boost::json::value& config) {
  return port::replace_file(files, home + "/config", as_bytes(format_json(config)), 0600);
}

Result<crypto::PrivateKey> init_home(port::Env& env, const std::string& path,
                                     const InitOptions& options) {
  if (home_exists(env, path)) {
    return std::unexpected(Error(Errc::already_exists, fmt::format("a node in {}", path)));
  }
  boost::json::value config = options.config ? *options.config : default_config();
  for (const std::string& profile : options.profiles)
    KITH_CHECK(apply_profile(config, profile));
  KITH_CHECK(env.files.make_directories(path, 0700));
  KITH_TRY(std::unique_ptr<port::FileLock> lock, env.files.lock(path + "/repo.lock"));
  KITH_TRY(crypto::PrivateKey key, make_key(env, options));
  config.as_object()["Identity"].as_object()["PeerID"] =
      multiformats::PeerId::from_public_key(key.public_key()).to_string();
  KITH_CHECK(write_key(env, path + "/identity.key", key, options.passphrase));
  KITH_CHECK(write_config(env.files, path, config));
  std::string version = fmt::format("{}\n", home_version);
  KITH_CHECK(port::replace_file(env.files, path + "/version", as_bytes(version)));
  return key;
}

Result<Home> Home::open(port::Env& env, const std::string& path,
                        const std::optional<std::string>& passphrase) {
  if (!home_exists(env, path)) {
    return std::unexpected(
        Error(Errc::not_found, fmt::format("no node in {} (`kith init` makes one)", path)));
  }
  KITH_TRY(int version, read_version(env.files, path));
  if (version > home_version) {
    return std::unexpected(Error(
        Errc::unsupported, fmt::format("{} has layout {}, this program knows {}: use a newer kith",
                                       path, version, home_version)));
  }
  Home home;
  home.path_ = path;
  auto lock = env.files.lock(path + "/repo.lock");
  if (!lock && lock.error().is(Errc::busy)) {
    return std::unexpected(
        Error(Errc::busy, fmt::format("{} (is a daemon running? `kith shutdown` ends it)", path)));
  }
  if (!lock) return std::unexpected(lock.error());
  home.lock_ = *std::move(lock);
  KITH_TRY(home.config_, read_config(env.files, path));
  std::string key_path = path + "/identity.key";
  KITH_TRY(Bytes content, port::read_file(env.files, key_path, key_file_bytes_read_max));
  std::optional<ByteView> secret;
  if (passphrase) secret = as_bytes(*passphrase);
  auto key = crypto::open_key_file(content, secret);
  if (!key) {
    std::string hint = crypto::key_file_is_sealed(content) && !passphrase
                           ? " (set KITH_PASSPHRASE or use --passphrase-file)"
                           : "";
    return std::unexpected(key.error().with_context(key_path + hint));
  }
  home.identity_ = *std::move(key);
  return home;
}

}  // namespace kith::node
