#include <boost/json.hpp>

#include <kith/ledger/consensus/staking/staking.hpp>
#include <kith/ledger/network/chain_files.hpp>
#include <kith/ledger/network/limits.hpp>

namespace kith::ledger {
namespace {

namespace json = boost::json;

Result<json::value> config_of(std::string_view genesis_text) {
  boost::system::error_code failed;
  json::value document = json::parse(genesis_text, failed);
  const auto* object = failed ? nullptr : document.if_object();
  const json::value* config = object != nullptr ? object->if_contains("config") : nullptr;
  if (config == nullptr)
    return std::unexpected(Error(Errc::invalid_argument, "the genesis has no config"));
  return *config;
}

}  // namespace

std::string_view name_of(ConsensusKind kind) noexcept {
  return kind == ConsensusKind::pow ? "pow" : "bft";
}

Result<ConsensusKind> consensus_of(std::string_view genesis_text) {
  KITH_TRY(const json::value config, config_of(genesis_text));
  if (has_pow(config) && has_bft(config)) {
    return std::unexpected(
        Error(Errc::invalid_argument, "the genesis has both config.pow and config.bft"));
  }
  if (has_pow(config)) return ConsensusKind::pow;
  if (has_bft(config)) return ConsensusKind::bft;
  return std::unexpected(
      Error(Errc::unsupported,
            "the genesis says no consensus that is known here: config.pow or config.bft"));
}

Result<void> ChainFiles::open_consensus(const ChainFilesOptions& options) {
  KITH_TRY(consensus, consensus_of(genesis_text));
  KITH_TRY(const json::value config, config_of(genesis_text));
  const Header& header = genesis.block.header;
  if (consensus == ConsensusKind::bft) {
    KITH_TRY(const BftParameters parameters, read_bft_parameters(config));
    KITH_TRY(bft, BftConsensus::make(parameters, header, options.now_s));
    KITH_TRY(vote_domain, staking::read_vote_domain(genesis.state, genesis.schedule.chain_id));
    return {};
  }
  KITH_TRY(const PowParameters parameters, read_pow_parameters(config));
  KITH_TRY(pow, PowConsensus::make(parameters, header, make_work_hash(parameters.algorithm),
                                   options.now_s));
  return {};
}

Result<std::unique_ptr<ChainFiles>> ChainFiles::open(port::Env& env,
                                                     const ChainFilesOptions& options) {
  auto made = std::make_unique<ChainFiles>();
  const std::string path = options.folder + "/genesis.json";
  auto text = port::read_file(env.files, path, genesis_bytes_max);
  if (!text) return std::unexpected(text.error().with_context(path));
  made->genesis_text = std::string(as_text(*text));
  auto genesis = Genesis::parse(made->genesis_text);
  if (!genesis) return std::unexpected(genesis.error().with_context(path));
  made->genesis = *std::move(genesis);
  KITH_CHECK(made->open_consensus(options));
  KITH_TRY(made->blocks, BlockFiles::open(env.files, options.folder + "/blocks"));
  std::vector<std::string> spaces = Chain::namespaces();
  const auto finality_space = static_cast<port::Namespace>(spaces.size());
  spaces.emplace_back("finality");
  KITH_TRY(made->index,
           env.key_values.open(options.folder + "/index", {.namespaces = std::move(spaces)}));
  ChainOptions chain{.seed = options.seed};
  if (options.archive) chain.state.past_blocks = std::nullopt;
  // What isn't final can be taken back, however long that takes.
  chain.settles_final_only = made->consensus == ConsensusKind::bft;
  KITH_TRY(made->chain,
           Chain::open(*made->index, 0, *made->blocks, made->genesis, made->rules(), chain));
  if (made->pow) made->pow->attach(*made->chain);
  if (made->bft) {
    made->finality = std::make_unique<FinalityStore>(*made->index, finality_space,
                                                     made->bft->parameters().epoch_length);
  }
  KITH_TRY(made->journal, TxJournal::open(env.files, options.folder + "/transactions"));
  return made;
}

}  // namespace kith::ledger
