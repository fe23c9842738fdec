#include <kith/ledger/network/sync_desk.hpp>

namespace kith::ledger {
namespace {

LocalChain look_ups(const Chain& chain, ConsensusRules& rules) {
  LocalChain local;
  local.hash_at = [&chain](std::uint64_t number) {
    const auto hash = chain.hash_at(number);
    return hash ? std::optional(*hash) : std::nullopt;
  };
  local.total_weight_at = [&chain](std::uint64_t number) -> std::optional<U256> {
    const auto hash = chain.hash_at(number);
    if (!hash) return std::nullopt;
    const auto weight = chain.total_weight(*hash);
    return weight ? std::optional(*weight) : std::nullopt;
  };
  local.weight_of = [&rules](const Header& header) { return rules.weight(header); };
  return local;
}

Error refusal(std::string text) {
  return {Errc::refused, std::move(text)};
}

}  // namespace

bool is_new_head(ByteView message) noexcept {
  return !message.empty() && message[0] == static_cast<std::uint8_t>(EthKind::new_head);
}

SyncDesk::SyncDesk(const Chain& chain, ConsensusRules& rules, const SyncOptions& options,
                   port::Clock& clock, std::uint64_t seed)
    : chain_(chain),
      rules_(rules),
      clock_(clock),
      server_(chain),
      sync_(options, look_ups(chain, rules), local_head(chain).value_or(LocalHead()), seed) {}

Result<LocalHead> SyncDesk::local_head(const Chain& chain) {
  LocalHead local;
  const BlockName head = chain.head();
  local.hash = head.hash;
  local.number = head.number;
  KITH_TRY(local.weight, chain.total_weight(head.hash));
  local.final_number = chain.finalized().number;
  return local;
}

SyncDesk::Errands SyncDesk::take_errands() {
  const std::lock_guard lock(mutex_);
  Errands errands;
  errands.requests = sync_.next_requests(clock_.now());
  errands.headers = sync_.take_headers();
  errands.faults = sync_.take_faults();
  errands.progress = sync_.progress();
  errands.deadline = sync_.next_deadline();
  return errands;
}

std::vector<Block> SyncDesk::take_blocks(std::size_t bytes_max) {
  std::vector<SyncBlock> taken;
  {
    const std::lock_guard lock(mutex_);
    taken = sync_.take_blocks(bytes_max, clock_.now());
  }
  std::vector<Block> blocks;
  for (const SyncBlock& one : taken) {
    auto block = read_block(one.header, one.body);
    if (!block) {
      on_refused(one.hash);
      break;
    }
    blocks.push_back(*std::move(block));
  }
  return blocks;
}

void SyncDesk::set_local() {
  const std::lock_guard lock(mutex_);
  // A disk that fails leaves it at the head before.
  const auto local = local_head(chain_);
  if (local) sync_.set_local(*local);
}

void SyncDesk::on_refused(const Hash& hash) {
  const std::lock_guard lock(mutex_);
  sync_.on_refused(hash);
}

void SyncDesk::restart() {
  const std::lock_guard lock(mutex_);
  sync_.restart();
}

bool SyncDesk::set_target(const BlockName& block) {
  const std::lock_guard lock(mutex_);
  return sync_.set_target(block);
}

void SyncDesk::check(const HeaderBatch& batch) {
  std::size_t valid = 0;
  HeadersRest rest = HeadersRest::none;
  std::optional<Header> parent = batch.parent;
  const std::vector<ReceivedHeader>& headers = *batch.headers;
  if (!parent && !headers.empty()) {
    const auto known = chain_.header(headers.front().header.parent);
    if (known) parent = *known;
  }
  if (!parent) rest = HeadersRest::not_now;
  const ForkSchedule& schedule = chain_.schedule();
  for (; parent && valid < headers.size(); ++valid) {
    const Header& header = headers[valid].header;
    const Revision revision = schedule.revision_at(header.number, header.timestamp);
    const Revision before = schedule.revision_at(parent->number, parent->timestamp);
    if (!check_header(header, *parent, schedule, revision, before)) {
      rest = HeadersRest::wrong;
      break;
    }
    const auto judged = rules_.check(header, *parent);
    if (!judged || !*judged) {
      rest = judged ? HeadersRest::wrong : HeadersRest::not_now;
      break;
    }
    parent = header;
  }
  const std::lock_guard lock(mutex_);
  sync_.on_checked(batch.id, valid, rest, clock_.now());
}

Result<Bytes> SyncDesk::greeting() const {
  ChainStatus status;
  status.network = chain_.schedule().chain_id;
  status.genesis = chain_.genesis();
  status.head = chain_.head().hash;
  KITH_TRY(status.total_difficulty, chain_.total_weight(status.head));
  KITH_TRY(const Header header, chain_.header(status.head));
  status.fork = fork_id(status.genesis, chain_.schedule(), header.number, header.timestamp);
  return status.encode();
}

Result<void> SyncDesk::on_greeting(SyncPeer peer, ByteView message) {
  const auto read = decode_eth_message(message);
  const ChainStatus* status = read ? std::get_if<ChainStatus>(&*read) : nullptr;
  if (status == nullptr) return std::unexpected(refusal("its greeting isn't one"));
  if (status->genesis != chain_.genesis() || status->network != chain_.schedule().chain_id)
    return std::unexpected(refusal("it holds another chain"));
  KITH_TRY(const Header header, chain_.header(chain_.head().hash));
  const ForkMatch match = match_fork_id(status->fork, chain_.genesis(), chain_.schedule(),
                                        header.number, header.timestamp);
  if (match != ForkMatch::compatible) {
    return std::unexpected(
        refusal(match == ForkMatch::remote_stale
                    ? "it lacks newer rules of the chain"
                    : "it has rules of the chain that we lack, or another chain's"));
  }
  const std::lock_guard lock(mutex_);
  if (sync_.add_peer(peer, {status->head, std::nullopt, status->total_difficulty})) return {};
  return std::unexpected(Errc::limit_exceeded);
}

std::optional<BlockName> SyncDesk::on_new_head(SyncPeer peer, ByteView message) {
  const auto read = decode_eth_message(message);
  const NewHead* head = read ? std::get_if<NewHead>(&*read) : nullptr;
  if (head == nullptr) return std::nullopt;
  const std::lock_guard lock(mutex_);
  sync_.on_head(peer, {head->hash, head->number, head->total_weight});
  return BlockName{head->number, head->hash};
}

void SyncDesk::remove_peer(SyncPeer peer) {
  const std::lock_guard lock(mutex_);
  sync_.remove_peer(peer);
}

bool SyncDesk::on_answer(SyncPeer peer, std::uint64_t id, ByteView message) {
  auto read = decode_eth_message(message);
  const std::lock_guard lock(mutex_);
  const Instant now = clock_.now();
  if (read) {
    if (const Headers* headers = std::get_if<Headers>(&*read)) {
      sync_.on_headers(peer, *headers, now);
      return true;
    }
    if (Bodies* bodies = std::get_if<Bodies>(&*read)) {
      sync_.on_bodies(peer, std::move(*bodies), now);
      return true;
    }
  }
  sync_.on_failed(peer, id, now);
  return false;
}

void SyncDesk::on_failed(SyncPeer peer, std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  sync_.on_failed(peer, id, clock_.now());
}

Result<Bytes> SyncDesk::answer(ByteView request) const {
  const auto read = decode_eth_message(request);
  if (!read) return std::unexpected(Error(read.error()));
  if (const auto* headers = std::get_if<GetHeaders>(&*read)) return server_.answer(*headers);
  if (const auto* bodies = std::get_if<GetBodies>(&*read)) return server_.answer(*bodies);
  if (const auto* receipts = std::get_if<GetReceipts>(&*read)) return server_.answer(*receipts);
  return std::unexpected(Errc::invalid_argument);
}

Result<Bytes> SyncDesk::new_head() const {
  const BlockName head = chain_.head();
  KITH_TRY(const U256 weight, chain_.total_weight(head.hash));
  return NewHead{head.hash, head.number, weight}.encode();
}

std::optional<Hash> SyncDesk::branch_hash(std::uint64_t number) const {
  const std::lock_guard lock(mutex_);
  return sync_.hash_of(number);
}

}  // namespace kith::ledger
