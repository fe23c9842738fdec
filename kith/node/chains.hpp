// Chains: the ledgers that a node takes part in, each in a folder of its home:
//
//   chains/NAME/                its genesis and what has come of it
//   (ledger/network/chain_files.hpp) chains/NAME/settings.json   {"Archive": false, "Genesis": CID,
//   "Peers": [multiaddr, ...]}
//
// What is there when the node starts is opened then; one that can't be is told of, and the others
// run. Whoever takes part has the genesis file and tells the DHT that it has it: so those who hold
// a chain are found by its CID. Peers of an invitation are remembered, and those that were met.
//
// Ownership: what it is given outlives it; close_shielded() before the swarm is closed. Loop thread
// only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <kith/ledger/network/chain_node.hpp>
#include <kith/multiformats/cid.hpp>
#include <kith/port/env.hpp>
#include <kith/port/task_group.hpp>
#include <kith/routing/routing.hpp>

namespace kith::node {

struct ChainParts {
  net::Swarm& swarm;
  net::Identify& identify;
  /// Made when the first chain needs it.
  std::function<pubsub::PubSub&()> pubsub;
  routing::Routing* routing = nullptr;  ///< none: peers are those that are known
};

struct ChainSettings {
  bool archive = false;
  multiformats::Cid genesis;
  std::vector<multiformats::Multiaddr> peers;  ///< each ends in /p2p/...
  /// Who gets what blocks pay that this node makes as a validator.
  ledger::Address coinbase;
};

inline constexpr std::size_t chain_remembered_peers_max = 64;

class Chains {
 public:
  Chains(port::Env& env, ChainParts parts, std::string folder, std::string client_version);
  ~Chains();
  Chains(const Chains&) = delete;
  Chains& operator=(const Chains&) = delete;

  /// Opens all that are there. Errors are told in the log and by failures().
  Task<void> open_all();
  Task<void> close_shielded();

  /// Makes the folder and opens the chain. Errc::already_exists for a name, or a genesis, that is
  /// here; Errc::invalid_argument for what can't be a name or a genesis; Errc::limit_exceeded.
  /// Nothing stays of what fails.
  Task<ledger::ChainNode*> create(std::string name, std::string genesis_text,
                                  ChainSettings settings);

  /// Null if there is none of that name.
  ledger::ChainNode* find(std::string_view name) const;
  std::vector<ledger::ChainNode*> all() const;
  const ChainSettings* settings_of(std::string_view name) const;
  /// Those that couldn't be opened, and why.
  const std::map<std::string, std::string>& failures() const noexcept { return failures_; }

  /// Told of each chain that opens, those that are open among them, and before it closes.
  using Observer = std::function<void(ledger::ChainNode& chain, bool opened)>;
  void set_observer(Observer observer);

 private:
  struct One {
    ChainSettings settings;
    std::unique_ptr<ledger::ChainNode> node;
    std::unique_ptr<port::TaskGroup> tasks;
  };

  std::string folder_of(std::string_view name) const { return folder_ + "/" + std::string(name); }
  Task<void> open_one(std::string name);
  Result<void> write_settings(const std::string& name, const ChainSettings& settings);
  Result<void> remove_folder(const std::string& path);
  Task<void> close_one(One& one);
  bool is_to_dial(const multiformats::PeerId& peer) const;
  void dial_known(const One& one, port::TaskGroup& dials);
  Task<void> search(multiformats::Multihash genesis, port::TaskGroup& dials);
  Task<void> find_more(const One& one, bool searches);
  Task<void> look_for_peers(const One& one);
  Task<std::vector<multiformats::Multiaddr>> find_peer(multiformats::PeerId peer);
  Task<void> dial(multiformats::Multiaddr address);
  void remember_peers(const std::string& name, One& one);

  port::Env& env_;
  port::Logger log_;
  ChainParts parts_;
  std::string folder_;
  std::string client_version_;
  std::map<std::string, One, std::less<>> chains_;
  std::map<std::string, std::string> failures_;
  Observer observer_;
  bool closed_ = false;
};

}  // namespace kith::node
