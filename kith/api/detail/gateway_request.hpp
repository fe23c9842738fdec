// What a request to the gateway asks for, read from its query and headers: format, ranges, archive
// parameters, entity tags. (specs.ipfs.tech/http-gateways: path-gateway, trustless-gateway,
// IPIP-0402, 0412, 0523; RFC 9110, sections 8.8, 12.5, 13 and 14.) Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <kith/base/result.hpp>
#include <kith/http/message.hpp>
#include <kith/http/uri.hpp>

namespace kith::api::gateway {

/// A response format that has a name; `automatic` is what fits the content.
enum class Format : std::uint8_t {
  automatic,
  raw,
  car,
  dag_json,
  dag_cbor,
  json,
  cbor,
  tar,
  ipns_record,
};

/// "raw" of ?format=raw; empty for automatic.
std::string_view name_of(Format format) noexcept;
/// "application/vnd.ipld.raw".
std::string_view media_type_of(Format format) noexcept;

/// How much of the DAG below a path's end an archive has (IPIP-0402).
enum class DagScope : std::uint8_t { block, entity, all };

/// entity-bytes=from:to, both inclusive; negative numbers count from the end, nothing is "*".
struct EntityBytes {
  std::int64_t from = 0;
  std::optional<std::int64_t> to;

  /// Nothing if it isn't of that form.
  static std::optional<EntityBytes> parse(std::string_view text);
};

struct CarParameters {
  DagScope scope = DagScope::all;
  std::optional<EntityBytes> bytes;
  bool duplicates = false;
  /// What the client called the order; blocks come depth first whatever it is.
  std::string_view order = "dfs";
};

struct Wanted {
  Format format = Format::automatic;
  /// The client takes something else too, if this format doesn't fit the content.
  bool or_else = true;
  /// The format stands in the query, so that the address alone says what was sent.
  bool in_query = false;
  CarParameters car;
};

/// The query's format wins over the Accept header (IPIP-0523). Of the header's types the one of the
/// highest weight counts, the first of several. Errc::invalid_argument, with a sentence, for an
/// unknown format or archive parameters that we don't have.
Result<Wanted> read_wanted(const http::Query& query, const http::Headers& headers);

/// The query under which the same answer is found without an Accept header; without '?'.
std::string query_of(const Wanted& wanted, const http::Query& query);

struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

struct Ranges {
  enum class Kind : std::uint8_t { whole, partial, unsatisfiable };
  Kind kind = Kind::whole;
  std::vector<ByteRange> list;  ///< of partial: at least one, none empty
};

/// Reads a Range header for content of `size` bytes. Malformed ones, more than gateway_ranges_max
/// and ranges that add up to more than the whole ask for the whole.
Ranges read_ranges(std::string_view field, std::uint64_t size);

/// What a range of bytes of an entity comes to; empty if it has no bytes in common with it.
ByteRange range_of(const EntityBytes& bytes, std::uint64_t size);

/// Weak comparison with one of a list.
bool etag_listed(std::string_view field, std::string_view etag);

/// What If-Match and If-None-Match (RFC 9110, section 13.1) come to for content that is here and
/// has this tag: 412, 304, or 200 to go on with. "*" is any tag, and so says nothing before the
/// content has been found.
int status_of_conditions(const http::Headers& headers, std::string_view etag);

/// `kind` is "inline" or "attachment"; `filename` any bytes.
std::string content_disposition(std::string_view kind, std::string_view filename);

}  // namespace kith::api::gateway
