#include <algorithm>
#include <set>

#include <kith/ledger/evm/precompile.hpp>
#include <kith/ledger/evm/tracer.hpp>
#include <kith/ledger/rpc/detail/rpc_call.hpp>
#include <kith/ledger/rpc/detail/rpc_values.hpp>

namespace kith::ledger::detail {
namespace {

constexpr std::uint64_t transfer_gas = 21'000;
constexpr std::uint64_t call_stipend = 2'300;
/// So close is an estimate to what it takes, in parts of a thousand (geth's).
constexpr std::uint64_t estimate_slack = 15;
constexpr std::size_t access_list_rounds = 16;
/// Error(string) and Panic(uint256) of Solidity.
constexpr std::array<std::uint8_t, 4> error_selector{0x08, 0xc3, 0x79, 0xa0};
constexpr std::array<std::uint8_t, 4> panic_selector{0x4e, 0x48, 0x7b, 0x71};

std::string_view panic_text(std::uint64_t code) {
  switch (code) {
    case 0x00:
      return "generic panic";
    case 0x01:
      return "assert(false)";
    case 0x11:
      return "arithmetic underflow or overflow";
    case 0x12:
      return "division or modulo by zero";
    case 0x21:
      return "enum overflow";
    case 0x22:
      return "invalid encoded storage byte array accessed";
    case 0x31:
      return "out-of-bounds array access; popping on an empty array";
    case 0x32:
      return "out-of-bounds access of an array or bytesN";
    case 0x41:
      return "out of memory";
    case 0x51:
      return "uninitialized function";
    default:
      return "unknown panic code";
  }
}

RpcResult<std::vector<AccessListEntry>> read_access_list(const Param& param) {
  std::vector<AccessListEntry> list;
  for (std::size_t i = 0; i < param.size(); ++i) {
    AccessListEntry& entry = list.emplace_back();
    KITH_TRY(entry.address, param[i]["address"].address());
    const Param keys = param[i]["storageKeys"];
    for (std::size_t k = 0; k < keys.size(); ++k) {
      KITH_TRY(entry.keys.emplace_back(), keys[k].key());
    }
  }
  return list;
}

RpcResult<std::vector<Authorization>> read_authorizations(const Param& param) {
  std::vector<Authorization> list;
  for (std::size_t i = 0; i < param.size(); ++i) {
    Authorization& one = list.emplace_back();
    KITH_TRY(one.chain_id, param[i]["chainId"].number());
    KITH_TRY(one.address, param[i]["address"].address());
    KITH_TRY(one.nonce, param[i]["nonce"].small_number());
    const Param parity = param[i]["yParity"].there() ? param[i]["yParity"] : param[i]["v"];
    KITH_TRY(one.parity, parity.number());
    KITH_TRY(one.r, param[i]["r"].number());
    KITH_TRY(one.s, param[i]["s"].number());
  }
  return list;
}

/// gasPrice, or the two fees of EIP-1559.
RpcResult<void> read_fees(const Param& param, CallArguments& into) {
  Transaction& transaction = into.transaction;
  const Param price = param["gasPrice"];
  const Param fee = param["maxFeePerGas"];
  const Param tip = param["maxPriorityFeePerGas"];
  if (price.there() && (fee.there() || tip.there())) {
    return std::unexpected(
        RpcError(RpcCode::invalid_params,
                 "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified"));
  }
  if (price.there()) {
    KITH_TRY(transaction.max_fee, price.number());
    transaction.max_priority_fee = transaction.max_fee;
  }
  if (fee.there()) {
    transaction.type = Transaction::Type::dynamic_fee;
    KITH_TRY(transaction.max_fee, fee.number());
  }
  if (tip.there()) {
    transaction.type = Transaction::Type::dynamic_fee;
    KITH_TRY(transaction.max_priority_fee, tip.number());
    if (!fee.there()) transaction.max_fee = transaction.max_priority_fee;
  }
  into.has_fee = !transaction.max_fee.is_zero();
  return {};
}

/// Which accounts and slots a call looks at.
class AccessTracer final : public Tracer {
 public:
  explicit AccessTracer(Revision revision) : revision_(revision) {}

