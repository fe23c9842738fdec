#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/detail/values.hpp>
#include <kith/api/detail/waiting.hpp>

namespace kith::api {
namespace {

std::string who_left(const json::value& transfer) {
  const json::value* left = transfer.as_object().if_contains("Left");
  std::string names;
  if (left != nullptr && left->is_array()) {
    for (const json::value& peer : left->as_array()) {
      if (peer.is_string()) names += (names.empty() ? "" : ", ") + std::string(peer.as_string());
    }
  }
  return names.empty() ? "" : fmt::format(" (what came before was sent by {}, gone now)", names);
}

}  // namespace

std::optional<std::string> WaitingNotes::update(const json::value& transfer, Instant now) {
  peers_ = 0;
  const json::value* list = transfer.as_object().if_contains("Peers");
  if (list != nullptr && list->is_array()) {
    for (const json::value& peer : list->as_array()) {
      if (number_of(peer, "Blocks") > 0) ++peers_;
    }
  }
  std::int64_t blocks = number_of(transfer, "BlocksReceived");
  std::string waiting = text_of(transfer, "Waiting");
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
