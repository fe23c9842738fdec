#include <utility>

#include <kith/ledger/evm/detail/instructions.hpp>
#include <kith/ledger/evm/detail/interpreter.hpp>
#include <kith/ledger/evm/tracer.hpp>

// Each instruction is a function that ends by jumping to the next one's: the loop's state stays in
// the registers of its arguments, and the processor predicts each jump by what came before it. A
// compiler that can't promise such jumps gets a loop instead.
#if defined(__clang__) && __has_cpp_attribute(clang::musttail)
#define KITH_EVM_TAIL_CALLS 1
#else
#define KITH_EVM_TAIL_CALLS 0
#endif

namespace kith::ledger::detail {
namespace {

using Handler = Halt (*)(U256* top, const std::uint8_t* next, std::int64_t gas, const U256* bottom,
                         Interpreter& in);

/// Whether there is room on the stack, the revision has the instruction, and its base price is
/// paid.
template <Opcode opcode>
[[gnu::always_inline]] inline Halt admit(const Interpreter& in, const U256* bottom, Registers& at) {
  constexpr const InstructionTraits& traits = traits_of(opcode);
  if constexpr (traits.since != Revision::frontier) {
    if (in.revision < traits.since) [[unlikely]]
      return Halt::undefined_instruction;
  }
  if constexpr (traits.left > traits.taken) {
    constexpr std::ptrdiff_t grows = traits.left - traits.taken;
    if (at.top - bottom > static_cast<std::ptrdiff_t>(stack_items_max) - grows) [[unlikely]]
      return Halt::stack_overflow;
  }
  if constexpr (traits.taken > 0) {
    if (at.top - bottom < traits.taken) [[unlikely]]
      return Halt::stack_underflow;
  }
  if constexpr (traits.gas == gas_varies) {
    at.gas -= base_gas(opcode, in.revision);
  } else {
    at.gas -= traits.gas;
  }
  return at.gas < 0 ? Halt::out_of_gas : Halt::none;
}

template <Opcode opcode>
[[gnu::always_inline]] inline Halt perform(Interpreter& in, Registers& at) {
  constexpr auto code = static_cast<unsigned>(opcode);
  if constexpr (opcode >= Opcode::PUSH1 && opcode <= Opcode::PUSH32) {
    push<code - static_cast<unsigned>(Opcode::PUSH0)>(at);
  } else if constexpr (opcode >= Opcode::DUP1 && opcode <= Opcode::DUP16) {
    duplicate<code - static_cast<unsigned>(Opcode::DUP1) + 1>(at);
  } else if constexpr (opcode >= Opcode::SWAP1 && opcode <= Opcode::SWAP16) {
    swap<code - static_cast<unsigned>(Opcode::SWAP1) + 1>(at);
  } else if constexpr (opcode >= Opcode::LOG0 && opcode <= Opcode::LOG4) {
    return log<code - static_cast<unsigned>(Opcode::LOG0)>(in, at);
  } else if constexpr (std::is_void_v<decltype(execute(Tag<opcode>(), in, at))>) {
    execute(Tag<opcode>(), in, at);
  } else {
    return execute(Tag<opcode>(), in, at);
  }
  return Halt::none;
}

template <bool traced>
struct Handlers {
  template <Opcode opcode>
  static Halt handle(U256* top, const std::uint8_t* next, std::int64_t gas, const U256* bottom,
                     Interpreter& in) {
    Registers at{.top = top, .next = next, .gas = gas};
    if constexpr (traced) in.trace(at);
    Halt halt = admit<opcode>(in, bottom, at);
    if (halt != Halt::none) [[unlikely]]
      return in.leave(at, halt);
    halt = perform<opcode>(in, at);
    if (halt != Halt::none) [[unlikely]]
      return in.leave(at, halt);
#if KITH_EVM_TAIL_CALLS
    ++at.next;
    [[clang::musttail]] return table[*at.next](at.top, at.next, at.gas, bottom, in);
#else
    return in.leave(at, Halt::none);
#endif
  }

  static Halt undefined(U256* top, const std::uint8_t* next, std::int64_t gas,
                        const U256* /*bottom*/, Interpreter& in) {
    return in.leave({.top = top, .next = next, .gas = gas}, Halt::undefined_instruction);
  }

  template <std::size_t code>
  static constexpr Handler handler_of() {
    if constexpr (instruction_table[code].name[0] == '\0') {
      return undefined;
    } else {
      return handle<static_cast<Opcode>(code)>;
    }
  }

  template <std::size_t... codes>
  static constexpr std::array<Handler, 256> make_table(std::index_sequence<codes...>) {
    return {handler_of<codes>()...};
  }

  static const std::array<Handler, 256> table;
};

template <bool traced>
constexpr std::array<Handler, 256> Handlers<traced>::table =
    Handlers<traced>::make_table(std::make_index_sequence<256>());

template <bool traced>
Halt run_frame(Interpreter& in) {
  Frame& frame = in.frame;
  Halt halt = Halt::none;
  do {
    halt = Handlers<traced>::table[*frame.next](frame.top, frame.next, frame.gas, frame.bottom, in);
  } while (halt == Halt::none);
  return halt;
}

}  // namespace

Halt Interpreter::run() {
  return machine.tracer_ == nullptr ? run_frame<false>(*this) : run_frame<true>(*this);
}

void Interpreter::trace(const Registers& at) {
  machine.tracer_->on_step({
      .depth = machine.depth_,
      .at = static_cast<std::size_t>(at.next - code.begin()),
      .opcode = static_cast<Opcode>(*at.next),
      .gas = at.gas,
      .refund = world.refund(),
      .stack = {frame.bottom + 1, static_cast<std::size_t>(at.top - frame.bottom)},
      .memory = {frame.memory.data(), frame.memory.size()},
      .return_data = frame.return_data,
      .message = frame.message,
  });
}

}  // namespace kith::ledger::detail
