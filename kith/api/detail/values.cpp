#include <cmath>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/detail/sentence.hpp>
#include <kith/api/detail/text.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/crypto/hash.hpp>
#include <kith/ipld/content.hpp>
#include <kith/ipld/error.hpp>
#include <kith/multiformats/multicodec.hpp>
#include <kith/node/node.hpp>
#include <kith/unixfs/error.hpp>

namespace kith::api {

using multiformats::Cid;
using multiformats::Multiaddr;
using multiformats::PeerId;

namespace {

/// An offline source over one that answers Errc::not_found: tells which block is missing.
class LocalSource final : public ipld::BlockSource {
 public:
  explicit LocalSource(std::unique_ptr<ipld::BlockSource> below) : below_(std::move(below)) {}
  Task<ipld::Block> get(Cid cid, Instant deadline) override {
    auto block = co_await below_->get(cid, deadline);
    if (!block && block.error().is(Errc::not_found)) {
      co_return std::unexpected(not_here(cid));
    }
    co_return block;
  }
  void prefetch(std::span<const Cid> cids) override { below_->prefetch(cids); }
  Task<bool> has(Cid cid) override { return below_->has(std::move(cid)); }

 private:
  std::unique_ptr<ipld::BlockSource> below_;
};

bool is_missing_name(const Error& error) {
  return error.is(unixfs::UnixfsError::no_such_entry) || error.is(ipld::IpldError::no_such_path);
}

/// Fails with the first step of the path that isn't there, and the block that it isn't in.
Task<void> fail_for_missing_name(ipld::BlockSource& source, unixfs::ContentPath path) {
  Cid under = path.root;
  for (std::size_t length = 1; length <= path.steps.size(); ++length) {
    unixfs::ContentPath part = path;
    part.steps.resize(length);
    auto found = co_await unixfs::resolve_link(source, std::move(part));
    if (!found && !is_missing_name(found.error())) co_return std::unexpected(found.error());
    if (!found) {
      co_return std::unexpected(say(
          fmt::format("no link named \"{}\" under {}", path.steps[length - 1], under.to_string())));
    }
    under = found->block.cid;
  }
  co_return std::unexpected(Error(Errc::not_found, path.to_string()));
}

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
  auto invalid = [text](std::string_view why) {
    return std::unexpected(
        Error(Errc::invalid_argument, fmt::format("invalid path \"{}\": {}", text, why)));
  };
  std::string path(text);
  if (path.starts_with("ipfs://")) path = "/ipfs/" + path.substr(7);
  std::string_view rest = path;
  if (rest.starts_with('/')) {
    std::string_view space = rest.substr(0, rest.find('/', 1));
    if (space != "/ipfs")
      return invalid(fmt::format("only /ipfs/CID is known here, not {}", space));
    rest.remove_prefix(space.size());
    if (rest.starts_with('/')) rest.remove_prefix(1);
  }
  std::string_view root = rest.substr(0, rest.find('/'));
  if (root.empty()) return invalid("there is no CID in it");
  if (auto cid = Cid::parse(root); !cid) {
    return invalid(fmt::format("\"{}\" is no CID ({})", root, Error(cid.error()).message()));
  }
  auto parsed = unixfs::ContentPath::parse(path);
  if (!parsed) return invalid(parsed.error().message());
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

std::unique_ptr<ipld::BlockSource> source_for(Context& context, const Request& request,
                                              bool fetch) {
  node::SourceOptions options;
  options.fetch = fetch && !request.flag("offline") && !request.flag("local");
  options.id = request.text("transfer-id");
  options.what = request.command_path();
  for (const std::string& argument : request.arguments())
    options.what += " " + argument;
  bool local = !context.node->online() || !options.fetch;
  auto source = context.node->open_source(std::move(options));
  if (!local) return source;
  return std::make_unique<LocalSource>(std::move(source));
}

Result<std::string> encoding_of(const Request& request) {
  std::string encoding = request.text(request.given("enc") ? "enc" : "encoding");
  if (encoding == "json" || encoding == "text") return encoding;
  return std::unexpected(
      Error(Errc::invalid_argument,
            fmt::format("option --encoding: \"{}\" should be json or text", encoding)));
}

Result<multiformats::CidPrefix> prefix_hashed_by(std::string_view hash) {
  auto unknown = [hash] {
    return std::unexpected(
        Error(Errc::invalid_argument, fmt::format("unrecognized multihash function: {}", hash)));
  };
  auto code = multiformats::codec_from_name(hash);
  if (!code) return unknown();
  auto of_nothing = crypto::hash(static_cast<std::uint64_t>(*code), {});
  if (!of_nothing) return unknown();
  multiformats::CidPrefix prefix;
  prefix.hash_function = *code;
  prefix.digest_bytes = of_nothing->view().size();
  return prefix;
}

std::string hash_option(Context& context, const Request& request, std::string_view option) {
  std::string given = request.text(option);
  if (!given.empty()) return given;
  auto function = context.node->settings().new_files.options.hash_function;
  return std::string(multiformats::codec_name(function).value_or(""));
}

Error ends_inside(std::string_view path) {
  return say(fmt::format("\"{}\" ends inside a block", path));
}

Error block_too_big() {
  constexpr std::size_t mib = ipld::block_bytes_max / (1024 * 1024);
  return say(
      fmt::format("the block is over {} MiB, which no peer takes and this node doesn't keep, "
                  "--allow-big-block or not. `add` cuts files into smaller ones",
                  mib));
}

OptionSpec big_block_option() {
  return {"allow-big-block", 0, OptionKind::flag,
          "Changes nothing: blocks over 2 MiB are always refused.", ""};
}

Error not_here(const Cid& cid) {
  return say(fmt::format("block was not found locally (offline): ipld: could not find {}",
                         cid.to_string()));
}

Task<unixfs::Resolved> resolve_link(ipld::BlockSource& source, std::string_view text) {
  KITH_CO_TRY(unixfs::ContentPath path, parse_path(text));
  auto resolved = co_await unixfs::resolve_link(source, path);
  if (resolved || !is_missing_name(resolved.error())) co_return resolved;
  KITH_CO_CHECK(co_await fail_for_missing_name(source, std::move(path)));
  co_return resolved;
}

Task<unixfs::Resolved> resolve_block(ipld::BlockSource& source, std::string_view text) {
  KITH_CO_TRY(unixfs::Resolved resolved, co_await resolve_link(source, text));
  if (resolved.rest.empty()) {
    Cid cid = resolved.block.cid;
    KITH_CO_TRY(resolved.block, co_await ipld::get_block(source, std::move(cid)));
  }
  co_return resolved;
}

const json::value& member(const json::value& value, std::string_view key) {
  static const json::value nothing;
  if (!value.is_object()) return nothing;
  const json::value* found = value.as_object().if_contains(key);
  return found == nullptr ? nothing : *found;
}

const json::array& list_of(const json::value& value, std::string_view key) {
  static const json::array empty;
  const json::value& found = member(value, key);
  return found.is_array() ? found.as_array() : empty;
}

std::string text_of(const json::value& value) {
  return value.is_string() ? std::string(value.as_string()) : "";
}

std::string text_of(const json::value& value, std::string_view key) {
  return text_of(member(value, key));
}

std::int64_t number_of(const json::value& value, std::string_view key) {
  boost::system::error_code failure;
  auto number = member(value, key).to_number<std::int64_t>(failure);
  return failure ? 0 : number;
}

double real_of(const json::value& value, std::string_view key) {
  boost::system::error_code failure;
  auto number = member(value, key).to_number<double>(failure);
  return failure ? 0 : number;
}

bool flag_of(const json::value& value, std::string_view key) {
  const json::value& found = member(value, key);
  return found.is_bool() && found.as_bool();
}

std::string json_text(const json::value& value) {
  return valid_utf8(json::serialize(value));
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

std::string si_bytes(double bytes) {
  constexpr std::string_view units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  std::size_t unit = 0;
  double count = bytes;
  while (count >= 1000 && unit + 1 < std::size(units)) {
    count /= 1000;
    ++unit;
  }
  if (bytes < 10) return fmt::format("{:.0f} B", bytes);
  double rounded = std::floor(count * 10 + 0.5) / 10;
  return fmt::format("{:.{}f} {}", rounded, rounded < 10 ? 1 : 0, units[unit]);
}

std::string rfc3339(WallTime time) {
  using namespace std::chrono;
  const sys_seconds seconds(floor<std::chrono::seconds>(time.time_since_epoch()));
  const sys_days day = floor<days>(seconds);
  const year_month_day date(day);
  const hh_mm_ss clock(seconds - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

std::string how_long(Duration duration) {
  const std::int64_t seconds =
      std::max<std::int64_t>(0, std::chrono::round<std::chrono::seconds>(duration).count());
  if (seconds < 90) return fmt::format("{} s", seconds);
  if (seconds < 90 * 60) return fmt::format("{} min", (seconds + 30) / 60);
  if (seconds < 36 * 3600) return fmt::format("{} h", (seconds + 1800) / 3600);
  return fmt::format("{} days", (seconds + 43200) / 86400);
}

json::object strings_value(const std::vector<std::string>& texts) {
  json::object value;
  value["Strings"] = json::array(texts.begin(), texts.end());
  return value;
}

Result<void> show_strings(const json::value& value, const RenderContext& context) {
  std::string out;
  for (const json::value& text : list_of(value, "Strings"))
    out += text_of(text) + "\n";
  return context.terminal.out(out);
}

}  // namespace kith::api
