// GatewaySource: what one request reads its blocks through. It says how long a block may take, and
// remembers which it got and which it waits for.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include <kith/ipld/block.hpp>
#include <kith/port/clock.hpp>

namespace kith::api::gateway {

/// Until streaming() all blocks together may take `patience`; from then on each may, so that a
/// client that reads slowly doesn't run out of it. Errors: those of the source; Errc::timed_out.
class GatewaySource final : public ipld::BlockSource {
 public:
  GatewaySource(std::unique_ptr<ipld::BlockSource> source, port::Clock& clock, Duration patience)
      : source_(std::move(source)),
        clock_(clock),
        patience_(patience),
        until_(clock.now() + patience) {}

  Task<ipld::Block> get(multiformats::Cid cid, Instant deadline = never) override;
  void prefetch(std::span<const multiformats::Cid> cids) override { source_->prefetch(cids); }
  Task<bool> has(multiformats::Cid cid) override { return source_->has(std::move(cid)); }

  void streaming() noexcept { until_ = never; }
  /// The block that was asked for last.
  const multiformats::Cid& asked() const noexcept { return asked_; }

  /// Keeps the CIDs of the blocks that are got from now on, in order.
  void record() noexcept { recording_ = true; }
  std::vector<multiformats::Cid> take_record() noexcept {
    recording_ = false;
    return std::exchange(recorded_, {});
  }

 private:
  std::unique_ptr<ipld::BlockSource> source_;
  port::Clock& clock_;
  Duration patience_;
  Instant until_;
  multiformats::Cid asked_;
  /// The block got last: a file's root is read once to see what it is and once to read the file.
  ipld::Block last_;
  bool recording_ = false;
  std::vector<multiformats::Cid> recorded_;
};

}  // namespace kith::api::gateway
