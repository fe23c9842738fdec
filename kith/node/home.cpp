#include <cerrno>
#include <charconv>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/crypto/key_file.hpp>
#include <kith/multiformats/peer_id.hpp>
#include <kith/node/config.hpp>
#include <kith/node/home.hpp>

namespace kith::node {
namespace {

using multiformats::PeerId;

constexpr std::size_t key_file_bytes_read_max = 64 * 1024;

Result<crypto::PrivateKey> make_key(port::Env& env, const InitOptions& options) {
  if (options.identity) return *options.identity;
  if (options.key_type == crypto::KeyType::rsa)
    return crypto::PrivateKey::generate_rsa(options.rsa_bits);
  return crypto::PrivateKey::generate(options.key_type,
                                      [&env](MutableBytes out) { env.random.fill(out); });
}

Result<void> write_key(port::Env& env, const std::string& path, const crypto::PrivateKey& key,
                       std::optional<ByteView> passphrase) {
  if (!passphrase) {
    crypto::Secret content = crypto::encode_key_file(key);
    return port::replace_file(env.files, path, content.view(), 0600);
  }
  KITH_TRY(Bytes content, crypto::seal_key_file(key, *passphrase, [&env](MutableBytes out) {
             env.random.fill(out);
           }));
  return port::replace_file(env.files, path, content, 0600);
}

/// Before the number, so that Kubo can't take the file for one of its own.
constexpr std::string_view version_word = "kith ";
constexpr std::size_t version_bytes_max = 64;

struct Version {
  bool named = false;  ///< has the word
  int number = 0;
};

Result<Version> read_version(port::FileSystem& files, const std::string& home) {
  KITH_TRY(Bytes content, port::read_file(files, home + "/version", version_bytes_max));
  std::string_view text = as_text(content);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
    text.remove_suffix(1);
  Version version;
  version.named = text.starts_with(version_word);
  if (version.named) text.remove_prefix(version_word.size());
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), version.number);
  if (failure != std::errc{} || end != text.data() + text.size() || version.number < 0) {
    return std::unexpected(Error(Errc::corrupt, home + "/version is neither kith's nor Kubo's"));
  }
  return version;
}

Result<void> write_version(port::FileSystem& files, const std::string& home) {
  std::string text = fmt::format("{}{}\n", version_word, home_version);
  return port::replace_file(files, home + "/version", as_bytes(text));
}

bool exists(port::FileSystem& files, const std::string& path) {
  return files.info(path).has_value();
}

/// Whether a config holds what Kubo keeps there and we don't: the private key, or how its datastore
/// is built.
bool config_is_kubos(port::FileSystem& files, const std::string& home) {
  auto config = read_config(files, home);
  if (!config) return false;
  auto key = config_get(*config, "Identity.PrivKey");
  return key.has_value() || config_get(*config, "Datastore.Spec").has_value();
}

Error kubos_repository(const std::string& path, std::string_view program) {
  bool as_ipfs = program == "ipfs";
  return Error(
      Errc::unsupported,
      fmt::format(
          "{} is a repository of Kubo, which this program can't read; nothing in it was "
          "changed. Use another folder ({}), and bring the content over: `ipfs dag export "
          "CID > FILE.car` with Kubo, then `{} dag import FILE.car` here, or fetch it by its "
          "CID while Kubo's daemon runs",
          path, as_ipfs ? "--repo-dir, or set IPFS_PATH" : "--home, or set KITH_PATH", program));
}

Result<void> expect_no_home(port::FileSystem& files, const std::string& path,
                            std::string_view program) {
  KITH_TRY(Owner owner, owner_of(files, path));
  if (owner == Owner::kubo) return std::unexpected(kubos_repository(path, program));
  if (owner == Owner::nobody) return {};
  return std::unexpected(Error(Errc::already_exists, fmt::format("a node in {}", path)));
}

/// The config says whose home this is: a key of somebody else was put there by mistake.
Result<void> check_peer_id(const boost::json::value& config, const crypto::PrivateKey& key,
                           const std::string& home) {
  auto said = config_get(config, "Identity.PeerID");
  if (!said || !said->is_string() || said->as_string().empty()) return {};
  const PeerId peer = PeerId::from_public_key(key.public_key());
  auto expected = PeerId::parse(std::string_view(said->as_string()));
  if (expected && *expected == peer) return {};
  return std::unexpected(Error(
      Errc::refused,
      fmt::format("{0}/identity.key is the key of {1}, but {0}/config says that this node is {2} "
                  "(put back the key that belongs to it, or correct Identity.PeerID in that file)",
                  home, peer.to_string(), std::string_view(said->as_string()))));
}

}  // namespace

