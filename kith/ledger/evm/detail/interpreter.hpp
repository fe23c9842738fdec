// Runs one frame until it ends or calls another one.
//
// The loop is interpreter.cpp's; what takes few instructions of the processor is inline in
// instructions.hpp, everything that looks at the world is here and in instructions.cpp.
#pragma once

#include <kith/ledger/evm/detail/frame.hpp>
#include <kith/ledger/evm/detail/instruction_table.hpp>
#include <kith/ledger/evm/machine.hpp>

namespace kith::ledger::detail {

/// Not the end: the machine has a message to run first.
inline constexpr Halt wants_call{255};

class Interpreter {
 public:
  Interpreter(Machine& machine, Frame& frame)
      : machine(machine),
        world(machine.world_),
        frame(frame),
        code(*frame.code),
        revision(machine.world_.revision()) {}

  /// Goes on where the frame stopped.
  Halt run();

  // Each takes its operands off the stack and returns Halt::none if the frame goes on.
  Halt exp(Registers& at);
  Halt keccak(Registers& at);
  Halt balance(Registers& at);
  Halt call_data_load(Registers& at);
  Halt call_data_copy(Registers& at);
  Halt code_copy(Registers& at);
  Halt external_code_size(Registers& at);
  Halt external_code_copy(Registers& at);
  Halt external_code_hash(Registers& at);
  Halt return_data_copy(Registers& at);
  Halt block_hash(Registers& at);
  Halt storage_load(Registers& at);
  Halt storage_store(Registers& at);
  Halt transient_load(Registers& at);
  Halt transient_store(Registers& at);
  Halt memory_copy(Registers& at);
  Halt log(Registers& at, std::size_t topics);
  Halt create(Registers& at, Message::Kind kind);
  Halt call(Registers& at, Opcode opcode);
  Halt end_with_data(Registers& at, Halt how);
  Halt self_destruct(Registers& at);

  /// Makes the memory that large and charges for it. False if there isn't gas enough.
  bool grow_memory(std::int64_t& gas, std::uint64_t size);

  bool reach(Registers& at, std::uint64_t begin, std::uint64_t size) {
    if (begin + size <= frame.memory.size()) [[likely]]
      return true;
    std::int64_t gas = at.gas;
    const bool grown = grow_memory(gas, begin + size);
    at.gas = gas;
    return grown;
  }
  /// That part of the memory may be used: grows it if need be.
  bool reach(Registers& at, const U256& begin, const U256& size) {
    if (size.is_zero()) return true;
    if (begin.saturated() > memory_bytes_max || size.saturated() > memory_bytes_max) return false;
    return reach(at, begin.low(), size.low());
  }

  void trace(const Registers& at);
  /// Keeps them for when the frame runs again.
  Halt leave(const Registers& at, Halt halt) noexcept {
    frame.top = at.top;
    // A frame that calls goes on behind the call.
    frame.next = at.next + 1;
    frame.gas = at.gas;
    return halt;
  }

  const BlockContext& block() const noexcept { return *machine.block_; }
  const TransactionContext& transaction() const noexcept { return *machine.transaction_; }

  Machine& machine;
  World& world;
  Frame& frame;
  const Code& code;
  const Revision revision;

 private:
  bool charge_access(Registers& at, World::Account& account);
  bool copy(Registers& at, ByteView from, const U256& to, const U256& begin, const U256& size);
  bool charge_copy(Registers& at, const U256& size);
  Halt judge_fault() const { return world.fault() ? Halt::fault : Halt::none; }
  std::int64_t storage_price(const World::Slot& slot, const U256& value);
};

}  // namespace kith::ledger::detail
