#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/detail/text.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/api/detail/waiting.hpp>

namespace kith::api {
namespace {

std::string who_left(const json::value& transfer) {
  std::string names;
  for (const json::value& peer : list_of(transfer, "Left")) {
    std::string name = printable(text_of(peer));
    if (!name.empty()) names += (names.empty() ? "" : ", ") + name;
  }
  return names.empty() ? "" : fmt::format(" (what came before was sent by {}, gone now)", names);
}

}  // namespace

std::optional<std::string> WaitingNotes::update(const json::value& transfer, Instant now) {
  peers_ = 0;
  for (const json::value& peer : list_of(transfer, "Peers")) {
    if (number_of(peer, "Blocks") > 0) ++peers_;
  }
  std::int64_t blocks = number_of(transfer, "BlocksReceived");
  std::string waiting = printable(text_of(transfer, "Waiting"));
  if (blocks != blocks_ || waiting.empty()) {
    blocks_ = blocks;
    changed_at_ = now;
    if (std::exchange(said_, "").empty()) return std::nullopt;
    return fmt::format("going on, with blocks from {} peer{}", peers_, peers_ == 1 ? "" : "s");
  }
  if (now - changed_at_ < waiting_silence) return std::nullopt;
  std::string note = waiting + who_left(transfer);
  if (note == said_) return std::nullopt;
  said_ = note;
  return note;
}

}  // namespace kith::api
