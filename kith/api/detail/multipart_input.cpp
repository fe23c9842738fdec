#include <kith/api/detail/multipart_input.hpp>
#include <kith/http/multipart.hpp>
#include <kith/unixfs/node.hpp>

namespace kith::api {
namespace {

constexpr std::size_t symlink_target_bytes_max = 4096;

class MultipartInput final : public InputTree {
 public:
  MultipartInput(http::RequestBody& body, std::string_view boundary) : reader_(body, boundary) {}

  Task<std::optional<InputEntry>> next() override {
    KITH_CO_TRY(std::optional<http::MultipartReader::Part> part, co_await reader_.next_part());
    if (!part) co_return std::optional<InputEntry>();
    InputEntry entry;
    entry.path = part->info.path;
    entry.absolute_path = part->info.absolute_path;
    entry.mode = part->info.mode;
    if (const auto& mtime = part->info.mtime) {
      entry.modified = unixfs::Metadata::Time{mtime->seconds, mtime->nanoseconds}.wall_time();
    }
    switch (part->info.kind) {
      case http::PartInfo::Kind::file:
        break;
      case http::PartInfo::Kind::directory:
        entry.kind = port::FileKind::directory;
        break;
      case http::PartInfo::Kind::symlink: {
        entry.kind = port::FileKind::symlink;
        KITH_CO_TRY(Bytes target, co_await http::read_all(reader_, symlink_target_bytes_max));
        entry.target = as_text(target);
        break;
      }
    }
    co_return std::optional(std::move(entry));
  }

  Task<Buffer> read(std::size_t size_max) override { return reader_.read_buffer(size_max); }

 private:
  http::MultipartReader reader_;
};

}  // namespace

std::shared_ptr<InputTree> multipart_input(http::Request& request) {
  auto type = request.headers.get("Content-Type");
  if (!type) return nullptr;
  auto boundary = http::multipart_boundary(*type);
  if (!boundary) return nullptr;
  // Files may be of any size: they are read as they come, and what is made of them has limits of
  // its own.
  request.body.allow(UINT64_MAX);
  return std::make_shared<MultipartInput>(request.body, *boundary);
}

}  // namespace kith::api
