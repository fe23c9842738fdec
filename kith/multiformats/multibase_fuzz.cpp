#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/multiformats/multibase.hpp>

namespace kith::fuzz {

namespace {

std::vector<std::string_view> base_names() {
  std::vector<std::string_view> names;
  for (const multiformats::BaseInfo& info : multiformats::all_bases())
    names.push_back(info.name);
  return names;
}

}  // namespace

Kinds kinds_multibase(base_names(), {"of no bytes", "other case"});

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
  kinds_multibase.reached(name);
  kinds_multibase.reached_if(value->bytes.empty(), "of no bytes");
  if (any_case) {
    kinds_multibase.reached_if(*again != text, "other case");
    auto decoded = multibase_decode(*again);
    ASSERT(decoded && decoded->bytes == value->bytes);
  } else {
    ASSERT(*again == text);
  }
}

}  // namespace kith::fuzz
