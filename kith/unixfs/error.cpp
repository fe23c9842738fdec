#include <kith/unixfs/error.hpp>

namespace kith::unixfs {
namespace {

std::string_view meaning(UnixfsError code) noexcept {
  switch (code) {
    case UnixfsError::not_unixfs:
      return "not a UnixFS node";
    case UnixfsError::unknown_type:
      return "a UnixFS type that isn't supported";
    case UnixfsError::links_mismatch:
      return "a file's links and block sizes differ in number";
    case UnixfsError::size_mismatch:
      return "a block hasn't the size that its file claims";
    case UnixfsError::named_link:
      return "a link inside a file has a name";
    case UnixfsError::has_children:
      return "a symlink has children";
    case UnixfsError::bad_mtime:
      return "invalid modification time";
    case UnixfsError::bad_shard:
      return "a directory shard contradicts itself";
    case UnixfsError::bad_name:
      return "a directory has an entry with an impossible name";
    case UnixfsError::duplicate_name:
      return "a directory has two entries of one name";
    case UnixfsError::too_deep:
      return "too deep";
    case UnixfsError::too_many:
      return "too many entries";
    case UnixfsError::too_large:
      return "a block would be too large";
    case UnixfsError::not_a_file:
      return "not a file";
    case UnixfsError::not_a_directory:
      return "not a directory";
    case UnixfsError::no_such_entry:
      return "no such entry";
    case UnixfsError::bad_path:
      return "not a valid path";
    case UnixfsError::bad_chunker:
      return "not a valid chunker";
    case UnixfsError::bad_options:
      return "options that contradict each other";
  }
  return "unknown error";
}

class UnixfsDomain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "unixfs"; }
  std::string message(int code) const override {
    return std::string(meaning(static_cast<UnixfsError>(code)));
  }
};

constinit const UnixfsDomain unixfs_domain;

}  // namespace

const ErrorDomain& error_domain(UnixfsError) noexcept {
  return unixfs_domain;
}

}  // namespace kith::unixfs
