#include <kith/ipld/path.hpp>

namespace kith::ipld {

Decoded<PathEnd> follow_path(const Value& block, std::span<const std::string> steps) {
  PathEnd end;
  end.value = &block;
  while (true) {
    if (const auto* cid = end.value->get<multiformats::Cid>()) {
      end.link = *cid;
      if (end.consumed < steps.size()) end.value = nullptr;
      return end;
    }
    if (end.consumed == steps.size()) return end;
    end.value = end.value->find(steps[end.consumed]);
    if (end.value == nullptr) return std::unexpected(IpldError::no_such_path);
    ++end.consumed;
  }
}

}  // namespace kith::ipld
