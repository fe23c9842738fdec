// Strategy: the input is a path as a link, a command or a gateway's address has it. Invariants: no
// step climbs or is empty; what is read, written again, reads the same.
#include <kith/base/assert.hpp>
#include <kith/unixfs/path.hpp>

namespace kith::fuzz {

void fuzz_content_path(ByteView input);
void fuzz_content_path(ByteView input) {
  auto path = unixfs::ContentPath::parse(as_text(input));
  if (!path) return;
  for (const std::string& step : path->steps) {
    ASSERT(!step.empty() && step != "." && step != "..");
    ASSERT(step.find('/') == std::string::npos);
  }
  auto again = unixfs::ContentPath::parse(path->to_string());
  ASSERT(again && again->root == path->root && again->steps == path->steps);
}

}  // namespace kith::fuzz
