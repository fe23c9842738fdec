#include <kith/host/lines.hpp>

namespace kith::host {

Result<Lines> Lines::open(Host& host) {
  KITH_TRY(io::StandardInput input, io::StandardInput::open(host.env()));
  return Lines(std::move(input));
}

Task<std::string> Lines::next() {
  for (;;) {
    const std::size_t end = held_.find('\n');
    if (end != std::string::npos) {
      std::string line = held_.substr(0, end);
      held_.erase(0, end + 1);
      if (line.ends_with('\r')) line.pop_back();
      co_return line;
    }
    if (held_.size() >= line_bytes_max || (ended_ && !held_.empty())) {
      co_return std::exchange(held_, {});
    }
    if (ended_) co_return std::unexpected(Errc::end_of_stream);
    KITH_CO_TRY(const Buffer more, co_await input_.read(line_bytes_max));
    ended_ = more.empty();
    held_ += as_text(more);
  }
}

}  // namespace kith::host
