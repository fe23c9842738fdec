// Foreign test data: archives found through $KITH_FIXTURES, unpacked for the time of a test. For
// tests only.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <kith/base/bytes.hpp>

namespace kith::ipld::testing {

/// A folder that goes when this dies.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

/// Unpacks NAME.tar.zst into `into`. False if it isn't there, which the caller skips for; with
/// CI=true that is a failure.
bool unpack_fixture(const std::string& name, const std::filesystem::path& into);

Bytes read_test_file(const std::filesystem::path& path);

}  // namespace kith::ipld::testing
