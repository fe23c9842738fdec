#include <kith/ledger/chain/blob_fee.hpp>
#include <kith/ledger/evm/machine.hpp>
#include <kith/ledger/rpc/detail/rpc_values.hpp>

namespace kith::ledger::detail {
namespace {

json::value to_json(const std::optional<Address>& address) {
  return address ? json::value(address->to_hex()) : json::value(nullptr);
}

void put_position(json::object& out, const std::optional<Position>& position) {
  if (position) {
    out["blockHash"] = position->block.hash.to_hex();
    out["blockNumber"] = quantity(position->block.number);
    out["blockTimestamp"] = quantity(position->timestamp);
    out["transactionIndex"] = quantity(position->index);
  } else {
    out["blockHash"] = nullptr;
    out["blockNumber"] = nullptr;
    out["blockTimestamp"] = nullptr;
    out["transactionIndex"] = nullptr;
  }
}

/// The `v` that a legacy transaction is written with (EIP-155).
U256 legacy_v(const Transaction& transaction) {
  const std::uint64_t odd = transaction.signature.is_odd ? 1 : 0;
  if (!transaction.chain_id) return 27 + odd;
  return U256(*transaction.chain_id) * 2 + 35 + odd;
}

json::array authorizations_json(const std::vector<Authorization>& list) {
  json::array out;
  for (const Authorization& one : list) {
    out.push_back(json::object{{"chainId", quantity(one.chain_id)},
                               {"address", one.address.to_hex()},
                               {"nonce", quantity(one.nonce)},
                               {"yParity", quantity(one.parity)},
                               {"r", quantity(one.r)},
                               {"s", quantity(one.s)}});
  }
  return out;
}

}  // namespace

Address Senders::of(const Transaction& transaction) const {
  if (known != nullptr && *known) {
    if (const auto sender = (*known)(transaction)) return *sender;
  }
  return transaction.sender(allow_high_s).value_or(Address());
}

U256 effective_gas_price(const Transaction& transaction, const std::optional<U256>& base_fee) {
  if (!base_fee) return transaction.max_fee;
  return std::min(transaction.max_fee, *base_fee + transaction.max_priority_fee);
}

json::object header_json(const Header& header, const Hash& hash) {
  json::object out;
  out["number"] = quantity(header.number);
  out["hash"] = hash.to_hex();
  out["parentHash"] = header.parent.to_hex();
  out["sha3Uncles"] = header.ommers.to_hex();
  out["miner"] = header.coinbase.to_hex();
  out["stateRoot"] = header.state_root.to_hex();
  out["transactionsRoot"] = header.transactions_root.to_hex();
  out["receiptsRoot"] = header.receipts_root.to_hex();
  out["logsBloom"] = hex(header.bloom.bits);
  out["difficulty"] = quantity(header.difficulty);
  out["gasLimit"] = quantity(header.gas_limit);
  out["gasUsed"] = quantity(header.gas_used);
  out["timestamp"] = quantity(header.timestamp);
  out["extraData"] = hex(header.extra_data);
  out["mixHash"] = header.mix_hash.to_hex();
  out["nonce"] = hex(header.nonce);
  if (header.base_fee) out["baseFeePerGas"] = quantity(*header.base_fee);
  if (header.withdrawals_root) out["withdrawalsRoot"] = header.withdrawals_root->to_hex();
  if (header.blob_gas_used) out["blobGasUsed"] = quantity(*header.blob_gas_used);
  if (header.excess_blob_gas) out["excessBlobGas"] = quantity(*header.excess_blob_gas);
  if (header.parent_beacon_root) out["parentBeaconBlockRoot"] = header.parent_beacon_root->to_hex();
  if (header.requests_hash) out["requestsHash"] = header.requests_hash->to_hex();
  return out;
}

json::object block_json(const Block& block, const Hash& hash, bool whole_transactions,
                        const Senders& senders) {
  json::object out = header_json(block.header, hash);
  out["size"] = quantity(block.encode().size());
  json::array transactions;
  Position position{{block.header.number, hash}, block.header.timestamp, 0};
  for (const Transaction& one : block.transactions) {
    if (whole_transactions) {
      transactions.push_back(
          transaction_json(one, senders.of(one), position, block.header.base_fee));
    } else {
      transactions.push_back(json::value(one.hash().to_hex()));
    }
    ++position.index;
  }
  out["transactions"] = std::move(transactions);
  json::array uncles;
  for (const Header& ommer : block.ommers)
    uncles.push_back(json::value(ommer.hash().to_hex()));
  out["uncles"] = std::move(uncles);
  if (block.withdrawals) {
    json::array withdrawals;
    for (const Withdrawal& one : *block.withdrawals) {
      withdrawals.push_back(json::object{{"index", quantity(one.index)},
                                         {"validatorIndex", quantity(one.validator)},
                                         {"address", one.address.to_hex()},
                                         {"amount", quantity(one.amount)}});
    }
    out["withdrawals"] = std::move(withdrawals);
  }
  return out;
}

json::array access_list_json(const std::vector<AccessListEntry>& list) {
  json::array out;
  for (const AccessListEntry& entry : list) {
    json::array keys;
    for (const U256& key : entry.keys)
      keys.push_back(json::value(word(key)));
    out.push_back(
        json::object{{"address", entry.address.to_hex()}, {"storageKeys", std::move(keys)}});
  }
  return out;
}

json::object transaction_json(const Transaction& transaction, const Address& from,
                              const std::optional<Position>& position,
                              const std::optional<U256>& base_fee) {
  using Type = Transaction::Type;
  json::object out;
  put_position(out, position);
  out["hash"] = transaction.hash().to_hex();
  out["type"] = quantity(static_cast<std::uint64_t>(transaction.type));
  out["from"] = from.to_hex();
  out["to"] = to_json(transaction.to);
  out["nonce"] = quantity(transaction.nonce);
  out["gas"] = quantity(transaction.gas_limit);
  out["value"] = quantity(transaction.value);
  out["input"] = hex(transaction.data);
  out["gasPrice"] =
      quantity(position ? effective_gas_price(transaction, base_fee) : transaction.max_fee);
  if (transaction.has_tip()) {
    out["maxFeePerGas"] = quantity(transaction.max_fee);
    out["maxPriorityFeePerGas"] = quantity(transaction.max_priority_fee);
  }
  if (transaction.chain_id) out["chainId"] = quantity(*transaction.chain_id);
  if (transaction.type != Type::legacy)
    out["accessList"] = access_list_json(transaction.access_list);
  if (transaction.type == Type::blob) {
    out["maxFeePerBlobGas"] = quantity(transaction.max_blob_fee);
    json::array hashes;
    for (const Hash& hash : transaction.blob_hashes)
      hashes.push_back(json::value(hash.to_hex()));
    out["blobVersionedHashes"] = std::move(hashes);
  }
  if (transaction.type == Type::set_code)
    out["authorizationList"] = authorizations_json(transaction.authorizations);
  const Signature& signature = transaction.signature;
  if (transaction.type == Type::legacy) {
    out["v"] = quantity(legacy_v(transaction));
  } else {
    out["v"] = out["yParity"] = quantity(signature.is_odd ? 1 : 0);
  }
  out["r"] = quantity(signature.r);
  out["s"] = quantity(signature.s);
  return out;
}

json::object log_json(const LogEntry& entry, const Position& position, const Hash& transaction,
                      std::uint64_t log_index, bool removed) {
  json::array topics;
  for (const Hash& topic : entry.topics)
    topics.push_back(json::value(topic.to_hex()));
  json::object out{{"address", entry.address.to_hex()}, {"topics", std::move(topics)},
                   {"data", hex(entry.data)},           {"transactionHash", transaction.to_hex()},
                   {"logIndex", quantity(log_index)},   {"removed", removed}};
  put_position(out, position);
  return out;
}

RpcResult<BlockReceipts> read_receipts(const Chain& chain, const Hash& hash, Senders senders) {
  BlockReceipts all;
  KITH_TRY(all.block, chain.block(hash));
  KITH_TRY(all.receipts, chain.receipts(hash));
  all.hash = hash;
  KITH_TRY(const Revision revision, chain.revision_of(hash));
  senders.allow_high_s = revision < Revision::homestead;
  for (const Transaction& one : all.block.transactions)
    all.senders.push_back(senders.of(one));
  const Header& header = all.block.header;
  if (header.excess_blob_gas) {
    const BlobSchedule blobs = chain.schedule().blob_schedule_at(header.timestamp, revision);
    all.blob_base_fee = blob_base_fee(*header.excess_blob_gas, blobs.update_fraction);
  }
  return all;
}

json::object receipt_json(const BlockReceipts& all, std::size_t index) {
  const Header& header = all.block.header;
  const Transaction& transaction = all.block.transactions[index];
  const Receipt& receipt = all.receipts[index];
  const Address& from = all.senders[index];
  const Hash hash = transaction.hash();
  const Position position{
      {header.number, all.hash}, header.timestamp, static_cast<std::uint32_t>(index)};
  std::uint64_t log_index = 0;
  for (std::size_t i = 0; i < index; ++i)
    log_index += all.receipts[i].logs.size();
  json::array logs;
  for (const LogEntry& entry : receipt.logs)
    logs.push_back(log_json(entry, position, hash, log_index++));
  const std::uint64_t before = index == 0 ? 0 : all.receipts[index - 1].cumulative_gas;
  json::object out{
      {"blockHash", all.hash.to_hex()},
      {"blockNumber", quantity(header.number)},
      {"contractAddress", nullptr},
      {"cumulativeGasUsed", quantity(receipt.cumulative_gas)},
      {"effectiveGasPrice", quantity(effective_gas_price(transaction, header.base_fee))},
      {"from", from.to_hex()},
      {"gasUsed", quantity(receipt.cumulative_gas - before)},
      {"logs", std::move(logs)},
      {"logsBloom", hex(receipt.bloom.bits)},
      {"to", to_json(transaction.to)},
      {"transactionHash", hash.to_hex()},
      {"transactionIndex", quantity(index)},
      {"type", quantity(static_cast<std::uint64_t>(transaction.type))}};
  if (!transaction.to) out["contractAddress"] = created_address(from, transaction.nonce).to_hex();
  if (receipt.root) {
    out["root"] = receipt.root->to_hex();
  } else {
    out["status"] = quantity(receipt.succeeded ? 1 : 0);
  }
  if (transaction.type == Transaction::Type::blob) {
    out["blobGasUsed"] = quantity(blob_gas * transaction.blob_hashes.size());
    out["blobGasPrice"] = quantity(all.blob_base_fee);
  }
  return out;
}

}  // namespace kith::ledger::detail
