#include <algorithm>

#include <boost/json.hpp>

#include <kith/ledger/rpc/detail/rpc_call.hpp>
#include <kith/ledger/rpc/detail/rpc_config.hpp>
#include <kith/ledger/rpc/detail/rpc_fees.hpp>
#include <kith/ledger/rpc/detail/rpc_logs.hpp>
#include <kith/ledger/rpc/detail/rpc_request.hpp>
#include <kith/ledger/rpc/detail/rpc_simulate.hpp>
#include <kith/ledger/rpc/detail/rpc_values.hpp>
#include <kith/ledger/rpc/rpc.hpp>

namespace kith::ledger {
namespace {

using namespace detail;
using Answer = RpcResult<json::value>;

constexpr std::size_t proof_keys_max = 1'024;
constexpr std::size_t storage_values_max = 1'024;
constexpr std::size_t percentiles_max = 100;

RpcError not_a_block(const Param& param) {
  return {RpcCode::server_error,
          "block " +
              (param.is_text() ? std::string(param.text().value()) : std::string("as asked for")) +
              " not found"};
}

Answer told(std::string_view text) {
  return json::value(text);
}

json::array raw_receipts(const std::vector<Receipt>& receipts) {
  json::array out;
  for (const Receipt& receipt : receipts)
    out.push_back(json::value(hex(receipt.encode())));
  return out;
}

json::array hex_list(const std::vector<Bytes>& list) {
  json::array out;
  for (const Bytes& one : list)
    out.push_back(json::value(hex(one)));
  return out;
}

}  // namespace

/// What the methods share.
class ChainRpc::Methods {
 public:
  Methods(const Chain& chain, PendingTransactions* pending, RpcNode node, const RpcOptions& options)
      : chain_(chain),
        pending_(pending),
        node_(std::move(node)),
        options_(options),
        filters_(chain, pending, options) {}

  void set_chain(const Chain& chain) {
    chain_ = chain;
    filters_.set_chain(chain);
  }
  void add_to(std::map<std::string, Method, std::less<>>& table);

 private:
  using Handler = Answer (Methods::*)(const Params& params);

  // Blocks.
  Answer block_number(const Params& params);
  Answer get_block(const Params& params);
  Answer get_header(const Params& params);
  Answer transaction_count_of(const Params& params);
  Answer uncle_count(const Params& params);
  Answer uncle(const Params& params);
  Answer block_receipts(const Params& params);
  Answer raw_block(const Params& params);
  Answer raw_header(const Params& params);
  Answer raw_receipts_of(const Params& params);
  // Transactions.
  Answer transaction_by_hash(const Params& params);
  Answer transaction_by_index(const Params& params);
  Answer transaction_receipt(const Params& params);
  Answer raw_transaction(const Params& params);
  Answer send_raw(const Params& params);
  // Accounts.
  Answer balance(const Params& params);
  Answer nonce(const Params& params);
  Answer code(const Params& params);
  Answer storage_at(const Params& params);
  Answer storage_values(const Params& params);
  Answer proof(const Params& params);
  // Calls.
  Answer call(const Params& params);
  Answer estimate(const Params& params);
  Answer access_list(const Params& params);
  Answer simulate_blocks(const Params& params);
  // Fees.
  Answer gas_price(const Params& params);
  Answer tip(const Params& params);
  Answer base_fee(const Params& params);
  Answer blob_fee(const Params& params);
  Answer history(const Params& params);
  // Logs.
  Answer get_logs(const Params& params);
  Answer new_filter(const Params& params);
  Answer new_block_filter(const Params& params);
  Answer new_pending_filter(const Params& params);
  Answer uninstall_filter(const Params& params);
  Answer filter_changes(const Params& params);
  Answer filter_logs(const Params& params);
  // The node.
  Answer chain_id(const Params& params);
  Answer network_id(const Params& params);
  Answer syncing(const Params& params);
  Answer accounts(const Params& params);
  Answer listening(const Params& params);
  Answer peer_count(const Params& params);
  Answer client_version(const Params& params);
  Answer sha3(const Params& params);
  Answer config(const Params& params);
  Answer capabilities(const Params& params);
  // The pool.
  Answer pool_content(const Params& params);
  Answer pool_content_from(const Params& params);
  Answer pool_status(const Params& params);
  Answer pool_inspect(const Params& params);

