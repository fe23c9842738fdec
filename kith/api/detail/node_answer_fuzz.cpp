// What a wallet reads of a node's answer, taken for an answer to one call and to two, a block, a
// pool's content and a receipt. Invariants: as many answers as calls; what is told of an entry can
// stand on one line.
#include <fuzz/kinds.hpp>

#include <boost/json.hpp>

#include <kith/api/detail/account_history.hpp>
#include <kith/api/detail/ethereum_node.hpp>
#include <kith/base/assert.hpp>

namespace kith::fuzz {

using namespace api;

Kinds kinds_node_answer{"result", "error", "batch", "receipt", "waiting", "block"};

namespace {

const ledger::Address account = ledger::Address::of_number(0xa);

void check_line(const HistoryEntry& entry) {
  const std::string line = line_of(entry, account);
  ASSERT(line.find('\n') == line.size() - 1 && line.find('\x1b') == std::string::npos);
  ASSERT(!boost::json::serialize(value_of(entry, account)).empty());
}

void read_history(const boost::json::value& value) {
  std::vector<HistoryEntry> entries;
  const auto number = quantity_in(value, "number");
  if (number && add_from_block(value, number->low(), account, entries) && !entries.empty())
    kinds_node_answer.reached("block");
  if (add_waiting(value, account, entries) && !entries.empty())
    kinds_node_answer.reached("waiting");
  HistoryEntry one;
  one.block = 1;
  one.hash = ledger::Hash::from_word(ledger::U256(1));
  if (add_receipt(value, one)) kinds_node_answer.reached("receipt");
  check_line(one);
  for (const HistoryEntry& entry : entries)
    check_line(entry);
}

}  // namespace

void fuzz_node_answer(ByteView input) {
  const std::string_view text = as_text(input);
  if (const auto both = parse_node_answers(text, 2)) {
    ASSERT(both->size() == 2);
    kinds_node_answer.reached_if(both->front().has_value(), "batch");
  }
  const auto answers = parse_node_answers(text, 1);
  if (!answers) return;
  ASSERT(answers->size() == 1);
  const NodeAnswer& answer = answers->front();
  kinds_node_answer.reached(answer ? "result" : "error");
  if (answer) {
    read_history(*answer);
  } else {
    ASSERT(answer.error().explained().find('\n') == std::string::npos);
  }
}

}  // namespace kith::fuzz
