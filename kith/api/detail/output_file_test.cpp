#include <gtest/gtest.h>

#include <kith/api/command_fixture.hpp>
#include <kith/api/detail/output_file.hpp>
#include <kith/io/file_system.hpp>
#include <kith/io/random.hpp>

namespace kith::api {
namespace {

namespace fs = std::filesystem;
using testing::TemporaryFolder;

const std::string dead = ".kith-part-0123456789abcdef";

struct Files {
  io::PosixFileSystem files;
  io::SystemRandom random;
  TemporaryFolder folder;

  OutputFile create(std::string_view name) {
    auto output = OutputFile::create(files, random, folder / name);
    if (!output) std::abort();
    return *std::move(output);
  }
  void remove_leftovers() { OutputFile::remove_leftovers(files, folder / ""); }
};

TEST(OutputFile, RemovesWhatAKilledProgramLeft) {
  Files all;
  all.folder.write(dead, "half of it");
  all.remove_leftovers();
  EXPECT_EQ(all.folder.size(), 0U);
}

TEST(OutputFile, LeavesWhatIsBeingWritten) {
  Files all;
  OutputFile one = all.create("one");
  ASSERT_TRUE(one.write(as_bytes("one")));
  all.folder.write(dead, "half of it");
  OutputFile two = all.create("two");
  all.remove_leftovers();
  EXPECT_EQ(all.folder.size(), 2U);
  ASSERT_TRUE(two.write(as_bytes("two")));
  ASSERT_TRUE(two.finish());
  ASSERT_TRUE(one.finish());
  all.remove_leftovers();
  EXPECT_EQ(all.folder.read("one"), "one");
  EXPECT_EQ(all.folder.read("two"), "two");
  EXPECT_EQ(all.folder.size(), 2U);
}

TEST(OutputFile, RemovesItsOwnPartIfNothingComesOfIt) {
  Files all;
  {
    OutputFile output = all.create("x");
    ASSERT_TRUE(output.write(as_bytes("half")));
    EXPECT_EQ(all.folder.size(), 1U);
  }
  EXPECT_EQ(all.folder.size(), 0U);
}

TEST(OutputFile, LeavesFilesAloneThatOnlyLookLikeParts) {
  Files all;
  for (std::string name :
       {".kith-part-", ".kith-part-0123456789abcde", ".kith-part-notes.txt.bak.b",
        ".kith-part-0123456789abcdeg", ".kith-part-0123456789ABCDEF",
        ".kith-part-0123456789abcdef0", "x.kith-part-0123456789abcdef"})
    all.folder.write(name, "mine");
  const std::size_t before = all.folder.size();
  fs::create_symlink("elsewhere", all.folder / dead);
  fs::create_directory(all.folder / ".kith-part-1111111111111111");
  all.remove_leftovers();
  EXPECT_EQ(all.folder.size(), before + 2);
  EXPECT_FALSE(fs::exists(all.folder / "elsewhere"));
}

}  // namespace
}  // namespace kith::api
