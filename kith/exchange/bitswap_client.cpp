#include <algorithm>

#include <fmt/format.h>

#include <kith/base/assert.hpp>
#include <kith/exchange/bitswap_client.hpp>

namespace kith::exchange {
namespace {

/// Others serve higher priorities first; our order starts in the middle, since wants can be put
/// before all others.
std::int32_t priority_of(std::int64_t rank) noexcept {
  constexpr std::int64_t middle = 1'000'000'000;
  return static_cast<std::int32_t>(middle - std::clamp<std::int64_t>(rank, -middle, middle - 1));
}

std::string names_of(const std::vector<PeerId>& peers) {
  constexpr std::size_t names_max = 3;
  std::string text;
  for (std::size_t i = 0; i < peers.size() && i < names_max; ++i) {
    text += (i == 0 ? "" : ", ") + peers[i].to_short_string();
  }
  if (peers.size() > names_max) text += fmt::format(" and {} more", peers.size() - names_max);
  return text;
}

}  // namespace

std::string describe(const TransferStatus& status) {
  const std::string names = names_of(status.waiting_for);
  const std::size_t count = status.waiting_for.size();
  std::string why;
  switch (status.waiting) {
    case Waiting::nothing:
      return "waiting for nothing";
    case Waiting::no_sources:
      why = status.paused > 0 ? "" : "no peer is connected";
      break;
    case Waiting::searching:
      why = fmt::format("asked {} peer{}, no answer yet", count, count == 1 ? "" : "s");
      break;
    case Waiting::nobody_has:
      why = "no connected peer has it";
      break;
    case Waiting::fetching:
      why = fmt::format("coming from {}", names);
      break;
    case Waiting::stalled:
      why = fmt::format("{} stopped sending", names);
      break;
    case Waiting::queued:
      why = count == 0 ? "its turn comes" : fmt::format("{} is busy with earlier blocks", names);
      break;
  }
  const bool hopeless =
      status.waiting == Waiting::no_sources || status.waiting == Waiting::nobody_has;
  if (hopeless && status.paused > 0) {
    why += fmt::format("{}{} connected peer{} no questions now and {} asked again soon",
                       why.empty() ? "" : ", ", status.paused,
                       status.paused == 1 ? " takes" : "s take", status.paused == 1 ? "is" : "are");
  }
  if (!status.damage.empty()) why += fmt::format(", and here {}", status.damage);
  return fmt::format("waiting for {}: {}", status.waiting_cid.to_string(), why);
}

BitswapClient::BitswapClient(std::uint64_t seed)
    : hash_{seed},
      scheduler_(seed),
      units_(0, hash_),
      done_(0, hash_),
      peers_(0, hash_),
      faults_(0, hash_) {}

// Jobs.

BitswapClient::UnitId BitswapClient::unit_of(const Cid& cid) {
  auto [found, added] = units_.try_emplace(cid.hash(), UnitId{next_unit_});
  if (added) {
    ++next_unit_;
    cids_.emplace(found->second, cid);
  }
  return found->second;
}

void BitswapClient::want(JobId job, const Cid& cid, Instant now, bool first) {
  scheduler_.want(job, unit_of(cid), now, first);
}

void BitswapClient::forget(JobId job, const Cid& cid) {
  auto unit = units_.find(cid.hash());
  if (unit == units_.end()) return;
  scheduler_.forget(job, unit->second);
  ended_.push_back(unit->second);
}

void BitswapClient::remove_job(JobId job) {
  scheduler_.remove_job(job);
  left_.erase(job);
  for (const auto& [unit, _] : cids_) {
    if (!scheduler_.wanted(unit)) ended_.push_back(unit);
  }
}

bool BitswapClient::wanted(const Cid& cid) const {
  auto unit = units_.find(cid.hash());
  return unit != units_.end() && scheduler_.wanted(unit->second);
}

void BitswapClient::obtained(const Cid& cid) {
  auto unit = units_.find(cid.hash());
  if (unit == units_.end()) return;
  scheduler_.obtained(unit->second);
  ended_.push_back(unit->second);
}

// Peers.

BitswapClient::Peer* BitswapClient::find(const PeerId& peer) {
  auto found = peers_.find(peer);
  return found == peers_.end() ? nullptr : &found->second;
}

const BitswapClient::Peer* BitswapClient::find(const PeerId& peer) const {
  auto found = peers_.find(peer);
  return found == peers_.end() ? nullptr : &found->second;
}

void BitswapClient::connected(const PeerId& id, Instant now) {
  auto [found, added] = peers_.try_emplace(id, hash_);
  Peer& peer = found->second;
  if (!added && !peer.paused) return;
  peer.afresh = std::exchange(peer.paused, false);
  if (auto faults = faults_.find(id); added && faults != faults_.end()) {
    if (now < faults->second.until) {
      peer.unasked_blocks = faults->second.blocks;
      peer.unasked_bytes = faults->second.bytes;
    }
    faults_.erase(faults);
  }
  peer.source = scheduler_.add_source(peer.version == BitswapVersion::v1_2_0, now);
  sources_.emplace(peer.source, id);
}

void BitswapClient::pause(const PeerId& id) {
  Peer* peer = find(id);
  if (peer == nullptr || peer->paused) return;
  scheduler_.remove_source(peer->source);
  sources_.erase(peer->source);
  peer->paused = true;
  peer->announced = false;
  for (const auto& [hash, wish] : peer->wishes) {
    if (wish.said) remember(*peer, hash, wish.lacked);
  }
  peer->wishes.clear();
  peer->outgoing.clear();
}

void BitswapClient::remember_faults(const PeerId& id, const Peer& peer, Instant now) {
  if (peer.unasked_blocks == 0) return;
  const Instant until = now + fault_memory;
  faults_.insert_or_assign(id, Faults{peer.unasked_blocks, peer.unasked_bytes, until});
  faults_order_.emplace_back(id, until);
  while (faults_order_.size() > faults_remembered_max || faults_order_.front().second <= now) {
    auto oldest = faults_.find(faults_order_.front().first);
    // It may have come back since, and gone again.
    if (oldest != faults_.end() && oldest->second.until == faults_order_.front().second) {
      faults_.erase(oldest);
    }
    faults_order_.pop_front();
  }
}

void BitswapClient::disconnected(const PeerId& id, Instant now) {
  auto peer = peers_.find(id);
  if (peer == peers_.end()) return;
  for (JobId job : scheduler_.jobs_served_by(peer->second.source)) {
    std::deque<PeerId>& left = left_[job];
    std::erase(left, id);
    left.push_back(id);
    if (left.size() > left_peers_max) left.pop_front();
  }
  remember_faults(id, peer->second, now);
  scheduler_.remove_source(peer->second.source);
  sources_.erase(peer->second.source);
  peers_.erase(peer);
}

void BitswapClient::set_version(const PeerId& id, BitswapVersion version) {
  Peer* peer = find(id);
  if (peer == nullptr || peer->version == version) return;
  peer->version = version;
  if (!peer->paused) scheduler_.set_answers(peer->source, version == BitswapVersion::v1_2_0);
}

void BitswapClient::progress(const PeerId& id, std::uint64_t bytes, Instant now) {
  if (Peer* peer = find(id)) scheduler_.progress(peer->source, bytes, now);
}

void BitswapClient::presences(const PeerId& id, const std::vector<BlockPresence>& presences,
                              Instant now) {
  Peer* peer = find(id);
  if (peer == nullptr) return;
  for (const BlockPresence& said : presences) {
    const Multihash hash = said.cid.hash();
    auto unit = units_.find(hash);
    auto wish = peer->wishes.find(hash);
    if (said.presence == Presence::have && wish == peer->wishes.end()) {
      auto recent = peer->recent.find(hash);
      if (recent != peer->recent.end()) holds_too(*peer, hash, recent->second.lacked);
    }
    // An answer to what was never asked, or is over.
    if (unit == units_.end() || wish == peer->wishes.end()) continue;
    if (said.presence == Presence::have) {
      // The peer forgets a want-have that it has answered.
      if (wish->second.type == WantType::have) peer->wishes.erase(wish);
      scheduler_.has(peer->source, unit->second);
    } else {
      wish->second.lacked = true;
      scheduler_.lacks(peer->source, unit->second, now);
    }
  }
}

void BitswapClient::peer_wants(const PeerId& id, const Cid& cid) {
  Peer* peer = find(id);
  if (peer == nullptr || peer->paused) return;
  if (auto unit = units_.find(cid.hash()); unit != units_.end()) {
    for (JobId job : scheduler_.jobs_of(unit->second))
      scheduler_.shares(peer->source, job);
  } else if (auto done = done_.find(cid.hash()); done != done_.end()) {
    for (JobId job : done->second)
      scheduler_.shares(peer->source, job);
  }
}

bool BitswapClient::expects(const PeerId& id) const {
  const Peer* peer = find(id);
  return peer != nullptr && (!peer->wishes.empty() || !peer->recent.empty());
}

void BitswapClient::remember(Peer& peer, const Multihash& hash, bool lacked) {
  const std::uint64_t number = peer.next_recent++;
  peer.recent.insert_or_assign(hash, Peer::Recent{number, lacked});
  peer.recent_order.emplace_back(number, hash);
  while (peer.recent_order.size() > cancelled_remembered_max) {
    auto oldest = peer.recent.find(peer.recent_order.front().second);
    if (oldest != peer.recent.end() && oldest->second.number == peer.recent_order.front().first) {
      peer.recent.erase(oldest);
    }
    peer.recent_order.pop_front();
  }
}

Arrival BitswapClient::received(const PeerId& id, const Cid& cid, std::uint64_t bytes,
                                Instant now) {
  Peer* peer = find(id);
  const Multihash hash = cid.hash();
  auto unit = units_.find(hash);
  const bool is_wanted = unit != units_.end() && scheduler_.wanted(unit->second);
  if (peer == nullptr) {
    // The peer left while its block was being hashed; the block is as good as any.
    if (is_wanted) obtained(cid);
    ++(is_wanted ? stats_.blocks_received : stats_.duplicate_blocks);
    (is_wanted ? stats_.data_received : stats_.duplicate_data) += bytes;
    return is_wanted ? Arrival::wanted : Arrival::duplicate;
  }
  auto wish = peer->wishes.find(hash);
  const bool asked = wish != peer->wishes.end() && wish->second.said;
  auto recent = peer->recent.find(hash);
  if (!asked && recent == peer->recent.end()) {
    unasked(id, bytes);
    return Arrival::unasked;
  }
  const bool lacked = asked ? wish->second.lacked : recent->second.lacked;
  if (!asked) peer->recent.erase(recent);
  ++stats_.blocks_received;
  stats_.data_received += bytes;
  if (asked) {
    peer->wishes.erase(wish);
    peer->outgoing.erase(hash);
    // Our want-have and want-block for it may both be answered.
    remember(*peer, hash, lacked);
  }
  if (!is_wanted) {
    ++stats_.duplicate_blocks;
    stats_.duplicate_data += bytes;
    scheduler_.duplicate(peer->source, now);
    holds_too(*peer, hash, lacked);
    return Arrival::duplicate;
  }
  remember_done(hash, unit->second);
  scheduler_.received(peer->source, unit->second, bytes, now);
  ended_.push_back(unit->second);
  return Arrival::wanted;
}

void BitswapClient::remember_done(const Multihash& hash, UnitId unit) {
  done_.insert_or_assign(hash, scheduler_.jobs_of(unit));
  done_order_.push_back(hash);
  if (done_order_.size() > done_remembered_max) {
    done_.erase(done_order_.front());
    done_order_.pop_front();
  }
}

/// A late answer shows that the peer has a block which others brought. If it lacked it before, it
/// fetches what we fetch.
void BitswapClient::holds_too(const Peer& peer, const Multihash& hash, bool lacked) {
  auto done = done_.find(hash);
  if (done == done_.end()) return;
  for (JobId job : done->second) {
    scheduler_.holds(peer.source, job);
    if (lacked) scheduler_.shares(peer.source, job);
  }
}

Verdict BitswapClient::unasked(const PeerId& id, std::uint64_t bytes) {
  ++stats_.unasked_blocks;
  stats_.unasked_data += bytes;
  Peer* peer = find(id);
  if (peer == nullptr) return Verdict::ignore;
  ++peer->unasked_blocks;
  peer->unasked_bytes += bytes;
  return verdict(id);
}

Verdict BitswapClient::verdict(const PeerId& id) const {
  const Peer* peer = find(id);
  if (peer == nullptr || peer->unasked_blocks == 0) return Verdict::ok;
  return peer->unasked_blocks > unasked_blocks_max || peer->unasked_bytes > unasked_bytes_max
             ? Verdict::disconnect
             : Verdict::penalise;
}

// Output.

void BitswapClient::carry_out(const transfer::Action& action) {
  using Kind = transfer::Action::Kind;
  Peer& peer = *find(sources_.at(action.source));
  const Cid& cid = cids_.at(action.unit);
  const Multihash hash = cid.hash();
  auto wish = peer.wishes.find(hash);
  if (action.kind == Kind::drop) {
    if (wish == peer.wishes.end()) return;
    const bool said = wish->second.said;
    const bool lacked = wish->second.lacked;
    peer.wishes.erase(wish);
    if (!said) {
      peer.outgoing.erase(hash);
      return;
    }
    peer.outgoing.insert_or_assign(hash, Want{cid, 0, WantType::block, true, false});
    remember(peer, hash, lacked);
    return;
  }
  Wish& known = peer.wishes[hash];
  known.type = action.kind == Kind::fetch ? WantType::block : WantType::have;
  known.priority = priority_of(action.rank);
  peer.outgoing.insert_or_assign(hash, Want{cid, known.priority, known.type, false, true});
}

std::vector<PeerId> BitswapClient::poll(Instant now) {
  std::vector<PeerId> touched;
  for (const transfer::Action& action : scheduler_.poll(now)) {
    carry_out(action);
    const PeerId& id = sources_.at(action.source);
    Peer& peer = *find(id);
    if (!peer.announced && !peer.outgoing.empty()) {
      peer.announced = true;
      touched.push_back(id);
    }
  }
  clean_up();
  return touched;
}

/// Forgets the names of units that are over; not before the actions that name them are done.
void BitswapClient::clean_up() {
  for (UnitId unit : ended_) {
    auto cid = cids_.find(unit);
    if (cid == cids_.end() || scheduler_.wanted(unit)) continue;
    units_.erase(cid->second.hash());
    cids_.erase(cid);
  }
  ended_.clear();
}

bool BitswapClient::has_wantlist(const PeerId& id) const {
  const Peer* peer = find(id);
  return peer != nullptr && !peer->outgoing.empty();
}

std::optional<BitswapMessage> BitswapClient::take_wantlist(const PeerId& id) {
  Peer* peer = find(id);
  if (peer == nullptr) return std::nullopt;
  peer->announced = false;
  if (peer->outgoing.empty()) return std::nullopt;
  BitswapMessage message;
  message.full = std::exchange(peer->afresh, false);
  for (const auto& [_, want] : peer->outgoing)
    message.wants.push_back(want);
  std::ranges::sort(message.wants, [](const Want& a, const Want& b) {
    if (a.cancel != b.cancel) return a.cancel;
    if (a.priority != b.priority) return a.priority > b.priority;
    return a.cid < b.cid;
  });
  if (message.wants.size() > wants_per_message_max) message.wants.resize(wants_per_message_max);
  for (const Want& want : message.wants) {
    const Multihash hash = want.cid.hash();
    peer->outgoing.erase(hash);
    if (auto wish = peer->wishes.find(hash); wish != peer->wishes.end()) {
      wish->second.said = true;
    }
  }
  return message;
}

void BitswapClient::resend(const PeerId& id) {
  Peer* peer = find(id);
  if (peer == nullptr) return;
  for (auto& [hash, wish] : peer->wishes) {
    auto unit = units_.find(hash);
    if (unit == units_.end()) continue;
    const Cid& cid = cids_.at(unit->second);
    peer->outgoing.insert_or_assign(hash, Want{cid, wish.priority, wish.type, false, true});
  }
}

TransferStatus BitswapClient::status(JobId job, Instant now) const {
  const transfer::JobStatus from = scheduler_.status(job, now);
  TransferStatus status;
  status.blocks_wanted = from.units_wanted;
  status.blocks_received = from.units_received;
  status.bytes_received = from.bytes_received;
  status.bytes_per_second = from.bytes_per_second;
  for (const transfer::SourceStatus& source : from.sources)
    status.peers.push_back({sources_.at(source.source), source});
  if (auto left = left_.find(job); left != left_.end()) {
    for (const PeerId& peer : left->second) {
      if (!peers_.contains(peer)) status.left.push_back(peer);
    }
  }
  for (const auto& [_, peer] : peers_)
    status.paused += peer.paused ? 1 : 0;
  status.waiting = from.waiting;
  if (from.waiting_unit) status.waiting_cid = cids_.at(*from.waiting_unit);
  for (transfer::SourceId source : from.waiting_for)
    status.waiting_for.push_back(sources_.at(source));
  return status;
}

std::vector<Cid> BitswapClient::wantlist() const {
  std::vector<Cid> all;
  for (const auto& [unit, cid] : cids_) {
    if (scheduler_.wanted(unit)) all.push_back(cid);
  }
  std::ranges::sort(all);
  return all;
}

}  // namespace kith::exchange
