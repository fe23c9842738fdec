#include <algorithm>

#include <kith/http/uri.hpp>
#include <kith/ledger/network/invite.hpp>

namespace kith::ledger {
namespace {

constexpr std::string_view scheme = "kith://chain/";

std::unexpected<Error> bad(std::string why) {
  return std::unexpected(Error(Errc::invalid_argument, "invitation: " + std::move(why)));
}

}  // namespace

bool is_chain_name(std::string_view name) noexcept {
  const auto is_good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  return !name.empty() && name.size() <= 64 && name.front() != '.' && name.front() != '-' &&
         std::ranges::all_of(name, is_good);
}

std::string Invite::to_string() const {
  http::Query query;
  query.add("genesis", file.to_string());
  query.add("name", name);
  for (const multiformats::Multiaddr& peer : peers)
    query.add("peer", peer.to_string());
  return std::string(scheme) + genesis.to_hex() + "?" + query.to_string();
}

Result<Invite> Invite::parse(std::string_view text) {
  if (text.size() > invite_bytes_max) return bad("it is too long");
  if (!text.starts_with(scheme)) return bad("it begins with " + std::string(scheme));
  text.remove_prefix(scheme.size());
  const std::size_t mark = std::min(text.find('?'), text.size());
  const auto hash = Hash::parse(text.substr(0, mark));
  if (!hash) return bad("the genesis' hash, 64 hexadecimal digits, comes first");
  const auto query = http::Query::parse(text.substr(std::min(mark + 1, text.size())));
  if (!query) return bad("what stands behind the ? can't be read");
  Invite invite;
  invite.genesis = *hash;
  const auto cid = multiformats::Cid::parse(query->get("genesis").value_or(""));
  if (!cid) return bad("genesis=CID is missing, or none");
  invite.file = *cid;
  invite.name = query->get("name").value_or("");
  if (!is_chain_name(invite.name)) return bad("name= is missing, or can't be a chain's name");
  for (const std::string_view peer : query->all("peer")) {
    auto address = multiformats::Multiaddr::parse(peer);
    if (!address || !address->peer_id())
      return bad("peer=" + std::string(peer) + " isn't an address that ends in /p2p/...");
    if (invite.peers.size() < invite_peers_max) invite.peers.push_back(*std::move(address));
  }
  return invite;
}

}  // namespace kith::ledger
