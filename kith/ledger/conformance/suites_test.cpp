// The official suites, from archives of KITH_FIXTURES. Of the large ones a sample, the same each
// time, or with KITH_LEDGER_SUITES=all every case.
#include <algorithm>
#include <functional>
#include <set>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <kith/base/test_fixtures.hpp>
#include <kith/ledger/chain/genesis.hpp>
#include <kith/ledger/conformance/block_tests.hpp>
#include <kith/ledger/conformance/detail/test_chain.hpp>
#include <kith/ledger/conformance/state_tests.hpp>
#include <kith/ledger/conformance/transaction_tests.hpp>
#include <kith/ledger/primitives/rlp.hpp>
#include <kith/ledger/state/trie_root.hpp>

namespace kith::ledger {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using kith::testing::read_test_file;
using kith::testing::TemporaryFolder;
using kith::testing::unpack_fixture;

constexpr std::size_t failures_shown = 10;

bool all_wanted() {
  const char* wanted = std::getenv("KITH_LEDGER_SUITES");
  return wanted != nullptr && std::string_view(wanted) == "all";
}

/// One of so many files, by its name.
bool is_sampled(const fs::path& file, std::uint64_t one_of) {
  if (all_wanted()) return true;
  const Hash hash = keccak256(as_bytes(file.filename().string()));
  return hash.to_word().low() % one_of == 0;
}

std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

/// Counts, and shows the first failures.
class Tally {
 public:
  void tell(bool passed, const std::string& what) {
    ++(passed ? passed_ : failed_);
    if (!passed && failed_ <= failures_shown) ADD_FAILURE() << what;
  }
  void unreadable(const fs::path& file, const Error& error) {
    ADD_FAILURE() << file << ": " << error.message();
  }
  void expect_at_least(std::size_t cases, std::size_t when_all) const {
    EXPECT_EQ(failed_, 0U);
    EXPECT_GE(passed_ + failed_, all_wanted() ? when_all : cases);
    ::testing::Test::RecordProperty("cases", static_cast<int>(passed_ + failed_));
  }

 private:
  std::size_t passed_ = 0;
  std::size_t failed_ = 0;
};

class Suites : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { folder_ = std::make_unique<TemporaryFolder>(); }
  static void TearDownTestSuite() { folder_.reset(); }

  /// The archive's folder, unpacked once; empty where there is none.
  static fs::path unpacked(const std::string& name) {
    const fs::path folder = folder_->path() / name;
    if (!fs::exists(folder) && !unpack_fixture(name, folder_->path())) return {};
    return folder;
  }

  void run_states(const fs::path& folder, std::uint64_t one_of, const StateTestOptions& options,
                  const std::set<std::string>& stale, Tally& tally) {
    for (const fs::path& file : files_below(folder)) {
      if (!is_sampled(file, one_of) || stale.contains(file.filename().string())) continue;
      const Bytes text = read_test_file(file);
      const auto read = run_state_tests(as_text(text), options, [&](const StateTestOutcome& one) {
        tally.tell(one.passed, file.filename().string() + ", " + one.name + ", " +
                                   std::string(name_of(one.revision)) + " " +
                                   std::to_string(one.data) + "/" + std::to_string(one.gas) + "/" +
                                   std::to_string(one.value) + ": " + one.fault);
      });
      if (!read) tally.unreadable(file, read.error());
    }
  }

  static inline std::unique_ptr<TemporaryFolder> folder_;
};

#define UNPACK_OR_SKIP(variable, name)      \
  const fs::path variable = unpacked(name); \
  if (variable.empty()) GTEST_SKIP() << "KITH_FIXTURES names no folder with " name

TEST_F(Suites, GeneralStateTests) {
  UNPACK_OR_SKIP(folder, "ethereum-tests");
  Tally tally;
  run_states(folder / "GeneralStateTests", 12, {}, {}, tally);
  tally.expect_at_least(1'000, 21'000);
}

