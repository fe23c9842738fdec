#include <algorithm>
#include <zlib.h>

#include <kith/api/detail/gzip.hpp>
#include <kith/api/detail/sentence.hpp>
#include <kith/base/assert.hpp>

namespace kith::api {
namespace {

/// What makes zlib write gzip's head and end around its data, with the largest window.
constexpr int gzip_window_bits = MAX_WBITS + 16;
constexpr int memory_level = 8;
constexpr std::size_t output_step_bytes = 64 * 1024;

}  // namespace

Result<Bytes> gunzip(ByteView packed, std::size_t bytes_max) {
  z_stream stream{};
  if (packed.size() > UINT32_MAX || inflateInit2(&stream, gzip_window_bits) != Z_OK)
    return std::unexpected(Errc::limit_exceeded);
  stream.next_in = const_cast<std::uint8_t*>(packed.data());
  stream.avail_in = static_cast<unsigned>(packed.size());
  Bytes out;
  int outcome = Z_OK;
  // One byte beyond the limit tells an end that is just there from one that isn't.
  while (outcome == Z_OK && out.size() <= bytes_max) {
    std::size_t before = out.size();
    out.resize(before + std::min(output_step_bytes, bytes_max + 1 - before));
    stream.next_out = out.data() + before;
    stream.avail_out = static_cast<unsigned>(out.size() - before);
    outcome = inflate(&stream, Z_NO_FLUSH);
    out.resize(out.size() - stream.avail_out);
  }
  bool left = stream.avail_in > 0;
  inflateEnd(&stream);
  if (out.size() > bytes_max) return std::unexpected(Errc::limit_exceeded);
  if (outcome != Z_STREAM_END || left) return std::unexpected(Errc::corrupt);
  return out;
}

struct GzipWriter::State {
  z_stream stream{};
};

void GzipWriter::Ended::operator()(State* state) const noexcept {
  deflateEnd(&state->stream);
  delete state;
}

Result<GzipWriter> GzipWriter::create(int level) {
  if (level < 1 || level > 9) {
    return std::unexpected(
        Error(Errc::invalid_argument, "compression level must be between 1 and 9"));
  }
  auto state = std::make_unique<State>();
  int outcome = deflateInit2(&state->stream, level, Z_DEFLATED, gzip_window_bits, memory_level,
                             Z_DEFAULT_STRATEGY);
  if (outcome != Z_OK) return std::unexpected(Errc::limit_exceeded);
  return GzipWriter(std::unique_ptr<State, Ended>(state.release()));
}

Bytes GzipWriter::add(ByteView bytes) {
  return run(bytes, Z_NO_FLUSH);
}

Bytes GzipWriter::finish() {
  return run({}, Z_FINISH);
}

Bytes GzipWriter::run(ByteView bytes, int flush) {
  z_stream& stream = state_->stream;
  Bytes out;
  // zlib counts in unsigned int; what commands write at once is far below that.
  ASSERT(bytes.size() <= UINT32_MAX);
  stream.next_in = const_cast<std::uint8_t*>(bytes.data());
  stream.avail_in = static_cast<unsigned>(bytes.size());
  do {
    std::size_t before = out.size();
    out.resize(before + output_step_bytes);
    stream.next_out = out.data() + before;
    stream.avail_out = output_step_bytes;
    int outcome = deflate(&stream, flush);
    ASSERT(outcome != Z_STREAM_ERROR);
    out.resize(out.size() - stream.avail_out);
  } while (stream.avail_out == 0);
  return out;
}

}  // namespace kith::api
