// The instructions that look at the world, call, or move bytes about.

#include <kith/ledger/evm/detail/interpreter.hpp>

namespace kith::ledger::detail {
namespace {

// Names and values of EIP-2929, EIP-2200, EIP-3529 and appendix G of the Yellow Paper.
constexpr std::int64_t warm_access_gas = 100;
constexpr std::int64_t cold_account_gas = 2600;
constexpr std::int64_t cold_slot_gas = 2100;
constexpr std::int64_t storage_set_gas = 20'000;
constexpr std::int64_t storage_reset_gas = 5'000;
constexpr std::int64_t storage_sentry_gas = 2'300;
constexpr std::int64_t storage_refund_gas = 15'000;
constexpr std::int64_t storage_refund_london_gas = 4'800;
constexpr std::int64_t destruction_refund_gas = 24'000;
constexpr std::int64_t new_account_gas = 25'000;
constexpr std::int64_t value_gas = 9'000;
constexpr std::int64_t stipend_gas = 2'300;
constexpr std::int64_t word_gas = 3;
constexpr std::int64_t keccak_word_gas = 6;
constexpr std::int64_t init_code_word_gas = 2;
constexpr std::int64_t log_byte_gas = 8;
constexpr std::uint64_t blocks_remembered = 256;

constexpr std::int64_t words(std::uint64_t bytes) noexcept {
  return static_cast<std::int64_t>((bytes + 31) / 32);
}

constexpr bool charge(Registers& at, std::int64_t gas) noexcept {
  return (at.gas -= gas) >= 0;
}

/// Takes `count` items off and returns the top one of them; the next is at [-1].
const U256* take(Registers& at, std::size_t count) noexcept {
  const U256* top = at.top;
  at.top -= count;
  return top;
}

Halt done(Registers& at, const U256& result) noexcept {
  *++at.top = result;
  return Halt::none;
}

}  // namespace

bool Interpreter::grow_memory(std::int64_t& gas, std::uint64_t size) {
  const auto price = [](std::int64_t words) { return word_gas * words + words * words / 512; };
  const std::int64_t before = words(frame.memory.size());
  const std::int64_t after = words(size);
  if ((gas -= price(after) - price(before)) < 0) return false;
  frame.memory.grow(static_cast<std::size_t>(after) * 32);
  return true;
}

/// What a cold account costs beyond the instruction's own price.
bool Interpreter::charge_access(Registers& at, World::Account& account) {
  if (revision < Revision::berlin || world.warm(account)) return true;
  return charge(at, cold_account_gas - warm_access_gas);
}

bool Interpreter::charge_copy(Registers& at, const U256& size) {
  return size.saturated() <= memory_bytes_max && charge(at, word_gas * words(size.low()));
}

/// Bytes beyond the source's end are zero.
bool Interpreter::copy(Registers& at, ByteView from, const U256& to, const U256& begin,
                       const U256& size) {
  if (!charge_copy(at, size) || !reach(at, to, size)) return false;
  if (size.is_zero()) return true;
  std::uint8_t* target = frame.memory.data() + to.low();
  const std::size_t start = std::min<std::uint64_t>(begin.saturated(), from.size());
  const std::size_t there = std::min<std::uint64_t>(size.low(), from.size() - start);
  if (there > 0) std::memcpy(target, from.data() + start, there);
  std::memset(target + there, 0, size.low() - there);
  return true;
}

Halt Interpreter::exp(Registers& at) {
  const U256* top = take(at, 2);
  const std::int64_t each = revision >= Revision::spurious_dragon ? 50 : 10;
  if (!charge(at, each * top[-1].byte_width())) return Halt::out_of_gas;
  return done(at, power(top[0], top[-1]));
}

Halt Interpreter::keccak(Registers& at) {
  const U256* top = take(at, 2);
  const U256 begin = top[0];
  const U256 size = top[-1];
  if (!reach(at, begin, size)) return Halt::out_of_gas;
  if (!charge(at, keccak_word_gas * words(size.low()))) return Halt::out_of_gas;
  const ByteView data =
      size.is_zero() ? ByteView() : ByteView(frame.memory.data() + begin.low(), size.low());
  return done(at, keccak256(data).to_word());
}

Halt Interpreter::balance(Registers& at) {
  World::Account& account = world.account(Address::from_word(*take(at, 1)));
  if (!charge_access(at, account)) return Halt::out_of_gas;
  done(at, account.balance);
  return judge_fault();
}

Halt Interpreter::call_data_load(Registers& at) {
  const ByteView input = frame.message.input;
  const std::uint64_t begin = at.top->saturated();
  if (begin >= input.size()) {
    *at.top = 0;
  } else if (input.size() - begin >= U256::bytes) {
    *at.top = U256::from_be(input.data() + begin);
  } else {
    std::array<std::uint8_t, U256::bytes> word{};
    std::ranges::copy(input.subspan(begin), word.begin());
    *at.top = U256::from_be(word.data());
  }
  return Halt::none;
}

Halt Interpreter::call_data_copy(Registers& at) {
  const U256* top = take(at, 3);
  return copy(at, frame.message.input, top[0], top[-1], top[-2]) ? Halt::none : Halt::out_of_gas;
}

Halt Interpreter::code_copy(Registers& at) {
  const U256* top = take(at, 3);
  return copy(at, code.bytes(), top[0], top[-1], top[-2]) ? Halt::none : Halt::out_of_gas;
}

Halt Interpreter::external_code_size(Registers& at) {
  World::Account& account = world.account(Address::from_word(*take(at, 1)));
  if (!charge_access(at, account)) return Halt::out_of_gas;
  done(at, world.code_of(account)->size());
  return judge_fault();
}

Halt Interpreter::external_code_copy(Registers& at) {
  const U256* top = take(at, 4);
  World::Account& account = world.account(Address::from_word(top[0]));
  if (!charge_access(at, account)) return Halt::out_of_gas;
  const CodePointer theirs = world.code_of(account);
  if (!copy(at, theirs->bytes(), top[-1], top[-2], top[-3])) return Halt::out_of_gas;
  return judge_fault();
}

Halt Interpreter::external_code_hash(Registers& at) {
  World::Account& account = world.account(Address::from_word(*take(at, 1)));
  if (!charge_access(at, account)) return Halt::out_of_gas;
  done(at, world.is_dead(account) ? U256() : account.code_hash.to_word());
  return judge_fault();
}

Halt Interpreter::return_data_copy(Registers& at) {
  const U256* top = take(at, 3);
  bool overflow = false;
  const U256 end = U256::add(top[-1], top[-2], overflow);
  if (overflow || end > U256(frame.return_data.size())) return Halt::return_data_out_of_bounds;
  return copy(at, frame.return_data, top[0], top[-1], top[-2]) ? Halt::none : Halt::out_of_gas;
}

Halt Interpreter::block_hash(Registers& at) {
  const U256 wanted = *take(at, 1);
  const std::uint64_t now = block().number;
  const std::uint64_t number = wanted.saturated();
  if (number >= now || now - number > blocks_remembered) return done(at, 0);
  auto hash = block().block_hash(number);
  if (!hash) {
    world.fail(std::move(hash).error());
    return Halt::fault;
  }
  return done(at, hash->to_word());
}

Halt Interpreter::storage_load(Registers& at) {
  World::Slot& slot = world.slot(*frame.self, *at.top);
  if (revision >= Revision::berlin && !world.warm(*frame.self, slot) &&
      !charge(at, cold_slot_gas - warm_access_gas)) {
    return Halt::out_of_gas;
  }
  *at.top = slot.current;
  return judge_fault();
}

/// What it costs to write that value, once the slot is warm; counts what is given back for it.
std::int64_t Interpreter::storage_price(const World::Slot& slot, const U256& value) {
  const bool is_net = revision == Revision::constantinople || revision >= Revision::istanbul;
  const std::int64_t clear_refund =
      revision >= Revision::london ? storage_refund_london_gas : storage_refund_gas;
  if (!is_net) {
    if (!slot.current.is_zero() && value.is_zero()) world.add_refund(clear_refund);
    const bool sets = slot.current.is_zero() && !value.is_zero();
    return sets ? storage_set_gas : storage_reset_gas;
  }
  const std::int64_t load = base_gas(Opcode::SLOAD, revision);
  const std::int64_t reset = storage_reset_gas - (revision >= Revision::berlin ? cold_slot_gas : 0);
  if (slot.current == value) return load;
  if (slot.current == slot.original) {
    if (slot.original.is_zero()) return storage_set_gas;
    if (value.is_zero()) world.add_refund(clear_refund);
    return reset;
  }
  // It was written before in this transaction: that has been paid for.
  if (!slot.original.is_zero()) {
    if (slot.current.is_zero()) world.add_refund(-clear_refund);
    if (value.is_zero()) world.add_refund(clear_refund);
  }
  if (slot.original == value)
    world.add_refund((slot.original.is_zero() ? storage_set_gas : reset) - load);
  return load;
}

Halt Interpreter::storage_store(Registers& at) {
  if (frame.message.is_static) return Halt::static_violation;
  // Who was called with a stipend alone changes nothing (EIP-2200).
  if (revision >= Revision::istanbul && at.gas <= storage_sentry_gas) return Halt::out_of_gas;
  const U256* top = take(at, 2);
  World::Slot& slot = world.slot(*frame.self, top[0]);
  if (world.fault()) return Halt::fault;
  if (revision >= Revision::berlin && !world.warm(*frame.self, slot)) at.gas -= cold_slot_gas;
  if (!charge(at, storage_price(slot, top[-1]))) return Halt::out_of_gas;
  if (slot.current != top[-1]) world.set_storage(*frame.self, slot, top[-1]);
  return Halt::none;
}

Halt Interpreter::transient_load(Registers& at) {
  *at.top = world.transient(frame.message.recipient, *at.top);
  return Halt::none;
}

Halt Interpreter::transient_store(Registers& at) {
  if (frame.message.is_static) return Halt::static_violation;
  const U256* top = take(at, 2);
  world.set_transient(frame.message.recipient, top[0], top[-1]);
  return Halt::none;
}

Halt Interpreter::memory_copy(Registers& at) {
  const U256* top = take(at, 3);
  const U256 to = top[0];
  const U256 from = top[-1];
  const U256 size = top[-2];
  if (!charge_copy(at, size) || !reach(at, std::max(to, from), size)) return Halt::out_of_gas;
  if (size.is_zero()) return Halt::none;
  std::uint8_t* memory = frame.memory.data();
  std::memmove(memory + to.low(), memory + from.low(), size.low());
  return Halt::none;
}

Halt Interpreter::log(Registers& at, std::size_t topics) {
  if (frame.message.is_static) return Halt::static_violation;
  const U256* top = take(at, 2 + topics);
  const U256 begin = top[0];
  const U256 size = top[-1];
  if (!reach(at, begin, size)) return Halt::out_of_gas;
  if (!charge(at, log_byte_gas * static_cast<std::int64_t>(size.low()))) return Halt::out_of_gas;
  LogEntry entry{.address = frame.message.recipient, .topics = {}, .data = {}};
  for (std::size_t i = 0; i < topics; ++i)
    entry.topics.push_back(Hash::from_word(top[-2 - static_cast<std::ptrdiff_t>(i)]));
  if (!size.is_zero())
    entry.data.assign(frame.memory.data() + begin.low(),
                      frame.memory.data() + begin.low() + size.low());
  world.add_log(std::move(entry));
  return Halt::none;
}

Halt Interpreter::create(Registers& at, Message::Kind kind) {
  if (frame.message.is_static) return Halt::static_violation;
  const bool salted = kind == Message::Kind::create2;
  const U256* top = take(at, salted ? 4 : 3);
  const U256 begin = top[-1];
  const U256 size = top[-2];
  if (!reach(at, begin, size)) return Halt::out_of_gas;
  std::int64_t each = salted ? keccak_word_gas : 0;
  if (revision >= Revision::shanghai) {
    if (size > U256(init_code_bytes_max)) return Halt::out_of_gas;
    each += init_code_word_gas;
  }
  if (!charge(at, each * words(size.low()))) return Halt::out_of_gas;
  std::int64_t gas = at.gas;
  if (revision >= Revision::tangerine_whistle) gas -= gas / 64;
  at.gas -= gas;
  frame.return_data = {};
  frame.awaits_creation = true;
  Message& message = machine.pending_;
  message = {};
  message.kind = kind;
  message.gas = gas;
  message.sender = frame.message.recipient;
  message.value = top[0];
  if (!size.is_zero()) message.input = {frame.memory.data() + begin.low(), size.low()};
  if (salted) message.salt = top[-3];
  return wants_call;
}

Halt Interpreter::call(Registers& at, Opcode opcode) {
  const bool has_value = opcode == Opcode::CALL || opcode == Opcode::CALLCODE;
  const U256* top = take(at, has_value ? 7 : 6);
  const U256 wanted_gas = top[0];
  const Address to = Address::from_word(top[-1]);
  const U256 value = has_value ? top[-2] : U256();
  const U256* where = top - (has_value ? 3 : 2);
  const U256 input_at = where[0];
  const U256 input_bytes = where[-1];
  const U256 output_at = where[-2];
  const U256 output_bytes = where[-3];
  const bool pays = !value.is_zero();

  if (opcode == Opcode::CALL && pays && frame.message.is_static) return Halt::static_violation;
  frame.return_data = {};
  World::Account& callee = world.account(to);
  if (!charge_access(at, callee)) return Halt::out_of_gas;
  if (!reach(at, input_at, input_bytes) || !reach(at, output_at, output_bytes))
    return Halt::out_of_gas;
  Address code_from = to;
  if (revision >= Revision::prague) {
    if (const auto delegate = world.code_of(callee)->delegate()) {
      code_from = *delegate;
      const bool is_warm = world.warm(world.account(*delegate));
      if (!charge(at, is_warm ? warm_access_gas : cold_account_gas)) return Halt::out_of_gas;
    }
  }
  if (pays && !charge(at, value_gas)) return Halt::out_of_gas;
  if (opcode == Opcode::CALL && (pays || revision < Revision::spurious_dragon) &&
      world.is_dead(callee) && !charge(at, new_account_gas)) {
    return Halt::out_of_gas;
  }
  if (world.fault()) return Halt::fault;

  const std::uint64_t wanted = wanted_gas.saturated();
  std::int64_t gas = 0;
  if (revision >= Revision::tangerine_whistle) {
    const std::int64_t most = at.gas - at.gas / 64;
    gas = static_cast<std::int64_t>(std::min(wanted, static_cast<std::uint64_t>(most)));
  } else if (wanted > static_cast<std::uint64_t>(at.gas)) {
    return Halt::out_of_gas;
  } else {
    gas = static_cast<std::int64_t>(wanted);
  }
  at.gas -= gas;
  if (pays) gas += stipend_gas;

  frame.awaits_creation = false;
  frame.output_at = output_at.low();
  frame.output_bytes = output_bytes.low();
  const Message& own = frame.message;
  Message& message = machine.pending_;
  message = {};
  message.is_static = own.is_static || opcode == Opcode::STATICCALL;
  message.gas = gas;
  message.sender = own.recipient;
  message.recipient = to;
  message.code_from = code_from;
  message.is_delegated = code_from != to;
  message.value = value;
  if (opcode == Opcode::CALLCODE) {
    message.kind = Message::Kind::call_code;
    message.recipient = own.recipient;
  } else if (opcode == Opcode::DELEGATECALL) {
    message.kind = Message::Kind::delegate_call;
    message.sender = own.sender;
    message.recipient = own.recipient;
    message.value = own.value;
  }
  if (!input_bytes.is_zero())
    message.input = {frame.memory.data() + input_at.low(), input_bytes.low()};
  return wants_call;
}

Halt Interpreter::end_with_data(Registers& at, Halt how) {
  const U256* top = take(at, 2);
  if (!reach(at, top[0], top[-1])) return Halt::out_of_gas;
  frame.result_bytes = top[-1].low();
  frame.result_at = frame.result_bytes == 0 ? 0 : top[0].low();
  return how;
}

Halt Interpreter::self_destruct(Registers& at) {
  if (frame.message.is_static) return Halt::static_violation;
  World::Account& self = *frame.self;
  World::Account& heir = world.account(Address::from_word(*take(at, 1)));
  if (revision >= Revision::berlin && !world.warm(heir) && !charge(at, cold_account_gas))
    return Halt::out_of_gas;
  if (revision >= Revision::tangerine_whistle && world.is_dead(heir) &&
      (revision < Revision::spurious_dragon || !self.balance.is_zero()) &&
      !charge(at, new_account_gas)) {
    return Halt::out_of_gas;
  }
  if (world.fault()) return Halt::fault;
  const U256 balance = self.balance;
  const bool stays = revision >= Revision::cancun && self.created_in != world.transaction();
  if (&heir == &self) {
    world.touch(self);
    if (!stays) world.set_balance(self, 0);
  } else {
    world.add_balance(heir, balance);
    world.set_balance(self, 0);
  }
  if (stays) return Halt::stop;
  if (revision < Revision::london && self.destroyed_in != world.transaction())
    world.add_refund(destruction_refund_gas);
  world.destroy(self);
  return Halt::stop;
}

}  // namespace kith::ledger::detail
