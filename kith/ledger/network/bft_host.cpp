#include <kith/ledger/consensus/staking/staking.hpp>
#include <kith/ledger/network/bft_host.hpp>

namespace kith::ledger {
namespace {

/// What a change says that changed no head.
Taking nothing_moved() {
  return {.verdict = Taking::Verdict::known, .why = {}, .obstacle = {}, .head = {}};
}

}  // namespace

Result<std::unique_ptr<BftHost>> BftHost::make(port::Env& env, net::Swarm* swarm, BftParts parts,
                                               std::string folder, const Hash& vote_domain,
                                               std::optional<crypto::PrivateKey> key,
                                               FindPeer find_peer) {
  std::unique_ptr<BftHost> host(new BftHost(env, std::move(parts)));
  host->vote_domain_ = vote_domain;
  KITH_TRY(host->keys_, make_bft_keys(vote_domain, std::move(key)));
  if (swarm != nullptr) {
    BftStreams::Handler handler;
    handler.on_message = [&self = *host](const bft::ValidatorKey& from, Buffer message) {
      self.driver_->on_message(from, message);
    };
    handler.on_block = [&self = *host](const bft::ValidatorKey& from, Buffer encoded) {
      return self.take_block(from, std::move(encoded));
    };
    host->streams_ = std::make_unique<BftStreams>(env, *swarm, host->parts_.chain.genesis(),
                                                  std::move(handler), std::move(find_peer));
  }
  BftDriverOptions options{
      .parameters = host->parts_.rules.parameters(),
      .folder = std::move(folder),
      .on_evidence = [&self = *host](const BftAccusation& one) { self.accuse(one); }};
  host->driver_ = std::make_unique<BftDriver>(env, *host, *host, *host->keys_, std::move(options));
  return host;
}

BftHost::~BftHost() = default;

void BftHost::start() {
  driver_->start();
  if (streams_) streams_->start();
}

Task<void> BftHost::close_shielded() {
  if (streams_) co_await streams_->close_shielded();
  co_return co_await driver_->close_shielded();
}

// Who votes.

Result<bft::ValidatorSet> BftHost::set_in_state_after(const Hash& block) const {
  KITH_TRY(const auto state, parts_.chain.state(block));
  return staking::read_validators(*state);
}

/// Kept since the block before the epoch became final; of the first one the genesis knows it.
Result<std::shared_ptr<const bft::ValidatorSet>> BftHost::set_of(bft::Epoch epoch) const {
  auto kept = parts_.finality.set_of(epoch);
  if (kept) return std::make_shared<const bft::ValidatorSet>(*std::move(kept));
  if (!kept.error().is(Errc::not_found)) return std::unexpected(kept.error());
  const std::uint64_t before = parts_.rules.parameters().block_before(epoch);
  KITH_TRY(const Hash hash, parts_.chain.hash_at(before));
  KITH_TRY(bft::ValidatorSet set, set_in_state_after(hash));
  KITH_CHECK(parts_.finality.put_set(epoch, set));
  return std::make_shared<const bft::ValidatorSet>(std::move(set));
}

// BftChain: questions.

Task<BftBlock> BftHost::block(Hash hash) {
  auto asks = [this, hash]() -> Result<BftBlock> {
    KITH_TRY(const Header header, parts_.chain.header(hash));
    return BftBlock{hash, header.number, header.timestamp};
  };
  co_return co_await port::run_on(env_.pool, std::move(asks));
}

Task<BftBlock> BftHost::finalized() {
  auto asks = [this]() -> Result<BftBlock> {
    const BlockName name = parts_.chain.finalized();
    KITH_TRY(const Header header, parts_.chain.header(name.hash));
    return BftBlock{name.hash, header.number, header.timestamp};
  };
  co_return co_await port::run_on(env_.pool, std::move(asks));
}

Task<Hash> BftHost::final_hash(std::uint64_t number) {
  auto asks = [this, number]() -> Result<Hash> {
    if (number > parts_.chain.finalized().number) return std::unexpected(Errc::not_found);
    return parts_.chain.hash_at(number);
  };
  co_return co_await port::run_on(env_.pool, std::move(asks));
}

Task<std::shared_ptr<const bft::ValidatorSet>> BftHost::validators_after(Hash block) {
  using Set = std::shared_ptr<const bft::ValidatorSet>;
  auto asks = [this, block]() -> Result<Set> {
    KITH_TRY(const Header header, parts_.chain.header(block));
    return set_of(parts_.rules.parameters().epoch_after(header.number));
  };
  co_return co_await port::run_on(env_.pool, std::move(asks));
}

Task<bft::CertificatePtr> BftHost::last_finalization(bft::Epoch epoch) {
  auto asks = [this, epoch]() -> Result<bft::CertificatePtr> {
    const std::uint64_t last = parts_.rules.parameters().last_block_of(epoch);
    KITH_TRY(auto proof, parts_.finality.newest_of(last, last));
    return std::make_shared<const bft::Certificate>(std::move(proof.certificate));
  };
  co_return co_await port::run_on(env_.pool, std::move(asks));
}

// BftChain: work.

/// On a worker, as a change.
Result<Taking> BftHost::build_now(const Hash& parent, Instant deadline, Block& built) {
  KITH_TRY(const Header before, parts_.chain.header(parent));
  const auto since = std::chrono::floor<std::chrono::seconds>(env_.wall.now().time_since_epoch());
  const auto now = static_cast<std::uint64_t>(since.count());
  // Half of the time is for everybody else to run it.
  const Instant begin = env_.clock.now();
  const Instant late = begin + (deadline - begin) / 4;
  KITH_TRY(const auto builder,
           parts_.desk.build({.parent = parent,
                              .timestamp = std::max(now, parts_.rules.earliest_after(before)),
                              .gas_limit = before.gas_limit,
                              .coinbase = coinbase_,
                              .mix_hash = BftConsensus::mix_hash_after(before),
                              .difficulty = 0,
                              .extra_data = before.extra_data},
                             [&] { return env_.clock.now() >= late; }));
  KITH_TRY(auto finished, builder->finish());
  if (!finished) return std::unexpected(Error(finished.error().reason));
  built = *std::move(finished);
  if (parts_.rules.is_epoch_end(built.header.number)) {
    // Known by another name first, since its own names what is in the state after it.
    KITH_CHECK(parts_.desk.keep_own(*builder, built));
    KITH_TRY(const bft::ValidatorSet next, set_in_state_after(built.header.hash()));
    built.header.extra_data = to_bytes(next.hash().view());
  }
  KITH_TRY(Taking taking, parts_.desk.keep_own(*builder, built));
  // What was voted for must be there after a crash.
  KITH_CHECK(parts_.chain.sync());
  return taking;
}

Task<Hash> BftHost::build(Hash parent, Instant deadline) {
  Block built;
  auto builds = [this, parent, deadline, &built] { return build_now(parent, deadline, built); };
  KITH_CO_TRY(const Taking taking, co_await parts_.change(std::move(builds)));
  if (taking.verdict != Taking::Verdict::taken && taking.verdict != Taking::Verdict::known)
    co_return std::unexpected(Error(Errc::refused));
  const Hash hash = built.header.hash();
  built_ = std::move(built);
  co_return hash;
}

Result<bft::PayloadVerdict> BftHost::verify_now(const Hash& hash, const Hash& parent) {
  using enum bft::PayloadVerdict;
  const auto header = parts_.chain.header(hash);
  if (!header) return unavailable;
  if (header->parent != parent) return invalid;
  const auto ran = parts_.desk.run(hash);
  // The state before it isn't here, or a disk fails.
  if (!ran) return unavailable;
  if (ran->has_value()) return invalid;
  if (parts_.rules.is_epoch_end(header->number)) {
    KITH_TRY(const bft::ValidatorSet next, set_in_state_after(hash));
    if (to_bytes(next.hash().view()) != header->extra_data) return invalid;
  }
  KITH_CHECK(parts_.chain.sync());
  return valid;
}

Task<bft::PayloadVerdict> BftHost::verify(Hash block, Hash parent) {
  bft::PayloadVerdict verdict = bft::PayloadVerdict::unavailable;
  auto verifies = [this, block, parent, &verdict]() -> Result<Taking> {
    KITH_TRY(verdict, verify_now(block, parent));
    return nothing_moved();
  };
  KITH_CO_CHECK(co_await parts_.change(std::move(verifies)));
  co_return verdict;
}

/// On a worker, as a change.
Result<Taking> BftHost::finalize_now(const BlockName& block, const bft::Certificate& certificate) {
  const BlockName last = parts_.chain.finalized();
  if (block.number <= last.number) return nothing_moved();
  // With the next synced write, which finalizing ends with.
  KITH_CHECK(parts_.finality.put(block.number, certificate));
  if (parts_.rules.is_epoch_end(block.number)) {
    KITH_CHECK(parts_.desk.run(block.hash));
    KITH_TRY(const bft::ValidatorSet next, set_in_state_after(block.hash));
    KITH_CHECK(parts_.finality.put_set(parts_.rules.parameters().epoch_after(block.number), next));
  }
  KITH_TRY(Taking taking, parts_.desk.finalize(block.hash));
  if (taking.why) {
    return std::unexpected(
        Error(Errc::corrupt, "validators have made final what is wrong here: " +
                                 std::string(Error(taking.why->why.reason).message())));
  }
  return taking;
}

Task<void> BftHost::finalize(BftBlock block, bft::CertificatePtr certificate) {
  auto finalizes = [this, &block, &certificate] {
    return finalize_now({block.number, block.hash}, *certificate);
  };
  KITH_CO_CHECK(co_await parts_.change(std::move(finalizes)));
  if (built_ && built_->header.hash() == block.hash) {
    parts_.publish(*std::move(built_), certificate->encode());
    built_.reset();
  }
  co_return Result<void>{};
}

// BftNetwork.

void BftHost::send(const bft::ValidatorKey& to, const Buffer& message) {
  if (streams_) streams_->send(to, message);
}

/// The driver keeps it; whoever has an account may bring it to the contract.
void BftHost::accuse(const BftAccusation& accusation) {
  KITH_LOG_WARN(log_, "validator {} has signed two votes that contradict each other: evidence 0x{}",
                peer_of(accusation.accused).to_string(), to_hex(accusation.evidence.encode()));
}

/// To those who vote on it; all others get it once it is final.
void BftHost::publish(const Hash& block) {
  if (!streams_ || !built_ || built_->header.hash() != block) return;
  const Buffer encoded = Buffer::adopt(built_->encode());
  for (const BftStatus::Voter& voter : driver_->status().validators)
    streams_->send_block(voter.key, encoded);
}

void BftHost::broke_rules(const bft::ValidatorKey& who) {
  KITH_LOG_WARN(log_, "validator {} breaks the rules", peer_of(who).to_string());
}

/// A validator's proposal: only theirs are taken before they are final.
Task<void> BftHost::take_block(bft::ValidatorKey from, Buffer encoded) {
  const auto voters = driver_->status().validators;
  const bool is_validator =
      std::ranges::any_of(voters, [&](const BftStatus::Voter& voter) { return voter.key == from; });
  if (!is_validator) co_return std::unexpected(Errc::refused);
  std::optional<Hash> hash;
  auto takes = [this, &encoded, &hash]() -> Result<Taking> {
    auto block = Block::decode(encoded);
    if (!block) return nothing_moved();
    KITH_TRY(Taking taking, parts_.desk.keep(*block));
    const bool is_here =
        taking.verdict == Taking::Verdict::taken || taking.verdict == Taking::Verdict::known;
    if (is_here) hash = block->header.hash();
    if (taking.verdict == Taking::Verdict::unknown_parent) hash = std::nullopt;
    return taking;
  };
  KITH_CO_CHECK(co_await parts_.change(std::move(takes)));
  if (hash) driver_->on_block(*hash);
  co_return Result<void>{};
}

// For who is behind.

Finality BftHost::answer(const GetFinality& request) const {
  const BftParameters& parameters = parts_.rules.parameters();
  Finality answer;
  answer.id = request.id;
  if (request.number == 0) return answer;
  const std::uint64_t last = parameters.last_block_of(parameters.epoch_of(request.number));
  auto proof = parts_.finality.newest_of(request.number, last);
  if (proof) answer.proof = FinalityProof{proof->number, proof->certificate.encode()};
  return answer;
}

std::optional<bft::CertificatePtr> BftHost::read_certificate(ByteView encoded) const {
  auto read = bft::Certificate::decode(encoded);
  if (!read || read->kind() != bft::VoteKind::finalize) return std::nullopt;
  return std::make_shared<const bft::Certificate>(*std::move(read));
}

std::optional<BlockName> BftHost::judge(const FinalityProof& proof) const {
  const auto certificate = read_certificate(proof.certificate);
  if (!certificate || proof.number == 0) return std::nullopt;
  const bft::Epoch epoch = parts_.rules.epoch_of(proof.number);
  if ((*certificate)->says.epoch != epoch) return std::nullopt;
  const auto set = set_of(epoch);
  if (!set) return std::nullopt;
  const auto verifier = keys_->verifier(**set);
  if (!bft::certificate_is_valid(**certificate, **set, *verifier)) return std::nullopt;
  return BlockName{proof.number, (*certificate)->says.about.payload};
}

Result<Taking> BftHost::finalize_synced(const BlockName& block,
                                        const bft::Certificate& certificate) {
  return finalize_now(block, certificate);
}

}  // namespace kith::ledger
