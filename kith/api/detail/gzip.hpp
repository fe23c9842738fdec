// gzip (RFC 1952): as a flow for `get --compress`, and whole for the page's files.
#pragma once

#include <memory>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>

namespace kith::api {

/// What was packed. Errc::corrupt if it isn't one whole gzip file, Errc::limit_exceeded beyond
/// `bytes_max`.
Result<Bytes> gunzip(ByteView packed, std::size_t bytes_max);

class GzipWriter {
 public:
  /// `level` from 1 (fast) to 9 (small). Errc::invalid_argument for another one.
  static Result<GzipWriter> create(int level);

  /// What there is to write after these bytes; often nothing yet.
  Bytes add(ByteView bytes);
  /// The rest. Nothing may be added after it.
  Bytes finish();

 private:
  struct State;
  struct Ended {
    void operator()(State* state) const noexcept;
  };
  explicit GzipWriter(std::unique_ptr<State, Ended> state) noexcept : state_(std::move(state)) {}
  Bytes run(ByteView bytes, int flush);

  std::unique_ptr<State, Ended> state_;
};

}  // namespace kith::api
