#include <array>

#include <kith/api/detail/output_file.hpp>

namespace kith::api {
namespace {

std::string part_name(port::CryptoRandom& random) {
  std::array<std::uint8_t, 8> bytes;
  random.fill(bytes);
  return ".kith-part-" + to_hex(bytes);
}

}  // namespace

Result<OutputFile> OutputFile::create(port::FileSystem& files, port::CryptoRandom& random,
                                      std::string path, std::uint32_t mode) {
  OutputFile output(files, std::move(path));
  output.part_path_ = port::parent_path(output.path_) + "/" + part_name(random);
  KITH_TRY(output.file_, files.open(output.part_path_, port::OpenMode::create_new, mode));
  return output;
}

Result<OutputFile> OutputFile::open(port::FileSystem& files, port::CryptoRandom& random,
                                    std::string path, std::uint32_t mode) {
  auto there = files.info_followed(path);
  if (!there || there->kind != port::FileKind::other) {
    return create(files, random, std::move(path), mode);
  }
  KITH_TRY(Descriptor device, open_for_writing(path));
  OutputFile output(files, std::move(path));
  output.device_.emplace(std::move(device));
  return output;
}

OutputFile::~OutputFile() {
  if (!file_) return;
  file_.reset();
  static_cast<void>(files_->remove(part_path_));
}

Result<void> OutputFile::write(ByteView bytes) {
  if (device_) return write_fully(device_->number(), bytes);
  KITH_CHECK(file_->write_at(offset_, bytes));
  offset_ += bytes.size();
  return {};
}

Result<void> OutputFile::finish() {
  if (device_) return {};
  KITH_CHECK(files_->rename(part_path_, path_));
  file_.reset();
  return {};
}

}  // namespace kith::api
