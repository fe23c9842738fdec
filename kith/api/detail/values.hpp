// Small things that commands share: CIDs and paths as they are given and shown, CIDs and times in
// values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <kith/api/command.hpp>
#include <kith/base/time.hpp>
#include <kith/ipld/block.hpp>
#include <kith/multiformats/cid.hpp>
#include <kith/multiformats/multiaddr.hpp>
#include <kith/multiformats/peer_id.hpp>
#include <kith/unixfs/path.hpp>

namespace kith::api {

/// The text of a CID as --cid-base and --upgrade-cidv0-in-output want it.
class CidText {
 public:
  /// Errc::invalid_argument for a base that there isn't.
  static Result<CidText> of(const Request& request);
  std::string operator()(const multiformats::Cid& cid) const;

 private:
  std::optional<multiformats::Base> base_;
  bool upgrade_ = false;
};

/// "/ipfs/CID/a/b", "CID/a/b" or "ipfs://CID/a". Errc::invalid_argument with the text otherwise.
Result<unixfs::ContentPath> parse_path(std::string_view text);
Result<multiformats::Cid> parse_cid(std::string_view text);
Result<multiformats::PeerId> parse_peer(std::string_view text);
/// Of a peer to connect to: with a /p2p part.
Result<multiformats::Multiaddr> parse_peer_address(std::string_view text);

/// What a command reads blocks through; --offline keeps it from fetching, as does `fetch`. `stats
/// transfers` lists it, under the id that the caller gave by --transfer-id.
std::unique_ptr<ipld::BlockSource> source_for(Context& context, const Request& request,
                                              bool fetch = true);
/// A prefix for blocks that are hashed by the function of this name, with the whole digest.
/// Errc::invalid_argument for a name that isn't one.
Result<multiformats::CidPrefix> prefix_hashed_by(std::string_view hash);
/// The name of the hash function that an option says, or else Import.HashFunction.
std::string hash_option(Context& context, const Request& request, std::string_view option);
/// What is said of a path that leads to no block of its own.
Error ends_inside(std::string_view path);
/// What is said of a block that is larger than peers take.
Error block_too_big();
/// Kubo keeps such blocks if it is told to; we don't, and say so where one comes.
OptionSpec big_block_option();
/// What is said of a block that can't be had without other peers.
Error not_here(const multiformats::Cid& cid);
/// Where a path leads. Says under which block there is no such name.
Task<unixfs::Resolved> resolve_link(ipld::BlockSource& source, std::string_view path);
/// The same, and gets the block.
Task<unixfs::Resolved> resolve_block(ipld::BlockSource& source, std::string_view path);

/// "json" or "text", as --encoding or its short form wants it. Errc::invalid_argument for another.
Result<std::string> encoding_of(const Request& request);

// For renderers, whose values may come from another daemon than ours: nothing that is missing or of
// another type is an error.

/// A member, or null.
const json::value& member(const json::value& value, std::string_view key);
/// A member's elements, or none.
const json::array& list_of(const json::value& value, std::string_view key);
/// A text, or empty.
std::string text_of(const json::value& value);
/// A member's text, or empty; its number, or 0; its flag, or false.
std::string text_of(const json::value& value, std::string_view key);
std::int64_t number_of(const json::value& value, std::string_view key);
double real_of(const json::value& value, std::string_view key);
bool flag_of(const json::value& value, std::string_view key);

/// The value as JSON that any reader takes, also if it has names that aren't UTF-8.
std::string json_text(const json::value& value);

/// "1.2 MiB"
std::string human_bytes(double bytes);
/// "1.3 MB", as Kubo writes sizes for people.
std::string si_bytes(double bytes);

/// "2026-11-30T06:30:00Z"
std::string rfc3339(WallTime time);
/// "40 s", "12 min", "3 h", "2 days": how long something has been so.
std::string how_long(Duration duration);

/// {"Strings": [...]}, as Kubo answers with a list; and its renderer, a line each.
json::object strings_value(const std::vector<std::string>& texts);
Result<void> show_strings(const json::value& value, const RenderContext& context);

/// Renders one member of each value on a line.
template <const char* key>
Result<void> member_line(const json::value& value, const RenderContext& context) {
  return context.terminal.out(text_of(value, key) + "\n");
}

}  // namespace kith::api
