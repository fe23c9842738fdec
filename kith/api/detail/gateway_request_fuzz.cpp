// Strategy: the input's lines are a query, an Accept, a Range, an If-None-Match header and a
// filename, read for content of several sizes. Invariants: ranges lie inside of the content, aren't
// empty and together aren't more than the whole; what a header says can't leave its line.
#include <algorithm>
#include <array>
#include <fuzz/kinds.hpp>

#include <kith/api/detail/gateway_content_type.hpp>
#include <kith/api/detail/gateway_page.hpp>
#include <kith/api/detail/gateway_request.hpp>
#include <kith/base/assert.hpp>
#include <kith/http/limits.hpp>

namespace kith::fuzz {
namespace {

std::string_view next_line(std::string_view& text) {
  std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

}  // namespace

Kinds kinds_gateway_request{"automatic",
                            "raw",
                            "car",
                            "dag-json",
                            "dag-cbor",
                            "json",
                            "cbor",
                            "tar",
                            "ipns-record",
                            "in query",
                            "by Accept",
                            "whole",
                            "partial",
                            "unsatisfiable",
                            "several ranges",
                            "not modified",
                            "precondition",
                            "scope block",
                            "scope entity",
                            "no duplicates",
                            "duplicates",
                            "refused",
                            "bytes of an entity"};

namespace {

void tell(const Result<api::gateway::Wanted>& wanted) {
  using api::gateway::DagScope;
  Kinds& kinds = kinds_gateway_request;
  kinds.reached_if(!wanted, "refused");
  if (!wanted) return;
  constexpr std::string_view formats[] = {"automatic", "raw",  "car", "dag-json",   "dag-cbor",
                                          "json",      "cbor", "tar", "ipns-record"};
  kinds.reached(formats[static_cast<std::size_t>(wanted->format)]);
  if (wanted->format != api::gateway::Format::automatic)
    kinds.reached(wanted->in_query ? "in query" : "by Accept");
  if (wanted->format != api::gateway::Format::car) return;
  kinds.reached_if(wanted->car.scope == DagScope::block, "scope block");
  kinds.reached_if(wanted->car.scope == DagScope::entity, "scope entity");
  kinds.reached(wanted->car.duplicates ? "duplicates" : "no duplicates");
  kinds.reached_if(wanted->car.bytes.has_value(), "bytes of an entity");
}

void check_inside(api::gateway::ByteRange range, std::uint64_t size) {
  ASSERT(range.offset <= size && range.length <= size - range.offset);
}

}  // namespace

void fuzz_gateway_request(ByteView input) {
  namespace gateway = api::gateway;
  std::string_view text = as_text(input);
  auto query = http::Query::parse(next_line(text));
  http::Headers headers;
  headers.add("Accept", std::string(next_line(text)));
  std::string_view range_field = next_line(text);
  std::string_view tags = next_line(text);
  for (std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1000}, UINT64_MAX}) {
    gateway::Ranges ranges = gateway::read_ranges(range_field, size);
    constexpr std::string_view kinds[] = {"whole", "partial", "unsatisfiable"};
    kinds_gateway_request.reached(kinds[static_cast<std::size_t>(ranges.kind)]);
    kinds_gateway_request.reached_if(ranges.list.size() > 1, "several ranges");
    std::uint64_t left = size;
    for (gateway::ByteRange range : ranges.list) {
      check_inside(range, size);
      ASSERT(range.length > 0 && range.length <= left);
      left -= range.length;
    }
    ASSERT(ranges.list.empty() == (ranges.kind != gateway::Ranges::Kind::partial));
  }
  if (query) {
    auto wanted = gateway::read_wanted(*query, headers);
    tell(wanted);
    if (wanted && wanted->car.bytes) {
      for (std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1000}, UINT64_MAX})
        check_inside(gateway::range_of(*wanted->car.bytes, size), size);
    }
    // The address of an answer has at most four pairs more than that of its request.
    if (wanted && query->pairs().size() + 4 <= http::query_pairs_max) {
      ASSERT(http::Query::parse(gateway::query_of(*wanted, *query)).has_value());
    }
  }
  http::Headers conditions{{"If-None-Match", std::string(tags)}};
  const int known = gateway::status_of_conditions(conditions, "\"tag\"");
  ASSERT(known == 304 || (known == 200 && !gateway::etag_listed(tags, "\"tag\"")));
  conditions.add("If-Match", std::string(tags));
  const int both = gateway::status_of_conditions(conditions, "\"tag\"");
  ASSERT(both == known || both == 412);
  kinds_gateway_request.reached_if(known == 304, "not modified");
  kinds_gateway_request.reached_if(both == 412, "precondition");
  static_cast<void>(gateway::content_type_of_bytes(input, true));
  std::string disposition = gateway::content_disposition("inline", text);
  ASSERT(std::ranges::none_of(disposition, [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f;
  }));
  std::string escaped;
  gateway::append_escaped(escaped, text);
  ASSERT(escaped.find_first_of("<>\"'") == std::string::npos);
}

}  // namespace kith::fuzz
