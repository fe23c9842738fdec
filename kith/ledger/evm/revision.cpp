#include <array>
#include <utility>

#include <kith/ledger/evm/revision.hpp>

namespace kith::ledger {
namespace {

/// The first name of each is the one that is written.
constexpr std::array names{
    std::pair{Revision::frontier, "Frontier"},
    std::pair{Revision::homestead, "Homestead"},
    std::pair{Revision::homestead, "DAO"},
    std::pair{Revision::homestead, "Dao"},
    std::pair{Revision::tangerine_whistle, "EIP150"},
    std::pair{Revision::tangerine_whistle, "TangerineWhistle"},
    std::pair{Revision::spurious_dragon, "EIP158"},
    std::pair{Revision::spurious_dragon, "SpuriousDragon"},
    std::pair{Revision::byzantium, "Byzantium"},
    std::pair{Revision::constantinople, "Constantinople"},
    std::pair{Revision::petersburg, "ConstantinopleFix"},
    std::pair{Revision::petersburg, "Petersburg"},
    std::pair{Revision::istanbul, "Istanbul"},
    std::pair{Revision::istanbul, "MuirGlacier"},
    std::pair{Revision::berlin, "Berlin"},
    std::pair{Revision::london, "London"},
    std::pair{Revision::london, "ArrowGlacier"},
    std::pair{Revision::london, "GrayGlacier"},
    std::pair{Revision::paris, "Merge"},
    std::pair{Revision::paris, "Paris"},
    std::pair{Revision::shanghai, "Shanghai"},
    std::pair{Revision::cancun, "Cancun"},
    std::pair{Revision::prague, "Prague"},
    std::pair{Revision::osaka, "Osaka"},
};

}  // namespace

std::string_view name_of(Revision revision) noexcept {
  for (const auto& [one, name] : names) {
    if (one == revision) return name;
  }
  return "unknown";
}

std::optional<Revision> revision_named(std::string_view name) noexcept {
  for (const auto& [revision, one] : names) {
    if (one == name) return revision;
  }
  return std::nullopt;
}

}  // namespace kith::ledger
