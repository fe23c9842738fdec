#include <algorithm>
#include <array>

#include <kith/ledger/evm/detail/bls12_381.hpp>
#include <kith/ledger/evm/detail/bls12_381_contracts.hpp>
#include <kith/ledger/evm/detail/kzg.hpp>

namespace kith::ledger::detail {
namespace {

/// In thousandths: what each of so many pairs costs of what one costs alone. From the last on it
/// stays.
using Discounts = std::array<std::uint16_t, 128>;

constexpr Discounts g1_discounts{
    1000, 949, 848, 797, 764, 750, 738, 728, 719, 712, 705, 698, 692, 687, 682, 677, 673, 669, 665,
    661,  658, 654, 651, 648, 645, 642, 640, 637, 635, 632, 630, 627, 625, 623, 621, 619, 617, 615,
    613,  611, 609, 608, 606, 604, 603, 601, 599, 598, 596, 595, 593, 592, 591, 589, 588, 586, 585,
    584,  582, 581, 580, 579, 577, 576, 575, 574, 573, 572, 570, 569, 568, 567, 566, 565, 564, 563,
    562,  561, 560, 559, 558, 557, 556, 555, 554, 553, 552, 551, 550, 549, 548, 547, 547, 546, 545,
    544,  543, 542, 541, 540, 540, 539, 538, 537, 536, 536, 535, 534, 533, 532, 532, 531, 530, 529,
    528,  528, 527, 526, 525, 525, 524, 523, 522, 522, 521, 520, 520, 519};

constexpr Discounts g2_discounts{
    1000, 1000, 923, 884, 855, 832, 812, 796, 782, 770, 759, 749, 740, 732, 724, 717, 711, 704, 699,
    693,  688,  683, 679, 674, 670, 666, 663, 659, 655, 652, 649, 646, 643, 640, 637, 634, 632, 629,
    627,  624,  622, 620, 618, 615, 613, 611, 609, 607, 606, 604, 602, 600, 598, 597, 595, 593, 592,
    590,  589,  587, 586, 584, 583, 582, 580, 579, 578, 576, 575, 574, 573, 571, 570, 569, 568, 567,
    566,  565,  563, 562, 561, 560, 559, 558, 557, 556, 555, 554, 553, 552, 552, 551, 550, 549, 548,
    547,  546,  545, 545, 544, 543, 542, 541, 541, 540, 539, 538, 537, 537, 536, 535, 535, 534, 533,
    532,  532,  531, 530, 530, 529, 528, 528, 527, 526, 526, 525, 524, 524};

template <std::int64_t price>
std::int64_t fixed_gas(ByteView /*input*/, Revision /*revision*/) {
  return price;
}

template <std::int64_t each, std::size_t pair_bytes, const Discounts& discounts>
std::int64_t msm_gas(ByteView input, Revision /*revision*/) {
  const std::size_t pairs = input.size() / pair_bytes;
  if (pairs == 0) return 0;
  const std::int64_t discount = discounts[std::min(pairs, discounts.size()) - 1];
  return static_cast<std::int64_t>(pairs) * each * discount / 1000;
}

std::int64_t pairing_gas(ByteView input, Revision /*revision*/) {
  return 37'700 + 32'600 * static_cast<std::int64_t>(input.size() / 384);
}

using Run = decltype(Precompile::run);

template <auto contract>
std::optional<Bytes> run(ByteView input, Revision /*revision*/) {
  return contract(input);
}

struct Entry {
  std::uint64_t address;
  Revision since;
  Precompile contract;
};

/// KITH_KZG is the build's word: 1 if there is blst.
constexpr Run if_built(Run run) {
  return KITH_KZG != 0 ? run : nullptr;
}

constexpr std::array entries{
    Entry{0x0a,
          Revision::cancun,
          {"KZG_POINT_EVALUATION", fixed_gas<50'000>, if_built(run<evaluate_kzg_point>)}},
    Entry{0x0b, Revision::prague, {"BLS12_G1ADD", fixed_gas<375>, if_built(run<bls12_g1_add>)}},
    Entry{0x0c,
          Revision::prague,
          {"BLS12_G1MSM", msm_gas<12'000, 160, g1_discounts>, if_built(run<bls12_g1_msm>)}},
    Entry{0x0d, Revision::prague, {"BLS12_G2ADD", fixed_gas<600>, if_built(run<bls12_g2_add>)}},
    Entry{0x0e,
          Revision::prague,
          {"BLS12_G2MSM", msm_gas<22'500, 288, g2_discounts>, if_built(run<bls12_g2_msm>)}},
    Entry{0x0f,
          Revision::prague,
          {"BLS12_PAIRING_CHECK", pairing_gas, if_built(run<bls12_pairing_check>)}},
    Entry{0x10,
          Revision::prague,
          {"BLS12_MAP_FP_TO_G1", fixed_gas<5'500>, if_built(run<bls12_map_fp_to_g1>)}},
    Entry{0x11,
          Revision::prague,
          {"BLS12_MAP_FP2_TO_G2", fixed_gas<23'800>, if_built(run<bls12_map_fp2_to_g2>)}},
};

}  // namespace

const Precompile* bls12_381_contract_at(std::uint64_t address, Revision revision) noexcept {
  for (const Entry& entry : entries) {
    if (entry.address == address) return revision >= entry.since ? &entry.contract : nullptr;
  }
  return nullptr;
}

}  // namespace kith::ledger::detail
