#include <algorithm>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/detail/account_history.hpp>
#include <kith/api/detail/ethereum_node.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/ledger/primitives/amount.hpp>

namespace kith::api {

using ledger::Address;
using ledger::U256;

namespace {

/// What a clock of ours can show: up to the year 2262.
constexpr std::uint64_t time_s_max =
    std::chrono::duration_cast<std::chrono::seconds>(Duration::max()).count();

std::string_view direction_of(const HistoryEntry& entry, const Address& account) {
  if (!entry.is_from(account)) return "in";
  return entry.to && *entry.to == account ? "self" : "out";
}

std::string_view status_of(const HistoryEntry& entry) {
  if (!entry.block) return entry.has_gap ? "queued" : "pending";
  if (!entry.succeeded) return "unknown";
  return *entry.succeeded ? "success" : "failed";
}

/// Nothing while it waits, and of a time beyond our clock.
std::optional<std::string> time_text(const HistoryEntry& entry) {
  if (!entry.block || entry.time_s > time_s_max) return std::nullopt;
  return rfc3339(WallTime(std::chrono::seconds(entry.time_s)));
}

json::value text_or_null(const std::optional<std::string>& text) {
  return text ? json::value(*text) : json::value(nullptr);
}

/// Nothing if it isn't one.
std::optional<HistoryEntry> entry_of(const json::value& transaction) {
  const auto* object = transaction.if_object();
  if (object == nullptr) return std::nullopt;
  const auto hash = hash_in(transaction, "hash");
  const auto from = address_in(transaction, "from");
  const auto value = quantity_in(transaction, "value");
  const auto nonce = quantity_in(transaction, "nonce");
  const json::value* to = object->if_contains("to");
  const bool creates = to == nullptr || to->is_null();
  const auto recipient = address_in(transaction, "to");
  if (!hash || !from || !value || !nonce || !nonce->fits_64()) return std::nullopt;
  if (!creates && !recipient) return std::nullopt;
  HistoryEntry entry;
  entry.hash = *hash;
  entry.from = *from;
  entry.to = recipient;
  entry.value = *value;
  entry.nonce = nonce->low();
  return entry;
}

Result<void> add_waiting_of(const json::value& by_nonce, bool has_gap, const Address& account,
                            std::vector<HistoryEntry>& into) {
  const auto* object = by_nonce.if_object();
  if (object == nullptr) return std::unexpected(Errc::corrupt);
  for (const auto& member : *object) {
    auto entry = entry_of(member.value());
    if (!entry || entry->from != account) return std::unexpected(Errc::corrupt);
    entry->has_gap = has_gap;
    into.push_back(*std::move(entry));
  }
  return {};
}

}  // namespace

Result<void> add_from_block(const json::value& block, std::uint64_t number, const Address& account,
                            std::vector<HistoryEntry>& into) {
  const auto* object = block.if_object();
  const json::value* list = object != nullptr ? object->if_contains("transactions") : nullptr;
  const auto time = quantity_in(block, "timestamp");
  if (list == nullptr || !list->is_array() || !time || !time->fits_64())
    return std::unexpected(Errc::corrupt);
  if (quantity_in(block, "number") != U256(number)) return std::unexpected(Errc::corrupt);
  const auto& all = list->get_array();
  for (auto it = all.rbegin(); it != all.rend(); ++it) {
    auto entry = entry_of(*it);
    if (!entry) return std::unexpected(Errc::corrupt);
    if (entry->from != account && entry->to != account) continue;
    entry->block = number;
    entry->time_s = time->low();
    into.push_back(*std::move(entry));
  }
  return {};
}

Result<void> add_waiting(const json::value& content, const Address& account,
                         std::vector<HistoryEntry>& into) {
  const auto* object = content.if_object();
  if (object == nullptr) return std::unexpected(Errc::corrupt);
  std::vector<HistoryEntry> found;
  for (const char* kind : {"pending", "queued"}) {
    const json::value* by_nonce = object->if_contains(kind);
    if (by_nonce == nullptr || by_nonce->is_null()) continue;
    KITH_CHECK(add_waiting_of(*by_nonce, kind[0] == 'q', account, found));
  }
  std::ranges::stable_sort(found, std::greater(), &HistoryEntry::nonce);
  into.insert(into.end(), found.begin(), found.end());
  return {};
}

Result<void> add_receipt(const json::value& receipt, HistoryEntry& entry) {
  const auto gas = quantity_in(receipt, "gasUsed");
  if (hash_in(receipt, "transactionHash") != entry.hash || !gas || !gas->fits_64())
    return std::unexpected(Errc::corrupt);
  // Those of the first chains name no price, and a state's root in the place of a status.
  if (const auto price = quantity_in(receipt, "effectiveGasPrice"))
    entry.fee = price->bit_width() <= 192 ? *gas * *price : U256::max();
  if (const auto status = quantity_in(receipt, "status")) entry.succeeded = !status->is_zero();
  return {};
}

json::object value_of(const HistoryEntry& entry, const Address& account) {
  json::object value;
  value["block"] = entry.block ? json::value(*entry.block) : json::value(nullptr);
  value["time"] = text_or_null(time_text(entry));
  value["direction"] = direction_of(entry, account);
  value["from"] = entry.from.to_checksum();
  value["to"] = entry.to ? json::value(entry.to->to_checksum()) : json::value(nullptr);
  value["value"] = entry.value.to_decimal();
  value["fee"] = entry.fee ? json::value(entry.fee->to_decimal()) : json::value(nullptr);
  value["nonce"] = entry.nonce;
  value["status"] = status_of(entry);
  value["hash"] = entry.hash.to_hex();
  return value;
}

std::string line_of(const HistoryEntry& entry, const Address& account) {
  const auto other = entry.counterpart(account);
  const std::string where = entry.block ? fmt::format("{}", *entry.block) : "waits";
  const std::string when = time_text(entry).value_or("");
  // Who was sent something has paid nothing for it.
  const std::string fee = entry.fee && entry.is_from(account)
                              ? fmt::format(", fee {}", ledger::format_amount(*entry.fee))
                              : "";
  return fmt::format("{:>8}  {:<20}  {:<4}  {:<42}  {} ether{}  {}  {}\n", where, when,
                     direction_of(entry, account), other ? other->to_checksum() : "new contract",
                     ledger::format_amount(entry.value), fee, status_of(entry),
                     entry.hash.to_hex());
}

}  // namespace kith::api
