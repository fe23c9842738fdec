#include <algorithm>

#include <fmt/format.h>

#include <kith/api/detail/gateway_call.hpp>
#include <kith/api/detail/gateway_car.hpp>
#include <kith/api/detail/gateway_content_type.hpp>
#include <kith/crypto/hash.hpp>
#include <kith/ipld/car.hpp>
#include <kith/ipld/content.hpp>
#include <kith/ipld/limits.hpp>
#include <kith/unixfs/limits.hpp>

namespace kith::api::gateway {
namespace {

using multiformats::Cid;
using multiformats::Codec;
using unixfs::Kind;
using unixfs::UnixfsError;

constexpr std::string_view content_root = "/ipfs/";
/// Content of a CID never changes; a page made of it changes with the program.
constexpr std::string_view cache_for_ever = "public, max-age=29030400, immutable";
constexpr std::string_view cache_a_while = "public, max-age=604800, stale-while-revalidate=2678400";
constexpr std::string_view cache_never = "no-store";

constexpr std::string_view sandbox_policy = "sandbox allow-downloads";

constexpr std::string_view about =
    "This is a gateway to content-addressed data.\n\n"
    "  /ipfs/CID/path               a file, or a directory's listing\n"
    "  /ipfs/CID?format=raw         one block, to be checked against its CID\n"
    "  /ipfs/CID/path?format=car    all blocks that prove the answer\n\n"
    "https://specs.ipfs.tech/http-gateways/\n";

std::string quoted(const Cid& cid, std::string_view suffix = {}) {
  return fmt::format("\"{}{}\"", cid.to_string(), suffix);
}

std::string listing_etag(const Cid& cid) {
  return fmt::format("\"DirIndex-{}_CID-{}\"", page_version, cid.to_string());
}

std::string block_page_etag(const Cid& cid) {
  return fmt::format("\"DagIndex-{}_CID-{}\"", page_version, cid.to_string());
}

/// Different for all that differs between two archives of one root.
std::string car_etag(const unixfs::ContentPath& path, const CarParameters& car) {
  std::string text;
  for (const std::string& step : path.steps)
    text += '/' + step;
  text += fmt::format("?{}{}{}", static_cast<int>(car.scope), car.duplicates, car.order);
  if (car.bytes) text += fmt::format("{}:{}", car.bytes->from, car.bytes->to.value_or(INT64_MAX));
  crypto::Sha256Digest digest = crypto::sha256(as_bytes(text));
  return fmt::format("W/\"{}.car.{}\"", path.root.to_string(), to_hex(ByteView(digest).first(8)));
}

/// The format of a codec whose blocks are served as they are.
Format format_of(Codec codec) noexcept {
  switch (codec) {
    case Codec::json:
      return Format::json;
    case Codec::cbor:
      return Format::cbor;
    case Codec::dag_json:
      return Format::dag_json;
    case Codec::dag_cbor:
      return Format::dag_cbor;
    default:
      return Format::automatic;
  }
}

/// JSON and CBOR are also what their stricter kin are.
bool fits(Format wanted, Format own) noexcept {
  return wanted == Format::automatic || wanted == own ||
         (wanted == Format::json && own == Format::dag_json) ||
         (wanted == Format::cbor && own == Format::dag_cbor);
}

bool is_missing(const Error& error) noexcept {
  return error.is(Errc::not_found) || error.is(Errc::timed_out);
}

/// A DAG of which a request would have to remember more than it may.
bool is_too_large(const Error& error) noexcept {
  return error.is(UnixfsError::too_many) || error.is(ipld::IpldError::too_many);
}

/// What a path that is spelled wrongly leads to.
bool is_no_such_step(const Error& error) noexcept {
  return error.is(UnixfsError::no_such_entry) || error.is(UnixfsError::not_a_directory) ||
         error.is(ipld::IpldError::no_such_path);
}

/// By who knows nothing but the path: a block of another CID than the path's proves nothing.
bool can_be_checked(Format format, const unixfs::ContentPath& path) noexcept {
  return format == Format::car || (format == Format::raw && path.steps.empty());
}

/// The root of an archive that proves that a path leads nowhere: no bytes at all, "bafkqaaa".
Cid nothing_cid() {
  return Cid::v1(Codec::raw,
                 multiformats::Multihash::wrap(Codec::identity, std::array<std::uint8_t, 0>()));
}

/// A policy binds a document, not a script or a style that another one takes in: only by a type
/// that isn't theirs, with nosniff, are they no code.
std::string harmless(std::string type) {
  const bool is_code = type.contains("javascript") || type.starts_with("text/css");
  return is_code ? "text/plain; charset=utf-8" : type;
}

/// Blocks that are here, and make no sense.
bool is_unreadable(const Error& error) noexcept {
  return &error.domain() == &error_domain(UnixfsError::not_unixfs) ||
         &error.domain() == &error_domain(ipld::IpldError::truncated);
}

std::size_t size_of(const std::vector<Buffer>& pieces) noexcept {
  std::size_t size = 0;
  for (const Buffer& piece : pieces)
    size += piece.size();
  return size;
}

}  // namespace

int status_of(const Error& error) noexcept {
  if (error.is(UnixfsError::not_unixfs) || error.is(UnixfsError::unknown_type)) return 406;
  if (error.is(UnixfsError::bad_path) || error.is(UnixfsError::too_deep)) return 400;
  if (&error.domain() == &error_domain(multiformats::MultiformatsError::empty)) return 400;
  if (error.is(ipld::IpldError::unknown_codec)) return 400;
  if (is_no_such_step(error)) return 404;
  // Who is told 404 takes the content for gone.
  if (is_unreadable(error)) return 500;
  if (error.is(Errc::refused)) return 410;
  if (error.is(Errc::limit_exceeded)) return 500;
  return http::status_of(error);
}

void GatewayCall::set_common_headers() {
  http::Headers& headers = response_.headers;
  headers.set("Access-Control-Allow-Origin", "*");
  headers.set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS");
  headers.set("Access-Control-Allow-Headers", "Content-Type, Range, User-Agent, X-Requested-With");
  headers.set("Access-Control-Expose-Headers",
              "Content-Length, Content-Range, X-Chunked-Output, X-Ipfs-Path, X-Ipfs-Roots, "
              "X-Stream-Output");
  if (options_.sandboxed) {
    headers.set("Content-Security-Policy", std::string(sandbox_policy));
    headers.set("X-Content-Type-Options", "nosniff");
  }
}

void GatewayCall::set_page_policy() {
  std::string policy(page_policy);
  if (options_.sandboxed) policy += fmt::format("; {}", sandbox_policy);
  response_.headers.set("Content-Security-Policy", std::move(policy));
}

Task<void> GatewayCall::answer(int status, std::string what, std::string hint) {
  http::Headers& headers = response_.headers;
  for (std::string_view name : {"Etag", "Content-Length", "Content-Range", "Content-Location",
                                "Content-Disposition", "Last-Modified", "Accept-Ranges"}) {
    headers.remove(name);
  }
  headers.set("Cache-Control", std::string(cache_never));
  headers.set("X-Content-Type-Options", "nosniff");
  std::string text = fmt::format("{} {}\n\n{}\n", status, http::reason_of(status), what);
  if (!hint.empty()) text += hint + '\n';
  co_return co_await response_.send(status, "text/plain; charset=utf-8", as_bytes(text));
}

Task<void> GatewayCall::redirect(std::string address) {
  response_.headers.set("Location", std::move(address));
  co_return co_await response_.send(301, "", {});
}

std::string GatewayCall::better_address() const {
  std::string query = request_.raw_query.empty() ? "" : "?" + request_.raw_query;
  // A browser's way to hand over ipfs://CID/path: /ipfs/?uri=ipfs%3A%2F%2FCID%2Fpath.
  std::string_view uri = request_.query.get("uri").value_or("");
  constexpr std::string_view scheme = "ipfs://";
  if (request_.path == content_root && uri.starts_with(scheme)) {
    std::string_view rest = uri.substr(scheme.size());
    std::string_view path = rest.substr(0, rest.find('?'));
    std::string_view uri_query = rest.substr(path.size());
    std::string address(content_root);
    address += http::percent_encode_path(http::percent_decode(path).value_or(std::string(path)));
    if (!uri_query.empty()) {
      auto parsed = http::Query::parse(uri_query.substr(1));
      if (parsed) address += "?" + parsed->to_string();
    }
    return address;
  }
  if (request_.path.starts_with("/ipfs/ipfs/")) {
    return http::percent_encode_path(request_.path.substr(5)) + query;
  }
  return {};
}

Task<void> GatewayCall::run() {
  set_common_headers();
  if (request_.method == "OPTIONS") {
    response_.headers.set("Allow", "GET, HEAD, OPTIONS");
    co_return co_await response_.send(200, "", {});
  }
  if (request_.method != "GET" && request_.method != "HEAD") {
    response_.headers.set("Allow", "GET, HEAD, OPTIONS");
    co_return co_await answer(405, "this gateway is for reading", "Use GET or HEAD.");
  }
  const std::string& path = request_.path;
  if (path == "/") {
    co_return co_await response_.send(200, "text/plain; charset=utf-8", as_bytes(about));
  }
  if (path.starts_with("/ipns/")) {
    co_return co_await answer(501, "this gateway doesn't resolve IPNS names yet",
                              "Resolve the name elsewhere and ask for /ipfs/CID.");
  }
  if (!path.starts_with(content_root)) {
    co_return co_await answer(404, "there is nothing here", "Content is at /ipfs/CID.");
  }
  if (path.size() > unixfs::path_bytes_max) {
    co_return co_await answer(414, "this path is too long", "");
  }
  std::string better = better_address();
  if (!better.empty()) co_return co_await redirect(std::move(better));
  bool bare_root = path.find('/', content_root.size()) == std::string::npos;
  if (bare_root && request_.headers.get("Service-Worker") == "script") {
    co_return co_await answer(400, "a service worker can't be had for a whole /ipfs/CID",
                              "Put it below /ipfs/CID/.");
  }
  auto served = co_await serve_content_path();
  if (served || response_.head_sent() || served.error().is(Errc::cancelled)) co_return served;
  Error error = served.error();
  co_return co_await answer_error(std::move(error));
}

Task<void> GatewayCall::serve_content_path() {
  KITH_CO_TRY(path_, unixfs::ContentPath::parse(request_.path));
  response_.headers.set("X-Ipfs-Path", request_.path);
  KITH_CO_TRY(wanted_, read_wanted(request_.query, request_.headers));
  if (options_.trustless && !can_be_checked(wanted_.format, path_)) {
    co_return co_await answer(406, "this gateway serves only what you can check by yourself",
                              "Take ?format=car, or the block /ipfs/CID?format=raw: "
                              "https://specs.ipfs.tech/http-gateways/trustless-gateway/");
  }
  if (wanted_.format == Format::ipns_record) {
    co_return co_await answer(400, "an IPNS record belongs to a name, not to a CID", "");
  }
  if (wanted_.format == Format::tar) {
    co_return co_await answer(406, "this gateway makes no TAR archives",
                              "Take ?format=car, or the files one by one.");
  }
  if (!wanted_.in_query) response_.headers.set("Vary", "Accept");
  if (wanted_.format != Format::automatic && !wanted_.in_query) {
    response_.headers.set("Content-Location", http::percent_encode_path(request_.path) + "?" +
                                                  query_of(wanted_, request_.query));
  }
  if (only_if_cached()) {
    KITH_CO_TRY(bool here, co_await check_cached());
    if (!here) co_return Result<void>{};
  }
  bool fetch = !options_.no_fetch && !(only_if_cached() && is_head());
  source_ = std::make_unique<GatewaySource>(open_(fetch), env_.clock, options_.fetch_timeout);
  if (wanted_.format == Format::car) co_return co_await serve_car();
  unixfs::ContentPath path = path_;
  KITH_CO_TRY(unixfs::Resolved found, co_await unixfs::resolve_link(*source_, std::move(path)));
  co_return co_await serve_resolved(std::move(found));
}

bool GatewayCall::only_if_cached() const {
  return request_.headers.has_token("Cache-Control", "only-if-cached");
}

Task<bool> GatewayCall::check_cached() {
  GatewaySource here(open_(false), env_.clock, options_.fetch_timeout);
  unixfs::ContentPath path = path_;
  auto found = co_await unixfs::resolve(here, std::move(path));
  if (found) co_return true;
  if (!is_missing(found.error())) co_return std::unexpected(found.error());
  KITH_CO_CHECK(co_await answer(412, "this content isn't here, and you want it only if it is",
                                "Ask without only-if-cached to have it fetched."));
  co_return false;
}

Task<void> GatewayCall::answer_error(Error error) {
  int status = status_of(error);
  std::string what = error.message();
  std::string hint;
  if (error.is(Errc::not_found)) {
    what = fmt::format("block {} isn't here", source_ ? source_->asked().to_string() : "");
    hint = options_.no_fetch ? "This gateway serves what it has, and fetches nothing."
                             : "This node is offline. Start it with its network.";
  } else if (error.is(Errc::timed_out)) {
    what = fmt::format("nobody sent block {} within {} seconds",
                       source_ ? source_->asked().to_string() : "",
                       options_.fetch_timeout / std::chrono::seconds(1));
    hint = "Try again later, or connect this node to a peer that has it.";
    response_.headers.set("Retry-After", std::to_string(gateway_retry_after_seconds));
  } else if (is_too_large(error)) {
    what =
        fmt::format("{} has more parts than a request to this gateway may hold", path_.to_string());
    hint = "Fetch it with a node of your own, or its blocks one by one with ?format=raw.";
  } else if (is_no_such_step(error)) {
    what = fmt::format("{} isn't there: {}", path_.to_string(), error.message());
    hint = "Check the spelling; names are in the case in which they were added.";
  } else if (status == 406) {
    what = fmt::format("{}: {}", path_.to_string(), error.message());
    hint = "Its block can be had with ?format=raw.";
  } else if (error.is(ipld::IpldError::unknown_codec)) {
    hint = "Its block can be had with ?format=raw.";
  } else if (&error.domain() == &error_domain(multiformats::MultiformatsError::empty)) {
    hint = "An address is /ipfs/CID, with a CID as bafy... or Qm...";
  } else if (is_unreadable(error) && status == 500) {
    what = fmt::format("{} can't be read: {}", path_.to_string(), error.message());
    hint = "It was made like that: no other copy is better. Its block can be had with ?format=raw.";
  } else if (error.is(Errc::invalid_argument)) {
    what = std::string(error.context());
  }
  co_return co_await answer(status, std::move(what), std::move(hint));
}

Task<void> GatewayCall::not_acceptable() {
  co_return co_await answer(
      406,
      fmt::format("this content isn't {}, and codecs aren't converted", name_of(wanted_.format)),
      "Take it without a format, or ?format=raw, and convert it yourself.");
}

bool GatewayCall::client_has(std::string_view etag) const {
  auto field = request_.headers.get("If-None-Match");
  // If-Match goes before, and asks whether there is anything.
  return field && !request_.headers.has("If-Match") && etag_listed(*field, etag);
}

Task<bool> GatewayCall::may_send(std::string etag, std::string_view cache_control) {
  const int status = status_of_conditions(request_.headers, etag);
  set_caching(std::move(etag), cache_control);
  if (status == 304) KITH_CO_CHECK(co_await response_.send(status, "", {}));
  if (status == 412) {
    KITH_CO_CHECK(co_await answer(status, "this content isn't what If-Match names",
                                  "Ask without If-Match to have it as it is."));
  }
  co_return status == 200;
}

Task<void> GatewayCall::not_modified(std::string etag, std::string_view cache_control) {
  set_caching(std::move(etag), cache_control);
  co_return co_await response_.send(304, "", {});
}

void GatewayCall::set_roots(const std::vector<Cid>& way) {
  std::string roots;
  for (const Cid& cid : way) {
    if (!roots.empty()) roots += ',';
    roots += cid.to_string();
  }
  response_.headers.set("X-Ipfs-Roots", std::move(roots));
}

void GatewayCall::set_caching(std::string etag, std::string_view cache_control) {
  response_.headers.set("Etag", std::move(etag));
  response_.headers.set("Cache-Control", std::string(cache_control));
}

std::string GatewayCall::file_name() const {
  auto given = request_.query.get("filename");
  if (given && !given->empty()) return std::string(*given);
  return path_.steps.empty() ? std::string() : path_.steps.back();
}

void GatewayCall::set_disposition(std::string_view fallback_kind, std::string fallback_name) {
  std::string given(request_.query.get("filename").value_or(""));
  bool download = request_.query.get("download") == "true";
  std::string_view kind = download ? "attachment" : fallback_kind;
  if (kind.empty() && given.empty()) return;
  if (kind.empty()) kind = "inline";
  response_.headers.set("Content-Disposition",
                        content_disposition(kind, given.empty() ? fallback_name : given));
}

Task<void> GatewayCall::serve_resolved(unixfs::Resolved found) {
  set_roots(found.way);
  const Cid cid = found.block.cid;
  Codec codec = cid.codec();
  if (!found.rest.empty()) {
    co_return co_await answer(501,
                              fmt::format("{} leads into a block, not to one", path_.to_string()),
                              "Only links are followed: take the block /ipfs/" + cid.to_string() +
                                  "?format=raw and read it yourself.");
  }
  if (wanted_.format == Format::raw) co_return co_await serve_raw(cid);
  if (format_of(codec) != Format::automatic) co_return co_await serve_codec(cid);
  if (codec != Codec::raw && codec != Codec::dag_pb) {
    co_return std::unexpected(ipld::IpldError::unknown_codec);
  }
  if (wanted_.format != Format::automatic && wanted_.format != Format::json && !wanted_.or_else) {
    co_return co_await not_acceptable();
  }
  co_return co_await serve_unixfs(cid, found.cumulative_size);
}

Task<void> GatewayCall::serve_raw(Cid cid) {
  std::string etag = quoted(cid, ".raw");
  if (client_has(etag)) co_return co_await not_modified(std::move(etag), cache_for_ever);
  KITH_CO_TRY(ipld::Block block, co_await ipld::get_block(*source_, cid));
  KITH_CO_TRY(const bool wanted, co_await may_send(std::move(etag), cache_for_ever));
  if (!wanted) co_return Result<void>{};
  set_disposition("attachment", cid.to_string() + ".bin");
  response_.headers.set("X-Content-Type-Options", "nosniff");
  MemoryContent content(block.data);
  std::string type(media_type_of(Format::raw));
  co_return co_await send_content(content, std::move(type), std::move(cid));
}

Task<void> GatewayCall::serve_codec(Cid cid) {
  Format own = format_of(cid.codec());
  Format sent = wanted_.format == Format::automatic ? own : wanted_.format;
  if (!fits(sent, own)) {
    if (!wanted_.or_else) co_return co_await not_acceptable();
    sent = own;
  }
  bool for_people =
      wanted_.format == Format::automatic && (own == Format::dag_json || own == Format::dag_cbor) &&
      request_.headers.has_token("Accept", "text/html") && request_.query.get("download") != "true";
  std::string etag =
      for_people ? block_page_etag(cid) : quoted(cid, fmt::format(".{}", name_of(sent)));
  std::string_view caching = for_people ? cache_a_while : cache_for_ever;
  if (client_has(etag)) co_return co_await not_modified(std::move(etag), caching);
  KITH_CO_TRY(ipld::Block block, co_await ipld::get_block(*source_, cid));
  KITH_CO_TRY(const bool wanted, co_await may_send(std::move(etag), caching));
  if (!wanted) co_return Result<void>{};
  if (for_people) {
    std::string page = block_page(request_.path, block);
    set_page_policy();
    co_return co_await response_.send(200, "text/html; charset=utf-8", as_bytes(page));
  }
  bool readable = own == Format::json || own == Format::dag_json;
  set_disposition(readable ? "inline" : "attachment",
                  cid.to_string() + (readable ? ".json" : ".cbor"));
  response_.headers.set("X-Content-Type-Options", "nosniff");
  MemoryContent content(block.data);
  std::string type(media_type_of(sent));
  co_return co_await send_content(content, std::move(type), std::move(cid));
}

Task<void> GatewayCall::serve_unixfs(Cid cid, std::uint64_t cumulative_size) {
  // What the CID stands for isn't known yet: its tag is one of these.
  std::string etag = quoted(cid);
  if (client_has(etag)) co_return co_await not_modified(std::move(etag), cache_for_ever);
  etag = listing_etag(cid);
  if (client_has(etag)) co_return co_await not_modified(std::move(etag), cache_a_while);
  KITH_CO_TRY(ipld::Block block, co_await ipld::get_block(*source_, cid));
  KITH_CO_TRY(unixfs::Stat stat, unixfs::stat_of(block));
  if (cumulative_size == 0) cumulative_size = stat.cumulative_size;
  stat.cumulative_size = cumulative_size;
  if (stat.kind == Kind::file || stat.kind == Kind::symlink) {
    etag = quoted(cid);
    co_return co_await serve_file(std::move(cid), std::move(stat), std::move(etag));
  }
  if (wanted_.format == Format::json && !wanted_.or_else) co_return co_await not_acceptable();
  co_return co_await serve_directory(std::move(block), std::move(stat));
}

Task<void> GatewayCall::serve_file(Cid cid, unixfs::Stat stat, std::string etag) {
  KITH_CO_TRY(const bool wanted, co_await may_send(std::move(etag), cache_for_ever));
  if (!wanted) co_return Result<void>{};
  set_disposition("", path_.steps.empty() ? std::string() : path_.steps.back());
  if (const auto& mtime = stat.metadata.mtime) {
    constexpr std::int64_t seconds_max = 9'000'000'000;  // as far as nanoseconds count
    if (mtime->seconds >= 0 && mtime->seconds < seconds_max) {
      std::string date = http::http_date(WallTime(std::chrono::seconds(mtime->seconds)));
      bool same = request_.headers.get("If-Modified-Since") == date &&
                  !request_.headers.has("If-None-Match");
      response_.headers.set("Last-Modified", std::move(date));
      if (same) co_return co_await response_.send(304, "", {});
    }
  }
  if (stat.kind == Kind::symlink) {
    // It is told, not followed: what it points to may lie anywhere.
    MemoryContent target(Buffer::copy_of(as_bytes(stat.target)));
    co_return co_await send_content(target, "inode/symlink", std::move(cid));
  }
  FileContent content(*source_, cid, stat.size, options_.parts_max);
  std::string type(content_type_of_name(file_name()));
  // Text of any name can be JSON: the bytes tell.
  if (wanted_.format == Format::json && type != "application/json") type.clear();
  co_return co_await send_content(content, std::move(type), std::move(cid));
}

Task<void> GatewayCall::serve_directory(ipld::Block block, unixfs::Stat stat) {
  if (!request_.path.ends_with('/') && request_.query.get("go-get") != "1") {
    std::string address = http::percent_encode_path(request_.path) + "/";
    if (!request_.raw_query.empty()) address += "?" + request_.raw_query;
    co_return co_await redirect(std::move(address));
  }
  auto index = co_await unixfs::find_entry(*source_, block, "index.html");
  if (!index && !index.error().is(UnixfsError::no_such_entry)) {
    co_return std::unexpected(index.error());
  }
  if (index) {
    KITH_CO_TRY(unixfs::Stat found, co_await unixfs::stat(*source_, index->cid));
    if (found.kind == Kind::file) {
      path_.steps.emplace_back("index.html");
      Cid cid = found.cid;
      std::string etag = quoted(block.cid);
      co_return co_await serve_file(std::move(cid), std::move(found), std::move(etag));
    }
  }
  co_return co_await serve_listing(std::move(block), std::move(stat));
}

Task<void> GatewayCall::serve_listing(ipld::Block block, unixfs::Stat stat) {
  ListingPlace place{request_.path, block.cid, stat.cumulative_size};
  if (!place.path.ends_with('/')) place.path += '/';
  std::string etag = listing_etag(block.cid);
  KITH_CO_TRY(const bool wanted, co_await may_send(std::move(etag), cache_a_while));
  if (!wanted) co_return Result<void>{};
  response_.headers.set("Content-Type", "text/html; charset=utf-8");
  set_page_policy();
  if (is_head()) co_return co_await response_.flush();
  KITH_CO_TRY(unixfs::DirectoryReader reader,
              unixfs::DirectoryReader::over(*source_, std::move(block), options_.parts_max));
  std::vector<unixfs::ListedEntry> entries;
  std::size_t names_bytes = 0;
  bool all = false;
  while (!all && entries.size() < gateway_sorted_entries_max &&
         names_bytes < gateway_sorted_names_bytes_max) {
    KITH_CO_TRY(std::vector<unixfs::ListedEntry> batch, co_await reader.next_batch());
    all = batch.empty();
    for (unixfs::ListedEntry& entry : batch) {
      names_bytes += entry.name.size();
      entries.push_back(std::move(entry));
    }
  }
  // Plain directories have their order.
  if (all && stat.kind == Kind::sharded_directory) {
    std::ranges::sort(entries, {}, &unixfs::ListedEntry::name);
  }
  source_->streaming();
  std::string page;
  std::size_t count = 0;
  append_listing_start(page, place);
  while (!entries.empty()) {
    count += entries.size();
    for (const unixfs::ListedEntry& entry : entries) {
      append_listing_row(page, place, entry.name, entry.cid, entry.cumulative_size);
      if (page.size() < gateway_write_bytes) continue;
      KITH_CO_CHECK(co_await response_.write(as_bytes(page)));
      page.clear();
    }
    entries.clear();
    if (!all) {
      KITH_CO_TRY(entries, co_await reader.next_batch());
    }
  }
  append_listing_end(page, count, all || stat.kind == Kind::directory);
  co_return co_await response_.write(as_bytes(page));
}

Ranges GatewayCall::wanted_ranges(std::uint64_t size) const {
  auto field = request_.headers.get("Range");
  // Some clients ask for a range whatever comes; an empty file has none, and goes out whole.
  if (!field || is_head() || size == 0) return {};
  auto only_if = request_.headers.get("If-Range");
  auto etag = response_.headers.get("Etag");
  // A date would be the weaker validator; who has one gets the whole.
  if (only_if && only_if != etag) return {};
  return read_ranges(*field, size);
}

Task<std::string> GatewayCall::guess_type(std::vector<Buffer>& start, ByteRange range,
                                          std::uint64_t size, Cid cid) {
  Bytes begin;
  if (range.offset == 0) {
    for (const Buffer& piece : start)
      append(begin, piece.view().first(std::min(piece.size(), gateway_sniff_bytes)));
  } else {
    // Not worth a fetch: the part that is asked for may be all that can be had.
    GatewaySource here(open_(false), env_.clock, options_.fetch_timeout);
    FileContent file(here, cid, size, options_.parts_max);
    ByteRange head{0, std::min<std::uint64_t>(size, gateway_sniff_bytes)};
    auto found = co_await file.seek(head);
    while (found && begin.size() < head.length) {
      auto piece = co_await file.next();
      if (!piece || piece->empty()) break;
      append(begin, *piece);
    }
    if (begin.empty()) co_return std::string("application/octet-stream");
  }
  bool whole = begin.size() == size;
  std::string type(content_type_of_bytes(begin, whole));
  if (wanted_.format == Format::json && begins_as_json(begin, whole)) type = "application/json";
  co_return type;
}

Task<void> GatewayCall::send_content(Content& content, std::string type, Cid cid) {
  std::uint64_t size = content.size();
  Ranges ranges = wanted_ranges(size);
  response_.headers.set("Accept-Ranges", "bytes");
  if (ranges.kind == Ranges::Kind::unsatisfiable) {
    response_.headers.set("Content-Range", fmt::format("bytes */{}", size));
    response_.headers.set("Cache-Control", std::string(cache_never));
    co_return co_await response_.send(416, "", {});
  }
  bool partial = ranges.kind == Ranges::Kind::partial;
  ByteRange first = partial ? ranges.list.front() : ByteRange{0, size};
  if (is_head()) first.length = std::min<std::uint64_t>(size, gateway_sniff_bytes);

  // The first bytes come before the head: a block that is missing has a status then.
  std::vector<Buffer> start;
  bool enough = first.length == 0 || (is_head() && !type.empty());
  if (!enough) KITH_CO_CHECK(co_await content.seek(first));
  while (!enough) {
    KITH_CO_TRY(Buffer piece, co_await content.next());
    if (piece.empty()) break;
    start.push_back(std::move(piece));
    enough = !type.empty() || first.offset != 0 || size_of(start) >= gateway_sniff_bytes;
  }
  if (type.empty()) {
    KITH_CO_TRY(type, co_await guess_type(start, first, size, std::move(cid)));
  }
  if (wanted_.format == Format::json && !wanted_.or_else && type != "application/json") {
    co_return co_await not_acceptable();
  }
  if (options_.sandboxed) type = harmless(std::move(type));
  source_->streaming();
  if (ranges.list.size() > 1) {
    co_return co_await send_multipart(content, std::move(start), std::move(ranges),
                                      std::move(type));
  }
  response_.headers.set("Content-Type", std::move(type));
  response_.headers.set("Content-Length", std::to_string(is_head() ? size : first.length));
  if (partial) {
    response_.status = 206;
    response_.headers.set("Content-Range", fmt::format("bytes {}-{}/{}", first.offset,
                                                       first.offset + first.length - 1, size));
  }
  if (is_head() || first.length == 0) co_return co_await response_.flush();
  co_return co_await send_rest(content, std::move(start));
}

/// What was read before, then the range's rest.
Task<void> GatewayCall::send_rest(Content& content, std::vector<Buffer> start) {
  std::vector<ByteView> pieces(start.begin(), start.end());
  std::span<const ByteView> all = pieces;
  KITH_CO_CHECK(co_await response_.write_all(all));
  pieces.clear();
  start.clear();
  while (true) {
    KITH_CO_TRY(Buffer piece, co_await content.next());
    if (piece.empty()) co_return Result<void>{};
    KITH_CO_CHECK(co_await response_.write(piece));
  }
}

Task<void> GatewayCall::send_multipart(Content& content, std::vector<Buffer> start, Ranges ranges,
                                       std::string type) {
  std::string boundary = fmt::format("kith{:016x}{:016x}", env_.prng.next(), env_.prng.next());
  std::vector<std::string> heads;
  std::string end = fmt::format("\r\n--{}--\r\n", boundary);
  std::uint64_t length = end.size();
  for (ByteRange range : ranges.list) {
    heads.push_back(
        fmt::format("\r\n--{}\r\nContent-Type: {}\r\nContent-Range: bytes {}-{}/{}\r\n\r\n",
                    boundary, type, range.offset, range.offset + range.length - 1, content.size()));
    length += heads.back().size() + range.length;
  }
  response_.status = 206;
  response_.headers.set("Content-Type", "multipart/byteranges; boundary=" + boundary);
  response_.headers.set("Content-Length", std::to_string(length));
  for (std::size_t i = 0; i < ranges.list.size(); ++i) {
    KITH_CO_CHECK(co_await response_.write(as_bytes(heads[i])));
    if (i > 0) KITH_CO_CHECK(co_await content.seek(ranges.list[i]));
    KITH_CO_CHECK(co_await send_rest(content, std::move(start)));
    start.clear();
  }
  co_return co_await response_.write(as_bytes(end));
}

Task<void> GatewayCall::serve_car() {
  std::string etag = car_etag(path_, wanted_.car);
  if (client_has(etag)) co_return co_await not_modified(std::move(etag), cache_for_ever);
  source_->record();
  unixfs::ContentPath path = path_;
  auto followed = co_await unixfs::resolve_link(*source_, std::move(path));
  std::vector<Cid> way = source_->take_record();
  if (!followed && is_no_such_step(followed.error())) {
    set_roots({path_.root});
    KITH_CO_TRY(const bool wanted, co_await begin_car(std::move(etag)));
    if (!wanted) co_return Result<void>{};
    co_return co_await stream_car(nothing_cid(), std::move(way), std::nullopt, {});
  }
  KITH_CO_TRY(unixfs::Resolved found, std::move(followed));
  set_roots(found.way);
  // The end has to be here before the head says 200.
  Cid end_cid = found.block.cid;
  KITH_CO_TRY(ipld::Block end, co_await ipld::get_block(*source_, end_cid));
  if (wanted_.car.bytes && wanted_.car.bytes->from > 0 && found.rest.empty()) {
    auto stat = unixfs::stat_of(end);
    auto from = static_cast<std::uint64_t>(wanted_.car.bytes->from);
    if (stat && stat->kind == Kind::file && from >= stat->size) {
      co_return co_await answer(400, fmt::format("the file has only {} bytes", stat->size),
                                "Ask for entity-bytes within it.");
    }
  }
  KITH_CO_TRY(const bool wanted, co_await begin_car(std::move(etag)));
  if (!wanted) co_return Result<void>{};
  std::vector<std::string> rest = std::move(found.rest);
  co_return co_await stream_car(std::move(end_cid), std::move(way), std::move(end),
                                std::move(rest));
}

/// False if the head is all that is to be sent.
Task<bool> GatewayCall::begin_car(std::string etag) {
  KITH_CO_TRY(const bool wanted, co_await may_send(std::move(etag), cache_for_ever));
  if (!wanted) co_return false;
  std::string name = path_.root.to_string();
  if (!path_.steps.empty()) name += "_" + path_.steps.back();
  set_disposition("attachment", name + ".car");
  http::Headers& headers = response_.headers;
  headers.set("X-Content-Type-Options", "nosniff");
  headers.set("Accept-Ranges", "none");
  headers.set("Content-Type", fmt::format("application/vnd.ipld.car; version=1; order={}; dups={}",
                                          wanted_.car.order, wanted_.car.duplicates ? "y" : "n"));
  source_->streaming();
  if (!is_head()) co_return true;
  KITH_CO_CHECK(co_await response_.flush());
  co_return false;
}

Task<void> GatewayCall::stream_car(Cid root, std::vector<Cid> way, std::optional<ipld::Block> end,
                                   std::vector<std::string> rest) {
  const CarLimits limits{options_.parts_max, options_.archive_blocks_max};
  CarBlocks blocks(*source_, std::move(way), std::move(end), std::move(rest), wanted_.car, limits);
  Bytes header = ipld::encode_car_header(std::span<const Cid>(&root, 1));
  KITH_CO_CHECK(co_await response_.write(header));
  std::vector<Bytes> starts;
  std::vector<Buffer> bodies;
  std::size_t held = 0;
  while (true) {
    auto next = co_await blocks.next();
    bool more = next && *next;
    if (more) {
      ipld::Block& block = **next;
      held += block.data.size();
      starts.push_back(ipld::encode_car_section_start(block.cid, block.data.size()));
      bodies.push_back(std::move(block.data));
      if (held < gateway_write_bytes) continue;
    }
    // Also before an error: the blocks so far are worth something to who checks them.
    std::vector<ByteView> pieces;
    for (std::size_t i = 0; i < starts.size(); ++i) {
      pieces.emplace_back(starts[i]);
      pieces.emplace_back(bodies[i]);
    }
    std::span<const ByteView> all = pieces;
    if (!pieces.empty()) KITH_CO_CHECK(co_await response_.write_all(all));
    if (!next) co_return std::unexpected(next.error());
    if (!more) co_return Result<void>{};
    starts.clear();
    bodies.clear();
    held = 0;
  }
}

}  // namespace kith::api::gateway
