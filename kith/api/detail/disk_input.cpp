#include <algorithm>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <limits.h>
#include <map>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <unistd.h>

#include <kith/api/detail/disk_input.hpp>
#include <kith/io/standard_input.hpp>

namespace kith::api {
namespace {

constexpr std::size_t read_bytes = 1024 * 1024;
/// Entries that are looked up ahead, and the bytes of small files that are read with them: handing
/// each over would take longer than to read it.
constexpr std::size_t ahead_entries_max = 64;
constexpr std::size_t ahead_bytes_max = 1024 * 1024;
constexpr std::size_t ahead_file_bytes_max = 64 * 1024;
/// Folders inside of folders: far more than a file system's paths allow.
constexpr std::size_t depth_max = 4096;

std::string absolute(const std::string& path) {
  if (path.starts_with('/')) return path;
  char folder[PATH_MAX];
  return ::getcwd(folder, sizeof folder) == nullptr ? path : std::string(folder) + "/" + path;
}

/// The name that an argument gets: its last element, "." and ".." looked up.
std::string name_of(const std::string& path) {
  std::string trimmed = path;
  while (trimmed.size() > 1 && trimmed.ends_with('/'))
    trimmed.pop_back();
  std::string name = trimmed.substr(trimmed.rfind('/') + 1);
  if (name != "." && name != "..") return name;
  char real[PATH_MAX];
  if (::realpath(trimmed.c_str(), real) == nullptr) return name;
  std::string_view whole = real;
  return std::string(whole.substr(whole.rfind('/') + 1));
}

/// What is in a folder and is to be added, in no order. `inside` is where the folder lies in the
/// one that was given: empty, or with a slash at its end.
Result<std::vector<port::DirectoryEntry>> list_wanted(port::FileSystem& files,
                                                      const std::string& path,
                                                      const std::string& inside,
                                                      const DiskInputOptions& options) {
  KITH_TRY(std::vector<port::DirectoryEntry> entries, files.list(path));
  std::erase_if(entries, [&](const port::DirectoryEntry& entry) {
    if (!options.hidden && entry.name.starts_with('.')) return true;
    bool is_folder = entry.kind == port::FileKind::directory;
    return !options.ignore.empty() && options.ignore.ignores(inside + entry.name, is_folder);
  });
  return entries;
}

class DiskInput final : public InputTree {
 public:
  DiskInput(port::Env& env, DiskInputOptions options) : env_(env), options_(std::move(options)) {}

  Result<void> add_argument(const std::string& path) {
    if (path == "-") {
      if (!stdin_) {
        KITH_TRY(io::StandardInput input, io::StandardInput::open(env_));
        stdin_ = std::make_shared<io::StandardInput>(std::move(input));
      }
      arguments_.push_back({"", options_.stdin_name, {}, stdin_});
      return {};
    }
    KITH_TRY(port::FileInfo info, options_.follow_arguments || options_.follow_all
                                      ? env_.files.info_followed(path)
                                      : env_.files.info(path));
    if (info.kind == port::FileKind::directory && !options_.recursive) {
      return std::unexpected(Error(
          Errc::invalid_argument,
          fmt::format("'{}' is a directory, use the '-r' flag to specify directories", path)));
    }
    std::string name = name_of(path);
    if (options_.distinct_names) {
      KITH_TRY(const bool first, note_name(path, name));
      if (!first) return {};
    }
    std::shared_ptr<io::StandardInput> pipe;
    if (info.kind == port::FileKind::other) {
      KITH_TRY(io::StandardInput input, io::StandardInput::open_pipe(env_, path));
      pipe = std::make_shared<io::StandardInput>(std::move(input));
    }
    arguments_.push_back({path, std::move(name), info, std::move(pipe)});
    return {};
  }

  Task<std::optional<InputEntry>> next() override {
    now_ = {};
    if (ahead_.empty()) {
      auto work = [this]() -> Result<void> {
        look_ahead();
        return {};
      };
      KITH_CO_CHECK(co_await port::run_on(env_.pool, work));
    }
    now_ = std::move(ahead_.front());
    ahead_.pop_front();
    if (!now_.entry) co_return std::unexpected(now_.entry.error());
    co_return std::move(*now_.entry);
  }

