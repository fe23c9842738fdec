#include <gtest/gtest.h>

#include <kith/io/log.hpp>

namespace kith::io {
namespace {

std::string written(port::LogLevel level, std::string_view module, std::string_view text) {
  testing::internal::CaptureStderr();
  {
    StderrLog log(*port::LogLevels::parse("net=debug,warn"));
    port::Logger logger(log, module);
    KITH_LOG_AT(logger, level, "{}", text);
  }
  return testing::internal::GetCapturedStderr();
}

TEST(StderrLog, WritesALineWithTimeLevelAndModule) {
  std::string line = written(port::LogLevel::debug, "net", "listening");
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_NE(line.find("debug net: listening\n"), std::string::npos) << line;
  EXPECT_EQ(line.find('\x1b'), std::string::npos) << "colours, and it is no terminal";
}

TEST(StderrLog, NamesLevelsAsTheSettingDoes) {
  EXPECT_NE(written(port::LogLevel::warn, "net", "x").find(" warn  net: x\n"), std::string::npos);
  EXPECT_NE(written(port::LogLevel::error, "net", "x").find(" error net: x\n"), std::string::npos);
}

TEST(StderrLog, KeepsToTheLevelOfTheModule) {
  EXPECT_EQ(written(port::LogLevel::info, "store", "x"), "");
  EXPECT_EQ(written(port::LogLevel::trace, "net", "x"), "");
  EXPECT_NE(written(port::LogLevel::error, "store", "x"), "");
}

TEST(StderrLog, APeerCanNeitherFakeALineNorSteerTheTerminal) {
  std::string line = written(port::LogLevel::error, "net", "agent \x1b[2Jevil\nerror fake\x7f");
  EXPECT_NE(line.find("agent \\x1b[2Jevil\\x0aerror fake\\x7f\n"), std::string::npos) << line;
  EXPECT_EQ(line.find('\n'), line.size() - 1);
}

}  // namespace
}  // namespace kith::io
