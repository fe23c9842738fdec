#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/discovery/mdns_service.hpp>
#include <kith/multiformats/seeded_hash.hpp>

namespace kith::discovery {

using multiformats::Multiaddr;
using multiformats::PeerId;
using multiformats::Protocol;
using port::Endpoint;
using port::IpAddress;

namespace {

constexpr std::string_view text_prefix = "dnsaddr=";
constexpr std::string_view name_alphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::size_t name_bytes_min = 32;
/// A port must stand in SRV records, and go-libp2p and we take none of it.
constexpr std::uint16_t srv_port = 4001;

/// Equal but for the interface that a link-local address is meant on.
bool same_address(const IpAddress& a, const IpAddress& b) noexcept {
  return a.family() == b.family() && equal(a.bytes(), b.bytes());
}

std::optional<IpAddress> ip_of(const Multiaddr& address) {
  std::optional<ByteView> bytes = address.ip();
  if (!bytes) return std::nullopt;
  return IpAddress::from_bytes(*bytes);
}

/// The address from its IP address on, without the zone that may stand before.
std::optional<Multiaddr> without_zone(const Multiaddr& address) {
  if (!address.has(Protocol::ip6zone)) return address;
  std::string text = address.to_string();
  std::size_t at = text.find("/ip6/");
  if (at == std::string::npos) return std::nullopt;
  auto plain = Multiaddr::parse(std::string_view(text).substr(at));
  if (!plain) return std::nullopt;
  return *std::move(plain);
}

DnsRecord record_of(const DnsName& name, std::uint32_t ttl, bool flush, DnsData data) {
  DnsRecord record;
  record.name = name;
  record.ttl_seconds = ttl;
  record.cache_flush = flush;
  record.data = std::move(data);
  return record;
}

std::string random_name(Prng& prng) {
  std::string name(prng.between(name_bytes_min, dns_label_bytes_max), 'x');
  for (char& c : name)
    c = name_alphabet[prng.below(name_alphabet.size())];
  return name;
}

DnsName under(std::string_view label, std::string_view parent) {
  std::optional<DnsName> name = DnsName::under(label, DnsName::of(parent));
  ASSERT(name.has_value());
  return *std::move(name);
}

bool takes(const DnsQuestion& question, DnsType type) noexcept {
  bool in = question.qclass == dns_class_in || question.qclass == dns_class_any;
  return in && (question.type == type || question.type == DnsType::any);
}

}  // namespace

/// How an answer is dressed.
struct MdnsService::Style {
  std::optional<Endpoint> to;
  /// The question of one who isn't a multicast responder and wants to see it again.
  const DnsMessage* legacy_query = nullptr;
  bool goodbye = false;

