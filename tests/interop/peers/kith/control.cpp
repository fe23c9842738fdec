#include "control.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <poll.h>
#include <unistd.h>

namespace kith_peer {
namespace {

using kith::Errc;
using kith::Error;

constexpr std::size_t line_bytes_max = 1 << 20;
constexpr std::size_t read_bytes = 64 * 1024;
/// How long a worker waits for input before it looks whether it should still.
constexpr int wait_milliseconds = 200;

/// What is there of stdin: nothing yet (an empty text), or nothing any more (no text).
Result<std::optional<std::string>> read_some() {
  pollfd waiting{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  int ready = ::poll(&waiting, 1, wait_milliseconds);
  if (ready == 0 || (ready < 0 && errno == EINTR)) return std::string();
  if (ready < 0) return std::unexpected(Error::from_errno(errno, "wait for stdin"));
  std::string bytes(read_bytes, '\0');
  ssize_t size = ::read(STDIN_FILENO, bytes.data(), bytes.size());
  if (size < 0) return std::unexpected(Error::from_errno(errno, "read stdin"));
  if (size == 0) return std::nullopt;
  bytes.resize(static_cast<std::size_t>(size));
  return bytes;
}

}  // namespace

void emit(const boost::json::object& line) {
  std::string text = boost::json::serialize(line) + "\n";
  bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (!written || std::fflush(stdout) != 0) std::_Exit(EXIT_FAILURE);
}

Result<Request> Request::parse(const std::string& line) {
  boost::json::error_code error;
  boost::json::value value = boost::json::parse(line, error);
  if (error || !value.is_object()) return std::unexpected(Error(Errc::corrupt, "bad request"));
  Request request;
  request.fields_ = std::move(value.get_object());
  return request;
}

Result<std::string> Request::text(const char* field) const {
  const boost::json::value* value = fields_.if_contains(field);
  if (value == nullptr || !value->is_string()) {
    return std::unexpected(Error(Errc::invalid_argument, std::string(field) + " must be a text"));
  }
  return std::string(value->get_string());
}

Result<std::uint64_t> Request::number(const char* field) const {
  const boost::json::value* value = fields_.if_contains(field);
  boost::json::error_code error;
  std::uint64_t number = value == nullptr ? 0 : value->to_number<std::uint64_t>(error);
  if (value == nullptr || error) {
    return std::unexpected(Error(Errc::invalid_argument, std::string(field) + " must be a number"));
  }
  return number;
}

std::uint64_t Request::number_or(const char* field, std::uint64_t other) const {
  return fields_.contains(field) ? number(field).value_or(other) : other;
}

Task<std::optional<std::string>> LineReader::next() {
  for (;;) {
    if (std::size_t end = held_.find('\n'); end != std::string::npos) {
      std::string line = held_.substr(0, end);
      held_.erase(0, end + 1);
      co_return line;
    }
    if (held_.size() > line_bytes_max) co_return std::unexpected(Errc::limit_exceeded);
    KITH_CO_TRY(std::optional<std::string> more, co_await kith::port::run_on(pool_, read_some));
    if (!more) co_return std::nullopt;
    held_ += *more;
  }
}

}  // namespace kith_peer
