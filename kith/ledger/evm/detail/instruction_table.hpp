// What is known of each opcode before it runs: how much of the stack it takes and leaves, what it
// costs at least, and since when there is such a thing.
#pragma once

#include <array>
#include <cstdint>

#include <kith/ledger/evm/opcode.hpp>
#include <kith/ledger/evm/revision.hpp>

namespace kith::ledger::detail {

inline constexpr std::int16_t gas_varies = -1;

struct InstructionTraits {
  const char* name = "";  ///< empty: not an instruction
  std::uint8_t taken = 0;
  std::uint8_t left = 0;
  std::int16_t gas = 0;
  Revision since = Revision::frontier;
};

inline constexpr std::array<InstructionTraits, 256> instruction_table{{
#define INSTRUCTION(code, name, taken, left, gas, since) {#name, taken, left, gas, Revision::since},
#define VARIES gas_varies
#define PUSH(code, size) {"PUSH" #size, 0, 1, 3, Revision::frontier},
#define DUP(code, depth) {"DUP" #depth, depth, (depth) + 1, 3, Revision::frontier},
#define SWAP(code, depth) {"SWAP" #depth, (depth) + 1, (depth) + 1, 3, Revision::frontier},
#define LOG(code, topics) \
  {"LOG" #topics, (topics) + 2, 0, 375 * ((topics) + 1), Revision::frontier},
#define UNDEFINED(code) {},
#include <kith/ledger/evm/detail/instructions.inc>
#undef INSTRUCTION
#undef VARIES
#undef PUSH
#undef DUP
#undef SWAP
#undef LOG
#undef UNDEFINED
}};

constexpr const InstructionTraits& traits_of(Opcode opcode) noexcept {
  return instruction_table[static_cast<std::uint8_t>(opcode)];
}

/// What the instruction costs at least. From Berlin on those that look at the state cost as much as
/// if it were warm; what a cold one costs more is added when it runs (EIP-2929).
constexpr std::int16_t base_gas(Opcode opcode, Revision revision) noexcept {
  const std::int16_t fixed = traits_of(opcode).gas;
  if (fixed != gas_varies) return fixed;
  if (opcode == Opcode::SELFDESTRUCT) return revision >= Revision::tangerine_whistle ? 5000 : 0;
  if (revision >= Revision::berlin) return 100;
  switch (opcode) {
    case Opcode::SLOAD:
      if (revision >= Revision::istanbul) return 800;
      return revision >= Revision::tangerine_whistle ? 200 : 50;
    case Opcode::BALANCE:
      if (revision >= Revision::istanbul) return 700;
      return revision >= Revision::tangerine_whistle ? 400 : 20;
    case Opcode::EXTCODEHASH:
      return revision >= Revision::istanbul ? 700 : 400;
    case Opcode::EXTCODESIZE:
    case Opcode::EXTCODECOPY:
      return revision >= Revision::tangerine_whistle ? 700 : 20;
    default:  // The calls.
      return revision >= Revision::tangerine_whistle ? 700 : 40;
  }
}

}  // namespace kith::ledger::detail
