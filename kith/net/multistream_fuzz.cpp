#include <kith/base/assert.hpp>
#include <kith/net/multistream.hpp>

namespace kith::fuzz {
namespace {

/// Feeds the input in one piece and in pieces of `step` bytes; both must come to the same end.
template <class Machine, class... Arguments>
void compare(ByteView input, std::size_t step, Arguments... arguments) {
  Machine whole(arguments...);
  Machine cut(arguments...);
  auto taken = whole.feed(input);
  std::size_t done = 0;
  Result<std::size_t> part = std::size_t{0};
  while (done < input.size() && part && !cut.agreed()) {
    part = cut.feed(input.subspan(done, std::min(step, input.size() - done)));
    if (part) done += *part;
  }
  ASSERT(taken.has_value() == part.has_value());
  ASSERT(whole.agreed() == cut.agreed());
  if (taken) ASSERT(*taken == done);
  ASSERT(whole.take_output() == cut.take_output());
  if (whole.agreed()) ASSERT(whole.protocol() == cut.protocol());
}

}  // namespace

// The first byte says how the rest is cut; both sides of the negotiation read it.
void fuzz_multistream(ByteView input) {
  if (input.empty()) return;
  const std::size_t step = input.front() % 16 + 1;
  input = input.subspan(1);
  compare<net::MultistreamInitiator>(input, step, std::vector<std::string>{"/a", "/b/1.0.0"});
  compare<net::MultistreamResponder>(
      input, step, [](std::string_view proposed) { return proposed == "/b/1.0.0"; });
}

}  // namespace kith::fuzz
