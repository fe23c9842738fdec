// The "crypto" object of a keystore. For .cpp files of wallet/ alone.
#pragma once

#include <boost/json.hpp>

#include <kith/ledger/wallet/keystore.hpp>

namespace kith::ledger::detail {

/// Parses one document, of objects down to a small depth; nothing if it is none.
std::optional<boost::json::value> parse_document(std::string_view text, std::size_t depth_max = 8);

boost::json::object to_json(const Sealed& sealed);
/// WalletError::bad_keystore with the field's name, costs_too_much.
Result<Sealed> sealed_of(const boost::json::object& crypto);

}  // namespace kith::ledger::detail
