// A trace as other people's tools write and read it: a JSON object a line for each instruction
// (EIP-3155). Thread: the machine's.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <kith/ledger/evm/tracer.hpp>

namespace kith::ledger {

class JsonTrace final : public Tracer {
 public:
  struct Options {
    bool memory = false;  ///< the memory's bytes with each instruction, not its size alone
    bool stack = true;
    bool return_data = false;
  };

  /// `write` gets each line, with its end.
  JsonTrace(Options options, std::function<void(std::string_view line)> write)
      : options_(options), write_(std::move(write)) {}

  void on_step(const Step& step) override;
  void on_begin(const Message& message, std::size_t depth, std::int64_t caller_gas) override;
  void on_end(Halt halt, std::int64_t gas_left, ByteView output, std::size_t depth) override;

 private:
  /// What an instruction cost is known when the next thing happens.
  struct Pending {
    std::string line;
    std::int64_t gas = 0;
    std::string rest;
  };

  void finish(std::size_t depth, std::int64_t gas_after, Halt halt);

  Options options_;
  std::function<void(std::string_view line)> write_;
  std::vector<Pending> pending_;  ///< by depth
  std::int64_t gas_begun_ = 0;
};

}  // namespace kith::ledger
