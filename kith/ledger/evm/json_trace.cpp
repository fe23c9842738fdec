#include <kith/ledger/evm/detail/instruction_table.hpp>
#include <kith/ledger/evm/json_trace.hpp>

namespace kith::ledger {
namespace {

std::string quoted_hex(std::int64_t number) {
  return '"' + U256(static_cast<std::uint64_t>(number)).to_hex() + '"';
}

std::string quoted_bytes(ByteView bytes) {
  return "\"0x" + to_hex(bytes) + '"';
}

}  // namespace

void JsonTrace::on_step(const Step& step) {
  if (pending_.size() >= step.depth) finish(step.depth, step.gas, Halt::none);
  pending_.resize(step.depth);
  Pending& now = pending_.back();
  now.gas = step.gas;
  now.line = "{\"pc\":" + std::to_string(step.at) +
             ",\"op\":" + std::to_string(static_cast<unsigned>(step.opcode)) +
             ",\"gas\":" + quoted_hex(step.gas);
  std::string& rest = now.rest;
  if (options_.memory) rest += ",\"memory\":" + quoted_bytes(step.memory);
  rest += ",\"memSize\":" + std::to_string(step.memory.size());
  if (options_.stack) {
    rest += ",\"stack\":[";
    for (std::size_t i = 0; i < step.stack.size(); ++i) {
      if (i > 0) rest += ',';
      rest += '"';
      rest += step.stack[i].to_hex();
      rest += '"';
    }
    rest += ']';
  }
  if (options_.return_data) rest += ",\"returnData\":" + quoted_bytes(step.return_data);
  rest += ",\"depth\":" + std::to_string(step.depth) +
          ",\"refund\":" + std::to_string(step.refund) + ",\"opName\":\"";
  const std::string_view name = name_of(step.opcode);
  rest += name.empty()
              ? "opcode " + U256(static_cast<unsigned>(step.opcode)).to_hex() + " not defined"
              : std::string(name);
  rest += '"';
}

void JsonTrace::finish(std::size_t depth, std::int64_t gas_after, Halt halt) {
  if (pending_.size() < depth || pending_[depth - 1].line.empty()) return;
  Pending& last = pending_[depth - 1];
  std::string line = std::move(last.line) + ",\"gasCost\":" + quoted_hex(last.gas - gas_after) +
                     std::move(last.rest);
  if (halt != Halt::none && halt != Halt::stop) {
    line += ",\"error\":\"";
    line += name_of(halt);
    line += '"';
  }
  line += "}\n";
  last = Pending();
  write_(line);
}

void JsonTrace::on_begin(const Message& message, std::size_t depth, std::int64_t caller_gas) {
  if (depth == 1) {
    gas_begun_ = message.gas;
    pending_.clear();
  } else {
    finish(depth - 1, caller_gas, Halt::none);
  }
}

void JsonTrace::on_end(Halt halt, std::int64_t gas_left, ByteView output, std::size_t depth) {
  finish(depth, gas_left, halt);
  if (depth > 1) return;
  std::string line =
      "{\"output\":\"" + to_hex(output) + "\",\"gasUsed\":" + quoted_hex(gas_begun_ - gas_left);
  if (halt != Halt::stop) {
    line += ",\"error\":\"";
    line += name_of(halt);
    line += '"';
  }
  write_(line + "}\n");
}

}  // namespace kith::ledger