  bool flush() const noexcept { return legacy_query == nullptr; }
  std::uint32_t ttl(std::uint32_t usual) const noexcept {
    if (goodbye) return 0;
    return legacy_query == nullptr ? usual : mdns_legacy_ttl_seconds;
  }
};

bool Subnet::contains(const IpAddress& other) const noexcept {
  if (address.family() != other.family()) return false;
  ByteView mine = address.bytes();
  ByteView its = other.bytes();
  int bits = std::clamp(prefix_bits, 0, static_cast<int>(mine.size() * 8));
  if (bits == 0) return same_address(address, other);
  auto whole = static_cast<std::size_t>(bits / 8);
  if (!equal(mine.first(whole), its.first(whole))) return false;
  int rest = bits % 8;
  return rest == 0 || ((mine[whole] ^ its[whole]) >> (8 - rest)) == 0;
}

bool MdnsService::Bucket::take(Instant now, double rate, double burst) noexcept {
  double seconds = std::chrono::duration<double>(now - at).count();
  tokens = std::min(burst, tokens + std::max(0.0, seconds) * rate);
  at = now;
  if (tokens < 1) return false;
  tokens -= 1;
  return true;
}

Instant MdnsService::Bucket::ready(Instant now, double rate, double burst) const noexcept {
  double seconds = std::chrono::duration<double>(now - at).count();
  double level = std::min(burst, tokens + std::max(0.0, seconds) * rate);
  if (level >= 1) return now;
  std::chrono::duration<double> wait((1 - level) / rate);
  return now + std::chrono::duration_cast<Duration>(wait) + 1ms;
}

MdnsService::MdnsService(PeerId self, std::uint64_t seed)
    : self_(self),
      prng_(seed),
      bucket_seed_(prng_.next()),
      service_(DnsName::of(mdns_service_name)),
      meta_(DnsName::of(mdns_meta_query_name)),
      received_{mdns_received_burst},
      unicast_{mdns_unicast_burst},
      telling_{mdns_found_burst} {
  std::string name = random_name(prng_);
  instance_ = under(name, mdns_service_name);
  host_ = under(name, mdns_host_domain);
  sources_.fill({mdns_source_burst});
}

Duration MdnsService::between(Duration low, Duration high) noexcept {
  return Duration(static_cast<std::int64_t>(prng_.between(
      static_cast<std::uint64_t>(low.count()), static_cast<std::uint64_t>(high.count()))));
}

// Links.

void MdnsService::set_machine_addresses(std::vector<IpAddress> addresses) {
  machine_ = std::move(addresses);
}

/// Chooses what is told on the link and cuts it into messages.
void MdnsService::prepare(LinkState& state) const {
  state.texts.clear();
  state.host_addresses.clear();
  auto of_link = [&state](const IpAddress& ip) {
    return std::ranges::any_of(state.link.subnets, [&ip](const Subnet& subnet) {
      return same_address(subnet.address, ip);
    });
  };
  std::vector<std::pair<IpAddress, std::string>> told;
  for (const Multiaddr& address : state.link.addresses) {
    std::optional<IpAddress> ip = ip_of(address);
    if (!ip || !of_link(*ip) || address.is_relayed()) continue;
    std::optional<Multiaddr> plain = without_zone(address);
    if (!plain) continue;
    auto whole = plain->with_peer_id(self_);
    if (!whole) continue;
    std::string text = std::string(text_prefix) + whole->to_string();
    if (text.size() <= dns_text_bytes_max) told.emplace_back(*ip, std::move(text));
  }
  // A link-local IPv6 address needs a zone, which most peers can't add: it is told if it's all
  // there is.
  auto needs_zone = [](const auto& one) { return !one.first.is_v4() && one.first.is_link_local(); };
  if (!std::ranges::all_of(told, needs_zone)) std::erase_if(told, needs_zone);
  if (told.size() > mdns_announced_addresses_max) told.resize(mdns_announced_addresses_max);

  std::size_t bytes = mdns_texts_bytes_max;
  for (auto& [ip, text] : told) {
    if (bytes + 1 + text.size() > mdns_texts_bytes_max) {
      if (state.texts.size() == mdns_messages_per_response_max) break;
      state.texts.emplace_back();
      bytes = 0;
    }
    bytes += 1 + text.size();
    state.texts.back().strings.push_back(std::move(text));
    bool known = std::ranges::find(state.host_addresses, ip) != state.host_addresses.end();
    if (!known && state.host_addresses.size() < mdns_host_addresses_max) {
      state.host_addresses.push_back(ip);
    }
  }
}

void MdnsService::set_link(MdnsLinkId id, MdnsLink link, Instant now) {
  auto [found, fresh] = links_.try_emplace(id);
  LinkState& state = found->second;
  if (!fresh && state.link == link) return;
  std::vector<DnsText> before = state.texts;
  state.link = std::move(link);
  prepare(state);
  if (fresh) {
    state.next_query = now + between(mdns_first_query_delay_min, mdns_first_query_delay_max);
    state.query_interval = mdns_query_interval_first;
  } else if (state.texts != before && !state.texts.empty()) {
    schedule(state, topic_service, now, std::nullopt);
  }
}

void MdnsService::remove_link(MdnsLinkId id) {
  links_.erase(id);
  std::erase_if(outgoing_, [id](const MdnsOutgoing& one) { return one.link == id; });
}

std::vector<MdnsLinkId> MdnsService::links() const {
  std::vector<MdnsLinkId> ids;
  for (const auto& [id, state] : links_)
    ids.push_back(id);
  return ids;
}

// Receiving.

bool MdnsService::from_here(const IpAddress& source) const noexcept {
  return source.is_loopback() || std::ranges::any_of(machine_, [&source](const IpAddress& one) {
           return same_address(one, source);
         });
}

/// RFC 6762 section 11: messages from beyond the link are forged.
bool MdnsService::is_local(const LinkState& state, const IpAddress& source) const noexcept {
  if (source.is_link_local() || source.is_private() || from_here(source)) return true;
  return std::ranges::any_of(state.link.subnets,
                             [&source](const Subnet& subnet) { return subnet.contains(source); });
}

bool MdnsService::admit(const IpAddress& source, Instant now) {
  std::size_t hash = multiformats::SeededHash{bucket_seed_}(source);
  Bucket& bucket = sources_[hash % sources_.size()];
  bool admitted = bucket.take(now, mdns_source_per_second, mdns_source_burst) &&
                  received_.take(now, mdns_received_per_second, mdns_received_burst);
  if (!admitted) ++dropped_;
  return admitted;
}

void MdnsService::receive(MdnsLinkId id, const Endpoint& from, ByteView datagram, Instant now) {
  auto found = links_.find(id);
  if (stopped_ || found == links_.end()) return;
  if (!is_local(found->second, from.address) || !admit(from.address, now)) return;
  Result<DnsMessage> message = decode_dns(datagram);
  // RFC 6762 sections 18.3 and 18.11.
  if (!message || message->opcode != 0 || message->response_code != 0) return;
  if (message->response) {
    take_response(id, found->second, from, *message, now);
  } else {
    take_query(id, found->second, from, *message, now);
  }
}

MdnsService::Topics MdnsService::topics_of(const LinkState& state, const DnsMessage& query) const {
  Topics topics = 0;
  bool silent = state.texts.empty();
  for (const DnsQuestion& question : query.questions) {
    if (question.name == meta_ && takes(question, DnsType::ptr)) topics |= topic_meta;
    if (silent) continue;
    if (question.name == service_ && takes(question, DnsType::ptr)) topics |= topic_service;
    if (question.name == instance_) {
      bool wanted = takes(question, DnsType::txt) || takes(question, DnsType::srv);
      if (wanted) topics |= topic_instance;
    }
    if (question.name == host_) {
      bool wanted = takes(question, DnsType::a) || takes(question, DnsType::aaaa);
      if (wanted) topics |= topic_host;
    }
  }
  return topics;
}

/// RFC 6762 section 7.1: who knows an answer for at least half its life doesn't get it.
bool MdnsService::knows_us(const DnsMessage& query) const {
  return std::ranges::any_of(query.answers, [this](const DnsRecord& known) {
    const auto* pointer = std::get_if<DnsPointer>(&known.data);
    return pointer != nullptr && known.name == service_ && pointer->target == instance_ &&
           known.ttl_seconds >= mdns_peer_ttl_seconds / 2;
  });
}

bool MdnsService::is_own_query(const DnsMessage& query, const IpAddress& source) const {
  return query.id != 0 && from_here(source) &&
         std::ranges::find(query_ids_, query.id) != query_ids_.end();
}

void MdnsService::take_query(MdnsLinkId id, LinkState& state, const Endpoint& from,
                             const DnsMessage& query, Instant now) {
  // We answered it when we sent it.
  if (is_own_query(query, from.address)) return;
  Topics topics = topics_of(state, query);
  if (knows_us(query)) {
    topics &= ~topic_service;
    if (state.asker == from) state.pending &= ~topic_service;
  }
  if (topics == 0) return;

  bool legacy = from.port != mdns_port;
  bool recently = state.responded && now - state.responded_at < mdns_peer_ttl_seconds * 1s / 4;
  bool all_unicast = std::ranges::all_of(
      query.questions, [](const DnsQuestion& one) { return one.unicast_response; });
  if (legacy || (all_unicast && recently)) {
    if (unicast_.take(now, mdns_unicast_per_second, mdns_unicast_burst)) {
      Style style;
      style.to = from;
      if (legacy) style.legacy_query = &query;
      respond(id, state, topics, style);
      // rust-libp2p asks from any port and listens to the group alone.
      if (!legacy) return;
      topics &= topic_service;
    }
  }
  if (topics == 0) return;
  Duration delay = query.truncated ? between(mdns_truncated_delay_min, mdns_truncated_delay_max)
                                   : between(mdns_response_delay_min, mdns_response_delay_max);
  schedule(state, topics, now + delay, from);
}

void MdnsService::take_response(MdnsLinkId id, const LinkState& state, const Endpoint& from,
                                const DnsMessage& response, Instant now) {
  // rust-libp2p's names aren't below the service's: what leads to them tells.
  std::vector<const DnsName*> named;
  for (const DnsRecord& record : response.answers) {
    const auto* pointer = std::get_if<DnsPointer>(&record.data);
    if (pointer == nullptr || record.name != service_) continue;
    if (record.ttl_seconds == 0) {
      take_goodbye(pointer->target, from.address, now);
    } else if (named.size() < mdns_texts_per_message_max) {
      named.push_back(&pointer->target);
    }
  }
  auto is_peer = [this, &named](const DnsName& name) {
    if (name == instance_) return false;
    return name.parent() == service_ ||
           std::ranges::any_of(named, [&name](const DnsName* one) { return *one == name; });
  };
  std::size_t count = 0;
  for (const auto* section : {&response.answers, &response.additionals}) {
    for (const DnsRecord& record : *section) {
      bool text = std::holds_alternative<DnsText>(record.data) && record.rclass == dns_class_in;
      if (!text || !is_peer(record.name)) continue;
      if (record.ttl_seconds == 0) {
        take_goodbye(record.name, from.address, now);
      } else if (++count <= mdns_texts_per_message_max) {
        take_texts(id, state, from, record, now);
      }
    }
  }
}

/// Whoever said it may take it back, and nobody else.
void MdnsService::take_goodbye(const DnsName& instance, const IpAddress& source, Instant now) {
  for (auto& [peer, known] : peers_) {
    if (known.instance != instance || !same_address(known.source, source) || known.gone) continue;
    known.gone = true;
    known.addresses.clear();
    known.forget_at = std::max(known.forget_at, now + mdns_peer_place_min);
  }
}

std::optional<Multiaddr> MdnsService::usable(const Multiaddr& address, MdnsLinkId id,
                                             const LinkState& state,
                                             const IpAddress& source) const {
  std::optional<multiformats::IpAndPort> start = address.ip_and_port();
  if (!start || start->port == 0 || address.is_relayed()) return std::nullopt;
  std::optional<IpAddress> ip = IpAddress::from_bytes(start->address());
  if (!ip || ip->is_unspecified() || ip->is_multicast()) return std::nullopt;
  std::optional<Multiaddr> plain = without_zone(address);
  if (!plain) return std::nullopt;
  if (ip->is_loopback()) return from_here(source) ? plain : std::nullopt;
  if (!ip->is_v4() && ip->is_link_local()) {
    // Their zone says nothing here: it is on the link on which we hear of it.
    std::string zone = "/ip6zone/" + std::to_string(id.interface_index);
    auto zoned = Multiaddr::parse(zone + plain->to_string());
    if (!zoned) return std::nullopt;
    return *std::move(zoned);
  }
  bool near = ip->is_private() || ip->is_link_local() ||
              std::ranges::any_of(state.link.subnets,
                                  [&ip](const Subnet& subnet) { return subnet.contains(*ip); });
  if (!near) return std::nullopt;
  return plain;
}

void MdnsService::take_texts(MdnsLinkId id, const LinkState& state, const Endpoint& from,
                             const DnsRecord& record, Instant now) {
  PeerId peer;
  std::vector<Multiaddr> addresses;
  for (const std::string& text : std::get<DnsText>(record.data).strings) {
    if (!text.starts_with(text_prefix)) continue;
    auto address = Multiaddr::parse(std::string_view(text).substr(text_prefix.size()));
    if (!address) continue;
    std::optional<PeerId> named = address->peer_id();
    if (!named || *named == self_) continue;
    // One name is one peer.
    if (peer.empty()) peer = *named;
    if (peer != *named) continue;
    std::optional<Multiaddr> near = usable(address->without_peer_id(), id, state, from.address);
    if (near) addresses.push_back(*std::move(near));
    if (addresses.size() == mdns_addresses_per_peer_max) break;
  }
  if (addresses.empty()) return;

  KnownPeer* known = place_for(peer, from.address, now);
  if (known == nullptr) return;
  Duration ttl = std::min<Duration>(std::chrono::seconds(record.ttl_seconds), mdns_peer_ttl_max);
  bool its_own = same_address(known->source, from.address);
  if (its_own) {
    known->instance = record.name;
    known->link = id;
    known->heard = now;
    known->ttl = ttl;
  }
  known->gone = false;
  known->forget_at = std::max(known->forget_at, now + std::max(ttl, mdns_peer_place_min));
  bool news = !known->told;
  for (Multiaddr& address : addresses)
    news = add_address(*known, std::move(address), now) || news;
  bool again = now - known->told_at >= mdns_found_again;
  if (known->queued || !(news || again)) return;
  known->queued = true;
  found_.push_back(peer);
  found_at_ = std::min(found_at_, telling_.ready(now, mdns_found_per_second, mdns_found_burst));
}

/// True if it is new.
bool MdnsService::add_address(KnownPeer& known, Multiaddr address, Instant now) {
  auto same = std::ranges::find(known.addresses, address, &KnownAddress::address);
  if (same != known.addresses.end()) {
    same->heard = now;
    return false;
  }
  if (known.addresses.size() == mdns_addresses_per_peer_max) {
    known.addresses.erase(std::ranges::min_element(known.addresses, {}, &KnownAddress::heard));
  }
  known.addresses.push_back({std::move(address), now});
  return true;
}

/// The peer's entry, a new one if there is room for it; a random one must go if all is full, so
/// that no liar can keep everybody out.
MdnsService::KnownPeer* MdnsService::place_for(const PeerId& peer, const IpAddress& source,
                                               Instant now) {
  if (auto found = peers_.find(peer); found != peers_.end()) return &found->second;
  forget_old(now);
  auto of_source = [&source](const auto& entry) {
    return same_address(entry.second.source, source);
  };
  auto count = static_cast<std::size_t>(std::ranges::count_if(peers_, of_source));
  if (count >= mdns_peers_per_source_max) return nullptr;
  if (peers_.size() >= mdns_peers_max) {
    auto victim =
        std::next(peers_.begin(), static_cast<std::ptrdiff_t>(prng_.below(peers_.size())));
    if (victim->second.queued) std::erase(found_, victim->first);
    peers_.erase(victim);
  }
  KnownPeer& known = peers_[peer];
  known.source = source;
  return &known;
}

void MdnsService::forget_old(Instant now) {
  if (now - forgot_at_ < 1s) return;
  forgot_at_ = now;
  std::erase_if(peers_, [this, now](const auto& entry) {
    bool old = entry.second.forget_at <= now;
    if (old && entry.second.queued) std::erase(found_, entry.first);
    return old;
  });
}

std::optional<FoundPeer> MdnsService::poll_found(Instant now) {
  found_at_ = never;
  while (!found_.empty() && !stopped_) {
    KnownPeer& known = peers_.at(found_.front());
    if (known.gone) {
      known.queued = false;
      found_.pop_front();
      continue;
    }
    if (!telling_.take(now, mdns_found_per_second, mdns_found_burst)) {
      found_at_ = telling_.ready(now, mdns_found_per_second, mdns_found_burst);
      return std::nullopt;
    }
    FoundPeer found;
    found.peer = found_.front();
    found_.pop_front();
    known.queued = false;
    known.told = true;
    known.told_at = now;
    std::erase_if(known.addresses,
                  [now](const KnownAddress& one) { return now - one.heard > mdns_peer_ttl_max; });
    for (const KnownAddress& one : known.addresses)
      found.addresses.push_back(one.address);
    if (!found.addresses.empty()) return found;
  }
  return std::nullopt;
}

// Sending.

void MdnsService::schedule(LinkState& state, Topics topics, Instant at,
                           const std::optional<Endpoint>& asker) {
  if (state.responded) at = std::max(at, state.responded_at + mdns_response_interval);
  if (state.pending == 0) {
    state.asker = asker;
    state.respond_at = at;
  } else {
    if (state.asker != asker) state.asker.reset();
    state.respond_at = std::min(state.respond_at, at);
  }
  state.pending |= topics;
}

std::vector<DnsRecord> MdnsService::known_answers(MdnsLinkId id, Instant now) const {
  std::vector<DnsRecord> answers;
  for (const auto& [peer, known] : peers_) {
    if (known.gone || known.link != id || known.instance.is_root()) continue;
    Duration left = known.heard + known.ttl - now;
    if (left < known.ttl / 2) continue;
    auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left).count();
    answers.push_back(record_of(service_, static_cast<std::uint32_t>(seconds), false,
                                DnsPointer{known.instance}));
  }
  std::ranges::sort(answers, std::greater{}, &DnsRecord::ttl_seconds);
  // A stranger chose the names, and may have chosen long ones.
  constexpr std::size_t header_bytes = 12;
  constexpr std::size_t question_bytes = 4;
  constexpr std::size_t answer_bytes = 12;  // the name is the question's, and points at it
  std::size_t room = mdns_message_bytes_max - header_bytes - service_.wire_bytes() - question_bytes;
  std::vector<DnsRecord> fitting;
  for (DnsRecord& answer : answers) {
    const std::size_t size = answer_bytes + std::get<DnsPointer>(answer.data).target.wire_bytes();
    if (size > room || fitting.size() == mdns_known_answers_max) break;
    room -= size;
    fitting.push_back(std::move(answer));
  }
  return fitting;
}