  Senders senders(Revision revision = newest_revision) const {
    return {revision < Revision::homestead, &node_.sender_of};
  }
  RpcResult<CallSite> site(const Param& block, const Param& state, const Param& overrides);
  /// After the block that the parameter names.
  RpcResult<std::unique_ptr<StateReader>> state(const Param& block);
  RpcResult<json::value> transaction_in(const Hash& block, std::uint64_t index);

  std::reference_wrapper<const Chain> chain_;
  PendingTransactions* pending_;
  RpcNode node_;
  const RpcOptions& options_;
  Filters filters_;
};

void ChainRpc::Methods::add_to(std::map<std::string, Method, std::less<>>& table) {
  const auto add = [&](const char* name, Handler handler) {
    table[name] = [this, handler](const json::array& params) {
      return (this->*handler)(Params(params));
    };
  };
  add("eth_blockNumber", &Methods::block_number);
  add("eth_getBlockByHash", &Methods::get_block);
  add("eth_getBlockByNumber", &Methods::get_block);
  add("eth_getHeaderByHash", &Methods::get_header);
  add("eth_getHeaderByNumber", &Methods::get_header);
  add("eth_getBlockTransactionCountByHash", &Methods::transaction_count_of);
  add("eth_getBlockTransactionCountByNumber", &Methods::transaction_count_of);
  add("eth_getUncleCountByBlockHash", &Methods::uncle_count);
  add("eth_getUncleCountByBlockNumber", &Methods::uncle_count);
  add("eth_getUncleByBlockHashAndIndex", &Methods::uncle);
  add("eth_getUncleByBlockNumberAndIndex", &Methods::uncle);
  add("eth_getBlockReceipts", &Methods::block_receipts);
  add("debug_getRawBlock", &Methods::raw_block);
  add("debug_getRawHeader", &Methods::raw_header);
  add("debug_getRawReceipts", &Methods::raw_receipts_of);
  add("debug_getRawTransaction", &Methods::raw_transaction);
  add("eth_getTransactionByHash", &Methods::transaction_by_hash);
  add("eth_getTransactionByBlockHashAndIndex", &Methods::transaction_by_index);
  add("eth_getTransactionByBlockNumberAndIndex", &Methods::transaction_by_index);
  add("eth_getTransactionReceipt", &Methods::transaction_receipt);
  add("eth_getRawTransactionByHash", &Methods::raw_transaction);
  add("eth_sendRawTransaction", &Methods::send_raw);
  add("eth_getBalance", &Methods::balance);
  add("eth_getTransactionCount", &Methods::nonce);
  add("eth_getCode", &Methods::code);
  add("eth_getStorageAt", &Methods::storage_at);
  add("eth_getStorageValues", &Methods::storage_values);
  add("eth_getProof", &Methods::proof);
  add("eth_call", &Methods::call);
  add("eth_estimateGas", &Methods::estimate);
  add("eth_createAccessList", &Methods::access_list);
  add("eth_simulateV1", &Methods::simulate_blocks);
  add("eth_gasPrice", &Methods::gas_price);
  add("eth_maxPriorityFeePerGas", &Methods::tip);
  add("eth_baseFee", &Methods::base_fee);
  add("eth_blobBaseFee", &Methods::blob_fee);
  add("eth_feeHistory", &Methods::history);
  add("eth_getLogs", &Methods::get_logs);
  add("eth_newFilter", &Methods::new_filter);
  add("eth_newBlockFilter", &Methods::new_block_filter);
  add("eth_newPendingTransactionFilter", &Methods::new_pending_filter);
  add("eth_uninstallFilter", &Methods::uninstall_filter);
  add("eth_getFilterChanges", &Methods::filter_changes);
  add("eth_getFilterLogs", &Methods::filter_logs);
  add("eth_chainId", &Methods::chain_id);
  add("net_version", &Methods::network_id);
  add("eth_syncing", &Methods::syncing);
  add("eth_accounts", &Methods::accounts);
  add("net_listening", &Methods::listening);
  add("net_peerCount", &Methods::peer_count);
  add("web3_clientVersion", &Methods::client_version);
  add("web3_sha3", &Methods::sha3);
  add("eth_config", &Methods::config);
  add("eth_capabilities", &Methods::capabilities);
  add("txpool_content", &Methods::pool_content);
  add("txpool_contentFrom", &Methods::pool_content_from);
  add("txpool_status", &Methods::pool_status);
  add("txpool_inspect", &Methods::pool_inspect);
}

// Blocks.

Answer ChainRpc::Methods::block_number(const Params&) {
  return told(quantity(chain_.get().head().number));
}

Answer ChainRpc::Methods::get_block(const Params& params) {
  KITH_TRY(const auto hash, find_block(chain_, params[0]));
  KITH_TRY(const bool whole, params[1].truth());
  if (!hash) return nullptr;
  KITH_TRY(const Block block, chain_.get().block(*hash));
  KITH_TRY(const Revision revision, chain_.get().revision_of(*hash));
  return block_json(block, *hash, whole, senders(revision));
}

Answer ChainRpc::Methods::get_header(const Params& params) {
  KITH_TRY(const auto hash, find_block(chain_, params[0]));
  if (!hash) return nullptr;
  KITH_TRY(const Header header, chain_.get().header(*hash));
  return header_json(header, *hash);
}

Answer ChainRpc::Methods::transaction_count_of(const Params& params) {
  KITH_TRY(const auto hash, find_block(chain_, params[0]));
  if (!hash) return nullptr;
  KITH_TRY(const Block block, chain_.get().block(*hash));
  return told(quantity(block.transactions.size()));
}

Answer ChainRpc::Methods::uncle_count(const Params& params) {
  KITH_TRY(const auto hash, find_block(chain_, params[0]));
  if (!hash) return nullptr;
  KITH_TRY(const Block block, chain_.get().block(*hash));
  return told(quantity(block.ommers.size()));
}

Answer ChainRpc::Methods::uncle(const Params& params) {
  KITH_TRY(const auto hash, find_block(chain_, params[0]));
  KITH_TRY(const std::uint64_t index, params[1].small_number());
  if (!hash) return nullptr;
  KITH_TRY(const Block block, chain_.get().block(*hash));
  if (index >= block.ommers.size()) return nullptr;
  const Header& ommer = block.ommers[index];
  json::object out = header_json(ommer, ommer.hash());
  out["uncles"] = json::array();
  Block alone;
  alone.header = ommer;
  out["size"] = quantity(alone.encode().size());
  return out;
}

Answer ChainRpc::Methods::block_receipts(const Params& params) {
  KITH_TRY(const auto hash, find_block(chain_, params[0]));
  if (!hash) return nullptr;
  KITH_TRY(const BlockReceipts all, read_receipts(chain_, *hash, senders()));
  json::array out;
  for (std::size_t i = 0; i < all.receipts.size(); ++i)
    out.push_back(receipt_json(all, i));
  return out;
}

Answer ChainRpc::Methods::raw_block(const Params& params) {
  KITH_TRY(const auto hash, find_block(chain_, params[0]));
  if (!hash) return std::unexpected(not_a_block(params[0]));
  KITH_TRY(const Block block, chain_.get().block(*hash));
  return told(hex(block.encode()));
}

Answer ChainRpc::Methods::raw_header(const Params& params) {
  KITH_TRY(const auto hash, find_block(chain_, params[0]));
  if (!hash) return std::unexpected(not_a_block(params[0]));
  KITH_TRY(const Header header, chain_.get().header(*hash));
  return told(hex(header.encode()));
}

Answer ChainRpc::Methods::raw_receipts_of(const Params& params) {
  KITH_TRY(const auto hash, find_block(chain_, params[0]));
  if (!hash) return std::unexpected(not_a_block(params[0]));
  KITH_TRY(const auto receipts, chain_.get().receipts(*hash));
  return raw_receipts(receipts);
}

// Transactions.

RpcResult<json::value> ChainRpc::Methods::transaction_in(const Hash& block, std::uint64_t index) {
  KITH_TRY(const Block body, chain_.get().block(block));
  if (index >= body.transactions.size()) return nullptr;
  const Transaction& found = body.transactions[index];
  KITH_TRY(const Revision revision, chain_.get().revision_of(block));
  const Header& header = body.header;
  const Position position{
      {header.number, block}, header.timestamp, static_cast<std::uint32_t>(index)};
  return transaction_json(found, senders(revision).of(found), position, header.base_fee);
}

Answer ChainRpc::Methods::transaction_by_hash(const Params& params) {
  KITH_TRY(const Hash hash, params[0].hash());
  if (const auto place = chain_.get().find_transaction(hash))
    return transaction_in(place->block.hash, place->index);
  if (pending_ == nullptr) return nullptr;
  const auto waiting = pending_->find(hash);
  if (!waiting) return nullptr;
  return transaction_json(waiting->transaction, waiting->from, std::nullopt, std::nullopt);
}

Answer ChainRpc::Methods::transaction_by_index(const Params& params) {
  KITH_TRY(const auto hash, find_block(chain_, params[0]));
  KITH_TRY(const std::uint64_t index, params[1].small_number());
  if (!hash) return nullptr;
  return transaction_in(*hash, index);
}

Answer ChainRpc::Methods::transaction_receipt(const Params& params) {
  KITH_TRY(const Hash hash, params[0].hash());
  const auto place = chain_.get().find_transaction(hash);
  if (!place) return nullptr;
  KITH_TRY(const BlockReceipts all, read_receipts(chain_, place->block.hash, senders()));
  return receipt_json(all, place->index);
}

Answer ChainRpc::Methods::raw_transaction(const Params& params) {
  KITH_TRY(const Hash hash, params[0].hash());
  if (const auto place = chain_.get().find_transaction(hash)) {
    KITH_TRY(const Block block, chain_.get().block(place->block.hash));
    return told(hex(block.transactions[place->index].encode()));
  }
  const auto waiting = pending_ != nullptr ? pending_->find(hash) : std::nullopt;
  if (!waiting) return "0x";
  return told(hex(waiting->transaction.encode()));
}

Answer ChainRpc::Methods::send_raw(const Params& params) {
  KITH_TRY(const Bytes bytes, params[0].bytes());
  const auto transaction = Transaction::decode(bytes);
  if (!transaction) {
    return std::unexpected(RpcError(RpcCode::invalid_params, Error(transaction.error()).message()));
  }
  if (pending_ == nullptr) {
    return std::unexpected(
        RpcError(RpcCode::server_error, "this node takes no transactions for this chain"));
  }
  KITH_TRY(const Hash hash, pending_->send(*transaction));
  return told(hash.to_hex());
}

// Accounts.

RpcResult<std::unique_ptr<StateReader>> ChainRpc::Methods::state(const Param& block) {
  KITH_TRY(const Hash hash, block_of(chain_, block));
  auto reader = chain_.get().state(hash);
  if (reader) return *std::move(reader);
  if (!reader.error().is(Errc::not_found)) return std::unexpected(RpcError(reader.error()));
  return std::unexpected(RpcError(
      RpcCode::server_error,
      "the state after that block isn't kept here: ask an archive node, or for a later block"));
}

Answer ChainRpc::Methods::balance(const Params& params) {
  KITH_TRY(const Address address, params[0].address());
  KITH_TRY(const auto reader, state(params[1]));
  KITH_TRY(const auto account, reader->account(address));
  return told(quantity(account ? account->balance : U256()));
}

Answer ChainRpc::Methods::nonce(const Params& params) {
  KITH_TRY(const Address address, params[0].address());
  KITH_TRY(const auto reader, state(params[1]));
  KITH_TRY(const auto account, reader->account(address));
  std::uint64_t nonce = account ? account->nonce : 0;
  const bool with_pool =
      params[1].is_text() && *params[1].text() == "pending" && pending_ != nullptr;
  if (with_pool) nonce = pending_->next_nonce(address, nonce);
  return told(quantity(nonce));
}

Answer ChainRpc::Methods::code(const Params& params) {
  KITH_TRY(const Address address, params[0].address());
  KITH_TRY(const auto reader, state(params[1]));
  KITH_TRY(const auto account, reader->account(address));
  if (!account || account->code_hash == empty_code_hash) return "0x";
  KITH_TRY(const CodePointer code, reader->code(account->code_hash));
  return told(hex(code->bytes()));
}

Answer ChainRpc::Methods::storage_at(const Params& params) {
  KITH_TRY(const Address address, params[0].address());
  KITH_TRY(const U256 key, params[1].key());
  KITH_TRY(const auto reader, state(params[2]));
  KITH_TRY(const U256 value, reader->storage(address, key));
  return told(word(value));
}

Answer ChainRpc::Methods::storage_values(const Params& params) {
  if (!params[0].is_object()) return std::unexpected(params[0].bad("an object expected"));
  KITH_TRY(const auto reader, state(params[1]));
  json::object out;
  std::size_t count = 0;
  for (const auto& [name, keys] : params[0].value()->get_object()) {
    const json::value text(name);
    KITH_TRY(const Address address, Param(&text, params[0].place()).address());
    const Param list(&keys, params[0].place() + "." + std::string(name));
    count += list.size();
    if (count > storage_values_max) {
      return std::unexpected(
          RpcError(RpcCode::invalid_params,
                   "too many slots (max " + std::to_string(storage_values_max) + ")"));
    }
    json::array values;
    for (std::size_t i = 0; i < list.size(); ++i) {
      KITH_TRY(const U256 key, list[i].key());
      KITH_TRY(const U256 value, reader->storage(address, key));
      values.push_back(json::value(word(value)));
    }
    out[name] = std::move(values);
  }
  if (count == 0) return std::unexpected(RpcError(RpcCode::invalid_params, "empty request"));
  return out;
}

Answer ChainRpc::Methods::proof(const Params& params) {
  KITH_TRY(const Address address, params[0].address());
  const Param list = params[1];
  if (list.size() > proof_keys_max) {
    return std::unexpected(RpcError(RpcCode::invalid_params,
                                    "too many keys (max " + std::to_string(proof_keys_max) + ")"));
  }
  std::vector<U256> keys;
  for (std::size_t i = 0; i < list.size(); ++i) {
    KITH_TRY(keys.emplace_back(), list[i].key());
  }
  KITH_TRY(const Hash hash, block_of(chain_, params[2]));
  const auto proof = chain_.get().prove(hash, address, keys);
  if (!proof && proof.error().is(Errc::not_found)) {
    return std::unexpected(
        RpcError(RpcCode::server_error, "proofs are there for the last blocks alone, from number " +
                                            std::to_string(chain_.get().settled().number) + " on"));
  }
  if (!proof) return std::unexpected(RpcError(proof.error()));
  const AccountRecord account = proof->account.value_or(AccountRecord());
  json::array slots;
  for (std::size_t i = 0; i < proof->slots.size(); ++i) {
    const StateTree::Proof::Slot& slot = proof->slots[i];
    // A key of 32 bytes is told as it was asked, a shorter one as a number (geth's way).
    const bool whole = list[i].text()->size() == 2 + 2 * U256::bytes;
    slots.push_back(json::object{{"key", whole ? word(slot.key) : quantity(slot.key)},
                                 {"value", quantity(slot.value)},
                                 {"proof", hex_list(slot.nodes)}});
  }
  return json::object{
      {"address", address.to_hex()},          {"accountProof", hex_list(proof->account_nodes)},
      {"balance", quantity(account.balance)}, {"codeHash", account.code_hash.to_hex()},
      {"nonce", quantity(account.nonce)},     {"storageHash", account.storage_root.to_hex()},
      {"storageProof", std::move(slots)}};
}

// Calls.

RpcResult<CallSite> ChainRpc::Methods::site(const Param& block, const Param& state,
                                            const Param& overrides) {
  KITH_TRY(const Hash hash, block_of(chain_, block));
  KITH_TRY(CallSite site, CallSite::at(chain_, hash));
  site.set_overrides(state);
  const bool is_pending = block.is_text() && block.text() == "pending";
  if (is_pending && node_.coming_timestamp) site.block().timestamp = node_.coming_timestamp();
  KITH_CHECK(override_block(overrides, site.block()));
  return site;
}

Answer ChainRpc::Methods::call(const Params& params) {
  KITH_TRY(const CallArguments arguments, read_call(params[0], chain_.get().schedule().chain_id));
  KITH_TRY(CallSite at, site(params[1], params[2], params[3]));
  KITH_TRY(const std::string output, detail::call(at, arguments));
  return json::value(output);
}

Answer ChainRpc::Methods::estimate(const Params& params) {
  KITH_TRY(const CallArguments arguments, read_call(params[0], chain_.get().schedule().chain_id));
  static const json::value pending = "pending";
  const Param block = params[1].there() ? params[1] : Param(&pending, params[1].place());
  KITH_TRY(CallSite at, site(block, params[2], params[3]));
  KITH_TRY(const std::uint64_t gas, estimate_gas(at, arguments));
  return told(quantity(gas));
}

Answer ChainRpc::Methods::access_list(const Params& params) {
  KITH_TRY(const CallArguments arguments, read_call(params[0], chain_.get().schedule().chain_id));
  KITH_TRY(CallSite at, site(params[1], params[2], params[3]));
  KITH_TRY(json::object list, create_access_list(at, arguments));
  return list;
}

Answer ChainRpc::Methods::simulate_blocks(const Params& params) {
  KITH_TRY(const Hash hash, block_of(chain_, params[1]));
  KITH_TRY(json::array blocks, simulate(chain_, hash, params[0]));
  return blocks;
}

// Fees.

Answer ChainRpc::Methods::gas_price(const Params&) {
  KITH_TRY(const U256 base, coming_base_fee(chain_));
  KITH_TRY(const U256 tip, suggested_tip(chain_, options_));
  return told(quantity(base + tip));
}

Answer ChainRpc::Methods::tip(const Params&) {
  KITH_TRY(const U256 tip, suggested_tip(chain_, options_));
  return told(quantity(tip));
}

Answer ChainRpc::Methods::base_fee(const Params&) {
  KITH_TRY(const U256 fee, coming_base_fee(chain_));
  return told(quantity(fee));
}

Answer ChainRpc::Methods::blob_fee(const Params&) {
  KITH_TRY(const U256 fee, coming_blob_fee(chain_));
  return told(quantity(fee));
}

Answer ChainRpc::Methods::history(const Params& params) {
  KITH_TRY(const std::uint64_t blocks, params[0].small_number());
  KITH_TRY(const auto newest, find_block(chain_, params[1]));
  if (!newest) {
    return std::unexpected(
        RpcError(RpcCode::server_error, "request beyond head block: requested block is above " +
                                            std::to_string(chain_.get().head().number)));
  }
  std::vector<double> percentiles;
  const Param list = params[2];
  if (list.size() > percentiles_max)
    return std::unexpected(RpcError(RpcCode::invalid_params, "over the query limit 100"));
  for (std::size_t i = 0; i < list.size(); ++i) {
    const json::value& number = *list[i].value();
    if (!number.is_number()) return std::unexpected(list[i].bad("a number expected"));
    const double part = number.to_number<double>();
    if (!(part >= 0 && part <= 100) || (i > 0 && part < percentiles.back())) {
      return std::unexpected(
          list[i].bad("percentiles are from 0 to 100, each no less than the one before"));
    }
    percentiles.push_back(part);
  }
  KITH_TRY(const Header header, chain_.get().header(*newest));
  KITH_TRY(json::object told, fee_history(chain_, blocks, header.number, percentiles));
  return told;
}

// Logs.

Answer ChainRpc::Methods::get_logs(const Params& params) {
  KITH_TRY(const LogQuery query, read_query(chain_, params[0], false));
  KITH_TRY(json::array logs, find_logs(chain_, query, options_));
  return logs;
}

Answer ChainRpc::Methods::new_filter(const Params& params) {
  KITH_TRY(LogQuery query, read_query(chain_, params[0], true));
  return json::value(filters_.add_logs(std::move(query)));
}

Answer ChainRpc::Methods::new_block_filter(const Params&) {
  return json::value(filters_.add_blocks());
}

Answer ChainRpc::Methods::new_pending_filter(const Params&) {
  return json::value(filters_.add_pending());
}

Answer ChainRpc::Methods::uninstall_filter(const Params& params) {
  KITH_TRY(const std::string_view id, params[0].text());
  return filters_.remove(id);
}

Answer ChainRpc::Methods::filter_changes(const Params& params) {
  KITH_TRY(const std::string_view id, params[0].text());
  KITH_TRY(json::array changes, filters_.changes(id));
  return changes;
}

Answer ChainRpc::Methods::filter_logs(const Params& params) {
  KITH_TRY(const std::string_view id, params[0].text());
  KITH_TRY(json::array logs, filters_.logs(id));
  return logs;
}

// The node.

Answer ChainRpc::Methods::chain_id(const Params&) {
  return told(quantity(chain_.get().schedule().chain_id));
}

Answer ChainRpc::Methods::network_id(const Params&) {
  return json::value(std::to_string(chain_.get().schedule().chain_id));
}

Answer ChainRpc::Methods::syncing(const Params&) {
  const auto target = node_.syncing_to ? node_.syncing_to() : std::nullopt;
  const BlockName head = chain_.get().head();
  if (!target || target->number <= head.number) return false;
  return json::object{{"startingBlock", quantity(0)},
                      {"currentBlock", quantity(head.number)},
                      {"highestBlock", quantity(target->number)}};
}

Answer ChainRpc::Methods::accounts(const Params&) {
  return json::array();
}

Answer ChainRpc::Methods::listening(const Params&) {
  return true;
}

Answer ChainRpc::Methods::peer_count(const Params&) {
  return told(quantity(node_.peer_count ? node_.peer_count() : 0));
}

Answer ChainRpc::Methods::client_version(const Params&) {
  return json::value(options_.client_version);
}

Answer ChainRpc::Methods::sha3(const Params& params) {
  KITH_TRY(const Bytes bytes, params[0].bytes());
  return told(keccak256(bytes).to_hex());
}

Answer ChainRpc::Methods::config(const Params&) {
  KITH_TRY(const Header head, chain_.get().header(chain_.get().head().hash));
  return chain_config(chain_, head.timestamp);
}

Answer ChainRpc::Methods::capabilities(const Params&) {
  const BlockName head = chain_.get().head();
  const std::uint64_t settled = chain_.get().settled().number;
  // The oldest state that can be read: halving finds it, since what is kept is a stretch.
  std::uint64_t oldest = settled;
  for (std::uint64_t low = 0; low < oldest;) {
    const std::uint64_t middle = low + (oldest - low) / 2;
    KITH_TRY(const Hash hash, chain_.get().hash_at(middle));
    if (chain_.get().state(hash)) {
      oldest = middle;
    } else {
      low = middle + 1;
    }
  }
  const auto from = [](std::uint64_t number) {
    return json::object{{"disabled", false}, {"oldestBlock", quantity(number)}};
  };
  return json::object{
      {"head", json::object{{"number", quantity(head.number)}, {"hash", head.hash.to_hex()}}},
      {"state", from(oldest)},
      {"tx", from(0)},
      {"logs", from(0)},
      {"receipts", from(0)},
      {"blocks", from(0)},
      {"stateproofs", from(settled)}};
}

// The pool.

namespace {

template <class Each>
json::object by_account(const std::map<Address, PendingTransactions::ByNonce>& all, Each each) {
  json::object out;
  for (const auto& [address, by_nonce] : all) {
    json::object of_account;
    for (const auto& [nonce, transaction] : by_nonce)
      of_account[std::to_string(nonce)] = each(address, transaction);
    out[address.to_checksum()] = std::move(of_account);
  }
  return out;
}

json::value waiting_json(const Address& from, const Transaction& transaction) {
  return transaction_json(transaction, from, std::nullopt, std::nullopt);
}

std::string waiting_line(const Address&, const Transaction& transaction) {
  return (transaction.to ? transaction.to->to_checksum() : std::string("contract creation")) +
         ": " + transaction.value.to_decimal() + " wei + " + std::to_string(transaction.gas_limit) +
         " gas × " + transaction.max_fee.to_decimal() + " wei";
}

std::uint64_t count_of(const std::map<Address, PendingTransactions::ByNonce>& all) {
  std::uint64_t count = 0;
  for (const auto& [address, by_nonce] : all)
    count += by_nonce.size();
  return count;
}

PendingTransactions::Content content_of(const PendingTransactions* pending) {
  return pending != nullptr ? pending->content() : PendingTransactions::Content();
}

}  // namespace

Answer ChainRpc::Methods::pool_content(const Params&) {
  const auto content = content_of(pending_);
  return json::object{{"pending", by_account(content.pending, waiting_json)},
                      {"queued", by_account(content.queued, waiting_json)}};
}

Answer ChainRpc::Methods::pool_content_from(const Params& params) {
  KITH_TRY(const Address address, params[0].address());
  const auto content = content_of(pending_);
  const auto of = [&](const std::map<Address, PendingTransactions::ByNonce>& all) {
    json::object out;
    if (const auto found = all.find(address); found != all.end()) {
      for (const auto& [nonce, transaction] : found->second)
        out[std::to_string(nonce)] = waiting_json(address, transaction);
    }
    return out;
  };
  return json::object{{"pending", of(content.pending)}, {"queued", of(content.queued)}};
}

Answer ChainRpc::Methods::pool_status(const Params&) {
  const auto content = content_of(pending_);
  return json::object{{"pending", quantity(count_of(content.pending))},
                      {"queued", quantity(count_of(content.queued))}};
}

Answer ChainRpc::Methods::pool_inspect(const Params&) {
  const auto content = content_of(pending_);
  return json::object{{"pending", by_account(content.pending, waiting_line)},
                      {"queued", by_account(content.queued, waiting_line)}};
}

// Requests.

ChainRpc::ChainRpc(const Chain& chain, PendingTransactions* pending, RpcNode node,
                   RpcOptions options)
    : options_(std::move(options)),
      own_(std::make_unique<Methods>(chain, pending, std::move(node), options_)) {
  own_->add_to(methods_);
}

ChainRpc::~ChainRpc() = default;

void ChainRpc::set_chain(const Chain& chain) {
  own_->set_chain(chain);
}

void ChainRpc::add(std::string name, Method method) {
  methods_[std::move(name)] = std::move(method);
}

RpcResult<json::value> ChainRpc::call(std::string_view method, const json::array& params) {
  const auto found = methods_.find(method);
  if (found == methods_.end()) {
    return std::unexpected(
        RpcError(RpcCode::method_not_found,
                 "the method " + std::string(method) + " does not exist/is not available"));
  }
  return found->second(params);
}

/// Empty for a notification.
std::string ChainRpc::handle_one(const json::value& request) {
  const auto read = read_request(request);
  if (!read) return refusal_text(request);
  auto result = call(read->method, *read->params);
  if (read->id == nullptr) return {};
  if (!result) return error_text(*read->id, result.error());
  return result_text(*read->id, *std::move(result));
}

std::string ChainRpc::handle(std::string_view request) {
  const auto refuse = [](RpcCode code, std::string text) {
    return error_text(nullptr, {code, std::move(text)});
  };
  boost::system::error_code failed;
  const json::value document = json::parse(request, failed);
  if (failed) return refuse(RpcCode::parse_error, "parse error: " + failed.message());
  const auto* batch = document.if_array();
  if (batch == nullptr) return handle_one(document);
  if (batch->empty()) return refuse(RpcCode::invalid_request, "empty batch");
  if (batch->size() > options_.batch_max) {
    return refuse(RpcCode::invalid_request,
                  "a batch has at most " + std::to_string(options_.batch_max) + " requests");
  }
  std::string out;
  for (const json::value& one : *batch) {
    const std::string answer =
        out.size() < options_.answer_bytes_max
            ? handle_one(one)
            : refuse(RpcCode::limit_exceeded, "the batch's answer would be too large");
    if (answer.empty()) continue;
    out += out.empty() ? "[" : ",";
    out += answer;
  }
  if (!out.empty()) out += "]";
  return out;
}

}  // namespace kith::ledger
