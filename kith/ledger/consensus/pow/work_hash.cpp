#include <algorithm>

#include <kith/ledger/consensus/pow/work_hash.hpp>

namespace kith::ledger {

Hash seal_hash(const Header& header) {
  Header unsealed = header;
  unsealed.nonce = {};
  return unsealed.hash();
}

WorkInput work_input(const Hash& seal, std::uint64_t nonce) noexcept {
  WorkInput input;
  std::ranges::copy(seal.bytes, input.begin());
  store_be(input.data() + Hash::size, nonce);
  return input;
}

WorkInput work_input(const Header& header) {
  return work_input(seal_hash(header), load_be<std::uint64_t>(header.nonce.data()));
}

}  // namespace kith::ledger