void MdnsService::ask(MdnsLinkId id, LinkState& state, Instant now) {
  DnsMessage query;
  // By RFC 6762 the id is 0 and means nothing; ours lets us know our own query when it comes back.
  query.id = static_cast<std::uint16_t>(prng_.between(1, 0xffff));
  query_ids_[next_query_id_++ % query_ids_.size()] = query.id;
  DnsQuestion question;
  question.name = service_;
  question.type = DnsType::ptr;
  query.questions.push_back(std::move(question));
  query.answers = known_answers(id, now);
  push(id, std::nullopt, query);

  Duration jitter = between(Duration(0), state.query_interval / 16);
  state.next_query = now + state.query_interval + jitter;
  state.query_interval = std::min(state.query_interval * 2, mdns_query_interval_max);
  // The specification: a peer answers its own question, so that others hear of it.
  Duration delay = between(mdns_response_delay_min, mdns_response_delay_max);
  if (!state.texts.empty()) schedule(state, topic_service, now + delay, std::nullopt);
}

/// What a legacy query asked of us: one question, so that a stranger's long names don't come along.
std::vector<DnsQuestion> MdnsService::own_questions(const DnsMessage& query) const {
  for (const DnsQuestion& question : query.questions) {
    for (const DnsName* ours : {&service_, &meta_, &instance_, &host_}) {
      if (question.name != *ours) continue;
      DnsQuestion echoed = question;
      echoed.unicast_response = false;
      return {std::move(echoed)};
    }
  }
  return {};
}

