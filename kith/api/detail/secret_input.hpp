// SecretInput: what a person is asked for, a line each: on a terminal behind a prompt, with echo
// off for secrets; else the next line of standard input, so that a script can answer. Passphrases
// and keys are never arguments: those are seen by everyone on the machine, and stay in the shell's
// history. Loop thread only.
#pragma once

#include <optional>
#include <string_view>

#include <kith/api/command.hpp>
#include <kith/crypto/secret.hpp>
#include <kith/io/standard_input.hpp>

namespace kith::api {

class SecretInput {
 public:
  explicit SecretInput(ClientContext& context) : context_(context) {}

  /// Whether there is a person to ask.
  static bool is_terminal() noexcept;

  /// The line without its end. Errc::end_of_stream if there is none, Errc::limit_exceeded above
  /// 4 KiB, Errc::cancelled, errno errors; they name what was asked for.
  Task<crypto::Secret> ask(std::string_view what);
  /// The same, shown as it is typed.
  Task<crypto::Secret> ask_openly(std::string_view what);

 private:
  Task<crypto::Secret> line(std::string_view what, bool echo);

  ClientContext& context_;
  std::optional<io::StandardInput> input_;
  crypto::Secret pending_;  ///< read, and behind the last line
};

}  // namespace kith::api
