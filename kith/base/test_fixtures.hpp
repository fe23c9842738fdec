// Foreign test data: archives found through $KITH_FIXTURES, unpacked for the time of a test. For
// tests only; a test binary gets to know the project's root by including this (cmake/kith.cmake).
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <kith/base/bytes.hpp>

namespace kith::testing {

/// A folder that goes when this dies.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "kith-test-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

/// Unpacks NAME.tar.zst into `into`. False if it isn't there, which the caller skips for; with
/// CI=true that is a failure.
inline bool unpack_fixture(const std::string& name, const std::filesystem::path& into) {
  const char* folder = std::getenv("KITH_FIXTURES");
  const char* ci = std::getenv("CI");
  std::filesystem::path archive;
  // A relative path starts at the root of the project.
  if (folder != nullptr && *folder != '\0') {
    archive = std::filesystem::path(KITH_SOURCE_DIR) / folder / (name + ".tar.zst");
  }
  if (archive.empty() || !std::filesystem::exists(archive)) {
    if (ci != nullptr && std::string_view(ci) == "true") {
      ADD_FAILURE() << name << ".tar.zst is missing; KITH_FIXTURES says where it is";
    }
    return false;
  }
  std::string command = fmt::format("tar --zstd -xf '{}' -C '{}'", archive.string(), into.string());
  bool unpacked = std::system(command.c_str()) == 0;
  EXPECT_TRUE(unpacked) << command;
  return unpacked;
}

inline Bytes read_test_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace kith::testing
