// What the gateway's tests share: content made of a few lines, a gateway in a simulated world, and
// a client that asks it. For tests only.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <kith/api/gateway.hpp>
#include <kith/http/client.hpp>
#include <kith/ipld/memory_blocks.hpp>
#include <kith/port/event.hpp>
#include <kith/sim/testing.hpp>
#include <kith/unixfs/directory.hpp>

namespace kith::api::testing {

/// Blocks that are here, and a network that may bring one that is waited for.
class TestBlocks {
 public:
  explicit TestBlocks(port::Clock& clock) : changed(clock) {}
  ipld::MemoryBlocks here;
  /// Notified when a block arrives.
  port::Event changed;
  std::size_t waiting = 0;
  std::vector<multiformats::Cid> got;

  void arrive(ipld::Block block) {
    here.add(std::move(block));
    changed.notify_all();
  }
};

class TestSource final : public ipld::BlockSource {
 public:
  TestSource(TestBlocks& blocks, bool fetch) : blocks_(blocks), fetch_(fetch) {}
  Task<ipld::Block> get(multiformats::Cid cid, Instant deadline) override;
  void prefetch(std::span<const multiformats::Cid>) override {}
  Task<bool> has(multiformats::Cid cid) override;

 private:
  TestBlocks& blocks_;
  bool fetch_;
};

struct Answer {
  int status = 0;
  http::Headers headers;
  std::string body;
  /// The body ended before it should.
  bool broken = false;

  std::string header(std::string_view name) const {
    return std::string(headers.get(name).value_or("(none)"));
  }
};

/// A gateway on one node, a client on another.
struct Site {
  explicit Site(sim::World& world, GatewayOptions options = {});

  /// GET, without a body's limit.
  Task<Answer> get(std::string target, http::Headers headers = {}, std::string method = "GET");
  http::ClientRequest request(std::string target) const;
  Task<void> end();

  // Content. Chunks are of 256 bytes, so that small files have several blocks.
  multiformats::Cid add_file(std::string_view content);
  multiformats::Cid add_block(multiformats::Codec codec, ByteView content);
  multiformats::Cid add_directory(
      const std::vector<std::pair<std::string, multiformats::Cid>>& entries, bool sharded = false);
  multiformats::Cid add_symlink(std::string_view target);

  sim::World& world;
  sim::Node& far;
  sim::Node& near;
  TestBlocks blocks;
  Gateway gateway;
  http::Server server;
  http::Client client;
  unixfs::ImportOptions import;
};

}  // namespace kith::api::testing
