// What each instruction does once it has been paid for and the stack has been looked at. Those that
// are more than a few instructions of the processor are Interpreter's functions.
//
// One overload for each opcode: void if it can't fail, else how the frame ends or Halt::none.
#pragma once

#include <bit>
#include <cstring>

#include <kith/ledger/evm/detail/interpreter.hpp>

namespace kith::ledger::detail {

template <Opcode opcode>
struct Tag {};

#define KITH_EVM(opcode)                      \
  [[gnu::always_inline]] inline void execute( \
      Tag<Opcode::opcode>, [[maybe_unused]] Interpreter& in, [[maybe_unused]] Registers& at)
#define KITH_EVM_MAY_END(opcode)              \
  [[gnu::always_inline]] inline Halt execute( \
      Tag<Opcode::opcode>, [[maybe_unused]] Interpreter& in, [[maybe_unused]] Registers& at)

/// Replaces the two at the top by one.
#define KITH_EVM_BINARY(opcode, expression) \
  KITH_EVM(opcode) {                        \
    const U256& a = at.top[0];              \
    const U256& b = at.top[-1];             \
    at.top[-1] = (expression);              \
    --at.top;                               \
  }
#define KITH_EVM_TERNARY(opcode, expression) \
  KITH_EVM(opcode) {                         \
    const U256& a = at.top[0];               \
    const U256& b = at.top[-1];              \
    const U256& c = at.top[-2];              \
    at.top[-2] = (expression);               \
    at.top -= 2;                             \
  }
#define KITH_EVM_CONSTANT(opcode, expression) \
  KITH_EVM(opcode) {                          \
    *++at.top = (expression);                 \
  }
/// Its registers are copies: those of the loop have no address, and so stay in the processor.
#define KITH_EVM_CALLS(opcode, call) \
  KITH_EVM_MAY_END(opcode) {         \
    Registers copies = at;           \
    const Halt halt = in.call;       \
    at = copies;                     \
    return halt;                     \
  }

KITH_EVM_MAY_END(STOP) {
  return Halt::stop;
}
KITH_EVM_MAY_END(INVALID) {
  return Halt::invalid_instruction;
}

KITH_EVM_BINARY(ADD, a + b)
KITH_EVM_BINARY(MUL, a* b)
KITH_EVM_BINARY(SUB, a - b)
KITH_EVM_BINARY(DIV, a / b)
KITH_EVM_BINARY(SDIV, signed_divide(a, b))
KITH_EVM_BINARY(MOD, a % b)
KITH_EVM_BINARY(SMOD, signed_modulo(a, b))
KITH_EVM_TERNARY(ADDMOD, add_modulo(a, b, c))
KITH_EVM_TERNARY(MULMOD, multiply_modulo(a, b, c))
KITH_EVM_CALLS(EXP, exp(copies))
KITH_EVM_BINARY(SIGNEXTEND, sign_extend(a, b))

KITH_EVM_BINARY(LT, a < b ? 1 : 0)
KITH_EVM_BINARY(GT, b < a ? 1 : 0)
KITH_EVM_BINARY(SLT, signed_less(a, b) ? 1 : 0)
KITH_EVM_BINARY(SGT, signed_less(b, a) ? 1 : 0)
KITH_EVM_BINARY(EQ, a == b ? 1 : 0)
KITH_EVM(ISZERO) {
  *at.top = at.top->is_zero() ? 1 : 0;
}
KITH_EVM_BINARY(AND, a& b)
KITH_EVM_BINARY(OR, a | b)
KITH_EVM_BINARY(XOR, a ^ b)
KITH_EVM(NOT) {
  *at.top = ~*at.top;
}
KITH_EVM_BINARY(BYTE, byte_at(a, b))
KITH_EVM_BINARY(SHL, b << a.saturated())
KITH_EVM_BINARY(SHR, b >> a.saturated())
KITH_EVM_BINARY(SAR, signed_shift_right(b, a.saturated()))
KITH_EVM(CLZ) {
  *at.top = U256::bits - at.top->bit_width();
}
KITH_EVM_CALLS(KECCAK256, keccak(copies))

KITH_EVM_CONSTANT(ADDRESS, in.frame.message.recipient.to_word())
KITH_EVM_CALLS(BALANCE, balance(copies))
KITH_EVM_CONSTANT(ORIGIN, in.transaction().origin.to_word())
KITH_EVM_CONSTANT(CALLER, in.frame.message.sender.to_word())
KITH_EVM_CONSTANT(CALLVALUE, in.frame.message.value)
KITH_EVM_CALLS(CALLDATALOAD, call_data_load(copies))
KITH_EVM_CONSTANT(CALLDATASIZE, in.frame.message.input.size())
KITH_EVM_CALLS(CALLDATACOPY, call_data_copy(copies))
KITH_EVM_CONSTANT(CODESIZE, in.code.size())
KITH_EVM_CALLS(CODECOPY, code_copy(copies))
KITH_EVM_CONSTANT(GASPRICE, in.transaction().gas_price)
KITH_EVM_CALLS(EXTCODESIZE, external_code_size(copies))
KITH_EVM_CALLS(EXTCODECOPY, external_code_copy(copies))
KITH_EVM_CONSTANT(RETURNDATASIZE, in.frame.return_data.size())
KITH_EVM_CALLS(RETURNDATACOPY, return_data_copy(copies))
KITH_EVM_CALLS(EXTCODEHASH, external_code_hash(copies))
KITH_EVM_CALLS(BLOCKHASH, block_hash(copies))
KITH_EVM_CONSTANT(COINBASE, in.block().coinbase.to_word())
KITH_EVM_CONSTANT(TIMESTAMP, in.block().timestamp)
KITH_EVM_CONSTANT(NUMBER, in.block().number)
KITH_EVM_CONSTANT(PREVRANDAO, in.block().prev_randao)
KITH_EVM_CONSTANT(GASLIMIT, in.block().gas_limit)
KITH_EVM_CONSTANT(CHAINID, in.block().chain_id)
KITH_EVM_CONSTANT(SELFBALANCE, in.frame.self->balance)
KITH_EVM_CONSTANT(BASEFEE, in.block().base_fee)
KITH_EVM(BLOBHASH) {
  const auto& hashes = in.transaction().blob_hashes;
  const std::uint64_t index = at.top->saturated();
  *at.top = index < hashes.size() ? hashes[index].to_word() : U256();
}
KITH_EVM_CONSTANT(BLOBBASEFEE, in.block().blob_base_fee)

KITH_EVM(POP) {
  --at.top;
}
KITH_EVM_MAY_END(MLOAD) {
  const U256 begin = *at.top;
  if (begin.saturated() > memory_bytes_max || !in.reach(at, begin.low(), U256::bytes)) [[unlikely]]
    return Halt::out_of_gas;
  *at.top = U256::from_be(in.frame.memory.data() + begin.low());
  return Halt::none;
}
KITH_EVM_MAY_END(MSTORE) {
  const U256 begin = *at.top;
  if (begin.saturated() > memory_bytes_max || !in.reach(at, begin.low(), U256::bytes)) [[unlikely]]
    return Halt::out_of_gas;
  at.top[-1].store_be(in.frame.memory.data() + begin.low());
  at.top -= 2;
  return Halt::none;
}
KITH_EVM_MAY_END(MSTORE8) {
  const U256 begin = *at.top;
  if (begin.saturated() > memory_bytes_max || !in.reach(at, begin.low(), 1)) [[unlikely]]
    return Halt::out_of_gas;
  in.frame.memory.data()[begin.low()] = static_cast<std::uint8_t>(at.top[-1].low());
  at.top -= 2;
  return Halt::none;
}
KITH_EVM_CALLS(SLOAD, storage_load(copies))
KITH_EVM_CALLS(SSTORE, storage_store(copies))
// The loop goes on behind the instruction: at the destination's, a byte of no effect but its gas.
KITH_EVM_MAY_END(JUMP) {
  const U256& target = *at.top--;
  if (!in.code.is_jump_destination(target.saturated())) return Halt::bad_jump_destination;
  at.next = in.code.begin() + target.low() - 1;
  return Halt::none;
}
KITH_EVM_MAY_END(JUMPI) {
  const U256& target = at.top[0];
  const bool jumps = !at.top[-1].is_zero();
  at.top -= 2;
  if (!jumps) return Halt::none;
  if (!in.code.is_jump_destination(target.saturated())) return Halt::bad_jump_destination;
  at.next = in.code.begin() + target.low() - 1;
  return Halt::none;
}
KITH_EVM_CONSTANT(PC, static_cast<std::uint64_t>(at.next - in.code.begin()))
KITH_EVM_CONSTANT(MSIZE, in.frame.memory.size())
KITH_EVM_CONSTANT(GAS, static_cast<std::uint64_t>(at.gas))
KITH_EVM(JUMPDEST) {}
KITH_EVM_CALLS(TLOAD, transient_load(copies))
KITH_EVM_CALLS(TSTORE, transient_store(copies))
KITH_EVM_CALLS(MCOPY, memory_copy(copies))
KITH_EVM_CONSTANT(PUSH0, 0)

KITH_EVM_CALLS(CREATE, create(copies, Message::Kind::create))
KITH_EVM_CALLS(CALL, call(copies, Opcode::CALL))
KITH_EVM_CALLS(CALLCODE, call(copies, Opcode::CALLCODE))
KITH_EVM_CALLS(RETURN, end_with_data(copies, Halt::stop))
KITH_EVM_CALLS(DELEGATECALL, call(copies, Opcode::DELEGATECALL))
KITH_EVM_CALLS(CREATE2, create(copies, Message::Kind::create2))
KITH_EVM_CALLS(STATICCALL, call(copies, Opcode::STATICCALL))
KITH_EVM_CALLS(REVERT, end_with_data(copies, Halt::revert))
KITH_EVM_CALLS(SELFDESTRUCT, self_destruct(copies))

#undef KITH_EVM
#undef KITH_EVM_MAY_END
#undef KITH_EVM_BINARY
#undef KITH_EVM_TERNARY
#undef KITH_EVM_CONSTANT
#undef KITH_EVM_CALLS

/// The operand may end behind the code, where zeros stand.
template <unsigned size>
[[gnu::always_inline]] inline void push(Registers& at) {
  const std::uint8_t* operand = at.next + 1;
  std::uint64_t limbs[4] = {};
  constexpr unsigned whole = size / 8;
  constexpr unsigned rest = size % 8;
  for (unsigned i = 0; i < whole; ++i)
    limbs[i] = U256::load_word(operand + size - 8 * (i + 1));
  if constexpr (rest != 0) {
    std::uint64_t word = 0;
    for (unsigned i = 0; i < rest; ++i)
      word = word << 8 | operand[i];
    limbs[whole] = word;
  }
  *++at.top = U256(limbs[0], limbs[1], limbs[2], limbs[3]);
  at.next += size;
}

template <unsigned topics>
[[gnu::always_inline]] inline Halt log(Interpreter& in, Registers& at) {
  Registers copies = at;
  const Halt halt = in.log(copies, topics);
  at = copies;
  return halt;
}

template <unsigned depth>
[[gnu::always_inline]] inline void duplicate(Registers& at) {
  const U256 item = at.top[1 - static_cast<int>(depth)];
  *++at.top = item;
}

template <unsigned depth>
[[gnu::always_inline]] inline void swap(Registers& at) {
  U256& other = at.top[-static_cast<int>(depth)];
  const U256 top = *at.top;
  *at.top = other;
  other = top;
}

}  // namespace kith::ledger::detail
