#include <kith/ledger/evm/detail/instruction_table.hpp>
#include <kith/ledger/evm/opcode.hpp>

namespace kith::ledger {

std::string_view name_of(Opcode opcode) noexcept {
  return detail::traits_of(opcode).name;
}

}  // namespace kith::ledger