  Task<Buffer> read(std::size_t size_max) override {
    std::size_t size = std::min(size_max, read_bytes);
    if (now_.stream) co_return co_await now_.stream->read(size);
    if (!now_.content.empty()) {
      Buffer part = now_.content.slice(0, std::min(size, now_.content.size()));
      now_.content.remove_prefix(part.size());
      co_return part;
    }
    if (!now_.file) co_return Buffer();
    auto work = [this, size]() -> Result<Buffer> {
      Buffer buffer = Buffer::allocate(size);
      KITH_TRY(std::size_t got, now_.file->read_at(now_.offset, buffer.mutable_bytes()));
      now_.offset += got;
      buffer.truncate(got);
      return buffer;
    };
    co_return co_await port::run_on(env_.pool, work);
  }

 private:
  struct Argument {
    std::string path;
    std::string name;
    port::FileInfo info;
    std::shared_ptr<io::StandardInput> stream;  ///< standard input, or a named pipe
  };
  struct Folder {
    std::string path;
    std::string name;
    std::string inside;  ///< of the folder that was given, with a slash at its end
    std::uint64_t device;
    std::uint64_t inode;
    std::vector<port::DirectoryEntry> entries;  ///< the next one last
  };

  /// An entry, and what is read when it has come.
  struct Present {
    Result<std::optional<InputEntry>> entry = std::nullopt;
    Buffer content;                    ///< of a small file, all of it
    std::unique_ptr<port::File> file;  ///< to be read from `offset` on
    std::uint64_t offset = 0;
    std::shared_ptr<io::StandardInput> stream;
  };

  void look_ahead() {
    std::size_t bytes = 0;
    do {
      Present& next = ahead_.emplace_back();
      next.entry = next_on_disk(next);
      bytes += next.content.size();
      // A large file stays open, and so does what gives its bytes once.
      if (!next.entry || !*next.entry || next.file || next.stream) return;
    } while (ahead_.size() < ahead_entries_max && bytes < ahead_bytes_max);
  }

  /// Reads a small file to its end, which is where less comes than there is room for.
  Result<void> read_small(Present& present, std::uint64_t size_bytes) const {
    if (!options_.read_ahead || size_bytes > ahead_file_bytes_max) return {};
    // Files that the kernel makes up have no size, and some give all they have or nothing.
    constexpr std::uint64_t page_bytes = 4096;
    present.content = Buffer::allocate(std::max(size_bytes + 1, page_bytes));
    KITH_TRY(std::size_t got, present.file->read_at(0, present.content.mutable_bytes()));
    const bool whole = got < present.content.size();
    present.content.truncate(got);
    present.offset = got;
    if (whole) present.file.reset();
    return {};
  }

  /// True if this argument wasn't there yet.
  Result<bool> note_name(const std::string& path, const std::string& name) {
    std::string folder =
        std::filesystem::path(path + "/.").lexically_normal().parent_path().parent_path().string();
    if (folder.empty()) folder = ".";
    auto [before, added] = folder_of_name_.try_emplace(name, folder);
    if (added || before->second == folder) return added;
    return std::unexpected(
        Error(Errc::invalid_argument,
              fmt::format("file name {} repeated under different import directories: {} and {}",
                          name, folder, before->second)));
  }

  Result<std::optional<InputEntry>> next_on_disk(Present& present) {
    while (!open_.empty()) {
      Folder& folder = open_.back();
      if (folder.entries.empty()) {
        open_.pop_back();
        continue;
      }
      std::string child = folder.entries.back().name;
      folder.entries.pop_back();
      std::string path = folder.path + "/" + child;
      std::string name = folder.name + "/" + child;
      std::string inside = folder.inside + child + "/";
      KITH_TRY(port::FileInfo info,
               options_.follow_all ? env_.files.info_followed(path) : env_.files.info(path));
      return enter(present, path, name, std::move(inside), info);
    }
    if (next_argument_ == arguments_.size()) return std::optional<InputEntry>();
    Argument& argument = arguments_[next_argument_++];
    if (argument.stream) {
      present.stream = argument.stream;
      InputEntry entry;
      entry.path = argument.name;
      return std::optional(std::move(entry));
    }
    return enter(present, argument.path, argument.name, "", argument.info);
  }

