// The test protocols of ../README.md. serve_protocols() answers them; the other functions are their
// clients, each one command of the control protocol. They open streams on a connection that is
// there and never dial.
#pragma once

#include <cstdint>
#include <string>

#include <boost/json/object.hpp>

#include <kith/base/time.hpp>
#include <kith/host/host.hpp>

namespace kith_peer {

using kith::Instant;
using kith::Result;
using kith::Task;

/// Whom a command is about and until when it may take.
struct Target {
  kith::host::Host& host;
  kith::multiformats::PeerId peer;
  Instant deadline;
};

void serve_protocols(kith::host::Host& host);

/// Each answers with the fields of its command's reply.
using Reply = boost::json::object;
Task<Reply> open_streams(Target target, std::uint64_t count, std::uint64_t bytes);
Task<Reply> send(Target target, std::uint64_t bytes);
Task<Reply> stall(Target target, std::uint64_t bytes, std::uint64_t stall_ms);
Task<Reply> perf(Target target, std::uint64_t upload, std::uint64_t download);
Task<Reply> reset(Target target, std::string by);
Task<Reply> half_close(Target target, std::uint64_t bytes);

}  // namespace kith_peer
