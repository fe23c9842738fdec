// run_program: the main() of a program around one Host. It makes the runtime and the host, runs the
// program's body, and closes everything in order, also when the user interrupts it.
//
//   Task<void> body(Host& host) { ... }
//   int main() { return kith::host::run_program({}, body); }
//
// Called on the main thread, which becomes the loop's.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include <kith/host/host.hpp>
#include <kith/io/runtime.hpp>

namespace kith::host {

struct ProgramOptions {
  HostOptions host;
  io::RuntimeOptions runtime;
  /// Where the identity key is kept; made if it doesn't exist. Empty: a new key for each run.
  std::string identity_file;
  /// Opens an encrypted identity file; a file that is made is encrypted with it, too. This copy of
  /// it is wiped then.
  std::optional<std::string> passphrase{};
};

/// Runs `body` with a host that listens, until it returns. SIGINT or SIGTERM cancels it (its next
/// wait returns Errc::cancelled); another one ends the process at once, with 128 and its number,
/// even if a task keeps the loop busy. Then the host is closed. Handlers run until that is done, so
/// a body that lent them objects of its own frame calls host.close_shielded() before it returns.
///
/// To say goodbye after a signal, a body spawns that in a TaskGroup of its own, whose tasks are not
/// cancelled with it, and awaits join_shielded(): last.spawn(say_goodbye(host)).
///
/// Returns main()'s exit code: 0 if the body succeeded or was cancelled by a signal, else 1 with
/// the error on stderr. An exception of the body ends the process, once the host is closed.
int run_program(ProgramOptions options, std::function<Task<void>(Host&)> body);

/// Waits for what cancels the body, a signal: the last line of a program that only serves. Always
/// Errc::cancelled.
Task<void> wait_for_interrupt(Host& host);

/// A new Ed25519 key from the Env's randomness.
Result<crypto::PrivateKey> new_identity(port::Env& env);

/// The key in the file, in libp2p's form or encrypted (crypto/key_file.hpp), or a new one that is
/// written there, readable for its owner alone and encrypted if a passphrase is given. Blocks on
/// the disk, and for some tenths of a second on an encrypted file. The file's errors, or the key's:
/// CryptoError::needs_passphrase and wrong_passphrase are among them.
Result<crypto::PrivateKey> load_or_make_identity(
    port::Env& env, const std::string& path,
    const std::optional<std::string>& passphrase = std::nullopt);

}  // namespace kith::host
