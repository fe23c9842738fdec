// From the words of a command line to a command with its raw arguments and options. Pure. Thread:
// any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <kith/api/command.hpp>

namespace kith::api {

struct Invocation {
  const Command* command = nullptr;  ///< nothing: help for `group` (or for everything) is wanted
  std::string group;
  std::vector<std::string> arguments;  ///< for file arguments too: their paths
  Request::Raw options;
};

/// Options may stand anywhere; after "--" there are none. Errc::invalid_argument says which word
/// isn't understood, and what is near it. `program` is what the user calls us, for hints.
Result<Invocation> parse_words(const CommandTable& table, std::vector<std::string> words,
                               std::string_view program);

/// What `kith [group] --help` shows.
std::string group_help(const CommandTable& table, const std::string& group,
                       const std::string& program);
/// What `kith command --help` shows.
std::string command_help(const CommandTable& table, const Command& command,
                         const std::string& program);

}  // namespace kith::api
