#include <algorithm>

#include <kith/http/detail/input.hpp>

namespace kith::http::detail {

Task<bool> Input::fill(Instant deadline) {
  if (!held_.empty()) co_return true;
  KITH_CO_TRY(Buffer more, co_await receive(deadline));
  held_ = std::move(more);
  co_return !held_.empty();
}

Buffer Input::take(std::size_t size) {
  if (size == held_.size()) return std::exchange(held_, Buffer());
  Buffer front = held_.slice(0, size);
  held_.remove_prefix(size);
  return front;
}

Task<bool> read_section(Input& input, HeadScanner& scanner, Instant deadline) {
  while (!scanner.done()) {
    KITH_CO_TRY(bool more, co_await input.fill(deadline));
    if (!more && !scanner.begun()) co_return false;
    if (!more) co_return std::unexpected(Errc::end_of_stream);
    auto used = scanner.feed(input.held());
    if (!used) co_return std::unexpected(used.error());
    input.consume(*used);
  }
  co_return true;
}

Task<Buffer> read_payload(Input& input, BodyDecoder& decoder, std::size_t size_max,
                          Instant deadline) {
  for (;;) {
    auto step = decoder.next(input.held());
    if (!step) co_return std::unexpected(step.error());
    input.consume(step->framing);
    if (step->payload > 0) {
      std::size_t size = std::min(step->payload, size_max);
      decoder.take(size);
      co_return input.take(size);
    }
    if (decoder.done()) co_return Buffer();
    KITH_CO_TRY(bool more, co_await input.fill(deadline));
    if (!more && decoder.ends_with_connection()) co_return Buffer();
    if (!more) co_return std::unexpected(Errc::end_of_stream);
  }
}

}  // namespace kith::http::detail
