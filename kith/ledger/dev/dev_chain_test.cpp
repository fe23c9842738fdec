#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <kith/ledger/dev/dev_chain.hpp>
#include <kith/ledger/wallet/extended_key.hpp>
#include <kith/ledger/wallet/mnemonic.hpp>

namespace kith::ledger {
namespace {

namespace json = boost::json;

// Of the mnemonic that all such chains have.
constexpr std::string_view first_address = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
constexpr std::string_view second_address = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8";
constexpr std::string_view first_secret =
    "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
constexpr std::string_view second_secret =
    "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";

DevAccount account(std::string_view secret) {
  DevAccount one;
  const Bytes bytes = *from_hex(secret);
  std::ranges::copy(bytes, one.secret.data());
  one.address = *address_of(one.secret);
  return one;
}

class DevChainTest : public ::testing::Test {
 protected:
  void SetUp() override { start({}); }

  void start(DevOptions options) {
    options.accounts = {account(first_secret), account(second_secret)};
    auto started = DevChain::start(std::move(options), [this] { return now_; });
    ASSERT_TRUE(started.has_value()) << started.error().message();
    chain_ = *std::move(started);
  }

  json::value ask(std::string_view method, json::array params = {}) {
    const json::object request{
        {"jsonrpc", "2.0"}, {"id", 1}, {"method", method}, {"params", std::move(params)}};
    return json::parse(chain_->handle(json::serialize(request)));
  }
  json::value result(std::string_view method, json::array params = {}) {
    json::value answer = ask(method, std::move(params));
    const auto* there = answer.as_object().if_contains("result");
    EXPECT_NE(there, nullptr) << method << " " << json::serialize(answer);
    return there != nullptr ? *there : json::value();
  }
  std::string text(std::string_view method, json::array params = {}) {
    const json::value value = result(method, std::move(params));
    return value.is_string() ? std::string(value.as_string()) : json::serialize(value);
  }
  std::string error(std::string_view method, json::array params = {}) {
    json::value answer = ask(method, std::move(params));
    const auto* there = answer.as_object().if_contains("error");
    EXPECT_NE(there, nullptr) << json::serialize(answer);
    return there != nullptr ? std::string(there->at("message").as_string()) : "";
  }
  std::string send(std::string_view from, std::string_view to, std::string_view value) {
    return text("eth_sendTransaction",
                {json::object{{"from", from}, {"to", to}, {"value", value}}});
  }
  std::string balance(std::string_view address) {
    return text("eth_getBalance", {address, "latest"});
  }

