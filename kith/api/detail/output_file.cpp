#include <array>

#include <kith/api/detail/output_file.hpp>

namespace kith::api {
namespace {

constexpr std::string_view part_prefix = ".kith-part-";
constexpr std::size_t part_id_bytes = 8;

std::string part_name(port::CryptoRandom& random) {
  std::array<std::uint8_t, part_id_bytes> bytes;
  random.fill(bytes);
  return std::string(part_prefix) + to_hex(bytes);
}

/// A link of that name isn't ours, and leads who knows where.
bool is_part(const port::DirectoryEntry& entry) {
  return entry.kind == port::FileKind::regular &&
         entry.name.size() == part_prefix.size() + 2 * part_id_bytes &&
         entry.name.starts_with(part_prefix) &&
         entry.name.find_first_not_of("0123456789abcdef", part_prefix.size()) == std::string::npos;
}

}  // namespace

Result<OutputFile> OutputFile::create(port::FileSystem& files, port::CryptoRandom& random,
                                      std::string path) {
  OutputFile output(files, std::move(path));
  output.part_path_ = port::parent_path(output.path_) + "/" + part_name(random);
  // The lock makes the file: one without a lock might be removed before it has one.
  if (auto lock = files.lock(output.part_path_)) output.lock_ = *std::move(lock);
  KITH_TRY(output.file_, files.open(output.part_path_, port::OpenMode::create));
  return output;
}

void OutputFile::remove_leftovers(port::FileSystem& files, const std::string& folder) {
  const auto entries = files.list(folder);
  if (!entries) return;
  for (const port::DirectoryEntry& entry : *entries) {
    if (!is_part(entry)) continue;
    const std::string path = folder + "/" + entry.name;
    if (auto lock = files.lock(path)) static_cast<void>(files.remove(path));
  }
}

Result<OutputFile> OutputFile::open(port::FileSystem& files, port::CryptoRandom& random,
                                    std::string path) {
  auto there = files.info_followed(path);
  if (!there || there->kind != port::FileKind::other) {
    return create(files, random, std::move(path));
  }
  KITH_TRY(io::Descriptor device, open_for_writing(path));
  OutputFile output(files, std::move(path));
  output.device_.emplace(std::move(device));
  return output;
}

OutputFile::~OutputFile() {
  if (!file_ && !lock_) return;
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
  // Else a power failure might leave neither the old content nor the new one.
  if (files_->info(path_)) {
    auto synced = file_->sync();
    if (!synced && !port::is_unsyncable(synced.error())) return synced;
  }
  KITH_CHECK(files_->rename(part_path_, path_));
  file_.reset();
  lock_.reset();
  return {};
}

}  // namespace kith::api
