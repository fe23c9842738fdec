#include <gtest/gtest.h>

#include <kith/base/duration.hpp>

namespace kith {
namespace {

TEST(Durations, AreWrittenToThreeDigits) {
  const std::pair<Duration, const char*> durations[] = {
      {Duration(0), "0s"},        {1ns, "0.001µs"},
      {1500ns, "1.5µs"},          {999'499ns, "999µs"},
      {999'500ns, "1ms"},         {1ms, "1ms"},
      {12'345us, "12.3ms"},       {999'499us, "999ms"},
      {999'700us, "1s"},          {1s, "1s"},
      {9'996ms, "10s"},           {59'940ms, "59.9s"},
      {59'960ms, "1m0s"},         {245s, "4m5s"},
      {3'599'400ms, "59m59s"},    {3'599'600ms, "1h0m0s"},
      {1'000'000s, "277h46m40s"},
  };
  for (const auto& [duration, text] : durations)
    EXPECT_EQ(format_duration(duration), text);
}

TEST(Durations, AreReadAsGoWritesThem) {
  const std::pair<const char*, Duration> durations[] = {
      {"300ms", 300ms}, {"1.5s", 1500ms}, {"2m30s", 150s}, {"1h", 1h},
      {"15us", 15us},   {"15µs", 15us},   {"7ns", 7ns},    {"0", Duration(0)},
  };
  for (const auto& [text, duration] : durations)
    EXPECT_EQ(parse_duration(text), duration) << text;
  for (const char* text : {"", "5", "s", "-1s", "1y", "1s2", "nan s", "1e99h", "1001d"})
    EXPECT_FALSE(parse_duration(text)) << text;
}

}  // namespace
}  // namespace kith
