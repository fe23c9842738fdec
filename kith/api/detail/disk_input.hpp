// Files and folders of the machine that the program was started on, as an InputTree: what `add` and
// `block put` take.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <kith/api/input.hpp>
#include <kith/port/env.hpp>

namespace kith::api {

struct DiskInputOptions {
  bool recursive = false;
  bool hidden = false;            ///< also names that begin with a dot, inside of folders
  bool follow_arguments = false;  ///< a symlink given as an argument stands for its target
  bool keep_mode = false;
  bool keep_modified = false;
  std::string stdin_name;
};

/// No paths, or "-": standard input. Errc::invalid_argument for a folder without `recursive`; errno
/// errors.
Task<std::shared_ptr<InputTree>> disk_input(port::Env& env, std::vector<std::string> paths,
                                            DiskInputOptions options);

}  // namespace kith::api
