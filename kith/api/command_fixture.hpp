// What the tests of commands share: a terminal that remembers, and a folder of real files. For
// tests only.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <system_error>

#include <kith/api/command.hpp>

namespace kith::api::testing {

/// What a command wrote.
class TestTerminal final : public Terminal {
 public:
  Result<void> out(std::string_view text) override {
    out_text += text;
    return {};
  }
  Result<void> err(std::string_view text) override {
    err_text += text;
    return {};
  }
  bool out_is_terminal() const override { return is_terminal; }
  bool err_is_terminal() const override { return is_terminal; }
  int columns() const override { return width; }

  std::string out_text;
  std::string err_text;
  bool is_terminal = false;
  int width = 80;
};

/// A new folder in the system's place for such, removed with all that is in it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string path = (std::filesystem::temp_directory_path() / "kith-api-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) std::abort();
    path_ = path;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

  void write(std::string_view name, std::string_view content) const {
    std::ofstream(*this / name, std::ios::binary) << content;
  }
  std::string read(std::string_view name) const {
    std::ifstream file(*this / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  /// How many names are in it.
  std::size_t size() const {
    using Iterator = std::filesystem::directory_iterator;
    return static_cast<std::size_t>(std::distance(Iterator(path_), Iterator()));
  }

 private:
  std::string path_;
};

/// The command's renderer, on a terminal that remembers.
struct Rendering {
  Rendering(port::Env& env, std::string_view path, std::vector<std::string> arguments = {},
            const Request::Raw& options = {}, bool on_terminal = false)
      : command(table.find(path)) {
    if (command == nullptr) std::abort();
    auto made = Request::make(*command, std::move(arguments), options);
    if (!made) std::abort();
    request = *std::move(made);
    terminal.is_terminal = on_terminal;
    if (command->renderer == nullptr) std::abort();
    renderer = command->renderer({env, terminal, request, "kith"});
  }

  CommandTable table = make_command_table();
  const Command* command;
  Request request;
  TestTerminal terminal;
  std::unique_ptr<Renderer> renderer;
};

}  // namespace kith::api::testing
