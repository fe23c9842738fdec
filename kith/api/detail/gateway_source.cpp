#include <algorithm>

#include <kith/api/detail/gateway_source.hpp>

namespace kith::api::gateway {

Task<ipld::Block> GatewaySource::get(multiformats::Cid cid, Instant deadline) {
  asked_ = cid;
  if (recording_) recorded_.push_back(cid);
  if (last_.cid == cid) co_return last_;
  // Also blocks that are here take time, if there are many.
  if (until_ <= clock_.now()) co_return std::unexpected(Errc::timed_out);
  Instant until = until_ == never ? clock_.now() + patience_ : until_;
  until = std::min(until, deadline);
  KITH_CO_TRY(ipld::Block block, co_await source_->get(std::move(cid), until));
  last_ = block;
  co_return block;
}

}  // namespace kith::api::gateway