  void on_step(const Step& step) override {
    const auto top = [&](std::size_t depth) -> std::optional<U256> {
      if (step.stack.size() <= depth) return std::nullopt;
      return step.stack[step.stack.size() - 1 - depth];
    };
    const auto note_address = [&](std::size_t depth) {
      if (const auto item = top(depth)) add(Address::from_word(*item));
    };
    switch (step.opcode) {
      case Opcode::SLOAD:
      case Opcode::SSTORE:
        if (const auto key = top(0)) seen_[step.message.recipient].insert(*key);
        break;
      case Opcode::BALANCE:
      case Opcode::EXTCODESIZE:
      case Opcode::EXTCODECOPY:
      case Opcode::EXTCODEHASH:
      case Opcode::SELFDESTRUCT:
        note_address(0);
        break;
      case Opcode::CALL:
      case Opcode::CALLCODE:
      case Opcode::DELEGATECALL:
      case Opcode::STATICCALL:
        note_address(1);
        break;
      default:
        break;
    }
  }

  /// Without accounts that are warm anyway and whose storage wasn't looked at.
  std::vector<AccessListEntry> list(const std::vector<Address>& warm) const {
    std::vector<AccessListEntry> list;
    for (const auto& [address, keys] : seen_) {
      const bool is_warm = std::ranges::find(warm, address) != warm.end();
      if (keys.empty() && (is_warm || precompile_at(address, revision_) != nullptr)) continue;
      list.push_back({address, {keys.begin(), keys.end()}});
    }
    return list;
  }

 private:
  void add(const Address& address) { seen_[address]; }

