// A seed is a run: also in another process, where memory lies elsewhere.
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace kith::scenario {
namespace {

/// What this program prints when it runs one seed of a scenario.
std::string trace_of(const std::string& scenario, std::uint64_t seed) {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  const std::string command = "unset GTEST_OUTPUT; KITH_SEED=" + std::to_string(seed) + " '" +
                              program + "' --gtest_filter=" + scenario + " 2>&1";
  std::unique_ptr<FILE, int (*)(FILE*)> output(popen(command.c_str(), "r"), pclose);
  if (!output) return "";
  std::string all;
  char line[1024];
  while (std::fgets(line, sizeof line, output.get()) != nullptr)
    all += line;
  const std::size_t at = all.find("trace ");
  if (at == std::string::npos) ADD_FAILURE() << all;
  return at == std::string::npos ? "" : all.substr(at, all.find('\n', at) - at);
}

TEST(Determinism, ASeedGivesTheSameTraceInEveryProcess) {
  const std::string scenario = "Faults.AllFinishAfterAMinuteOfEverything";
  const std::string first = trace_of(scenario, 1);
  EXPECT_EQ(first.size(), std::string("trace ").size() + 16);
  EXPECT_EQ(trace_of(scenario, 1), first);
  EXPECT_NE(trace_of(scenario, 2), first);
}

}  // namespace
}  // namespace kith::scenario
