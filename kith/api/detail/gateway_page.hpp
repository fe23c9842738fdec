// The pages that the gateway makes itself: a directory's listing and what a block of another codec
// has in it. Whatever comes from content is escaped, and the pages load nothing. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include <kith/ipld/block.hpp>
#include <kith/multiformats/cid.hpp>

namespace kith::api::gateway {

/// Changes whenever the pages do: part of their entity tags.
inline constexpr std::string_view page_version = "1";
/// What the pages may load (their own style), as a Content-Security-Policy.
inline constexpr std::string_view page_policy = "default-src 'none'; style-src 'unsafe-inline'";

/// `&`, `<`, `>` and quotes as HTML has them; control characters become spaces.
void append_escaped(std::string& out, std::string_view text);

struct ListingPlace {
  /// "/ipfs/CID/a b/", as the request had it, decoded; ends with '/'.
  std::string path;
  multiformats::Cid cid;
  /// Of everything below, as claimed; shown if not zero.
  std::uint64_t cumulative_size = 0;
};

void append_listing_start(std::string& out, const ListingPlace& place);
void append_listing_row(std::string& out, const ListingPlace& place, std::string_view name,
                        const multiformats::Cid& cid, std::uint64_t cumulative_size);
/// `count`: rows in all.
void append_listing_end(std::string& out, std::size_t count, bool sorted);

/// A block of dag-cbor, dag-json and the like, seen by a person.
std::string block_page(std::string_view path, const ipld::Block& block);

/// "1.4 MiB".
std::string size_text(std::uint64_t bytes);

}  // namespace kith::api::gateway
