// Small things that commands share: CIDs and paths as they are given and shown, CIDs and times in
// values.
#pragma once

#include <string>
#include <string_view>

#include <kith/api/command.hpp>
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

/// A member's text, or empty; its number, or 0; its flag, or false. For renderers.
std::string text_of(const json::value& value, std::string_view key);
std::int64_t number_of(const json::value& value, std::string_view key);
bool flag_of(const json::value& value, std::string_view key);

/// "1.2 MiB"
std::string human_bytes(double bytes);

/// Renders one member of each value on a line.
template <const char* key>
Result<void> member_line(const json::value& value, const RenderContext& context) {
  return context.terminal.out(text_of(value, key) + "\n");
}

}  // namespace kith::api
