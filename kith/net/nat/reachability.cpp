#include <algorithm>

#include <kith/net/nat/reachability.hpp>

namespace kith::net {

using multiformats::Multiaddr;

std::string_view to_string(Reachability reachability) noexcept {
  switch (reachability) {
    case Reachability::reachable:
      return "Public";
    case Reachability::unreachable:
      return "Private";
    case Reachability::unknown:
      break;
  }
  return "Unknown";
}

bool OverallReachability::record(Reachability found) noexcept {
  if (found == verdict_) {
    if (found != Reachability::unknown)
      confidence_ = std::min(confidence_ + 1, autonat_confidence_max);
    return false;
  }
  if (found != Reachability::reachable && confidence_ > 0) {
    --confidence_;
    return false;
  }
  confidence_ = 0;
  verdict_ = found;
  return true;
}

void OverallReachability::doubt() noexcept {
  confidence_ = std::min(confidence_, autonat_confidence_max - 1);
}

Duration OverallReachability::interval() const noexcept {
  const bool sure = verdict_ != Reachability::unknown && confidence_ == autonat_confidence_max;
  return sure ? autonat_refresh_interval : autonat_retry_interval;
}

void AddressReachability::track(const std::vector<Multiaddr>& addresses) {
  order_.clear();
  std::map<Multiaddr, Known> kept;
  for (const Multiaddr& address : addresses) {
    if (order_.size() >= reachability_addresses_max) break;
    if (kept.contains(address)) continue;
    kept[address] = std::move(known_[address]);
    order_.push_back(address);
  }
  known_ = std::move(kept);
}

int AddressReachability::balance(const Known& known) noexcept {
  int sum = 0;
  for (const Answer& answer : known.answers)
    sum += answer.reached ? 1 : -1;
  return sum;
}

bool AddressReachability::wants(const Known& known, Instant now) noexcept {
  const bool unwanted = known.refusals >= reachability_refusals_max &&
                        now < known.refused_at + reachability_rest_interval;
  if (unwanted) return false;
  if (known.answers.empty()) return true;
  const Instant last = known.answers.back().at;
  if (std::abs(balance(known)) >= reachability_settled_from)
    return now >= last + reachability_probe_interval;
  // As many answers as are kept, and no majority.
  const bool torn = known.answers.size() == reachability_answers_kept;
  return !torn || now >= last + reachability_rest_interval;
}

std::vector<Multiaddr> AddressReachability::to_ask(Instant now) const {
  std::vector<std::pair<std::size_t, Multiaddr>> wanted;
  for (const Multiaddr& address : order_) {
    const Known& known = known_.at(address);
    if (wants(known, now)) wanted.emplace_back(known.answers.size(), address);
  }
  std::ranges::stable_sort(wanted, {}, &std::pair<std::size_t, Multiaddr>::first);
  std::vector<Multiaddr> asked;
  for (auto& [answers, address] : wanted) {
    if (asked.size() < autonat_v2_addresses_asked_max) asked.push_back(std::move(address));
  }
  return asked;
}

void AddressReachability::record(const Multiaddr& address, bool reached, Instant now) {
  auto found = known_.find(address);
  if (found == known_.end()) return;
  Known& known = found->second;
  const Reachability before = verdict_of(known);
  known.refusals = 0;
  known.answers.push_back({reached, now});
  if (known.answers.size() > reachability_answers_kept) known.answers.pop_front();
  if (verdict_of(known) != before) known.since = now;
}

void AddressReachability::refused(const Multiaddr& address, Instant now) {
  auto found = known_.find(address);
  if (found == known_.end()) return;
  Known& known = found->second;
  if (now >= known.refused_at + reachability_rest_interval) known.refusals = 0;
  ++known.refusals;
  known.refused_at = now;
}

Reachability AddressReachability::verdict(const Multiaddr& address) const {
  auto found = known_.find(address);
  return found == known_.end() ? Reachability::unknown : verdict_of(found->second);
}

Reachability AddressReachability::verdict_of(const Known& known) noexcept {
  const int sum = balance(known);
  if (sum >= reachability_believed_from) return Reachability::reachable;
  return sum <= -reachability_believed_from ? Reachability::unreachable : Reachability::unknown;
}

std::vector<AddressReachability::Report> AddressReachability::reports() const {
  std::vector<Report> all;
  for (const Multiaddr& address : order_) {
    const Known& known = known_.at(address);
    Report report{.address = address, .verdict = verdict_of(known)};
    report.reached =
        static_cast<std::size_t>(std::ranges::count(known.answers, true, &Answer::reached));
    report.failed = known.answers.size() - report.reached;
    if (report.verdict != Reachability::unknown) report.since = known.since;
    if (!known.answers.empty()) report.asked_at = known.answers.back().at;
    report.refused = known.refusals > 0;
    all.push_back(std::move(report));
  }
  return all;
}

std::map<Multiaddr, Reachability> AddressReachability::verdicts() const {
  std::map<Multiaddr, Reachability> all;
  for (const Multiaddr& address : order_)
    all[address] = verdict(address);
  return all;
}

}  // namespace kith::net
