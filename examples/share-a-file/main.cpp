// share-a-file STORE add FILE           puts FILE into the store (a folder) and serves it
// share-a-file STORE get CID ADDRESS    fetches it from there into the store, and to stdout
// The CIDs are those of IPFS, and any IPFS node can fetch them from the address.
#include <fmt/format.h>

#include <kith/exchange/bitswap.hpp>
#include <kith/exchange/stored_blocks.hpp>
#include <kith/exchange/swarm_network.hpp>
#include <kith/host/program.hpp>
#include <kith/store/block_store.hpp>
#include <kith/unixfs/importer.hpp>
#include <kith/unixfs/reader.hpp>

using namespace kith;
using host::Host;
using multiformats::Cid;
using multiformats::Multiaddr;
using Arguments = std::vector<std::string>;

namespace {

Task<void> add(Host& host, store::BlockStore& store, const std::string& path) {
  KITH_CO_TRY(auto file, host.env().files.open(path, port::OpenMode::read));
  unixfs::FileSource source(*file, host.env().pool);
  unixfs::ImportOptions options;
  KITH_CO_TRY(unixfs::ImportedFile imported,
              co_await unixfs::import_file(host.env(), &store, options, source));
  KITH_CO_CHECK(co_await store.flush());
  fmt::print("{}\n{}\n", imported.cid.to_string(), host.addresses().front().to_string());
  std::fflush(stdout);
  co_return co_await host::wait_for_interrupt(host);
}

Task<void> get(Host& host, exchange::Bitswap& bitswap, const Arguments& arguments) {
  KITH_CO_TRY(Cid cid, Cid::parse(arguments[2]));
  KITH_CO_TRY(Multiaddr address, Multiaddr::parse(arguments[3]));
  KITH_CO_CHECK(co_await host.connect(std::move(address)));
  auto session = bitswap.new_session();
  KITH_CO_TRY(unixfs::FileReader reader, co_await unixfs::FileReader::open(*session, cid));
  while (reader.remaining() > 0) {
    KITH_CO_TRY(Buffer part, co_await reader.next());
    std::fwrite(part.data(), 1, part.size(), stdout);
  }
  co_return Result<void>{};
}

Task<void> run(Host& host, const Arguments& arguments) {
  store::StoreOptions options;
  options.path = arguments[0];
  KITH_CO_TRY(auto store, co_await store::BlockStore::open(host.env(), std::move(options)));
  exchange::SwarmNetwork network(host.swarm());
  exchange::StoredBlocks blocks(*store);
  exchange::Bitswap bitswap(host.env(), network, blocks);
  bitswap.start();
  Result<void> outcome;
  if (arguments[1] == "add") {
    outcome = co_await add(host, *store, arguments[2]);
  } else {
    outcome = co_await get(host, bitswap, arguments);
  }
  // What was made last ends first; each waits for its own tasks.
  co_await bitswap.close_shielded();
  co_await host.close_shielded();
  auto closed = co_await store->close();
  co_return outcome ? closed : outcome;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments(argv + 1, argv + argc);
  if (arguments.size() < 3 || arguments[1] != (arguments.size() == 3 ? "add" : "get")) return 2;
  host::ProgramOptions options;
  if (arguments[1] == "add") options.host.listen = {*Multiaddr::parse("/ip4/127.0.0.1/tcp/0")};
  return host::run_program(std::move(options),
                           [&arguments](Host& host) { return run(host, arguments); });
}
