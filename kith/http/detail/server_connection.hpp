// One connection of a server: its inbox, its two tasks, and what its requests and responses lean
// on.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <map>
#include <optional>

#include <kith/http/detail/input.hpp>
#include <kith/http/server.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>

namespace kith::http::detail {

/// What was read ahead, between the task that reads and the one that uses it.
class Inbox final : public Input {
 public:
  explicit Inbox(port::Clock& clock) noexcept : readable_(clock), space_(clock) {}

  /// Returns when less than inbox_bytes_max of memory is held here. Errc::timed_out.
  Task<void> wait_for_space(Instant deadline);
  void push(Buffer bytes);
  /// Nothing comes any more: the end, or an error.
  void end(std::optional<Error> why);
  /// Every received byte was consumed.
  bool drained() const noexcept { return queue_.empty() && held().empty(); }

 protected:
  Task<Buffer> receive(Instant deadline) override;

 private:
  std::deque<Buffer> queue_;
  std::size_t memory_bytes_ = 0;
  bool ended_ = false;
  std::optional<Error> failure_;
  port::Event readable_;
  port::Event space_;
};

/// The raw connection as a handler sees it that took it over.
class TakenStream final : public port::Stream {
 public:
  TakenStream(port::Stream& stream, Input& input) noexcept : stream_(stream), input_(input) {}

  Task<std::size_t> read_some(MutableBytes into, Instant deadline) override;
  Task<Buffer> read_buffer(std::size_t size_max, Instant deadline) override;
  Task<void> write(ByteView bytes, Instant deadline) override {
    return stream_.write(bytes, deadline);
  }
  Task<void> write_all(std::span<const ByteView> pieces, Instant deadline) override {
    return stream_.write_all(pieces, deadline);
  }
  Task<void> close_write(Instant deadline) override { return stream_.close_write(deadline); }
  void reset() noexcept override { stream_.reset(); }

 private:
  port::Stream& stream_;
  Input& input_;
};

class ServerConnection;

struct ServerState {
  ServerState(port::Env& environment, ServerLimits some, Handler answering);

  port::Env& env;
  ServerLimits limits;
  Handler handler;
  port::Logger log;
  std::vector<std::unique_ptr<port::TcpListener>> listeners;
  /// In the order in which they began to wait for their next request.
  std::list<ServerConnection*> connections;
  std::map<port::IpAddress, std::size_t> connections_by_address;
  std::size_t admitted = 0;
  std::size_t handlers_running = 0;
  bool stopping = false;
  port::Event ended;
  port::TaskGroup listening;
  port::TaskGroup serving;
  port::TaskGroup refusing;
};

class ServerConnection {
 public:
  ServerConnection(ServerState& state, port::StreamPtr stream, port::Endpoint local,
                   port::Endpoint remote);
  ~ServerConnection();
  ServerConnection(const ServerConnection&) = delete;
  ServerConnection& operator=(const ServerConnection&) = delete;

  /// Its whole life.
  Task<void> run();
  /// As connections are counted (counted_as).
  const port::IpAddress& counted_for() const noexcept { return counted_for_; }
  /// Nobody works for it, it stands between two requests or in the middle of a head for some time
  /// already, and nothing has come that waits to be read.
  bool may_give_way() const noexcept;
  /// Ends it if it may give way.
  void give_way() noexcept;
  /// Ends it if it is between two requests; else its present response is its last.
  void close_soon() noexcept;
  /// Cancels its handler and resets it.
  void abandon() noexcept;

  port::Stream& stream() noexcept { return *stream_; }
  port::Stream& taken_stream() noexcept { return taken_stream_; }
  Inbox& inbox() noexcept { return inbox_; }
  ServerState& state() noexcept { return state_; }
  Instant write_deadline() const noexcept;
  /// Tells the client to send its body, unless the response has begun.
  Task<void> send_continue();
  /// Reads may be large from now on.
  void expect_much() noexcept { expects_much_ = true; }
  void taken_over() noexcept { taken_over_ = true; }
  /// Around each write of a response: while one waits, and just after, the client is there.
  void writing() noexcept { writing_ = true; }
  void written() noexcept;

 private:
  Task<void> pump();
  Task<void> wait_for_space();
  /// A handler has all that its client had to say to it, and has been at work for so long without
  /// a word.
  bool silent_for(Duration time) const noexcept;
  Task<void> watch_half_closed();
  Task<void> serve();
  Task<bool> serve_one();
  Task<bool> answer(RequestHead head, Framing framing, Target target);
  Task<bool> read_head(HeadScanner& scanner);
  Task<bool> drain(RequestBody& body);
  /// Answers instead of a handler, as the last thing on this connection.
  Task<void> refuse(int status, Error why);
  Task<void> say_goodbye();

  ServerState& state_;
  port::StreamPtr stream_;
  port::Endpoint local_;
  port::Endpoint remote_;
  port::IpAddress counted_for_;
  Inbox inbox_;
  TakenStream taken_stream_;
  port::TaskGroup reading_;
  port::TaskGroup working_;
  ResponseWriter* response_ = nullptr;  ///< while a handler works
  const RequestBody* body_ = nullptr;   ///< likewise
  Instant last_word_{};                 ///< of the handler, or when it began
  bool idle_ = true;
  bool waiting_ = false;  ///< for a request, or the rest of its head
  Instant waiting_since_{};
  bool gave_way_ = false;
  bool expects_much_ = false;
  bool taken_over_ = false;
  bool writing_ = false;
  bool reset_ = false;    ///< nothing that is left can be made sense of
  bool lingers_ = false;  ///< the client may still be sending
  std::list<ServerConnection*>::iterator place_;
};

}  // namespace kith::http::detail
