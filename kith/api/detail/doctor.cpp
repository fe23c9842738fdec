#include <algorithm>
#include <set>

#include <boost/json.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <kith/api/detail/doctor.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/net/transports/address.hpp>
#include <kith/node/node.hpp>

namespace kith::api {
namespace {

using enum CheckState;
using multiformats::Multiaddr;
using multiformats::PeerId;
using net::Reachability;

/// 2025: no node of this version ran before.
constexpr WallTime clock_least(1'735'689'600s);
constexpr Duration clock_jump_max = 1min;
constexpr std::uint64_t disk_free_least = 100'000'000;
constexpr std::uint64_t disk_free_enough = 1'000'000'000;
/// Before that nothing is said of who isn't there yet.
constexpr Duration settling_time = 30s;
/// Less than this is slower than a telephone line; a block of 1 MiB takes a minute.
constexpr std::uint64_t rate_enough = 16 * 1024;

/// In tenths.
bool nearly_full(std::uint64_t used, std::uint64_t most) {
  return most > 0 && most != net::unlimited && used >= most / 10 * 9;
}

Check clock_check(const Symptoms& of) {
  Check check{"clock", ok, rfc3339(of.wall), ""};
  if (of.wall < clock_least) {
    check.state = problem;
    check.text += " can't be right: certificates and records of others seem to be of the future";
    check.advice =
        "Set the machine's clock, and let it follow a time server "
        "(`timedatectl set-ntp true`).";
  } else if (of.clock_jump > clock_jump_max || of.clock_jump < -clock_jump_max) {
    check.state = warning;
    check.text +=
        fmt::format("; it was set {} by {} while the node ran",
                    of.clock_jump > Duration(0) ? "forward" : "back",
                    how_long(of.clock_jump < Duration(0) ? -of.clock_jump : of.clock_jump));
    check.advice =
        "Records that were made before may count as too old or too new: restart the "
        "node once the clock is right.";
  }
  return check;
}

Check disk_check(const Symptoms& of) {
  Check check{"disk", ok, fmt::format("{} free", si_bytes(static_cast<double>(of.disk_free))), ""};
  if (of.disk_free < disk_free_least) {
    check.state = problem;
    check.advice = "Make room, or move the node's home: nothing more can be kept soon.";
  } else if (of.disk_free < disk_free_enough) {
    check.state = warning;
    check.advice = "Make room before something large is fetched.";
  }
  if (check.state == ok && of.store_bytes_max > 0 && of.store_bytes > of.store_bytes_max) {
    check.state = warning;
    check.text += fmt::format("; the store has {}, more than Datastore.StorageMax says",
                              si_bytes(static_cast<double>(of.store_bytes)));
    check.advice = "Remove what isn't needed with `block rm`, or raise Datastore.StorageMax.";
  }
  return check;
}

Check interfaces_check(const Symptoms& of) {
  if (of.networks > 0) {
    return {
        "network", ok,
        fmt::format("{} network interface{} up", of.networks, of.networks == 1 ? " is" : "s are"),
        ""};
  }
  return {"network", problem, "this machine has no network but itself",
          "Connect it: plug in the cable, or join a wireless network."};
}

Check listening_check(const Symptoms& of) {
  Check check{"listening", ok, fmt::format("{}", fmt::join(of.listening, ", ")), ""};
  if (of.listening.empty()) {
    return {"listening", warning, "on nothing, so that nobody can call this node",
            "Addresses.Swarm says where: `config --json Addresses.Swarm "
            "'[\"/ip4/0.0.0.0/tcp/4001\"]'`, and restart."};
  }
  if (!of.not_listening.empty()) {
    check.state = warning;
    check.text = fmt::format("not on {}", fmt::join(of.not_listening, ", "));
    check.advice =
        "Another program may have the port: end it, or change Addresses.Swarm and "
        "restart.";
  }
  return check;
}

Check peers_check(const Symptoms& of) {
  Check check{"peers", ok,
              fmt::format("{} connected, {} of {} bootstrap peers among them", of.peers,
                          of.bootstrap_connected, of.bootstrap),
              ""};
  if (of.peers > 0) {
    if (of.relayed_only == of.peers) {
      check.state = warning;
      check.text += ", all of them by relays";
      check.advice = "Relays carry little: see `nat status`.";
    }
    return check;
  }
  if (of.bootstrap == 0) {
    check.state = warning;
    check.text = "nobody is connected, and there is no bootstrap list";
    check.advice =
        "Connect to somebody (`swarm connect <address>`), or let the list be the public "
        "one: `bootstrap add default`, and restart.";
  } else if (of.running < settling_time) {
    check.text = "nobody is connected yet; the node has just started";
  } else {
    check.state = problem;
    check.text =
        fmt::format("nobody is connected, none of {} bootstrap peers answers", of.bootstrap);
    check.advice =
        "Is this machine online, and does its firewall let it out? "
        "`swarm connect <address>` with a bootstrap address says what fails.";
  }
  return check;
}

Check dht_check(const Symptoms& of) {
  if (!of.dht) {
    return {"dht", ok, "off, by the setting Routing.Type: content is found with connected peers",
            ""};
  }
  Check check{"dht", ok,
              fmt::format("{} peers of the wide one are known, {} of the local one; we {} others "
                          "in the wide one",
                          of.wide_peers, of.local_peers,
                          of.wide_server ? "answer" : "ask, but don't answer,"),
              ""};
  if (of.wide_peers + of.local_peers == 0 && of.running >= settling_time) {
    check.state = warning;
    check.text = "nobody is known whom it could ask";
    check.advice =
        "Content and peers are found once DHT nodes are connected: see the line about "
        "peers.";
  }
  return check;
}

Check reachability_check(const Symptoms& of) {
  Check check{"reachability", ok, nat_summary(of.nat), ""};
  const std::vector<std::string> advice = nat_advice(of.nat);
  if (of.nat.overall.verdict == Reachability::reachable || advice.empty()) return check;
  const bool nobody = of.nat.overall.verdict == Reachability::unreachable;
  // Through relays all works, if slowly.
  if (nobody) check.state = warning;
  check.advice = fmt::format("{}", fmt::join(advice, " "));
  return check;
}

Check relays_check(const Symptoms& of) {
  const NatReport& nat = of.nat;
  if (!nat.relay_client) return {"relays", ok, "not used, by the settings", ""};
  if (!nat.relays_wanted)
    return {"relays", ok, fmt::format("not needed; {} known", nat.relays_known), ""};
  const std::size_t held = nat.relays_held();
  if (held > 0) return {"relays", ok, fmt::format("{} hold a place for us", held), ""};
  Check check{"relays", warning, "none holds a place for us: nobody can call this node",
              "Name some that you know in Swarm.RelayClient.StaticRelays."};
  for (const net::RelayReservation& one : nat.reservations) {
    if (!one.last_failure.empty())
      check.text += fmt::format(" ({}: {})", one.relay.to_string(), one.last_failure);
  }
  if (nat.relays_known > 0)
    check.advice = "Some are known and being asked: look again in a minute.";
  return check;
}

std::string rate_words(net::RateLimit limit) {
  auto one = [](std::uint64_t rate) {
    return rate == 0 ? std::string("any") : si_bytes(static_cast<double>(rate)) + "/s";
  };
  return fmt::format("up {}, down {}", one(limit.up), one(limit.down));
}

Check bandwidth_check(const Symptoms& of) {
  if (of.bandwidth.none()) return {"bandwidth", ok, "not limited", ""};
  Check check{"bandwidth", ok, "limited by Swarm.Bandwidth: in all " + rate_words(of.bandwidth.all),
              ""};
  auto tight = [](std::uint64_t rate) { return rate != 0 && rate < rate_enough; };
  const bool slow = tight(of.bandwidth.all.up) || tight(of.bandwidth.all.down);
  if (slow) {
    check.state = warning;
    check.advice = fmt::format(
        "That is so little that requests of others run into their "
        "deadlines: allow {}/s or more.",
        si_bytes(static_cast<double>(rate_enough)));
  }
  return check;
}

Check limits_check(const Symptoms& of) {
  Check check{"limits", ok,
              fmt::format("{} connections and {} sockets in use", of.connections, of.descriptors),
              ""};
  if (nearly_full(of.connections, of.connections_max)) {
    check.state = warning;
    check.text += fmt::format(", of {} connections that may be", of.connections_max);
    check.advice =
        "New peers are refused soon: raise Swarm.ResourceMgr.MaxMemory, or lower "
        "Swarm.ConnMgr.HighWater (see `swarm resources`).";
  } else if (nearly_full(of.descriptors, of.descriptors_max)) {
    check.state = warning;
    check.text += fmt::format(", of {} sockets that may be", of.descriptors_max);
    check.advice =
        "Let the process have more open files (`ulimit -n`), or raise "
        "Swarm.ResourceMgr.MaxFileDescriptors.";
  }
  return check;
}

/// Whether one of the listeners is what the settings asked for; any port will do for port 0.
bool is_listened_on(const Multiaddr& wanted, const std::vector<Multiaddr>& listening) {
  return std::ranges::any_of(listening, [&wanted](const Multiaddr& one) {
    if (one == wanted) return true;
    const auto asked = net::endpoint_of(wanted);
    const auto has = net::endpoint_of(one);
    return asked && has && asked->port == 0 && asked->address == has->address &&
           wanted.protocols() == one.protocols();
  });
}

std::size_t networks_of(node::Node& node) {
  std::set<std::string> up;
  auto interfaces = node.env().net.interfaces();
  if (!interfaces) return 0;
  for (const port::InterfaceAddress& one : *interfaces) {
    if (one.up && !one.loopback && !one.address.is_link_local()) up.insert(one.interface_name);
  }
  return up.size();
}

void look_at_network(node::Node& node, Symptoms& found) {
  net::Swarm& swarm = node.swarm();
  found.networks = networks_of(node);
  const std::vector<Multiaddr> listening = swarm.listen_addresses();
  for (const Multiaddr& one : listening) {
    if (!one.is_relayed()) found.listening.push_back(one.to_string());
  }
  for (const Multiaddr& one : node.settings().swarm_addresses) {
    if (!is_listened_on(one, listening)) found.not_listening.push_back(one.to_string());
  }
  std::set<PeerId> bootstrap;
  for (const Multiaddr& one : node.settings().bootstrap) {
    if (auto peer = one.peer_id()) bootstrap.insert(*peer);
  }
  found.bootstrap = bootstrap.size();
  for (const PeerId& peer : swarm.connected_peers()) {
    ++found.peers;
    if (bootstrap.contains(peer)) ++found.bootstrap_connected;
    if (!swarm.direct_connection_to(peer)) ++found.relayed_only;
  }
  dht::DualDht* dht = node.dht();
  found.dht = dht != nullptr;
  if (dht != nullptr) {
    found.wide_server = dht->wide().server();
    found.wide_peers = dht->wide().table().size();
    found.local_peers = dht->local().table().size();
  }
  found.nat = gather(node);
  found.bandwidth = node.settings().bandwidth;
  const net::ScopeReport system = swarm.resources().system;
  found.connections = system.used[net::Resource::connections];
  found.connections_max = system.limits[net::Resource::connections];
  found.descriptors = system.used[net::Resource::descriptors];
  found.descriptors_max = system.limits[net::Resource::descriptors];
}

}  // namespace

std::string_view to_string(CheckState state) noexcept {
  switch (state) {
    case warning:
      return "warning";
    case problem:
      return "problem";
    case ok:
      break;
  }
  return "ok";
}

Task<Symptoms> look_at(node::Node& node) {
  Symptoms found;
  found.wall = node.env().wall.now();
  found.running = node.env().clock.now() - node.started_at();
  found.clock_jump = found.wall - node.started_at_wall() - found.running;
  found.online = node.online();
  KITH_CO_TRY(found.disk_free, node.env().files.free_bytes(node.home().file(".")));
  KITH_CO_TRY(const store::StoreStat stat, co_await node.store().stat());
  found.store_bytes = stat.bytes - stat.file_bytes;
  const auto most = node::config_get(node.home().config(), "Datastore.StorageMax");
  if (most && most->is_string())
    found.store_bytes_max = node::parse_size(most->as_string()).value_or(0);
  if (found.online) look_at_network(node, found);
  co_return found;
}

std::vector<Check> examine(const Symptoms& symptoms) {
  std::vector<Check> all = {clock_check(symptoms), disk_check(symptoms)};
  if (!symptoms.online) {
    all.push_back({"network", warning, "the node runs offline", "Restart it without --offline."});
    return all;
  }
  all.push_back(interfaces_check(symptoms));
  all.push_back(listening_check(symptoms));
  all.push_back(peers_check(symptoms));
  all.push_back(dht_check(symptoms));
  all.push_back(reachability_check(symptoms));
  all.push_back(relays_check(symptoms));
  all.push_back(bandwidth_check(symptoms));
  all.push_back(limits_check(symptoms));
  return all;
}

}  // namespace kith::api
