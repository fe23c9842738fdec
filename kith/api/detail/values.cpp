#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/detail/values.hpp>

namespace kith::api {

using multiformats::Cid;
using multiformats::Multiaddr;
using multiformats::PeerId;

namespace {

template <class Failure>
Error wrong(std::string_view what, std::string_view text, Failure failure) {
  return Error(Errc::invalid_argument,
               fmt::format("{} \"{}\" ({})", what, text, Error(failure).message()));
}

}  // namespace

Result<CidText> CidText::of(const Request& request) {
  CidText text;
  std::string base = request.text("cid-base");
  if (!base.empty()) {
    text.base_ = multiformats::base_from_name(base);
    if (!text.base_) {
      return std::unexpected(
          Error(Errc::invalid_argument,
                fmt::format("multibase \"{}\" (for example base32, base36, base58btc)", base)));
    }
    // Kubo's rule: a base for CIDs of version 1 asks for them.
    text.upgrade_ = *text.base_ != multiformats::Base::base58btc;
  }
  if (request.given("upgrade-cidv0-in-output"))
    text.upgrade_ = request.flag("upgrade-cidv0-in-output");
  return text;
}

std::string CidText::operator()(const Cid& cid) const {
  Cid shown = upgrade_ ? cid.to_v1() : cid;
  if (!base_ || shown.version() == 0) return shown.to_string();
  return shown.to_string(*base_).value_or(shown.to_string());
}

Result<unixfs::ContentPath> parse_path(std::string_view text) {
  std::string path(text);
  if (path.starts_with("ipfs://")) path = "/ipfs/" + path.substr(7);
  auto parsed = unixfs::ContentPath::parse(path);
  if (!parsed) {
    return std::unexpected(
        Error(Errc::invalid_argument,
              fmt::format("invalid path \"{}\": {}", text, parsed.error().message())));
  }
  return parsed;
}

Result<Cid> parse_cid(std::string_view text) {
  std::string_view bare = text.starts_with("/ipfs/") ? text.substr(6) : text;
  auto cid = Cid::parse(bare);
  if (!cid) return std::unexpected(wrong("invalid CID", text, cid.error()));
  return *cid;
}

Result<PeerId> parse_peer(std::string_view text) {
  std::string_view bare = text;
  if (std::size_t part = text.rfind("/p2p/"); part != std::string_view::npos)
    bare = text.substr(part + 5);
  auto peer = PeerId::parse(bare);
  if (!peer) return std::unexpected(wrong("invalid peer id", text, peer.error()));
  return *peer;
}

Result<Multiaddr> parse_peer_address(std::string_view text) {
  auto address = Multiaddr::parse(text);
  if (!address) return std::unexpected(wrong("invalid multiaddr", text, address.error()));
  if (!address->peer_id()) {
    return std::unexpected(
        Error(Errc::invalid_argument,
              fmt::format("{} names no peer: it should end with /p2p/<peer id>", text)));
  }
  return *address;
}

std::string text_of(const json::value& value, std::string_view key) {
  if (!value.is_object()) return "";
  const json::value* member = value.as_object().if_contains(key);
  return member != nullptr && member->is_string() ? std::string(member->as_string()) : "";
}

std::int64_t number_of(const json::value& value, std::string_view key) {
  if (!value.is_object()) return 0;
  const json::value* member = value.as_object().if_contains(key);
  if (member == nullptr) return 0;
  boost::system::error_code failure;
  auto number = member->to_number<std::int64_t>(failure);
  return failure ? 0 : number;
}

bool flag_of(const json::value& value, std::string_view key) {
  if (!value.is_object()) return false;
  const json::value* member = value.as_object().if_contains(key);
  return member != nullptr && member->is_bool() && member->as_bool();
}

std::string human_bytes(double bytes) {
  constexpr std::string_view units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  std::size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < std::size(units)) {
    bytes /= 1024;
    ++unit;
  }
  if (unit == 0) return fmt::format("{:.0f} B", bytes);
  return fmt::format("{:.2f} {}", bytes, units[unit]);
}

}  // namespace kith::api
