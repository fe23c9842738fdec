// Perf: throughput between two peers (libp2p/specs perf/perf.md, /perf/1.0.0). The client sends how
// many bytes it wants (8 bytes, big-endian), then uploads any number, then closes its side; the
// server answers with what was asked for. Serving it costs bandwidth, so a node does so only when
// its operator says so. Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include <kith/net/swarm.hpp>

namespace kith::net {

inline constexpr std::string_view perf_protocol = "/perf/1.0.0";

struct PerfResult {
  std::uint64_t uploaded_bytes = 0;
  std::uint64_t downloaded_bytes = 0;
  Duration upload_time{0};    ///< until all was taken and the server answered
  Duration download_time{0};  ///< from then until the last byte
};

/// Serves /perf/1.0.0 on this swarm from now on.
void serve_perf(port::Env& env, Swarm& swarm);

/// One measurement. `progress` is called with the bytes of both directions so far.
Task<PerfResult> run_perf(port::Env& env, Swarm& swarm, multiformats::PeerId peer,
                          std::uint64_t upload_bytes, std::uint64_t download_bytes,
                          Instant deadline,
                          std::function<void(std::uint64_t up, std::uint64_t down)> progress = {});

}  // namespace kith::net
