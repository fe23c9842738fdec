#include <cstdlib>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <kith/ipld/fixtures.hpp>

namespace kith::ipld::testing {

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "kith-test-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) std::abort();
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

bool unpack_fixture(const std::string& name, const std::filesystem::path& into) {
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

Bytes read_test_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace kith::ipld::testing
