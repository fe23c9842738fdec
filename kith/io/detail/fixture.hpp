// For io's tests: a Runtime, a body that runs on it, and small tools.
#pragma once

#include <filesystem>
#include <stdlib.h>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include <kith/io/runtime.hpp>
#include <kith/port/port.hpp>

namespace kith::io::detail {

inline const port::Endpoint loopback4{port::IpAddress::loopback(port::IpFamily::v4), 0};
inline const port::Endpoint loopback6{port::IpAddress::loopback(port::IpFamily::v6), 0};

/// Runs `body`, a Task<void>(port::Env&), on a fresh Runtime; it fails the test if it fails.
template <class Body>
void run_on_loop(Body body, const RuntimeOptions& options = {}) {
  auto runtime = Runtime::create(options);
  ASSERT_TRUE(runtime) << runtime.error().message();
  Result<void> outcome = runtime->run(body(runtime->env()));
  EXPECT_TRUE(outcome) << outcome.error().message();
}

/// Lets other tasks run until `condition` holds.
template <class Condition>
Task<void> until(Condition condition) {
  while (!condition())
    KITH_CO_CHECK(co_await port::yield());
  co_return Result<void>{};
}

/// Gives every ready task many turns, so that one that could end has ended.
inline Task<void> settle() {
  for (int i = 0; i < 200; ++i)
    KITH_CO_CHECK(co_await port::yield());
  co_return Result<void>{};
}

/// A folder of its own, removed with what is in it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string path = (std::filesystem::temp_directory_path() / "kith-io-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) std::abort();
    path_ = path;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

}  // namespace kith::io::detail
