// Numbers, amounts, addresses and hashes as texts and as bytes. Invariant: what was read is written
// as itself, but for the case of its letters, an amount's unit, and zeros that say nothing.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/ledger/primitives/amount.hpp>
#include <kith/ledger/primitives/types.hpp>

namespace kith::fuzz {

using namespace ledger;

Kinds kinds_ledger_text{
    "amount",  "fraction", "decimal", "hexadecimal",         "number of 256 bits",
    "address", "checksum", "hash",    "bytes of an address", "bytes of a hash"};

void fuzz_ledger_text(ByteView input) {
  const std::string_view text = as_text(input);
  if (const auto number = U256::parse(text)) {
    ASSERT(U256::parse(number->to_hex()) == number);
    ASSERT(U256::parse(number->to_decimal()) == number);
    kinds_ledger_text.reached(text.starts_with("0x") ? "hexadecimal" : "decimal");
    kinds_ledger_text.reached_if(number->bit_width() == 256, "number of 256 bits");
  }
  if (const auto amount = parse_amount(text)) {
    for (const EtherUnit unit : {EtherUnit::wei, EtherUnit::gwei, EtherUnit::ether})
      ASSERT(parse_amount(format_amount(*amount, unit), unit) == amount);
    kinds_ledger_text.reached("amount");
    kinds_ledger_text.reached_if(*amount % U256(wei_per_ether) != U256(), "fraction");
  }
  if (const auto address = Address::parse(text)) {
    ASSERT(Address::parse(address->to_hex()) == address);
    ASSERT(Address::parse(address->to_checksum()) == address);
    kinds_ledger_text.reached("address");
    kinds_ledger_text.reached_if(address->to_checksum() == text && address->to_hex() != text,
                                 "checksum");
  }
  if (const auto hash = Hash::parse(text)) {
    ASSERT(Hash::parse(hash->to_hex()) == hash);
    kinds_ledger_text.reached("hash");
  }
  if (const auto address = Address::from_bytes(input)) {
    ASSERT(equal(address->view(), input) && Address::from_word(address->to_word()) == *address);
    kinds_ledger_text.reached("bytes of an address");
  }
  if (const auto hash = Hash::from_bytes(input)) {
    ASSERT(equal(hash->view(), input) && Hash::from_word(hash->to_word()) == *hash);
    kinds_ledger_text.reached("bytes of a hash");
  }
}

}  // namespace kith::fuzz
