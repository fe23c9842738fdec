#include <algorithm>

#include <kith/ledger/consensus/bft_driver/bft_driver.hpp>
#include <kith/ledger/consensus/bft_driver/detail/driver_state.hpp>

namespace kith::ledger {
namespace {

class Ed25519Keys final : public BftKeys {
 public:
  Ed25519Keys(const Hash& domain, std::optional<crypto::PrivateKey> key)
      : domain_(domain), key_(std::move(key)) {
    if (!key_) return;
    const crypto::PublicKey shown = key_->public_key();
    self_.emplace();
    std::ranges::copy(shown.data(), self_->begin());
  }

  std::optional<bft::ValidatorKey> self() const override { return self_; }
  std::unique_ptr<bft::Signer> signer(bft::ValidatorIndex /*self*/) const override {
    return std::make_unique<bft::Ed25519Signer>(domain_, *key_);
  }
  std::unique_ptr<bft::Verifier> verifier(const bft::ValidatorSet& set) const override {
    return std::make_unique<bft::Ed25519Verifier>(domain_, set);
  }

 private:
  Hash domain_;
  std::optional<crypto::PrivateKey> key_;
  std::optional<bft::ValidatorKey> self_;
};

}  // namespace

Result<std::unique_ptr<BftKeys>> make_bft_keys(const Hash& domain,
                                               std::optional<crypto::PrivateKey> key) {
  if (key && key->type() != crypto::KeyType::ed25519)
    return std::unexpected(Error(Errc::invalid_argument, "validators' keys are Ed25519 keys"));
  return std::make_unique<Ed25519Keys>(domain, std::move(key));
}

BftDriver::BftDriver(port::Env& env, BftChain& chain, BftNetwork& network, const BftKeys& keys,
                     BftDriverOptions options)
    : state_(std::make_unique<detail::BftDriverState>(env, chain, network, keys,
                                                      std::move(options))) {}

BftDriver::~BftDriver() = default;

void BftDriver::start() {
  state_->start();
}

Task<void> BftDriver::close_shielded() {
  return state_->close_shielded();
}

void BftDriver::on_message(const bft::ValidatorKey& from, ByteView message) {
  state_->on_message(from, message);
}

void BftDriver::on_certificate(const bft::CertificatePtr& certificate) {
  state_->on_certificate(certificate);
}

void BftDriver::on_block(const Hash& /*block*/) {
  state_->on_block();
}

void BftDriver::on_synced() {
  state_->on_synced();
}

void BftDriver::on_transactions() {
  state_->on_transactions();
}

BftStatus BftDriver::status() const {
  return state_->status();
}

}  // namespace kith::ledger