  std::uint64_t now_ = 1'700'000'000;
  std::unique_ptr<DevChain> chain_;
};

TEST_F(DevChainTest, HasTheAccountsThatEverybodyKnows) {
  EXPECT_EQ(chain_->accounts()[0].address.to_hex(), first_address);
  EXPECT_EQ(chain_->accounts()[1].address.to_hex(), second_address);
  EXPECT_EQ(result("eth_accounts"), (json::array{first_address, second_address}));
  EXPECT_EQ(balance(first_address), "0x21e19e0c9bab2400000");
  EXPECT_EQ(text("eth_chainId"), "0x7a69");
  EXPECT_EQ(text("net_version"), "31337");
}

TEST_F(DevChainTest, MinesABlockForEachTransaction) {
  const std::string hash = send(first_address, second_address, "0x64");
  EXPECT_EQ(text("eth_blockNumber"), "0x1");
  const json::value receipt = result("eth_getTransactionReceipt", {hash});
  EXPECT_EQ(receipt.at("status"), "0x1");
  EXPECT_EQ(receipt.at("from"), json::value(first_address));
  EXPECT_EQ(balance(second_address), "0x21e19e0c9bab2400064");
  EXPECT_EQ(text("eth_getTransactionCount", {first_address, "latest"}), "0x1");
}

TEST_F(DevChainTest, LetsTransactionsWaitUntilItIsTold) {
  EXPECT_EQ(result("evm_setAutomine", {false}), true);
  send(first_address, second_address, "0x1");
  send(first_address, second_address, "0x2");
  send(second_address, first_address, "0x3");
  EXPECT_EQ(text("eth_blockNumber"), "0x0");
  EXPECT_EQ(result("txpool_status").at("pending"), "0x3");
  EXPECT_EQ(text("eth_getTransactionCount", {first_address, "pending"}), "0x2");
  result("evm_mine");
  EXPECT_EQ(text("eth_blockNumber"), "0x1");
  EXPECT_EQ(result("eth_getBlockByNumber", {"0x1", false}).at("transactions").as_array().size(),
            3U);
}

TEST_F(DevChainTest, TakesItsTimeFromWhoeverAsks) {
  result("evm_increaseTime", {3'600});
  result("evm_mine");
  EXPECT_EQ(result("eth_getBlockByNumber", {"latest", false}).at("timestamp"), "0x6553ff10");
}

TEST_F(DevChainTest, GoesBackToASnapshotWithItsState) {
  send(first_address, second_address, "0x1");
  const std::string before = balance(second_address);
  const std::string snapshot = text("evm_snapshot");
  for (int i = 0; i < 150; ++i)
    send(first_address, second_address, "0x10");
  result("anvil_setBalance", {second_address, "0x5"});
  EXPECT_EQ(balance(second_address), "0x5");
  result("evm_mine");
  EXPECT_EQ(balance(second_address), "0x5");
  EXPECT_EQ(result("evm_revert", {snapshot}), true);
  EXPECT_EQ(text("eth_blockNumber"), "0x1");
  EXPECT_EQ(balance(second_address), before);
  EXPECT_EQ(text("eth_getTransactionCount", {first_address, "latest"}), "0x1");
  // It can be used once.
  EXPECT_EQ(result("evm_revert", {snapshot}), false);
  send(first_address, second_address, "0x7");
  EXPECT_EQ(text("eth_blockNumber"), "0x2");
}

TEST_F(DevChainTest, GoesBackToASnapshotOfWhatWasAlteredBeforeIt) {
  result("evm_mine");
  result("anvil_setBalance", {second_address, "0x7"});
  const std::string snapshot = text("evm_snapshot");
  result("anvil_setBalance", {second_address, "0x8"});
  result("evm_mine");
  EXPECT_EQ(balance(second_address), "0x8");
  EXPECT_EQ(result("evm_revert", {snapshot}), true);
  EXPECT_EQ(balance(second_address), "0x7");
  result("evm_mine");
  EXPECT_EQ(balance(second_address), "0x7");
}

TEST_F(DevChainTest, ChangesTheGenesisToo) {
  const std::string snapshot = text("evm_snapshot");
  // In one batch: what comes after the change is asked of the same chain.
  const json::value answers = json::parse(
      chain_->handle(R"([{"jsonrpc":"2.0","id":1,"method":"hardhat_setBalance","params":[")" +
                     std::string(second_address) +
                     R"(","0x9"]},{"jsonrpc":"2.0","id":2,"method":"eth_getBalance","params":[")" +
                     std::string(second_address) + R"(","latest"]}])"));
  EXPECT_EQ(answers.at(1).at("result"), "0x9");
  EXPECT_EQ(text("eth_blockNumber"), "0x0");
  EXPECT_EQ(result("evm_revert", {snapshot}), true);
  EXPECT_EQ(balance(second_address), "0x21e19e0c9bab2400000");
}

TEST_F(DevChainTest, SetsCodeStorageAndNonces) {
  const std::string contract = "0x00000000000000000000000000000000000c0de0";
  // Returns what is stored at 0.
  result("hardhat_setCode", {contract, "0x5f545f5260205ff3"});
  result("hardhat_setStorageAt",
         {contract, "0x0", "0x000000000000000000000000000000000000000000000000000000000000002a"});
  EXPECT_EQ(text("eth_call", {json::object{{"to", contract}}, "latest"}),
            "0x000000000000000000000000000000000000000000000000000000000000002a");
  result("anvil_setNonce", {second_address, "0x10"});
  send(second_address, first_address, "0x1");
  EXPECT_EQ(text("eth_getTransactionCount", {second_address, "latest"}), "0x11");
  EXPECT_EQ(text("eth_getStorageAt", {contract, "0x0", "latest"}).back(), 'a');
}

TEST_F(DevChainTest, SendsAsAnybodyWhoIsImpersonated) {
  const std::string stranger = "0x000000000000000000000000000000000000beef";
  EXPECT_NE(error("eth_sendTransaction",
                  {json::object{{"from", stranger}, {"to", first_address}, {"value", "0x1"}}})
                .find("anvil_impersonateAccount"),
            std::string::npos);
  result("hardhat_impersonateAccount", {stranger});
  result("hardhat_setBalance", {stranger, "0xde0b6b3a7640000"});
  // Contracts send, too.
  result("hardhat_setCode", {stranger, "0x00"});
  const std::string hash = send(stranger, first_address, "0x1");
  EXPECT_EQ(result("eth_getTransactionReceipt", {hash}).at("from"), json::value(stranger));
  EXPECT_EQ(result("eth_getTransactionByHash", {hash}).at("from"), json::value(stranger));
  result("hardhat_stopImpersonatingAccount", {stranger});
  error("eth_sendTransaction",
        {json::object{{"from", stranger}, {"to", first_address}, {"value", "0x1"}}});
}

TEST_F(DevChainTest, SignsForItsAccounts) {
  // By ethers: new Wallet(key).signMessage("hello")
  EXPECT_EQ(text("personal_sign", {"0x68656c6c6f", first_address}),
            text("eth_sign", {first_address, "0x68656c6c6f"}));
  const std::string raw =
      text("eth_signTransaction",
           {json::object{{"from", first_address}, {"to", second_address}, {"value", "0x5"}}});
  const std::string hash = text("eth_sendRawTransaction", {raw});
  EXPECT_EQ(result("eth_getTransactionReceipt", {hash}).at("status"), "0x1");
  EXPECT_EQ(error("eth_sendRawTransaction", {raw}).find("nonce too low"), 0U);
}

TEST_F(DevChainTest, SaysWhyATransactionCanNotBe) {
  EXPECT_NE(error("eth_sendTransaction", {json::object{{"from", first_address},
                                                       {"to", second_address},
                                                       {"value", "0xffffffffffffffffffffff"},
                                                       {"gas", "0x5208"}}})
                .find("insufficient funds"),
            std::string::npos);
  // Reverts with nothing: the estimate says so.
  result("hardhat_setCode", {"0x00000000000000000000000000000000000c0de1", "0x5f5ffd"});
  EXPECT_NE(error("eth_sendTransaction",
                  {json::object{{"from", first_address},
                                {"to", "0x00000000000000000000000000000000000c0de1"}}})
                .find("reverted"),
            std::string::npos);
}

TEST_F(DevChainTest, MinesManyBlocksAtAStep) {
  result("hardhat_mine", {"0x100", "0x3c"});
  EXPECT_EQ(text("eth_blockNumber"), "0x100");
  const json::value first = result("eth_getBlockByNumber", {"0x1", false});
  const json::value last = result("eth_getBlockByNumber", {"0x100", false});
  const auto time_of = [](const json::value& block) {
    return std::stoull(std::string(block.at("timestamp").as_string()), nullptr, 16);
  };
  EXPECT_EQ(time_of(last) - time_of(first), 255U * 60);
  // No time between them is what callers say who mean nothing by it.
  result("anvil_mine", {"0x2", "0x0"});
  const json::value before = result("eth_getBlockByNumber", {"0x101", false});
  const json::value after = result("eth_getBlockByNumber", {"0x102", false});
  EXPECT_GT(time_of(after), time_of(before));
  // Old states are there.
  EXPECT_EQ(text("eth_getBalance", {first_address, "0x3"}), "0x21e19e0c9bab2400000");
}

TEST_F(DevChainTest, EstimatesForTheTimeOfTheNextBlock) {
  // Reverts before 2^33 seconds: TIMESTAMP, PUSH5 2^33, GT, PUSH1 12, JUMPI, STOP, and there
  // PUSH0, PUSH0, REVERT.
  result("anvil_setCode",
         {"0x00000000000000000000000000000000000c0de1", "0x4264020000000011600c57005b5f5ffd"});
  const json::object call{{"from", first_address},
                          {"to", "0x00000000000000000000000000000000000c0de1"}};
  EXPECT_NE(error("eth_estimateGas", {call}).find("reverted"), std::string::npos);
  result("evm_setNextBlockTimestamp", {"0x200000001"});
  EXPECT_TRUE(result("eth_estimateGas", {call}).is_string());
  EXPECT_TRUE(result("eth_call", {call, "pending"}).is_string());
  EXPECT_NE(error("eth_call", {call, "latest"}).find("reverted"), std::string::npos);
  const std::string sent = text("eth_sendTransaction", {call});
  EXPECT_EQ(result("eth_getTransactionReceipt", {sent}).at("status"), "0x1");
}

TEST_F(DevChainTest, TellsItsListenerWhatIsNewAndWhatIsGone) {
  std::vector<std::string> told;
  chain_->set_listener([&](const DevChain::News& news) {
    for (const BlockName& block : news.head.removed)
      told.push_back("-" + std::to_string(block.number));
    for (const BlockName& block : news.head.added)
      told.push_back("+" + std::to_string(block.number));
  });
  result("evm_mine");
  const std::string snapshot = text("evm_snapshot");
  result("evm_mine");
  result("evm_mine");
  result("evm_revert", {snapshot});
  EXPECT_EQ(told, (std::vector<std::string>{"+1", "+2", "+3", "-3", "-2"}));
}

TEST_F(DevChainTest, TellsFiltersWhatIsNewAndWhatIsGone) {
  const std::string blocks = text("eth_newBlockFilter");
  result("evm_mine");
  const std::string snapshot = text("evm_snapshot");
  EXPECT_EQ(result("eth_getFilterChanges", {blocks}).as_array().size(), 1U);
  result("evm_mine");
  result("evm_mine");
  EXPECT_EQ(result("eth_getFilterChanges", {blocks}).as_array().size(), 2U);
  result("evm_revert", {snapshot});
  now_ += 5;
  result("evm_mine");
  EXPECT_EQ(result("eth_getFilterChanges", {blocks}).as_array().size(), 1U);
  EXPECT_EQ(result("eth_uninstallFilter", {blocks}), true);
}

TEST_F(DevChainTest, BeginsAgain) {
  result("evm_mine");
  result("anvil_setBalance", {second_address, "0x1"});
  result("anvil_reset");
  EXPECT_EQ(text("eth_blockNumber"), "0x0");
}

TEST_F(DevChainTest, MinesInIntervals) {
  DevOptions options;
  options.block_time = 1s;
  start(std::move(options));
  const std::string hash = send(first_address, second_address, "0x1");
  EXPECT_EQ(text("eth_blockNumber"), "0x0");
  ASSERT_TRUE(chain_->on_interval().has_value());
  ++now_;
  ASSERT_TRUE(chain_->on_interval().has_value());
  EXPECT_EQ(text("eth_blockNumber"), "0x2");
  EXPECT_EQ(result("eth_getTransactionReceipt", {hash}).at("blockNumber"), "0x1");
}

}  // namespace
}  // namespace kith::ledger
