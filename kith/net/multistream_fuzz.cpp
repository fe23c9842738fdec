#include <fuzz/kinds.hpp>

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

Kinds kinds_multistream{"initiator agreed",
                        "initiator agreed after na",
                        "initiator refused",
                        "responder agreed",
                        "responder said na",
                        "ls",
                        "line too long",
                        "wrong version",
                        "responder agreed after na"};

namespace {

void tell(ByteView input) {
  Kinds& kinds = kinds_multistream;
  net::MultistreamInitiator initiator({"/a", "/b/1.0.0"});
  auto taken = initiator.feed(input);
  kinds.reached_if(initiator.agreed(),
                   initiator.protocol() == "/a" ? "initiator agreed" : "initiator agreed after na");
  if (!taken) {
    const Error why = taken.error();
    kinds.reached_if(why.is(net::MultistreamError::protocol_refused), "initiator refused");
    kinds.reached_if(why.is(net::MultistreamError::line_too_long), "line too long");
    kinds.reached_if(why.is(net::MultistreamError::wrong_version), "wrong version");
  }
  bool listed = false;
  std::size_t proposals = 0;
  net::MultistreamResponder responder([&](std::string_view proposed) {
    ++proposals;
    return proposed == "/b/1.0.0";
  });
  listed =
      responder.feed(input).has_value() && as_text(input).find("\3ls\n") != std::string_view::npos;
  kinds.reached_if(listed, "ls");
  kinds.reached_if(responder.agreed(),
                   proposals > 1 ? "responder agreed after na" : "responder agreed");
  kinds.reached_if(proposals > 0 && !responder.agreed(), "responder said na");
}

}  // namespace

// The first byte says how the rest is cut; both sides of the negotiation read it.
void fuzz_multistream(ByteView input) {
  if (input.empty()) return;
  const std::size_t step = input.front() % 16 + 1;
  input = input.subspan(1);
  tell(input);
  compare<net::MultistreamInitiator>(input, step, std::vector<std::string>{"/a", "/b/1.0.0"});
  compare<net::MultistreamResponder>(
      input, step, [](std::string_view proposed) { return proposed == "/b/1.0.0"; });
}

}  // namespace kith::fuzz
