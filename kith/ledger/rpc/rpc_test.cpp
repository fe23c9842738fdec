#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <kith/base/test_fixtures.hpp>
#include <kith/ledger/rpc/rpc.hpp>
#include <kith/port/memory_key_value.hpp>

namespace kith::ledger {
namespace {

namespace json = boost::json;

std::string text_of(const std::filesystem::path& path) {
  return std::string(as_text(kith::testing::read_test_file(path)));
}

/// Takes what is sent and holds it: the suite's own pool.
class HeldTransactions final : public PendingTransactions {
 public:
  RpcResult<Hash> send(const Transaction& transaction) override {
    const Hash hash = transaction.hash();
    held_[hash] = {transaction, *transaction.sender()};
    return hash;
  }
  std::optional<Waiting> find(const Hash& hash) const override {
    const auto found = held_.find(hash);
    return found == held_.end() ? std::nullopt : std::optional(found->second);
  }
  std::uint64_t next_nonce(const Address& address, std::uint64_t nonce) const override {
    for (const auto& [hash, waiting] : held_) {
      if (waiting.from == address) nonce = std::max(nonce, waiting.transaction.nonce + 1);
    }
    return nonce;
  }
  Content content() const override {
    Content all;
    for (const auto& [hash, waiting] : held_)
      all.pending[waiting.from][waiting.transaction.nonce] = waiting.transaction;
    return all;
  }

 private:
  std::map<Hash, Waiting> held_;
};

/// The chain of execution-apis' tests, with its last block final.
class ExecutionApis : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!kith::testing::unpack_fixture("execution-apis", folder_.path()))
      GTEST_SKIP() << "KITH_FIXTURES names no folder with execution-apis.tar.zst";
    tests_ = folder_.path() / "execution-apis/tests";
    genesis_ = *Genesis::parse(text_of(tests_ / "genesis.json"));
    chain_ = *Chain::open(store_, 0, log_, genesis_, rules_, {.unsettled_depth = 1'000});
    const std::string blocks = text_of(tests_ / "chain.rlp");
    Hash last;
    for (RlpReader reader(as_bytes(blocks)); !reader.at_end();) {
      const auto block = Block::decode(reader.item()->whole);
      ASSERT_TRUE(chain_->add(*block)->has_value());
      last = block->header.hash();
    }
    ASSERT_TRUE(chain_->set_head(last)->has_value());
    ASSERT_TRUE(chain_->finalize(last).has_value());
    rpc_ = std::make_unique<ChainRpc>(*chain_, &pending_, RpcNode{}, RpcOptions{});
  }

  kith::testing::TemporaryFolder folder_;
  std::filesystem::path tests_;
  Genesis genesis_;
  UncheckedSeals rules_;
  port::MemoryKeyValue store_{Chain::namespaces().size()};
  MemoryBlocks log_;
  std::unique_ptr<Chain> chain_;
  HeldTransactions pending_;
  std::unique_ptr<ChainRpc> rpc_;
};

/// Whether an answer has the form of another: the same keys, the same kinds.
bool has_form(const json::value& answer, const json::value& wanted) {
  if (answer.kind() != wanted.kind())
    return answer.is_number() == wanted.is_number() && answer.is_number();
  if (wanted.is_object()) {
    for (const auto& [key, value] : wanted.get_object()) {
      const json::value* there = answer.get_object().if_contains(key);
      if (there == nullptr) return false;
      if (!value.is_structured() && !has_form(*there, value)) return false;
    }
  }
  return true;
}

TEST_F(ExecutionApis, EveryExchangeOfTheMethodsThatAreHere) {
  std::size_t exact = 0;
  std::size_t by_form = 0;
  std::map<std::string, std::size_t> absent;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(tests_)) {
    if (entry.path().extension() == ".io") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  for (const std::filesystem::path& file : files) {
    std::istringstream lines(text_of(file));
    bool form_only = false;
    std::string request;
    for (std::string line; std::getline(lines, line);) {
      form_only |= line.starts_with("// speconly");
      if (line.starts_with(">> ")) request = line.substr(3);
      if (!line.starts_with("<< ")) continue;
      const std::string method(json::parse(request).at("method").as_string());
      const json::value answer = json::parse(rpc_->handle(request));
      const json::value wanted = json::parse(line.substr(3));
      const auto* error = answer.as_object().if_contains("error");
      if (error != nullptr && error->at("code") == -32601) {
        ++absent[method];
        continue;
      }
      if (form_only) {
        EXPECT_TRUE(has_form(answer, wanted)) << file << "\n" << answer << "\n" << wanted;
        ++by_form;
      } else if (wanted.as_object().contains("error")) {
        // Clients word their errors as they like; the code is what is agreed on.
        EXPECT_TRUE(error != nullptr && error->at("code") == wanted.at("error").at("code"))
            << file << "\n"
            << answer << "\n"
            << wanted;
        ++exact;
      } else {
        EXPECT_EQ(answer, wanted) << file;
        ++exact;
      }
    }
  }
  for (const auto& [method, count] : absent)
    std::cout << "not here: " << method << " (" << count << ")\n";
  std::cout << exact << " exchanges exactly, " << by_form << " by their form\n";
  EXPECT_GE(exact + by_form, 60U);
}

}  // namespace
}  // namespace kith::ledger
