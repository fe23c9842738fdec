// Home: the folder that makes a node what it is, between runs.
//
//   config        JSON (config.hpp)
//   identity.key  the private key, mode 0600 (crypto/key_file.hpp)
//   repo.lock     held by the process that has the home open, as Kubo holds it
//   version       "kith " and the number of this layout
//   blocks/       the store
//   peers         the peer store; pubsub-authors: which messages are old (author_numbers.hpp)
//   dht-wide.*, dht-local.*   what the DHTs keep between runs (dht/state_keeper.hpp)
//   libp2p-resource-limit-overrides.json   limits, if the operator wants others
//   api, gateway  addresses in use while a daemon runs (Kubo's names)
//
// A home may stand where Kubo looks for its repository (~/.ipfs), so each must know the other's. A
// folder that is Kubo's is refused before anything is written. Kubo in turn takes any folder with a
// `config` for its own and reads a number from `version`, which it would migrate; the word before
// ours makes it say that the version is invalid and leave.
//
// The calls block; they are for start-up. Errors name the path and say what to try.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/crypto/keys.hpp>
#include <kith/port/env.hpp>

namespace kith::node {

inline constexpr int home_version = 1;

/// Whose home a folder is.
enum class Owner : std::uint8_t { nobody, kith, kubo };

/// Errc::corrupt if there is a `version` that is neither's.
Result<Owner> owner_of(port::FileSystem& files, const std::string& path);

/// Fails unless there is a node of ours in the folder: Errc::not_found, Errc::unsupported if it is
/// Kubo's. `program` is what the user calls us, "kith" or "ipfs": what to try depends on it.
Result<void> check_home(port::FileSystem& files, const std::string& path, std::string_view program);

struct InitOptions {
  std::vector<std::string> profiles;
  crypto::KeyType key_type = crypto::KeyType::ed25519;
  std::size_t rsa_bits = 2048;
  /// Encrypts the identity key, if given.
  std::optional<ByteView> passphrase;
  /// Who the node is, if not somebody new.
  std::optional<crypto::PrivateKey> identity;
  /// To begin with, instead of default_config(); its Identity is an object. Profiles come on top.
  std::optional<boost::json::value> config;
  std::string program = "kith";
};

struct OpenOptions {
  std::optional<ByteView> passphrase;
  std::string program = "kith";
};

/// Makes a home. Errc::already_exists if there is one, Errc::unsupported if the folder is Kubo's.
/// Returns its identity.
Result<crypto::PrivateKey> init_home(port::Env& env, const std::string& path,
                                     const InitOptions& options);

class Home {
 public:
  /// The errors of check_home, Errc::busy if another process has it open (kith or Kubo),
  /// Errc::refused for a key that isn't of the peer in the config, Errc::unsupported for the layout
  /// of a later version; crypto::open_key_file's for a wrong or missing passphrase.
  static Result<Home> open(port::Env& env, const std::string& path, const OpenOptions& options);

  const std::string& path() const noexcept { return path_; }
  std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }
  const crypto::PrivateKey& identity() const noexcept { return *identity_; }
  const boost::json::value& config() const noexcept { return config_; }

 private:
  Home() = default;

  std::string path_;
  std::unique_ptr<port::FileLock> lock_;
  boost::json::value config_;
  std::optional<crypto::PrivateKey> identity_;
};

/// Reads and replaces the config, whether or not the home is open.
Result<boost::json::value> read_config(port::FileSystem& files, const std::string& home);
Result<void> write_config(port::FileSystem& files, const std::string& home,
                          const boost::json::value& config);

}  // namespace kith::node
