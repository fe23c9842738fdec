// Files and folders of the machine that the program was started on, as an InputTree: what `add` and
// `block put` take.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include <kith/api/detail/ignore_rules.hpp>
#include <kith/api/input.hpp>
#include <kith/port/env.hpp>

namespace kith::api {

struct DiskInputOptions {
  bool recursive = false;
  bool distinct_names = false;    ///< arguments become entries of one folder
  bool hidden = false;            ///< also names that begin with a dot, inside of folders
  bool follow_arguments = false;  ///< a symlink given as an argument stands for its target
  bool follow_all = false;        ///< any symlink does
  IgnoreRules ignore;             ///< inside of folders
  /// Small files are read when they're looked up, some entries before their turn.
  bool read_ahead = true;
  bool keep_mode = false;
  bool keep_modified = false;
  std::string stdin_name;
};

/// No paths, or "-": standard input. A named pipe is read like that. Errc::invalid_argument for a
/// folder without `recursive`, and with `distinct_names` for two arguments of one name in different
/// folders (the same one again counts once); errno errors.
Task<std::shared_ptr<InputTree>> disk_input(port::Env& env, std::vector<std::string> paths,
                                            DiskInputOptions options);

/// Bytes of all files that disk_input would give, for a progress bar: what can't be read counts
/// nothing. Blocks; ends early when it is enough.
std::uint64_t bytes_below(port::FileSystem& files, const std::string& path,
                          const DiskInputOptions& options, const std::atomic<bool>& enough);

}  // namespace kith::api
