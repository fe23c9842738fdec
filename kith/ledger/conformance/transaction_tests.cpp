#include <kith/ledger/chain/detail/json_node.hpp>
#include <kith/ledger/chain/transition.hpp>
#include <kith/ledger/conformance/transaction_tests.hpp>

namespace kith::ledger {
namespace {

using detail::JsonFault;
using detail::JsonNode;

constexpr std::uint64_t chain_id = 1;

struct Accepted {
  Hash hash;
  Address sender;
  std::uint64_t gas;
};

Result<Accepted> accept(ByteView input, Revision revision) {
  KITH_TRY(const Transaction read, Transaction::decode(input));
  if (read.chain_id && (*read.chain_id != chain_id || revision < Revision::spurious_dragon))
    return std::unexpected(TransactionError::foreign_chain);
  KITH_CHECK(check_transaction(read, revision));
  KITH_TRY(const Address sender, read.sender(revision < Revision::homestead));
  return Accepted{read.hash(), sender, intrinsic_gas(read, revision).before};
}

std::string judge(ByteView input, Revision revision, const JsonNode& expected) {
  const auto accepted = accept(input, revision);
  if (expected["exception"].there()) return accepted ? "it should be refused" : "";
  if (!accepted) return accepted.error().message();
  if (accepted->hash != expected["hash"].hash()) return "its hash is " + accepted->hash.to_hex();
  if (accepted->sender != expected["sender"].address())
    return "its sender is " + accepted->sender.to_hex();
  if (U256(accepted->gas) != expected["intrinsicGas"].number())
    return "it costs " + std::to_string(accepted->gas);
  return "";
}

}  // namespace

Result<void> run_transaction_tests(std::string_view text,
                                   const std::function<void(const TransactionTestOutcome&)>& tell) {
  boost::system::error_code failed;
  const boost::json::value document = boost::json::parse(text, failed);
  if (failed) return std::unexpected(Error(Errc::invalid_argument, failed.message()));
  JsonFault fault;
  JsonNode(&document, fault, "").for_each([&](std::string_view name, const JsonNode& test) {
    const Bytes input = test["txbytes"].bytes();
    test["result"].for_each([&](std::string_view fork, const JsonNode& expected) {
      const auto revision = revision_named(fork);
      if (!revision) return;
      TransactionTestOutcome outcome{std::string(name), *revision, false,
                                     judge(input, *revision, expected)};
      outcome.passed = outcome.fault.empty();
      if (fault.what.empty()) tell(outcome);
    });
  });
  if (!fault.what.empty()) return std::unexpected(Error(Errc::invalid_argument, fault.what));
  return {};
}

}  // namespace kith::ledger