std::vector<DnsRecord> MdnsService::host_records(const LinkState& state, const Style& style) const {
  std::vector<DnsRecord> records;
  std::uint32_t ttl = style.ttl(mdns_host_ttl_seconds);
  for (const IpAddress& ip : state.host_addresses) {
    DnsData data;
    if (ip.is_v4()) {
      std::ranges::copy(ip.bytes(), data.emplace<DnsAddress4>().begin());
    } else {
      std::ranges::copy(ip.bytes(), data.emplace<DnsAddress6>().begin());
    }
    records.push_back(record_of(host_, ttl, style.flush(), std::move(data)));
  }
  return records;
}

void MdnsService::respond(MdnsLinkId id, const LinkState& state, Topics topics,
                          const Style& style) {
  bool with_texts = (topics & (topic_service | topic_instance)) != 0;
  std::size_t messages =
      with_texts && !style.goodbye ? std::max<std::size_t>(1, state.texts.size()) : 1;
  for (std::size_t i = 0; i < messages; ++i) {
    DnsMessage message;
    message.response = true;
    message.authoritative = true;
    if (style.legacy_query != nullptr) {
      message.id = style.legacy_query->id;
      message.questions = own_questions(*style.legacy_query);
    }
    std::uint32_t ttl = style.ttl(mdns_peer_ttl_seconds);
    if ((topics & topic_service) != 0) {
      message.answers.push_back(record_of(service_, ttl, false, DnsPointer{instance_}));
    }
    if ((topics & topic_meta) != 0 && i == 0) {
      message.answers.push_back(record_of(meta_, ttl, false, DnsPointer{service_}));
    }
    if (with_texts) {
      auto& section = (topics & topic_instance) != 0 ? message.answers : message.additionals;
      DnsService service;
      service.port = srv_port;
      service.target = host_;
      section.push_back(record_of(instance_, style.ttl(mdns_host_ttl_seconds), style.flush(),
                                  std::move(service)));
      section.push_back(record_of(instance_, ttl, style.flush(), state.texts[i]));
    }
    bool host_asked = (topics & topic_host) != 0;
    if (host_asked || with_texts) {
      auto& section = host_asked ? message.answers : message.additionals;
      std::ranges::move(host_records(state, style), std::back_inserter(section));
    }
    push(id, style.to, message);
  }
}