Result<Owner> owner_of(port::FileSystem& files, const std::string& path) {
  auto version = read_version(files, path);
  bool kubos = exists(files, path + "/datastore_spec");
  if (!version) {
    if (!version.error().is_errno(ENOENT)) return std::unexpected(version.error());
    // The version is written last, by both: a home that was being made when the power went isn't
    // one yet, but what is Kubo's is left alone.
    return kubos || config_is_kubos(files, path) ? Owner::kubo : Owner::nobody;
  }
  if (version->named) return Owner::kith;
  // A bare number is Kubo's, and was ours before the word stood there.
  bool ours = !kubos && exists(files, path + "/identity.key");
  return ours ? Owner::kith : Owner::kubo;
}

Result<void> check_home(port::FileSystem& files, const std::string& path,
                        std::string_view program) {
  KITH_TRY(Owner owner, owner_of(files, path));
  if (owner == Owner::kubo) return std::unexpected(kubos_repository(path, program));
  if (owner == Owner::kith) return {};
  return std::unexpected(
      Error(Errc::not_found, fmt::format("no node in {} (`{} init` makes one)", path, program)));
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
  KITH_CHECK(expect_no_home(env.files, path, options.program));
  boost::json::value config = options.config ? *options.config : default_config();
  for (const std::string& profile : options.profiles)
    KITH_CHECK(apply_profile(config, profile));
  KITH_CHECK(env.files.make_directories(path, 0700));
  KITH_CHECK(port::sync_way(env.files, path));
  auto lock = env.files.lock(path + "/repo.lock");
  if (!lock && lock.error().is(Errc::busy)) {
    return std::unexpected(
        Error(Errc::busy, fmt::format("somebody else is making a node in {}", path)));
  }
  if (!lock) return std::unexpected(lock.error());
  // Somebody else may have made one since we looked.
  KITH_CHECK(expect_no_home(env.files, path, options.program));
  KITH_TRY(crypto::PrivateKey key, make_key(env, options));
  config.as_object()["Identity"].as_object()["PeerID"] =
      PeerId::from_public_key(key.public_key()).to_string();
  KITH_CHECK(write_key(env, path + "/identity.key", key, options.passphrase));
  KITH_CHECK(write_config(env.files, path, config));
  KITH_CHECK(write_version(env.files, path));
  return key;
}

Result<Home> Home::open(port::Env& env, const std::string& path, const OpenOptions& options) {
  KITH_CHECK(check_home(env.files, path, options.program));
  KITH_TRY(Version version, read_version(env.files, path));
  if (version.number > home_version) {
    return std::unexpected(Error(
        Errc::unsupported, fmt::format("{} has layout {}, this program knows {}: use a newer kith",
                                       path, version.number, home_version)));
  }
  Home home;
  home.path_ = path;
  auto lock = env.files.lock(path + "/repo.lock");
  if (!lock && lock.error().is(Errc::busy)) {
    return std::unexpected(Error(
        Errc::busy,
        fmt::format("{} (is a daemon running? `{} shutdown` ends it)", path, options.program)));
  }
  if (!lock) return std::unexpected(lock.error());
  home.lock_ = *std::move(lock);
  if (!version.named) KITH_CHECK(write_version(env.files, path));
  KITH_TRY(home.config_, read_config(env.files, path));
  std::string key_path = path + "/identity.key";
  KITH_TRY(Bytes read, port::read_file(env.files, key_path, key_file_bytes_read_max));
  const crypto::Secret content(std::move(read));
  auto key = crypto::open_key_file(content, options.passphrase);
  if (!key) {
    std::string hint = crypto::key_file_is_sealed(content) && !options.passphrase
                           ? " (set KITH_PASSPHRASE or use --passphrase-file)"
                           : "";
    return std::unexpected(key.error().with_context(key_path + hint));
  }
  home.identity_ = *std::move(key);
  KITH_CHECK(check_peer_id(home.config_, *home.identity_, path));
  return home;
}

}  // namespace kith::node
