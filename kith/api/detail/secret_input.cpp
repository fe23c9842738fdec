#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <kith/api/detail/secret_input.hpp>

namespace kith::api {
namespace {

constexpr std::size_t line_bytes_max = 4096;

/// The terminal shows nothing that is typed but the line's end, until this dies.
class EchoOff {
 public:
  explicit EchoOff(bool wanted) {
    if (!wanted || ::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    silent.c_lflag |= ECHONL | ICANON;
    is_off_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0;
  }
  EchoOff(const EchoOff&) = delete;
  EchoOff& operator=(const EchoOff&) = delete;
  ~EchoOff() {
    if (is_off_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }

 private:
  termios before_{};
  bool is_off_ = false;
};

/// Takes the first line off, if there is a whole one.
std::optional<crypto::Secret> take_line(crypto::Secret& from, bool at_end) {
  const std::string_view text = as_text(from.view());
  std::size_t end = text.find('\n');
  if (end == std::string_view::npos) {
    if (!at_end || text.empty()) return std::nullopt;
    end = text.size();
  }
  std::string_view line = text.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  crypto::Secret taken(as_bytes(line));
  from = crypto::Secret(from.view().subspan(std::min(end + 1, text.size())));
  return taken;
}

crypto::Secret joined(ByteView first, ByteView second) {
  crypto::Secret both(first.size() + second.size());
  std::ranges::copy(first, both.mutable_bytes().begin());
  std::ranges::copy(second, both.mutable_bytes().subspan(first.size()).begin());
  return both;
}

}  // namespace

bool SecretInput::is_terminal() noexcept {
  return ::isatty(STDIN_FILENO) == 1;
}

Task<crypto::Secret> SecretInput::ask(std::string_view what) {
  co_return co_await line(what, false);
}

Task<crypto::Secret> SecretInput::ask_openly(std::string_view what) {
  co_return co_await line(what, true);
}

Task<crypto::Secret> SecretInput::line(std::string_view what, bool echo) {
  const bool person = is_terminal();
  const EchoOff silence(person && !echo);
  if (person) KITH_CO_CHECK(context_.terminal.err(fmt::format("{}: ", what)));
  if (!input_) {
    KITH_CO_TRY(io::StandardInput opened, io::StandardInput::open(context_.env));
    input_.emplace(std::move(opened));
  }
  bool at_end = false;
  while (true) {
    if (auto whole = take_line(pending_, at_end)) co_return *std::move(whole);
    if (at_end) {
      co_return std::unexpected(
          Error(Errc::end_of_stream, fmt::format("{} is asked for on standard input", what)));
    }
    if (pending_.size() >= line_bytes_max) {
      co_return std::unexpected(
          Error(Errc::limit_exceeded, fmt::format("{}: the line is too long", what)));
    }
    KITH_CO_TRY(Buffer part, co_await input_->read(line_bytes_max));
    pending_ = joined(pending_, part);
    at_end = part.empty();
    crypto::wipe(part.mutable_bytes());
  }
}

}  // namespace kith::api