void MdnsService::push(MdnsLinkId id, std::optional<Endpoint> to, const DnsMessage& message) {
  if (outgoing_.size() >= mdns_outgoing_max) return;
  MdnsOutgoing out;
  out.link = id;
  out.to = to;
  out.datagram = encode_dns(message);
  ASSERT(out.datagram.size() <= mdns_message_bytes_max);
  outgoing_.push_back(std::move(out));
}

std::optional<MdnsOutgoing> MdnsService::poll_outgoing(Instant now) {
  for (auto& [id, state] : links_) {
    if (stopped_) break;
    if (state.next_query <= now) ask(id, state, now);
    if (state.pending == 0 || state.respond_at > now) continue;
    Topics topics = std::exchange(state.pending, 0);
    state.respond_at = never;
    state.asker.reset();
    // The addresses may have gone meanwhile.
    if (state.texts.empty()) topics &= topic_meta;
    if (topics == 0) continue;
    state.responded = true;
    state.responded_at = now;
    respond(id, state, topics, {});
  }
  if (outgoing_.empty()) return std::nullopt;
  MdnsOutgoing out = std::move(outgoing_.front());
  outgoing_.pop_front();
  return out;
}

Instant MdnsService::next_deadline() const noexcept {
  if (!outgoing_.empty()) return Instant::min();
  if (stopped_) return never;
  Instant deadline = found_at_;
  for (const auto& [id, state] : links_) {
    deadline = std::min(deadline, state.next_query);
    if (state.pending != 0) deadline = std::min(deadline, state.respond_at);
  }
  return deadline;
}

void MdnsService::stop() {
  if (stopped_) return;
  stopped_ = true;
  outgoing_.clear();
  Style style;
  style.goodbye = true;
  for (const auto& [id, state] : links_) {
    // Who was never told of us needs no goodbye.
    if (state.responded && !state.texts.empty()) respond(id, state, topic_service, style);
  }
}

}  // namespace kith::discovery
