// The states of the suites: address -> { balance, nonce, code, storage }.
#pragma once

#include <kith/ledger/chain/detail/json_node.hpp>
#include <kith/ledger/state/memory_state.hpp>

namespace kith::ledger::detail {

inline MemoryState state_of(const JsonNode& accounts) {
  MemoryState state;
  accounts.for_each([&](std::string_view address, const JsonNode& from) {
    MemoryState::Account account;
    account.balance = from["balance"].number();
    account.nonce = from["nonce"].small_number();
    account.code = from["code"].bytes();
    from["storage"].for_each([&](std::string_view key, const JsonNode& value) {
      account.storage[U256::parse(key).value_or(0)] = value.number();
    });
    const auto bytes = from_hex(address.starts_with("0x") ? address.substr(2) : address);
    const auto read = Address::from_bytes(bytes.value_or(Bytes()));
    if (!read) return accounts.bad("an address", address);
    state.set(*read, std::move(account));
  });
  return state;
}

}  // namespace kith::ledger::detail
