// The EVM's opcodes by the names of the Yellow Paper (appendix H) and of the proposals that added
// them. Thread: any.
#pragma once

#include <cstdint>
#include <string_view>

#include <kith/ledger/evm/revision.hpp>

namespace kith::ledger {

enum class Opcode : std::uint8_t {
#define INSTRUCTION(code, name, taken, left, gas, since) name = code,
#define PUSH(code, size) PUSH##size = code,
#define DUP(code, depth) DUP##depth = code,
#define SWAP(code, depth) SWAP##depth = code,
#define LOG(code, topics) LOG##topics = code,
#define UNDEFINED(code)
#include <kith/ledger/evm/detail/instructions.inc>
#undef INSTRUCTION
#undef PUSH
#undef DUP
#undef SWAP
#undef LOG
#undef UNDEFINED
};

/// "ADD"; empty if no revision has it.
std::string_view name_of(Opcode opcode) noexcept;

}  // namespace kith::ledger