  Result<void> open_folder(const std::string& path, const std::string& name, std::string inside,
                           const port::FileInfo& info) {
    if (open_.size() >= depth_max) {
      return std::unexpected(Error(Errc::limit_exceeded, path + " is too deep"));
    }
    bool again = std::ranges::any_of(open_, [&info](const Folder& folder) {
      return folder.device == info.device && folder.inode == info.inode;
    });
    if (again) {
      return std::unexpected(Error(Errc::refused, path + " leads back to a folder that it is in"));
    }
    KITH_TRY(std::vector<port::DirectoryEntry> entries,
             list_wanted(env_.files, path, inside, options_));
    std::ranges::sort(entries, std::greater{}, &port::DirectoryEntry::name);
    open_.push_back({path, name, std::move(inside), info.device, info.inode, std::move(entries)});
    return {};
  }

  Result<std::optional<InputEntry>> enter(Present& present, const std::string& path,
                                          const std::string& name, std::string inside,
                                          const port::FileInfo& info) {
    InputEntry entry;
    entry.path = name;
    entry.kind = info.kind;
    entry.absolute_path = absolute(path);
    if (options_.keep_mode) entry.mode = info.mode;
    if (options_.keep_modified) entry.modified = info.modified;
    switch (info.kind) {
      case port::FileKind::regular: {
        KITH_TRY(present.file, env_.files.open(path, port::OpenMode::read));
        KITH_CHECK(read_small(present, info.size_bytes));
        entry.size_bytes = info.size_bytes;
        break;
      }
      case port::FileKind::symlink: {
        KITH_TRY(entry.target, env_.files.read_link(path));
        break;
      }
      case port::FileKind::directory:
        KITH_CHECK(open_folder(path, name, std::move(inside), info));
        break;
      case port::FileKind::other:
        return std::unexpected(
            Error(Errc::unsupported, path + " is neither a file, a folder nor a symlink"));
    }
    return std::optional(std::move(entry));
  }

  port::Env& env_;
  DiskInputOptions options_;
  std::vector<Argument> arguments_;
  std::size_t next_argument_ = 0;
  std::vector<Folder> open_;
  std::deque<Present> ahead_;
  Present now_;
  std::map<std::string, std::string> folder_of_name_;
  std::shared_ptr<io::StandardInput> stdin_;
};

}  // namespace

Task<std::shared_ptr<InputTree>> disk_input(port::Env& env, std::vector<std::string> paths,
                                            DiskInputOptions options) {
  auto input = std::make_shared<DiskInput>(env, std::move(options));
  if (paths.empty()) paths.emplace_back("-");
  for (const std::string& path : paths) {
    auto work = [&input, &path] { return input->add_argument(path); };
    KITH_CO_CHECK(co_await port::run_on(env.pool, work));
  }
  co_return std::shared_ptr<InputTree>(std::move(input));
}

std::uint64_t bytes_below(port::FileSystem& files, const std::string& path,
                          const DiskInputOptions& options, const std::atomic<bool>& enough) {
  constexpr std::size_t entries_max = 1'000'000;
  struct Open {
    std::string path;
    std::string inside;
  };
  std::uint64_t sum = 0;
  std::vector<Open> open = {{path, ""}};
  for (std::size_t count = 0; !open.empty() && count < entries_max && !enough; ++count) {
    Open next = std::move(open.back());
    open.pop_back();
    bool follow = options.follow_all || (options.follow_arguments && next.inside.empty());
    auto info = follow ? files.info_followed(next.path) : files.info(next.path);
    if (info && info->kind == port::FileKind::regular) sum += info->size_bytes;
    if (!info || info->kind != port::FileKind::directory) continue;
    auto entries = list_wanted(files, next.path, next.inside, options);
    if (!entries) continue;
    for (const port::DirectoryEntry& entry : *entries)
      open.push_back({next.path + "/" + entry.name, next.inside + entry.name + "/"});
  }
  return sum;
}

}  // namespace kith::api
