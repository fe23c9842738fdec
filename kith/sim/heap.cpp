#include <kith/sim/heap.hpp>

namespace kith::sim::heap {
namespace {

constinit Use uses[owners_max];
constinit std::uint16_t world = 0;
constinit bool counting = false;

}  // namespace

Use use_of(std::uint32_t node) noexcept {
  return node < owners_max ? uses[node] : Use{};
}

bool counted() noexcept {
  return counting;
}

void begin() noexcept {
  ++world;
  for (Use& use : uses)
    use = {};
}

Mark allocated(std::size_t bytes) noexcept {
  counting = true;
  if (owner == 0) return {};
  Use& use = uses[owner];
  use.bytes += bytes;
  if (use.bytes > use.bytes_max) use.bytes_max = use.bytes;
  return {owner, world};
}

void freed(Mark mark, std::size_t bytes) noexcept {
  if (mark.owner != 0 && mark.world == world) uses[mark.owner].bytes -= bytes;
}

}  // namespace kith::sim::heap
