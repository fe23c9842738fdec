// GatewayCall: one request to the gateway, from its head to the end of its answer.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <kith/api/detail/gateway_content.hpp>
#include <kith/api/detail/gateway_page.hpp>
#include <kith/api/detail/gateway_request.hpp>
#include <kith/api/detail/gateway_source.hpp>
#include <kith/api/gateway.hpp>
#include <kith/unixfs/directory_reader.hpp>
#include <kith/unixfs/path.hpp>
#include <kith/unixfs/stat.hpp>

namespace kith::api::gateway {

class GatewayCall {
 public:
  GatewayCall(port::Env& env, const OpenBlockSource& open, const GatewayOptions& options,
              http::Request& request, http::ResponseWriter& response)
      : env_(env), open_(open), options_(options), request_(request), response_(response) {}

  Task<void> run();
  /// An answer that says what is the matter and what to try; `hint` may be empty.
  Task<void> answer(int status, std::string what, std::string hint);

 private:
  bool is_head() const noexcept { return request_.method == "HEAD"; }
  void set_common_headers();
  void set_page_policy();
  /// The address that this one is an old or a mistaken form of, or empty.
  std::string better_address() const;
  Task<void> redirect(std::string address);
  Task<void> serve_content_path();
  Task<void> answer_error(Error error);
  Task<void> not_acceptable();

  /// False, and answered, if the client wants only what is here, and it isn't.
  Task<bool> check_cached();
  bool only_if_cached() const;

  Task<void> serve_resolved(unixfs::Resolved found);
  Task<void> serve_raw(multiformats::Cid cid);
  Task<void> serve_codec(multiformats::Cid cid);
  Task<void> serve_unixfs(multiformats::Cid cid, std::uint64_t cumulative_size);
  /// `etag` is the directory's if this is its index.
  Task<void> serve_file(multiformats::Cid cid, unixfs::Stat stat, std::string etag);
  Task<void> serve_directory(ipld::Block block, unixfs::Stat stat);
  Task<void> serve_listing(ipld::Block block, unixfs::Stat stat);
  Task<void> serve_car();
  Task<bool> begin_car(std::string etag);
  Task<void> stream_car(multiformats::Cid root, std::vector<multiformats::Cid> way,
                        std::optional<ipld::Block> end, std::vector<std::string> rest);

  /// True if the client has this already, wherever it is, and 304 is the answer.
  bool client_has(std::string_view etag) const;
  /// Says what caches need of content that is here. False, and answered, if the client's conditions
  /// are against sending it.
  Task<bool> may_send(std::string etag, std::string_view cache_control);
  Task<void> not_modified(std::string etag, std::string_view cache_control);
  void set_roots(const std::vector<multiformats::Cid>& way);
  void set_caching(std::string etag, std::string_view cache_control);
  void set_disposition(std::string_view fallback_kind, std::string fallback_name);
  /// The last step of the path, or what the query says.
  std::string file_name() const;

  /// Sends content with all that belongs to ranges. Without a type it is guessed.
  Task<void> send_content(Content& content, std::string type, multiformats::Cid cid);
  Ranges wanted_ranges(std::uint64_t size) const;
  Task<std::string> guess_type(std::vector<Buffer>& start, ByteRange range, std::uint64_t size,
                               multiformats::Cid cid);
  Task<void> send_rest(Content& content, std::vector<Buffer> start);
  Task<void> send_multipart(Content& content, std::vector<Buffer> start, Ranges ranges,
                            std::string type);

  port::Env& env_;
  const OpenBlockSource& open_;
  const GatewayOptions& options_;
  http::Request& request_;
  http::ResponseWriter& response_;
  Wanted wanted_;
  unixfs::ContentPath path_;
  std::unique_ptr<GatewaySource> source_;
};

/// The status that an error is told to the client with.
int status_of(const Error& error) noexcept;

}  // namespace kith::api::gateway
