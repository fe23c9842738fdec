#include <kith/base/assert.hpp>
#include <kith/multiformats/multibase.hpp>

namespace kith::fuzz {

// The input is a text. What is accepted encodes again; in a base without a choice of case, to the
// same text.
void fuzz_multibase(ByteView input) {
  using namespace multiformats;
  std::string_view text = as_text(input);
  auto value = multibase_decode(text);
  if (!value) return;
  auto again = multibase_encode(value->base, value->bytes);
  ASSERT(again.has_value());
  ASSERT(again->size() == text.size());
  std::string_view name = base_name(value->base);
  bool any_case = name.starts_with("base16") || name.starts_with("base36") ||
                  (name.starts_with("base32") && name != "base32z");
  if (any_case) {
    auto decoded = multibase_decode(*again);
    ASSERT(decoded && decoded->bytes == value->bytes);
  } else {
    ASSERT(*again == text);
  }
}

}  // namespace kith::fuzz
