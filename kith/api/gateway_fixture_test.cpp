#include <kith/api/gateway_fixture.hpp>
#include <kith/ipld/content.hpp>
#include <kith/unixfs/node.hpp>

namespace kith::api::testing {
namespace {

using multiformats::Cid;
using multiformats::Codec;

constexpr std::uint16_t test_port = 8080;
constexpr std::size_t chunk_bytes = 256;

unixfs::ImportOptions small_chunks() {
  unixfs::ImportOptions options;
  options.chunker = unixfs::ChunkerSpec::fixed(chunk_bytes);
  return options;
}

}  // namespace

Task<ipld::Block> TestSource::get(Cid cid, Instant deadline) {
  blocks_.got.push_back(cid);
  while (true) {
    if (const Buffer* found = blocks_.here.find(cid)) co_return ipld::Block{cid, *found};
    if (!fetch_) co_return std::unexpected(Errc::not_found);
    ++blocks_.waiting;
    auto woken = co_await blocks_.changed.wait(deadline);
    --blocks_.waiting;
    if (!woken) co_return std::unexpected(woken.error());
  }
}

Task<bool> TestSource::has(Cid cid) {
  co_return blocks_.here.find(cid) != nullptr;
}

Site::Site(sim::World& in, GatewayOptions options)
    : world(in),
      far(in.add_node()),
      near(in.add_node()),
      blocks(far.env().clock),
      gateway(
          far.env(), [this](bool fetch) { return std::make_unique<TestSource>(blocks, fetch); },
          options),
      server(far.env(), gateway_server_limits(),
             [this](http::Request& asked, http::ResponseWriter& response) {
               return gateway.serve(asked, response);
             }),
      client(near.env(), {}),
      import(small_chunks()) {
  EXPECT_TRUE(server.listen(far.endpoint(test_port)).has_value());
}

http::ClientRequest Site::request(std::string target) const {
  http::ClientRequest made;
  made.method = "GET";
  made.host = far.address().to_string();
  made.port = test_port;
  made.target = std::move(target);
  return made;
}

Task<Answer> Site::get(std::string target, http::Headers headers, std::string method) {
  http::ClientRequest asked = request(std::move(target));
  asked.method = std::move(method);
  asked.headers = std::move(headers);
  Answer answer;
  auto sent = co_await client.send(std::move(asked));
  // A reset may come before the head that was sent before it.
  answer.broken = !sent;
  if (!sent) co_return answer;
  http::ResponsePtr response = *std::move(sent);
  answer.status = response->status;
  answer.headers = response->headers;
  while (true) {
    auto part = co_await response->read_buffer();
    answer.broken = !part;
    if (!part || part->empty()) break;
    answer.body += as_text(*part);
  }
  co_return answer;
}

Task<void> Site::end() {
  KITH_CO_CHECK(co_await client.close());
  co_return co_await server.stop(1s);
}

Cid Site::add_block(Codec codec, ByteView content) {
  auto block = ipld::make_block({1, codec, Codec::sha2_256, 32}, Buffer::copy_of(content));
  EXPECT_TRUE(block.has_value());
  blocks.here.add(*block);
  return block->cid;
}

Cid Site::add_file(std::string_view content) {
  if (content.size() <= chunk_bytes) return add_block(Codec::raw, as_bytes(content));
  unixfs::NodeData data;
  data.type = unixfs::NodeType::file;
  data.file_size = content.size();
  ipld::DagPbNode node;
  for (std::size_t at = 0; at < content.size(); at += chunk_bytes) {
    std::string_view chunk = content.substr(at, chunk_bytes);
    data.block_sizes.push_back(chunk.size());
    node.links.push_back({add_block(Codec::raw, as_bytes(chunk)), "", chunk.size()});
  }
  Bytes message = unixfs::encode_data(data);
  node.data = message;
  return add_block(Codec::dag_pb, ipld::encode_dag_pb(node));
}

Cid Site::add_directory(const std::vector<std::pair<std::string, Cid>>& entries, bool sharded) {
  unixfs::ImportOptions options = import;
  if (sharded) options.directory_links_max = 1;
  std::vector<unixfs::DirectoryEntry> list;
  for (const auto& [name, cid] : entries) {
    const Buffer* block = blocks.here.find(cid);
    list.push_back({name, cid, block == nullptr ? 0 : block->size()});
  }
  std::vector<ipld::Block> out;
  auto made =
      unixfs::make_directory(options, unixfs::BlockMaker(options), std::move(list), {}, out);
  EXPECT_TRUE(made.has_value());
  EXPECT_EQ(made->sharded, sharded);
  for (ipld::Block& block : out)
    blocks.here.add(std::move(block));
  return made->cid;
}

Cid Site::add_symlink(std::string_view target) {
  std::vector<ipld::Block> out;
  auto made = unixfs::make_symlink(unixfs::BlockMaker(import), target, {}, out);
  EXPECT_TRUE(made.has_value());
  for (ipld::Block& block : out)
    blocks.here.add(std::move(block));
  return made->cid;
}

}  // namespace kith::api::testing
