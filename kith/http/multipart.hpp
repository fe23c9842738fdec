// multipart/form-data (RFC 7578, RFC 2046 section 5.1) as Kubo's commands carry files in it: read
// and written piece by piece, with no file in memory.
//
//   POST /api/v0/add                        Content-Type: multipart/form-data; boundary=B
//   --B
//   Content-Disposition: form-data; name="file?mode=0644&mtime=1"; filename="dir%2Fname"
//   Content-Type: application/octet-stream | application/x-directory | application/symlink
//   Abspath-Encoded: %2Fhome%2Fme%2Fdir%2Fname
//
//   ...                                     (a symlink's body is its target; a directory has none)
//   --B--
//
// MultipartParser is the pure machine, MultipartReader puts it on a BodyReader; MultipartBody is
// the writing side. A delimiter is a line that begins with "--B"; lines end with CR LF only.
// Limits: MultipartLimits; memory is one part's head, whatever the body's size. Loop thread (the
// parser: any thread).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <kith/http/body.hpp>
#include <kith/http/message.hpp>
#include <kith/port/random.hpp>

namespace kith::http {

struct MultipartLimits {
  std::size_t head_bytes_max = multipart_head_bytes_max;
  std::size_t head_fields_max = multipart_head_fields_max;
  std::uint64_t parts_max = multipart_parts_max;
  std::size_t preamble_bytes_max = multipart_preamble_bytes_max;
};

/// The boundary of a multipart/form-data (or multipart/mixed) Content-Type.
/// HttpError::bad_multipart.
std::expected<std::string, HttpError> multipart_boundary(std::string_view content_type);

/// Finds heads and payload of the parts in a body, without copying payload.
class MultipartParser {
 public:
  /// A boundary that RFC 2046 allows, as from multipart_boundary().
  explicit MultipartParser(std::string_view boundary, MultipartLimits limits = {});

  enum class Event : std::uint8_t {
    need_more,    ///< the input is used up
    part_begins,  ///< headers() are the new part's
    data,         ///< payload of the part
    part_ends,
    end,  ///< after the last part; what follows is of no interest
  };
  struct Step {
    Event event = Event::need_more;
    std::size_t skip = 0;     ///< bytes at the start of the input that are no payload
    std::size_t payload = 0;  ///< bytes behind them that are
    /// Payload that was held back as a possible delimiter and is none; it comes before the other,
    /// and lives until the next call.
    ByteView held_back = {};
  };
  /// Looks at received bytes; skip + payload of them are used up. HttpError::bad_multipart,
  /// bad_field, bad_line_ending, head_too_large, multipart_too_large; nothing can be read after.
  std::expected<Step, HttpError> next(ByteView in);

  const Headers& headers() const noexcept { return headers_; }
  bool ended() const noexcept { return state_ == State::epilogue; }

 private:
  enum class State : std::uint8_t {
    preamble,
    payload,
    delimiter_end,  ///< "--B" is there: what kind of line is it?
    delimiter_dash,
    padding,
    delimiter_lf,
    head,
    epilogue
  };
  std::expected<Step, HttpError> scan(ByteView in);
  std::expected<Step, HttpError> delimiter_byte(std::uint8_t byte);
  std::expected<Step, HttpError> read_head(ByteView in);
  Step give_back(std::size_t size) noexcept;
  bool in_part() const noexcept { return in_part_; }
  std::size_t delimiter_bytes() const noexcept { return delimiter_.size() - 1; }
  std::size_t find_candidate(ByteView in) const noexcept;

  std::string delimiter_;  ///< CR LF "--" boundary, and one more '-' to be given back
  MultipartLimits limits_;
  State state_ = State::preamble;
  bool in_part_ = false;
  bool end_due_ = false;
  std::size_t matched_ = 2;   ///< of the delimiter
  std::size_t imagined_ = 2;  ///< of these: a CR LF that wasn't there, before a body's first line
  std::size_t preamble_bytes_ = 0;
  std::uint64_t parts_ = 0;
  HeadScanner scanner_{HeadScanner::Kind::trailer};
  Headers headers_;
};

struct FileTime {
  std::int64_t seconds = 0;
  std::uint32_t nanoseconds = 0;
  bool operator==(const FileTime&) const = default;
};

/// What a part's head says of a file.
struct PartInfo {
  enum class Kind : std::uint8_t { file, directory, symlink };
  Kind kind = Kind::file;
  std::string name = "file";  ///< of the form field, without its parameters
  /// Relative, with '/' between its elements, none of them empty, "." or ".."; empty: unnamed.
  std::string path;
  bool has_path = false;              ///< a filename was there, if only an empty one
  std::string absolute_path;          ///< where the sender keeps it; any text
  std::optional<std::uint32_t> mode;  ///< the low 12 bits that chmod(2) takes
  std::optional<FileTime> mtime;
};

/// HttpError::bad_multipart if there is no Content-Disposition, or none that can be read.
std::expected<PartInfo, HttpError> describe_part(const Headers& headers);

/// Reads one part after the other. The body outlives it.
class MultipartReader final : public BodyReader {
 public:
  MultipartReader(BodyReader& body, std::string_view boundary, MultipartLimits limits = {})
      : body_(body), parser_(boundary, limits) {}

  struct Part {
    PartInfo info;
    Headers headers;
  };
  /// Drops what is left of the present part and returns the next; nothing after the last. Errors of
  /// the body, of the parser and of describe_part.
  Task<std::optional<Part>> next_part(Instant deadline = never);

  /// Of the present part; empty at its end.
  Task<Buffer> read_buffer(std::size_t size_max = large_read_bytes,
                           Instant deadline = never) override;

 private:
  Task<MultipartParser::Event> advance(std::size_t size_max, Instant deadline);

  BodyReader& body_;
  MultipartParser parser_;
  Buffer input_;
  Buffer held_back_;
  Buffer data_;
  bool in_part_ = false;
};

/// The lines from the delimiter to the empty line of a part; `first`: of all parts.
std::string part_head(std::string_view boundary, const PartInfo& info, bool first);
/// The line after the last part; `none`: there was no part.
std::string multipart_end(std::string_view boundary, bool none);
/// 120 random bits, so that no file can hold it.
std::string make_boundary(port::CryptoRandom& random);

/// What a client sends: part after part from a source, heads in between.
class MultipartBody final : public BodyReader {
 public:
  struct Part {
    PartInfo info;
    std::unique_ptr<BodyReader> body;  ///< nothing: empty
  };
  /// Gives the next part, and nothing after the last.
  using Source = std::function<Task<std::optional<Part>>()>;

  MultipartBody(std::string boundary, Source source)
      : boundary_(std::move(boundary)), source_(std::move(source)) {}

  std::string content_type() const { return "multipart/form-data; boundary=" + boundary_; }
  Task<Buffer> read_buffer(std::size_t size_max, Instant deadline) override;

 private:
  std::string boundary_;
  Source source_;
  std::unique_ptr<BodyReader> part_;
  Buffer text_;
  bool first_ = true;
  bool ended_ = false;
};

}  // namespace kith::http
