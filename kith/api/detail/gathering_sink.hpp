// Lets the blocks of many small files wait for each other on their way to the store: handing each
// over would take longer than to keep it.
//
// They wait for a moment only, and flush() makes durable what waits, too. Once blocks couldn't be
// kept, nothing is kept or made durable any more: whoever flushes would tell of them, and who put
// them has long been told that all is well. Loop thread only.
#pragma once

#include <optional>
#include <vector>

#include <kith/base/result.hpp>
#include <kith/ipld/block.hpp>
#include <kith/port/env.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>

namespace kith::api {

class GatheringSink final : public ipld::BlockSink {
 public:
  static constexpr std::uint64_t gathered_bytes_max = 1024 * 1024;
  static constexpr std::size_t gathered_blocks_max = 256;
  static constexpr Duration gathered_time_max = 250ms;

  GatheringSink(port::Env& env, ipld::BlockSink& below)
      : env_(env), below_(below), passed_(env.clock), tasks_(env.executor, env.clock) {}

  Task<void> put(std::vector<ipld::Block> blocks) override;
  Task<void> flush() override;
  /// What still waits is not kept.
  Task<void> close_shielded();

 private:
  Task<void> pass_on();
  Task<void> pass_on_later();

  port::Env& env_;
  ipld::BlockSink& below_;
  std::vector<ipld::Block> blocks_;
  std::uint64_t bytes_ = 0;
  bool timed_ = false;
  bool passing_ = false;
  std::optional<Error> failure_;
  port::Event passed_;
  port::TaskGroup tasks_;
};

}  // namespace kith::api
