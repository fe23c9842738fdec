// Home: the folder that makes a node what it is, between runs.
//
//   config          JSON (config.hpp)                  identity.key   the private key, mode 0600
//   (crypto/key_file.hpp) repo.lock       held by the process that has the home open        version
//   the number of this layout blocks/         the store                          peers          the
//   peer store api, gateway    addresses in use while a daemon runs (Kubo's names)
//
// The calls block; they are for start-up. Errors name the path and say what to try.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/value.hpp>

#include <kith/base/result.hpp>
#include <kith/crypto/keys.hpp>
#include <kith/port/env.hpp>

namespace kith::node {

inline constexpr int home_version = 1;

struct InitOptions {
  std::vector<std::string> profiles;
  crypto::KeyType key_type = crypto::KeyType::ed25519;
  std::size_t rsa_bits = 2048;
  /// Encrypts the identity key, if given.
  std::optional<std::string> passphrase;
  /// Who the node is, if not somebody new.
  std::optional<crypto::PrivateKey> identity;
  /// To begin with, instead of default_config(); its Identity is an object. Profiles come on top.
  std::optional<boost::json::value> config;
};

/// Whether there is a node in the folder.
bool home_exists(port::Env& env, const std::string& path);

/// Makes one. Errc::already_exists if there is one. Returns its identity.
Result<crypto::PrivateKey> init_home(port::Env& env, const std::string& path,
                                     const InitOptions& options);

class Home {
 public:
  /// Errc::not_found without a node in the folder, Errc::busy if another process has it open,
  /// Errc::refused for a wrong or missing passphrase, Errc::unsupported for the layout of a later
  /// version.
  static Result<Home> open(port::Env& env, const std::string& path,
                           const std::optional<std::string>& passphrase);

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
