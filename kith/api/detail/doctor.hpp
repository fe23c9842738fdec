// The doctor's questions: what a node needs to do its work in a network, point by point, each with
// how it is and what to do if it isn't well. examine() is pure; look_at() asks a node.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <kith/api/detail/nat_report.hpp>
#include <kith/net/bandwidth.hpp>

namespace kith::api {

enum class CheckState : std::uint8_t { ok, warning, problem };
/// "ok", "warning", "problem".
std::string_view to_string(CheckState state) noexcept;

struct Check {
  std::string name;
  CheckState state = CheckState::ok;
  std::string text;    ///< how it is
  std::string advice;  ///< what to do; empty if nothing is to be done
};

/// What is asked of a node.
struct Symptoms {
  WallTime wall{};
  Duration clock_jump{};  ///< how far the clock was set since the node started
  bool online = true;

  std::uint64_t disk_free = 0;
  std::uint64_t store_bytes = 0;
  std::uint64_t store_bytes_max = 0;

  std::size_t networks = 0;  ///< interfaces that are up, without loopback
  std::vector<std::string> listening{};
  std::vector<std::string> not_listening{};  ///< that the settings ask for
  std::size_t bootstrap = 0;
  std::size_t bootstrap_connected = 0;
  std::size_t peers = 0;
  std::size_t relayed_only = 0;  ///< peers to whom no direct connection leads
  Duration running{};

  bool dht = true;
  bool wide_server = false;
  std::size_t wide_peers = 0;
  std::size_t local_peers = 0;

  NatReport nat{};

  net::BandwidthLimits bandwidth{};
  std::uint64_t connections = 0;
  std::uint64_t connections_max = 0;
  std::uint64_t descriptors = 0;
  std::uint64_t descriptors_max = 0;
};

Task<Symptoms> look_at(node::Node& node);
std::vector<Check> examine(const Symptoms& symptoms);

}  // namespace kith::api
