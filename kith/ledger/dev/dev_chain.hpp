// A chain for developing: in memory, with accounts that have coins and keys that everybody knows,
// and a block as soon as there is a transaction. What anvil and Hardhat's network are, by their
// methods' names.
//
//   accounts     ten, of the mnemonic "test test test test test test test test test test test junk"
//   mining       a block for each transaction, in intervals, or when asked (evm_setAutomine,
//                evm_setIntervalMining, evm_mine, anvil_mine, hardhat_mine)
//   time         evm_increaseTime, evm_setNextBlockTimestamp, evm_setTime,
//                anvil_setBlockTimestampInterval
//   state        anvil_setBalance, _setCode, _setNonce, _setStorageAt, _dropTransaction,
//                _impersonateAccount, ...; hardhat_ and evm_ names of the same; evm_snapshot,
//                evm_revert, anvil_reset
//   accounts'    eth_accounts, eth_sendTransaction, eth_signTransaction, eth_sign, personal_sign,
//   keys         eth_signTypedData_v4
//
// Nothing of it is a network's: no consensus, no peers, no disk. Thread: any, calls wait for each
// other and compute, so they are for workers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <kith/base/result.hpp>
#include <kith/base/time.hpp>
#include <kith/crypto/secret.hpp>
#include <kith/ledger/chain/chain.hpp>

namespace kith::ledger {

class ChainRpc;

struct DevAccount {
  Address address;
  crypto::SecretArray<32> secret;
};

struct DevOptions {
  std::uint64_t chain_id = 31'337;
  /// Whose accounts get coins and may sign.
  std::vector<DevAccount> accounts;
  U256 balance = U256(10'000) * 1'000'000'000'000'000'000;  ///< of each, in wei
  std::uint64_t gas_limit = 30'000'000;
  U256 base_fee = 1'000'000'000;
  /// Between two blocks, whether there are transactions or not; nothing: a block for each
  /// transaction.
  std::optional<Duration> block_time = std::nullopt;
  /// Instead of this chain's own genesis: its accounts get their coins besides.
  std::optional<Genesis> genesis = std::nullopt;
  /// What web3_clientVersion says.
  std::string client_version = "kith";
  std::uint64_t seed = 0;
};

class DevChain {
 public:
  /// Seconds since 1970, as the machine's clock has them.
  using Clock = std::function<std::uint64_t()>;
  /// What is new; called in the thread that made it so, after the answer's state is there. It
  /// mustn't call back.
  struct News {
    HeadChange head;
    std::vector<Hash> pending;
  };
  using Listener = std::function<void(const News&)>;

  static Result<std::unique_ptr<DevChain>> start(DevOptions options, Clock clock);
  ~DevChain();
  DevChain(const DevChain&) = delete;
  DevChain& operator=(const DevChain&) = delete;

  /// A JSON-RPC request or batch; the answer, empty if none is due.
  std::string handle(std::string_view request);
  void set_listener(Listener listener);

  /// Mines what waits, if blocks come in intervals: for who calls at block_time().
  Result<void> on_interval();
  /// As evm_setIntervalMining has it now.
  std::optional<Duration> block_time() const;

  const std::vector<DevAccount>& accounts() const;
  /// As it is now: anvil_reset makes another one.
  const Chain& chain() const;
  ChainRpc& rpc();

 private:
  class State;
  explicit DevChain(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace kith::ledger
