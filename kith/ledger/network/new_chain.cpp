#include <boost/json.hpp>

#include <kith/base/assert.hpp>
#include <kith/ledger/network/new_chain.hpp>

namespace kith::ledger {
namespace {

namespace json = boost::json;

std::string quantity(const U256& number) {
  return number.to_hex();
}
std::string bytes_text(ByteView bytes) {
  return "0x" + to_hex(bytes);
}

json::object config_of(const NewChain& chain) {
  json::object config;
  config["chainId"] = chain.chain_id;
  for (const char* fork :
       {"homesteadBlock", "eip150Block", "eip155Block", "eip158Block", "byzantiumBlock",
        "constantinopleBlock", "petersburgBlock", "istanbulBlock", "berlinBlock", "londonBlock",
        "shanghaiTime", "cancunTime", "pragueTime", "osakaTime"}) {
    config[fork] = 0;
  }
  if (chain.base_fee_is_fixed)
    config[chain.base_fee.is_zero() ? "zeroBaseFee" : "fixedBaseFee"] = true;
  boost::system::error_code failed;
  config[chain.consensus] = json::parse(chain.parameters, failed);
  ASSERT(!failed);
  return config;
}

json::object alloc_of(const MemoryState& state) {
  json::object all;
  for (const auto& [address, account] : state.accounts()) {
    json::object one;
    one["balance"] = quantity(account.balance);
    if (account.nonce != 0) one["nonce"] = quantity(account.nonce);
    if (!account.code.empty()) one["code"] = bytes_text(account.code);
    if (!account.storage.empty()) {
      json::object storage;
      for (const auto& [key, value] : account.storage)
        storage[Hash::from_word(key).to_hex()] = Hash::from_word(value).to_hex();
      one["storage"] = std::move(storage);
    }
    all[address.to_hex()] = std::move(one);
  }
  return all;
}

/// As people read it: a member a line.
void write_indented(const json::value& value, std::size_t depth, std::string& out) {
  const auto* object = value.if_object();
  if (object == nullptr || object->empty()) {
    out += json::serialize(value);
    return;
  }
  out += "{\n";
  bool first = true;
  for (const auto& [key, member] : *object) {
    if (!first) out += ",\n";
    first = false;
    out.append(2 * (depth + 1), ' ');
    out += json::serialize(key);
    out += ": ";
    write_indented(member, depth + 1, out);
  }
  out += '\n';
  out.append(2 * depth, ' ');
  out += '}';
}

}  // namespace

std::string bft_config(const BftParameters& parameters, const U256& reward) {
  const auto milliseconds = [](Duration time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  };
  json::object config;
  config["epochLength"] = parameters.epoch_length;
  config["blockTime"] = parameters.block_time_s;
  config["emptyBlocks"] = parameters.empty_blocks;
  config["emptyBlockInterval"] = parameters.empty_block_interval_s;
  config["leaderTimeout"] = milliseconds(parameters.leader_timeout);
  config["notarizationTimeout"] = milliseconds(parameters.notarization_timeout);
  config["contract"] = parameters.contract.to_hex();
  config["blockReward"] = quantity(reward);
  json::array validators;
  for (const BftParameters::FirstValidator& one : parameters.validators) {
    json::object validator;
    validator["key"] = bytes_text(one.key);
    validator["stake"] = one.stake;
    validator["operator"] = one.operated_by.to_hex();
    validators.emplace_back(std::move(validator));
  }
  config["validators"] = std::move(validators);
  return json::serialize(config);
}

std::string pow_config(const PowParameters& parameters, const U256& reward) {
  json::object config;
  config["algorithm"] = name_of(parameters.algorithm);
  config["targetSpacing"] = parameters.asert.target_spacing_s;
  config["halfLife"] = parameters.asert.half_life_s;
  config["limit"] = quantity(parameters.asert.easiest_target);
  config["blockReward"] = quantity(reward);
  return json::serialize(config);
}

std::string genesis_text(const NewChain& chain) {
  json::object genesis;
  genesis["config"] = config_of(chain);
  genesis["nonce"] = "0x0";
  genesis["timestamp"] = quantity(chain.timestamp);
  genesis["extraData"] = bytes_text(chain.extra_data);
  genesis["gasLimit"] = quantity(chain.gas_limit);
  genesis["difficulty"] = quantity(chain.difficulty);
  genesis["mixHash"] = chain.mix_hash.to_hex();
  genesis["coinbase"] = Address().to_hex();
  genesis["baseFeePerGas"] = quantity(chain.base_fee);
  genesis["alloc"] = alloc_of(chain.state);
  std::string text;
  write_indented(genesis, 0, text);
  text += '\n';
  return text;
}

}  // namespace kith::ledger
