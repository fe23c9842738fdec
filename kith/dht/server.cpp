#include <algorithm>

#include <fmt/format.h>

#include <kith/dht/server.hpp>

namespace kith::dht {
namespace {

using multiformats::Multiaddr;

/// Of an answer without peers: type and key, and a value with its key and time.
constexpr std::size_t head_bytes = 64 + key_bytes_max;
constexpr std::size_t record_bytes = 64 + key_bytes_max + time_text_bytes_max;

Message answer_to(const Message& request) {
  Message answer;
  answer.type = request.type;
  answer.key = request.key;
  return answer;
}

bool add_if_fits(Peer peer, std::vector<Peer>& peers, std::size_t& room) {
  std::size_t size = encoded_size(peer);
  if (size > room) return false;
  room -= size;
  peers.push_back(std::move(peer));
  return true;
}

}  // namespace

Peer told(const PeerId& peer, std::vector<Multiaddr> addresses) {
  std::size_t bytes = 0;
  auto beyond = std::ranges::find_if(addresses, [&bytes](const Multiaddr& address) {
    bytes += address.bytes().size();
    return bytes > address_bytes_told_max;
  });
  addresses.erase(beyond, addresses.end());
  if (addresses.size() > addresses_told_max) addresses.resize(addresses_told_max);
  return {peer, std::move(addresses), Connectedness::not_connected};
}

std::string time_text(WallTime time) {
  using namespace std::chrono;
  // A WallTime counts from 1970, as the system's clock does.
  auto whole = floor<seconds>(time.time_since_epoch());
  auto day = floor<days>(whole);
  year_month_day date{sys_days(day)};
  hh_mm_ss clock(whole - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

void Server::add_closer(const PeerId& from, const Message& request, Message& answer,
                        std::size_t& room) const {
  // One more, in case whoever asks is among them.
  for (const PeerId& peer : parts_.table.nearest(Key::of(request.key), bucket_size + 1)) {
    bool there = !answer.closer.empty() && answer.closer.front().id == peer;
    if (peer == from || there) continue;
    if (answer.closer.size() == bucket_size) return;
    std::vector<Multiaddr> addresses = parts_.addresses(peer);
    if (addresses.empty()) continue;
    if (!add_if_fits(told(peer, std::move(addresses)), answer.closer, room)) return;
  }
}

std::expected<Message, Server::Refused> Server::find_node(const PeerId& from,
                                                          const Message& request) const {
  if (request.key.empty()) return std::unexpected(Refused{});
  Message answer = answer_to(request);
  std::size_t room = message_own_bytes_max - head_bytes;
  auto target = PeerId::from_bytes(request.key);
  if (target && *target != from) {
    std::vector<Multiaddr> addresses = parts_.addresses(*target);
    if (!addresses.empty()) {
      add_if_fits(told(*target, std::move(addresses)), answer.closer, room);
    }
  }
  add_closer(from, request, answer, room);
  return answer;
}

std::expected<Message, Server::Refused> Server::get_value(const PeerId& from,
                                                          const Message& request,
                                                          WallTime now) const {
  if (request.key.empty()) return std::unexpected(Refused{});
  Message answer = answer_to(request);
  std::size_t room = message_own_bytes_max - head_bytes;
  if (auto held = parts_.values.get(request.key, now)) {
    room -= record_bytes + held->value.size();
    answer.record = Record{request.key, std::move(held->value), time_text(held->received)};
  }
  add_closer(from, request, answer, room);
  return answer;
}

std::expected<Message, Server::Refused> Server::put_value(const Message& request, WallTime now) {
  if (request.key.empty() || !request.record || request.record->key != request.key) {
    return std::unexpected(Refused{});
  }
  auto stored = parts_.values.put(request.key, request.record->value, now);
  if (!stored) return std::unexpected(Refused{});
  Message answer = answer_to(request);
  answer.record = Record{request.key, request.record->value, {}};
  return answer;
}

std::expected<Message, Server::Refused> Server::get_providers(const PeerId& from,
                                                              const Message& request,
                                                              WallTime now) const {
  if (request.key.empty() || request.key.size() > content_key_bytes_max) {
    return std::unexpected(Refused{});
  }
  Message answer = answer_to(request);
  std::size_t room = message_own_bytes_max - head_bytes;
  std::vector<Provider> providers = parts_.providers.get(request.key, now, parts_.prng);
  // Closer peers that tell many addresses leave half of it to those that have what is wanted.
  const std::size_t kept = providers.empty() ? 0 : room / 2;
  room -= kept;
  add_closer(from, request, answer, room);
  room += kept;
  for (Provider& provider : providers) {
    if (provider.peer == from) continue;
    std::vector<Multiaddr> addresses = provider.peer == parts_.self
                                           ? parts_.addresses(provider.peer)
                                           : parts_.usable(std::move(provider.addresses));
    if (addresses.empty()) addresses = parts_.addresses(provider.peer);
    if (!add_if_fits(told(provider.peer, std::move(addresses)), answer.providers, room)) break;
  }
  return answer;
}

bool Server::add_provider(const PeerId& from, std::optional<IpGroup> group, const Message& request,
                          WallTime now) {
  if (request.key.empty() || request.key.size() > content_key_bytes_max) return false;
  auto own = std::ranges::find(request.providers, from, &Peer::id);
  if (own == request.providers.end()) return false;
  // No more of its addresses than are ever told.
  Provider provider{from, told(from, parts_.usable(own->addresses)).addresses, group, now};
  parts_.providers.add(request.key, std::move(provider), now);
  return true;
}

std::expected<std::optional<Message>, Server::Refused> Server::answer(const PeerId& from,
                                                                      std::optional<IpGroup> group,
                                                                      const Message& request,
                                                                      WallTime now) {
  switch (request.type) {
    case MessageType::find_node:
      return find_node(from, request);
    case MessageType::get_value:
      return get_value(from, request, now);
    case MessageType::put_value:
      return put_value(request, now);
    case MessageType::get_providers:
      return get_providers(from, request, now);
    case MessageType::add_provider:
      if (!add_provider(from, group, request, now)) return std::unexpected(Refused{});
      return std::nullopt;
    case MessageType::ping: {
      Message answer;
      answer.type = MessageType::ping;
      return answer;
    }
  }
  return std::unexpected(Refused{});
}

}  // namespace kith::dht
