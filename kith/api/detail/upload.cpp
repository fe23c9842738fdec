#include <kith/api/detail/upload.hpp>
#include <kith/http/multipart.hpp>

namespace kith::api {
namespace {

using Part = http::MultipartBody::Part;

class FileBody final : public http::BodyReader {
 public:
  explicit FileBody(std::shared_ptr<InputTree> files) : files_(std::move(files)) {}
  Task<Buffer> read_buffer(std::size_t size_max, Instant) override {
    return files_->read(size_max);
  }

 private:
  std::shared_ptr<InputTree> files_;
};

Task<std::optional<Part>> next_part(std::shared_ptr<InputTree> files) {
  KITH_CO_TRY(std::optional<InputEntry> entry, co_await files->next());
  if (!entry) co_return std::optional<Part>();
  Part part;
  part.info.path = entry->path;
  part.info.has_path = true;
  part.info.absolute_path = entry->absolute_path;
  part.info.mode = entry->mode;
  if (entry->modified) {
    auto since = entry->modified->time_since_epoch();
    auto seconds = std::chrono::floor<std::chrono::seconds>(since);
    part.info.mtime =
        http::FileTime{seconds.count(), static_cast<std::uint32_t>((since - seconds).count())};
  }
  switch (entry->kind) {
    case port::FileKind::directory:
      part.info.kind = http::PartInfo::Kind::directory;
      break;
    case port::FileKind::symlink:
      part.info.kind = http::PartInfo::Kind::symlink;
      part.body = std::make_unique<http::MemoryBody>(Buffer::copy_of(as_bytes(entry->target)));
      break;
    default:
      part.body = std::make_unique<FileBody>(files);
  }
  co_return std::optional<Part>(std::move(part));
}

}  // namespace

void upload(port::Env& env, std::shared_ptr<InputTree> files, http::ClientRequest& call) {
  auto body = std::make_unique<http::MultipartBody>(http::make_boundary(env.random),
                                                    [files] { return next_part(files); });
  call.headers.set("Content-Type", body->content_type());
  call.body = std::move(body);
}

}  // namespace kith::api
