// The process's own standard output and error as a Terminal. Writes block, which is fine for a
// program that has nothing else to do; a signal that asks for the end ends them. A closed pipe is
// an error, not a signal. Loop thread only.
#pragma once

#include <kith/api/command.hpp>

namespace kith::api {

class StandardTerminal final : public Terminal {
 public:
  StandardTerminal();
  Result<void> out(std::string_view text) override;
  Result<void> err(std::string_view text) override;
  bool out_is_terminal() const override { return out_is_terminal_; }
  bool err_is_terminal() const override { return err_is_terminal_; }
  int columns() const override;

 private:
  bool out_is_terminal_;
  bool err_is_terminal_;
};

}  // namespace kith::api
