// Who is told of every instruction before it runs and of every message that begins and ends: a
// debugger, a trace for people (EIP-3155), a tool that estimates. Thread: the machine's.
#pragma once

#include <span>

#include <kith/ledger/evm/machine.hpp>

namespace kith::ledger {

class Tracer {
 public:
  struct Step {
    std::size_t depth;  ///< 1 for the transaction's own message
    std::size_t at;     ///< in the code
    Opcode opcode;
    std::int64_t gas;  ///< before it is paid for
    std::int64_t refund;
    std::span<const U256> stack;  ///< the top is last
    ByteView memory;
    ByteView return_data;
    const Message& message;
  };

  virtual ~Tracer() = default;
  virtual void on_step(const Step& /*step*/) {}
  /// `caller_gas` is what the caller has left; 0 of a transaction's own message.
  virtual void on_begin(const Message& /*message*/, std::size_t /*depth*/,
                        std::int64_t /*caller_gas*/) {}
  virtual void on_end(Halt /*halt*/, std::int64_t /*gas_left*/, ByteView /*output*/,
                      std::size_t /*depth*/) {}
};

}  // namespace kith::ledger