// Made by a client of Gnosis Chain: its id, and the base fee isn't burnt there.
TEST_F(Suites, PragueStateTests) {
  UNPACK_OR_SKIP(folder, "prague-state-tests");
  StateTestOptions options;
  options.chain_id = 100;
  options.fee_collector = Address::parse("0x6bbe78ee9e474842dbd4ab4987b3cefe88426a92");
  Tally tally;
  run_states(folder, 4, options,
             {
                 // Its five cases write a log and expect the hash of none.
                 "set_code_to_log.json",
                 // A client's own: it expects neither a tip nor a base fee to have been paid.
                 "new_bug.json",
             },
             tally);
  tally.expect_at_least(150, 1'000);
}

TEST_F(Suites, OsakaStateTests) {
  UNPACK_OR_SKIP(folder, "osaka-state-tests");
  Tally tally;
  run_states(folder, 3, {}, {}, tally);
  tally.expect_at_least(150, 1'000);
}

TEST_F(Suites, BlockchainTests) {
  UNPACK_OR_SKIP(folder, "ethereum-tests");
  Tally tally;
  for (const fs::path& file : files_below(folder / "BlockchainTests")) {
    if (!is_sampled(file, 3)) continue;
    const Bytes text = read_test_file(file);
    const auto read = run_block_tests(as_text(text), "", [&](const BlockTestOutcome& one) {
      tally.tell(one.passed, file.filename().string() + ", " + one.name + ": " + one.fault);
    });
    if (!read) tally.unreadable(file, read.error());
  }
  tally.expect_at_least(150, 590);
}

TEST_F(Suites, TransactionTests) {
  UNPACK_OR_SKIP(folder, "ethereum-tests");
  Tally tally;
  for (const fs::path& file : files_below(folder / "TransactionTests")) {
    const Bytes text = read_test_file(file);
    const auto read = run_transaction_tests(as_text(text), [&](const TransactionTestOutcome& one) {
      tally.tell(one.passed,
                 one.name + ", " + std::string(name_of(one.revision)) + ": " + one.fault);
    });
    if (!read) tally.unreadable(file, read.error());
  }
  tally.expect_at_least(2'600, 2'600);
}

// A chain through all forks, by hive.

TEST_F(Suites, TheChainOfExecutionApisIsImportedBlockByBlock) {
  UNPACK_OR_SKIP(folder, "execution-apis");
  auto genesis = Genesis::parse(as_text(read_test_file(folder / "tests/genesis.json")));
  ASSERT_TRUE(genesis.has_value()) << genesis.error().message();
  detail::TestChain chain(*genesis);
  ASSERT_FALSE(chain.fault().has_value());
  const Bytes blocks = read_test_file(folder / "tests/chain.rlp");
  std::size_t count = 0;
  for (RlpReader reader(blocks); !reader.at_end(); ++count) {
    const auto block = reader.item();
    ASSERT_TRUE(block.has_value());
    const auto refused = chain.add(block->whole);
    ASSERT_FALSE(refused.has_value()) << "block " << count + 1 << ": " << *refused;
  }
  EXPECT_EQ(count, 54U);
  EXPECT_EQ(chain.head().to_hex(),
            "0xd226371d0b1551adb03fb52b71f08e3e11247fe9b1af994768af8cdaa8e7dcd7");
}

// Tries.

/// "0x..." is hexadecimal, everything else itself.
Bytes bytes_of(std::string_view text) {
  if (text.starts_with("0x")) return from_hex(text.substr(2)).value_or(Bytes());
  return to_bytes(text);
}

/// What is there after all entries, in their order; a null removes.
std::map<Bytes, Bytes> content_of(const json::value& in) {
  std::map<Bytes, Bytes> content;
  const auto put = [&](std::string_view key, const json::value& value) {
    if (value.is_null()) {
      content.erase(bytes_of(key));
    } else {
      content[bytes_of(key)] = bytes_of(value.as_string());
    }
  };
  if (in.is_array()) {
    for (const json::value& pair : in.as_array())
      put(pair.at(0).as_string(), pair.at(1));
  } else {
    for (const auto& [key, value] : in.as_object())
      put(key, value);
  }
  return content;
}

TEST_F(Suites, TrieTests) {
  UNPACK_OR_SKIP(folder, "ethereum-tests");
  Tally tally;
  for (const fs::path& file : files_below(folder / "TrieTests")) {
    // It asks for keys before and after others, which a state never does.
    if (file.filename() == "trietestnextprev.json") continue;
    const bool secure = file.filename().string().find("secure") != std::string::npos;
    const json::value document = json::parse(as_text(read_test_file(file)));
    for (const auto& [name, test] : document.as_object()) {
      std::vector<TrieEntry> entries;
      for (const auto& [key, value] : content_of(test.at("in")))
        entries.push_back({secure ? to_bytes(keccak256(key).view()) : key, value});
      const std::string root = trie_root(std::move(entries)).to_hex();
      tally.tell(root == test.at("root").as_string(),
                 file.filename().string() + ", " + std::string(name) + ": " + root);
    }
  }
  tally.expect_at_least(15, 15);
}

// RLP.

/// Big-endian, without leading zeros: some are beyond 256 bits.
Bytes number_of(std::string_view decimal) {
  Bytes number;
  for (const char digit : decimal) {
    unsigned carry = static_cast<unsigned>(digit - '0');
    for (std::size_t i = number.size(); i-- > 0; carry >>= 8) {
      carry += 10U * number[i];
      number[i] = static_cast<std::uint8_t>(carry);
    }
    if (carry > 0) number.insert(number.begin(), static_cast<std::uint8_t>(carry));
  }
  return number;
}

/// "#1234" is a number, every other text itself.
void write(RlpWriter& writer, const json::value& value) {
  if (value.is_array()) {
    const RlpWriter::List list = writer.begin_list();
    for (const json::value& one : value.as_array())
      write(writer, one);
    writer.end_list(list);
  } else if (value.is_int64()) {
    writer.number(static_cast<std::uint64_t>(value.as_int64()));
  } else if (std::string_view text = value.as_string(); text.starts_with('#')) {
    writer.string(number_of(text.substr(1)));
  } else {
    writer.string(as_bytes(text));
  }
}

TEST_F(Suites, RlpTests) {
  UNPACK_OR_SKIP(folder, "ethereum-tests");
  constexpr std::size_t depth_max = 1'000;
  Tally tally;
  for (const fs::path& file : files_below(folder / "RLPTests")) {
    const json::value document = json::parse(as_text(read_test_file(file)));
    for (const auto& [name, test] : document.as_object()) {
      const Bytes encoded = bytes_of(test.at("out").as_string());
      const json::value& in = test.at("in");
      if (in == "INVALID") {
        tally.tell(!is_rlp(encoded, depth_max), std::string(name) + " should be refused");
      } else if (in == "VALID") {
        tally.tell(is_rlp(encoded, depth_max), std::string(name) + " was refused");
      } else {
        Bytes out;
        RlpWriter writer(out);
        write(writer, in);
        const bool same = out == encoded && is_rlp(encoded, depth_max);
        tally.tell(same, std::string(name) + " became " + to_hex(out));
      }
    }
  }
  tally.expect_at_least(50, 50);
}

}  // namespace
}  // namespace kith::ledger
