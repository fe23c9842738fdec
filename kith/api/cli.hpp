// The command line: reads arguments, finds the command, runs it in the daemon or here, and shows
// what it gives.
//
//   kith [global options] <command> [<subcommand>] [options] [arguments]
//
// Called as `ipfs`, messages say ipfs, and home is --repo-dir, $IPFS_PATH or ~/.ipfs. Exit status:
// 0 done, 1 failed, 130 interrupted. Called once, on the main thread, which becomes the loop's.
#pragma once

#include <string>
#include <vector>

#include <kith/api/command.hpp>
#include <kith/api/page.hpp>
#include <kith/io/runtime.hpp>

namespace kith::api {

/// What the words want of the machine: --debug, to log more unless KITH_LOG says what.
io::RuntimeOptions runtime_options(std::vector<std::string> arguments);

/// Runs one call; returns the exit status. `page` is what a daemon shows to browsers.
int run_command_line(io::Runtime& runtime, Terminal& terminal, std::vector<std::string> arguments,
                     std::span<const WebAsset> page = {});

}  // namespace kith::api
