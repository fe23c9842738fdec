// Strategy: the input is a path as a link, a command or a gateway's address has it. Invariants: no
// step climbs or is empty; what is read, written again, reads the same.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/unixfs/path.hpp>

namespace kith::fuzz {

Kinds kinds_content_path{"CID alone", "steps", "/ipfs/", "ipfs://", "dots", "empty step"};

void fuzz_content_path(ByteView input);
void fuzz_content_path(ByteView input) {
  auto path = unixfs::ContentPath::parse(as_text(input));
  if (!path) return;
  const std::string_view text = as_text(input);
  kinds_content_path.reached(path->steps.empty() ? "CID alone" : "steps");
  kinds_content_path.reached_if(text.starts_with("/ipfs/"), "/ipfs/");
  kinds_content_path.reached_if(text.starts_with("ipfs://"), "ipfs://");
  kinds_content_path.reached_if(text.find("/../") != std::string_view::npos, "dots");
  kinds_content_path.reached_if(text.find("//", 8) != std::string_view::npos, "empty step");
  for (const std::string& step : path->steps) {
    ASSERT(!step.empty() && step != "." && step != "..");
    ASSERT(step.find('/') == std::string::npos);
  }
  auto again = unixfs::ContentPath::parse(path->to_string());
  ASSERT(again && again->root == path->root && again->steps == path->steps);
}

}  // namespace kith::fuzz