  Revision revision_;
  std::map<Address, std::set<U256>> seen_;
};

std::string refusal_text(InvalidTransaction reason) {
  return "err: " + Error(reason).message();
}

}  // namespace

RpcResult<std::optional<Hash>> find_block(const Chain& chain, const Param& param) {
  const auto at = [&](std::uint64_t number) -> RpcResult<std::optional<Hash>> {
    const auto hash = chain.hash_at(number);
    if (hash) return *hash;
    if (hash.error().is(Errc::not_found)) return std::nullopt;
    return std::unexpected(RpcError(hash.error()));
  };
  if (!param.there()) return chain.head().hash;
  if (param.is_object()) {
    if (const Param hash = param["blockHash"]; hash.there()) {
      KITH_TRY(const Hash read, hash.hash());
      KITH_TRY(const bool canonical, param["requireCanonical"].truth());
      if (canonical && chain.knows(read) && !chain.is_of_chain(read))
        return std::unexpected(RpcError(RpcCode::server_error, "hash is not currently canonical"));
      return chain.knows(read) ? std::optional(read) : std::nullopt;
    }
    return find_block(chain, param["blockNumber"]);
  }
  KITH_TRY(const std::string_view text, param.text());
  if (text == "latest" || text == "pending") return chain.head().hash;
  if (text == "earliest") return at(0);
  if (text == "safe" || text == "finalized") return chain.finalized().hash;
  if (text.size() == 2 + 2 * Hash::size) {
    KITH_TRY(const Hash hash, param.hash());
    return chain.knows(hash) ? std::optional(hash) : std::nullopt;
  }
  KITH_TRY(const std::uint64_t number, param.small_number());
  return at(number);
}

RpcResult<Hash> block_of(const Chain& chain, const Param& param) {
  KITH_TRY(const auto hash, find_block(chain, param));
  if (!hash) return std::unexpected(RpcError(RpcCode::server_error, "header not found"));
  return *hash;
}

RpcResult<CallArguments> read_call(const Param& param, std::uint64_t chain_id) {
  if (!param.is_object()) return std::unexpected(param.bad("an object expected"));
  CallArguments call;
  Transaction& transaction = call.transaction;
  transaction.chain_id = chain_id;
  if (const Param from = param["from"]; from.there()) {
    KITH_TRY(call.from, from.address());
  }
  if (const Param to = param["to"]; to.there()) {
    KITH_TRY(transaction.to, to.address());
  }
  if (const Param gas = param["gas"]; gas.there()) {
    KITH_TRY(call.gas, gas.small_number());
  }
  if (const Param nonce = param["nonce"]; nonce.there()) {
    KITH_TRY(call.nonce, nonce.small_number());
  }
  if (const Param value = param["value"]; value.there()) {
    KITH_TRY(transaction.value, value.number());
  }
  if (const Param id = param["chainId"]; id.there()) {
    KITH_TRY(const std::uint64_t named, id.small_number());
    if (named != chain_id) {
      return std::unexpected(RpcError(
          RpcCode::invalid_params, "chainId does not match node's (have=" + std::to_string(named) +
                                       ", want=" + std::to_string(chain_id) + ")"));
    }
  }
  const Param input = param["input"];
  const Param data = param["data"];
  if (input.there()) {
    KITH_TRY(transaction.data, input.bytes());
  }
  if (data.there()) {
    KITH_TRY(Bytes read, data.bytes());
    if (input.there() && read != transaction.data) {
      return std::unexpected(RpcError(RpcCode::invalid_params,
                                      "both \"data\" and \"input\" are set and not equal; use "
                                      "\"input\" to pass transaction call data"));
    }
    transaction.data = std::move(read);
  }
  KITH_CHECK(read_fees(param, call));
  if (const Param list = param["accessList"]; list.there()) {
    if (transaction.type == Transaction::Type::legacy)
      transaction.type = Transaction::Type::access_list;
    KITH_TRY(transaction.access_list, read_access_list(list));
  }
  if (const Param hashes = param["blobVersionedHashes"]; hashes.there()) {
    transaction.type = Transaction::Type::blob;
    for (std::size_t i = 0; i < hashes.size(); ++i) {
      KITH_TRY(transaction.blob_hashes.emplace_back(), hashes[i].hash());
    }
    if (const Param fee = param["maxFeePerBlobGas"]; fee.there()) {
      KITH_TRY(transaction.max_blob_fee, fee.number());
    }
  }
  if (const Param list = param["authorizationList"]; list.there()) {
    transaction.type = Transaction::Type::set_code;
    KITH_TRY(transaction.authorizations, read_authorizations(list));
  }
  return call;
}

RpcResult<void> override_state(const Param& param, World& world, MovedContracts& moved) {
  if (!param.there()) return {};
  if (!param.is_object()) return std::unexpected(param.bad("an object expected"));
  const auto is_overridden = [&](const Address& address) {
    for (const auto& [key, value] : param.value()->get_object()) {
      if (Address::parse(key) == address) return true;
    }
    return false;
  };
  world.begin_transaction();
  for (const auto& [key, value] : param.value()->get_object()) {
    const json::value name(key);
    KITH_TRY(const Address address, Param(&name, param.place()).address());
    const Param change(&value, param.place() + "." + std::string(key));
    World::Account& account = world.account(address);
    const auto was = moved.find(address);
    const Precompile* contract =
        was != moved.end() ? was->second : precompile_at(address, world.revision());
    if (const Param to = change["movePrecompileToAddress"]; to.there()) {
      KITH_TRY(const Address target, to.address());
      if (contract == nullptr) {
        return std::unexpected(RpcError(
            RpcCode::server_error, "account " + address.to_checksum() + " is not a precompile"));
      }
      if (target == address) {
        return std::unexpected(
            RpcError(RpcCode::moved_to_itself, "MovePrecompileToAddress referenced itself"));
      }
      if (is_overridden(target)) {
        return std::unexpected(RpcError(
            RpcCode::moved_twice, "account " + target.to_checksum() + " is already overridden"));
      }
      moved[target] = contract;
    }
    // What is there instead is what runs.
    if (contract != nullptr) moved[address] = nullptr;
    if (const Param nonce = change["nonce"]; nonce.there()) {
      KITH_TRY(const std::uint64_t number, nonce.small_number());
      world.set_nonce(account, number);
    }
    if (const Param code = change["code"]; code.there()) {
      KITH_TRY(const Bytes bytes, code.bytes());
      world.set_code(account, std::make_shared<const Code>(bytes),
                     bytes.empty() ? empty_code_hash : keccak256(bytes));
    }
    if (const Param balance = change["balance"]; balance.there()) {
      KITH_TRY(const U256 amount, balance.number());
      world.set_balance(account, amount);
    }
    const Param whole = change["state"];
    const Param some = change["stateDiff"];
    if (whole.there() && some.there()) {
      return std::unexpected(RpcError(RpcCode::invalid_params, "account " + address.to_checksum() +
                                                                   " has both 'state' and "
                                                                   "'stateDiff'"));
    }
    if (whole.is_object()) world.clear_storage(account);
    for (const Param& slots : {whole, some}) {
      if (!slots.is_object()) continue;
      for (const auto& [slot, content] : slots.value()->get_object()) {
        const json::value slot_name(slot);
        KITH_TRY(const U256 at, Param(&slot_name, slots.place()).key());
        KITH_TRY(const U256 number, Param(&content, slots.place()).key());
        world.set_storage(account, world.slot(account, at), number);
      }
    }
  }
  world.finish_transaction();
  if (world.fault()) return std::unexpected(RpcError(*world.fault()));
  return {};
}

RpcResult<void> override_block(const Param& param, BlockContext& block) {
  if (!param.there()) return {};
  const auto take = [&](const char* key, auto set) -> RpcResult<void> {
    const Param field = param[key];
    if (!field.there()) return {};
    return set(field);
  };
  const auto small = [](std::uint64_t& into) {
    return [&into](const Param& field) -> RpcResult<void> {
      KITH_TRY(into, field.small_number());
      return {};
    };
  };
  const auto large = [](U256& into) {
    return [&into](const Param& field) -> RpcResult<void> {
      KITH_TRY(into, field.number());
      return {};
    };
  };
  KITH_CHECK(take("number", small(block.number)));
  KITH_CHECK(take("time", small(block.timestamp)));
  KITH_CHECK(take("gasLimit", small(block.gas_limit)));
  KITH_CHECK(take("baseFeePerGas", large(block.base_fee)));
  KITH_CHECK(take("blobBaseFee", large(block.blob_base_fee)));
  KITH_CHECK(take("difficulty", large(block.prev_randao)));
  KITH_CHECK(take("feeRecipient", [&](const Param& field) -> RpcResult<void> {
    KITH_TRY(block.coinbase, field.address());
    return {};
  }));
  return take("prevRandao", [&](const Param& field) -> RpcResult<void> {
    KITH_TRY(const Hash hash, field.hash());
    block.prev_randao = hash.to_word();
    return {};
  });
}

std::string revert_reason(ByteView output) {
  if (output.size() < 4 + 32) return {};
  if (equal(output.first(4), error_selector)) {
    const ByteView body = output.subspan(4);
    const U256 at = U256::from_be(body.first(32));
    if (!at.fits_64() || at.low() > body.size() || body.size() - at.low() < 32) return {};
    const U256 size = U256::from_be(body.subspan(at.low(), 32));
    const ByteView rest = body.subspan(at.low() + 32);
    if (!size.fits_64() || size.low() > rest.size()) return {};
    return std::string(as_text(rest.first(size.low())));
  }
  if (equal(output.first(4), panic_selector) && output.size() == 4 + 32)
    return std::string(panic_text(U256::from_be(output.subspan(4)).saturated()));
  return {};
}

RpcError call_error(const TransactionResult& result) {
  if (result.halt != Halt::revert)
    return {RpcCode::server_error, std::string(name_of(result.halt))};
  std::string text = "execution reverted";
  if (const std::string reason = revert_reason(result.output); !reason.empty())
    text += ": " + reason;
  return {RpcCode::reverted, std::move(text), hex(result.output)};
}

RpcResult<CallSite> CallSite::at(const Chain& chain, const Hash& block) {
  KITH_TRY(Header header, chain.header(block));
  KITH_TRY(const Revision revision, chain.revision_of(block));
  auto reader = chain.state(block);
  if (!reader && reader.error().is(Errc::not_found)) {
    return std::unexpected(RpcError(RpcCode::server_error,
                                    "the state after block " + std::to_string(header.number) +
                                        " isn't kept here: ask an archive node, or a later block"));
  }
  if (!reader) return std::unexpected(RpcError(reader.error()));
  const Hash parent = header.parent;
  BlockContext context = block_context(
      header, chain.schedule(), revision,
      [&chain, parent](std::uint64_t number) { return chain.ancestor(parent, number); });
  const BlobLimits blobs{
      chain.schedule().blob_schedule_at(header.timestamp, revision).transaction_max};
  return CallSite(*std::move(reader), std::move(header), revision, std::move(context), blobs);
}

RpcResult<AccountState> CallSite::account(const Address& address) {
  World world(*reader_, revision_, 0);
  MovedContracts moved;
  KITH_CHECK(override_state(overrides_, world, moved));
  const World::Account& found = world.account(address);
  if (world.fault()) return std::unexpected(RpcError(*world.fault()));
  return AccountState{.nonce = found.nonce,
                      .balance = found.balance,
                      .code_hash = found.code_hash,
                      .has_storage = found.had_storage};
}

RpcResult<CallSite::Outcome> CallSite::run(const CallArguments& call, std::uint64_t gas,
                                           Tracer* tracer) {
  World world(*reader_, revision_, 0);
  MovedContracts moved;
  KITH_CHECK(override_state(overrides_, world, moved));
  Machine machine(world);
  machine.set_precompiles(moved.empty() ? nullptr : &moved);
  machine.set_tracer(tracer);
  Transaction transaction = call.transaction;
  transaction.gas_limit = gas;
  transaction.nonce = world.account(call.from).nonce;
  BlockContext context = block_;
  // Who names no fee pays none, and sees a block without one.
  if (!call.has_fee) context.base_fee = 0;
  if (transaction.max_blob_fee.is_zero()) context.blob_base_fee = 0;
  KITH_TRY(Outcome outcome,
           apply_transaction(world, machine, context, blobs_, transaction, call.from, gas,
                             {.nonce = false, .gas_cap = false, .no_code = false}));
  return outcome;
}

RpcResult<std::string> call(CallSite& site, const CallArguments& call) {
  const std::uint64_t gas = std::min(call.gas.value_or(call_gas_max), call_gas_max);
  KITH_TRY(const CallSite::Outcome outcome, site.run(call, gas));
  if (!outcome) {
    return std::unexpected(
        RpcError(RpcCode::server_error,
                 refusal_text(outcome.error()) + " (supplied gas " + std::to_string(gas) + ")"));
  }
  if (!outcome->succeeded()) return std::unexpected(call_error(*outcome));
  return hex(outcome->output);
}

RpcResult<std::uint64_t> estimate_gas(CallSite& site, const CallArguments& call) {
  std::uint64_t high = call.gas.value_or(0) >= transfer_gas ? *call.gas : site.header().gas_limit;
  high = std::min(high, call_gas_max);
  if (site.revision() >= Revision::osaka) high = std::min(high, transaction_gas_max);
  if (call.has_fee) {
    KITH_TRY(const AccountState sender, site.account(call.from));
    if (sender.balance < call.transaction.value) {
      return std::unexpected(RpcError(RpcCode::server_error, "insufficient funds for transfer"));
    }
    const U256 affordable = (sender.balance - call.transaction.value) / call.transaction.max_fee;
    high = std::min(high, affordable.saturated());
  }
  // A plain transfer costs what it costs.
  const Transaction& sent = call.transaction;
  if (sent.data.empty() && sent.to && sent.access_list.empty() && sent.authorizations.empty()) {
    KITH_TRY(const CallSite::Outcome plain, site.run(call, transfer_gas));
    if (plain && plain->succeeded()) return transfer_gas;
  }
  KITH_TRY(const CallSite::Outcome most, site.run(call, high));
  if (!most) {
    return std::unexpected(RpcError(
        RpcCode::server_error, most.error() == InvalidTransaction::intrinsic_gas_too_low ||
                                       most.error() == InvalidTransaction::floor_gas_too_low
                                   ? "gas required exceeds allowance (" + std::to_string(high) + ")"
                                   : Error(most.error()).message()));
  }
  if (most->halt == Halt::out_of_gas) {
    return std::unexpected(RpcError(
        RpcCode::server_error, "gas required exceeds allowance (" + std::to_string(high) + ")"));
  }
  if (!most->succeeded()) return std::unexpected(call_error(*most));
  std::uint64_t low = most->gas_used - 1;
  const auto fits = [&](std::uint64_t gas) -> RpcResult<bool> {
    KITH_TRY(const CallSite::Outcome outcome, site.run(call, gas));
    return outcome && outcome->succeeded();
  };
  // Mostly it takes no more than what was used and what inner calls must leave behind.
  const std::uint64_t guess = (most->gas_used + most->gas_refunded + call_stipend) * 64 / 63;
  if (guess < high) {
    KITH_TRY(const bool enough, fits(guess));
    (enough ? high : low) = guess;
  }
  while (low + 1 < high) {
    if ((high - low) * 1000 / high < estimate_slack) break;
    // Upwards in steps that the low end sets: much gas is seldom needed.
    const std::uint64_t middle = std::min(low + (high - low) / 2, low * 2);
    KITH_TRY(const bool enough, fits(middle));
    (enough ? high : low) = middle;
  }
  return high;
}

RpcResult<json::object> create_access_list(CallSite& site, CallArguments call) {
  if (call.transaction.type == Transaction::Type::legacy)
    call.transaction.type = Transaction::Type::access_list;
  const std::uint64_t gas = std::min(call.gas.value_or(call_gas_max), call_gas_max);
  KITH_TRY(const AccountState sender, site.account(call.from));
  const Address to =
      call.transaction.to.value_or(created_address(call.from, call.nonce.value_or(sender.nonce)));
  json::object out;
  for (std::size_t round = 0; round < access_list_rounds; ++round) {
    AccessTracer tracer(site.revision());
    KITH_TRY(const CallSite::Outcome outcome, site.run(call, gas, &tracer));
    if (!outcome) {
      return std::unexpected(RpcError(
          RpcCode::server_error, "failed to apply transaction: " + refusal_text(outcome.error())));
    }
    std::vector<AccessListEntry> list = tracer.list({call.from, to});
    const bool stable = list == call.transaction.access_list;
    call.transaction.access_list = std::move(list);
    if (!stable) continue;
    out["accessList"] = access_list_json(call.transaction.access_list);
    out["gasUsed"] = quantity(outcome->gas_used);
    if (!outcome->succeeded()) {
      out["error"] = outcome->halt == Halt::revert ? "execution reverted"
                                                   : std::string(name_of(outcome->halt));
    }
    return out;
  }
  return std::unexpected(
      RpcError(RpcCode::server_error, "the call looks at other places each time it is run"));
}

}  // namespace kith::ledger::detail
