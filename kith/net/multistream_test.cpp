#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/net/multistream_session.hpp>
#include <kith/net/upgrade_test.hpp>
#include <kith/port/task_group.hpp>
#include <kith/sim/testing.hpp>

namespace kith::net {
namespace {

Bytes lines(std::initializer_list<std::string_view> texts) {
  Bytes out;
  for (std::string_view text : texts)
    append_multistream_line(out, text);
  return out;
}

auto supports(std::string protocol) {
  return [protocol](std::string_view proposed) { return proposed == protocol; };
}

TEST(MultistreamLine, IsLengthTextNewline) {
  // The example of the specification.
  EXPECT_EQ(to_hex(lines({"na"})), "036e610a");
  EXPECT_EQ(to_hex(lines({multistream_protocol})), "132f6d756c746973747265616d2f312e302e300a");
}

TEST(MultistreamInitiator, SendsHeaderAndProposalTogether) {
  MultistreamInitiator initiator({"/noise"});
  EXPECT_EQ(initiator.take_output(), lines({multistream_protocol, "/noise"}));
  EXPECT_TRUE(initiator.take_output().empty());
}

TEST(MultistreamInitiator, LeavesWhatFollowsTheAnswer) {
  MultistreamInitiator initiator({"/noise"});
  Bytes in = lines({multistream_protocol, "/noise"});
  const std::size_t whole = in.size();
  append(in, as_bytes("data"));
  EXPECT_EQ(initiator.feed(in).value(), whole);
  EXPECT_TRUE(initiator.agreed());
}

TEST(MultistreamInitiator, TriesOneAfterTheOther) {
  MultistreamInitiator initiator({"/a", "/b", "/c"});
  initiator.take_output();
  ASSERT_TRUE(initiator.feed(lines({multistream_protocol, "na"})));
  EXPECT_EQ(initiator.take_output(), lines({"/b"}));
  ASSERT_TRUE(initiator.feed(lines({"/b"})));
  EXPECT_TRUE(initiator.agreed());
  EXPECT_EQ(initiator.protocol(), "/b");
}

TEST(MultistreamInitiator, SaysWhatIsWrong) {
  auto fails_with = [](Bytes in, MultistreamError error) {
    MultistreamInitiator initiator({"/a"});
    auto fed = initiator.feed(in);
    return !fed && fed.error().is(error);
  };
  EXPECT_TRUE(fails_with(lines({multistream_protocol, "na"}), MultistreamError::protocol_refused));
  EXPECT_TRUE(fails_with(lines({multistream_protocol, "/b"}), MultistreamError::unexpected_answer));
  EXPECT_TRUE(fails_with(lines({"/multistream/2.0.0"}), MultistreamError::wrong_version));
  EXPECT_TRUE(fails_with(Bytes{0}, MultistreamError::bad_line));
  EXPECT_TRUE(fails_with(Bytes{2, 'n', 'a'}, MultistreamError::bad_line));
  EXPECT_TRUE(fails_with(Bytes{0x81, 0x00}, MultistreamError::bad_line));
  EXPECT_TRUE(fails_with(Bytes{0x81, 0x08}, MultistreamError::line_too_long));
}

TEST(MultistreamResponder, AnswersWithNaUntilItKnowsTheProtocol) {
  MultistreamResponder responder(supports("/b"));
  Bytes in = lines({multistream_protocol, "ls", "/a", "/b", "/c"});
  const std::size_t rest = lines({"/c"}).size();
  EXPECT_EQ(responder.feed(in).value(), in.size() - rest);
  EXPECT_EQ(responder.take_output(), lines({multistream_protocol, "na", "na", "/b"}));
  EXPECT_TRUE(responder.agreed());
  EXPECT_EQ(responder.protocol(), "/b");
}

TEST(MultistreamResponder, GivesUpOnAPeerThatProposesForEver) {
  MultistreamResponder responder(supports("/b"));
  ASSERT_TRUE(responder.feed(lines({multistream_protocol})));
  const Bytes proposal = lines({"/a"});
  for (std::size_t i = 0; i < multistream_proposals_max; ++i)
    ASSERT_TRUE(responder.feed(proposal));
  auto last = responder.feed(proposal);
  ASSERT_FALSE(last);
  EXPECT_TRUE(last.error().is(MultistreamError::too_many_proposals));
}

TEST(Multistream, AgreesHoweverTheBytesAreCut) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Prng prng(seed);
    MultistreamInitiator initiator({"/a", "/some/longer/protocol/1.2.3", "/c"});
    MultistreamResponder responder(supports("/c"));
    Bytes to_responder, to_initiator;
    while (!initiator.agreed() || !responder.agreed()) {
      append(to_responder, initiator.take_output());
      append(to_initiator, responder.take_output());
      ASSERT_TRUE(!to_responder.empty() || !to_initiator.empty());
      auto move_some = [&prng](Bytes& from, auto& machine) {
        const std::size_t part = prng.below(std::min<std::size_t>(from.size(), 5) + 1);
        ASSERT_EQ(machine.feed(ByteView(from).first(part)).value(), part);
        from.erase(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(part));
      };
      move_some(to_responder, responder);
      move_some(to_initiator, initiator);
    }
    EXPECT_EQ(initiator.protocol(), "/c");
  }
}

// Sessions.

using Streams = std::pair<std::unique_ptr<port::TcpStream>, std::unique_ptr<port::TcpStream>>;

Streams connected(sim::World& world) {
  sim::Node& one = world.add_node();
  sim::Node& two = world.add_node();
  return world.connect(one, two);
}

Task<void> respond_and_read(port::Clock& clock, port::StreamPtr inner, std::string protocol,
                            Bytes& got) {
  std::function<bool(std::string_view)> known = supports(std::move(protocol));
  KITH_CO_TRY(auto stream,
              co_await negotiate_inbound(clock, std::move(inner), std::move(known), never));
  KITH_CO_TRY(got, co_await port::read_to_end(*stream, 1'000'000));
  KITH_CO_CHECK(co_await stream->write(as_bytes("answer")));
  co_return co_await stream->close_write();
}

TEST(NegotiatedStream, CarriesDataWithTheProposalAndTheAnswerWithTheReply) {
  sim::run_seeds(1, 20, [](sim::World& world) -> Task<void> {
    auto [near, far] = connected(world);
    Bytes got;
    port::TaskGroup tasks(world.executor(), world.clock());
    tasks.spawn(respond_and_read(world.clock(), std::move(far), "/p", got));
    auto stream = NegotiatedStream::lazy(world.clock(), std::move(near), "/p");
    KITH_CO_CHECK(co_await stream->write(as_bytes("question")));
    EXPECT_FALSE(stream->confirmed());
    KITH_CO_CHECK(co_await stream->close_write());
    KITH_CO_TRY(const Bytes answer, co_await port::read_to_end(*stream, 100));
    EXPECT_TRUE(stream->confirmed());
    EXPECT_EQ(as_text(answer), "answer");
    KITH_CO_CHECK(co_await tasks.join_shielded());
    EXPECT_EQ(as_text(got), "question");
    co_return Result<void>{};
  });
}

TEST(NegotiatedStream, TellsOfARefusalAtTheFirstRead) {
  sim::run_seeds(1, 20, [](sim::World& world) -> Task<void> {
    auto [near, far] = connected(world);
    Bytes got;
    port::TaskGroup tasks(world.executor(), world.clock());
    tasks.spawn(respond_and_read(world.clock(), std::move(far), "/other", got));
    auto stream = NegotiatedStream::lazy(world.clock(), std::move(near), "/p");
    auto part = co_await stream->read_buffer(100);
    KITH_CO_REQUIRE(!part);
    EXPECT_TRUE(part.error().is(MultistreamError::protocol_refused));
    co_return co_await tasks.join_shielded();
  });
}

TEST(NegotiatedStream, SettlesOnTheProtocolThatBothKnow) {
  sim::run_seeds(1, 20, [](sim::World& world) -> Task<void> {
    auto [near, far] = connected(world);
    Bytes got;
    port::TaskGroup tasks(world.executor(), world.clock());
    tasks.spawn(respond_and_read(world.clock(), std::move(far), "/2", got));
    std::vector<std::string> protocols{"/3", "/2", "/1"};
    KITH_CO_TRY(auto stream, co_await negotiate_outbound(world.clock(), std::move(near),
                                                         std::move(protocols), never));
    EXPECT_EQ(stream->protocol(), "/2");
    KITH_CO_CHECK(co_await stream->close_write());
    KITH_CO_TRY(const Bytes answer, co_await port::read_to_end(*stream, 100));
    EXPECT_EQ(as_text(answer), "answer");
    co_return co_await tasks.join_shielded();
  });
}

TEST(NegotiatedStream, GivesUpAtItsDeadline) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    auto [near, far] = connected(world);
    std::function<bool(std::string_view)> known = supports("/p");
    const Instant deadline = world.now() + 10s;
    auto stream =
        co_await negotiate_inbound(world.clock(), std::move(near), std::move(known), deadline);
    KITH_CO_REQUIRE(!stream);
    EXPECT_TRUE(stream.error().is(Errc::timed_out));
    EXPECT_EQ(world.now(), deadline);
    co_return Result<void>{};
  });
}

Task<void> write_much(port::Stream& stream, std::size_t size) {
  const Bytes much(size, 1);
  KITH_CO_CHECK(co_await stream.write(much));
  co_return co_await stream.close_write();
}

Task<void> echo(port::Clock& clock, port::StreamPtr inner) {
  std::function<bool(std::string_view)> known = supports("/p");
  KITH_CO_TRY(auto stream,
              co_await negotiate_inbound(clock, std::move(inner), std::move(known), never));
  for (;;) {
    KITH_CO_TRY(const Buffer part, co_await stream->read_buffer(100'000));
    if (part.empty()) break;
    KITH_CO_CHECK(co_await stream->write(part));
  }
  co_return co_await stream->close_write();
}

// A first write that can't end before something is read must not keep the reader from reading.
TEST(NegotiatedStream, ReadsWhileItsFirstWriteIsStuck) {
  sim::run_seeds(1, 10, [](sim::World& world) -> Task<void> {
    auto [near, far] = connected(world);
    port::TaskGroup tasks(world.executor(), world.clock());
    tasks.spawn(echo(world.clock(), std::move(far)));
    auto stream = NegotiatedStream::lazy(world.clock(), std::move(near), "/p");
    tasks.spawn(write_much(*stream, 8'000'000));
    KITH_CO_TRY(const Bytes back, co_await port::read_to_end(*stream, 10'000'000));
    EXPECT_EQ(back.size(), 8'000'000u);
    co_return co_await tasks.join_shielded();
  });
}

/// Takes nothing until it is let.
class Plugged final : public testing::StreamDecorator {
 public:
  Plugged(port::Clock& clock, port::StreamPtr inner)
      : StreamDecorator(std::move(inner)), let_(clock) {}
  Task<void> write(ByteView bytes, Instant deadline) override {
    while (plugged_)
      KITH_CO_CHECK(co_await let_.wait(deadline));
    co_return co_await inner_->write(bytes, deadline);
  }
  void unplug() {
    plugged_ = false;
    let_.notify_all();
  }

 private:
  bool plugged_ = true;
  port::Event let_;
};

// Whoever writes after it would send data that no proposal stands before.
TEST(NegotiatedStream, IsOfNoUseOnceItsProposalCouldNotBeSent) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    auto [near, far] = connected(world);
    auto plugged = std::make_unique<Plugged>(world.clock(), std::move(near));
    Plugged& plug = *plugged;
    auto stream = NegotiatedStream::lazy(world.clock(), std::move(plugged), "/p");
    auto part = co_await stream->read_buffer(100, world.now() + 5s);
    EXPECT_TRUE(!part && part.error().is(Errc::timed_out));
    plug.unplug();
    auto written = co_await stream->write(as_bytes("data"));
    EXPECT_FALSE(written);
    auto closed = co_await stream->close_write();
    EXPECT_FALSE(closed);
    part = co_await stream->read_buffer(100, world.now() + 5s);
    EXPECT_TRUE(!part && !part.error().is(Errc::end_of_stream));
    auto seen = co_await port::read_to_end(*far, 1000, world.now() + 5s);
    EXPECT_TRUE(!seen && seen.error().is(Errc::reset));
    co_return Result<void>{};
  });
}

TEST(NegotiatedStream, IsOfNoUseOnceAWriteWithTheProposalCouldNotBeSent) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    auto [near, far] = connected(world);
    auto plugged = std::make_unique<Plugged>(world.clock(), std::move(near));
    Plugged& plug = *plugged;
    auto stream = NegotiatedStream::lazy(world.clock(), std::move(plugged), "/p");
    auto written = co_await stream->write(as_bytes("data"), world.now() + 5s);
    EXPECT_TRUE(!written && written.error().is(Errc::timed_out));
    plug.unplug();
    written = co_await stream->write(as_bytes("more data"));
    EXPECT_FALSE(written);
    auto seen = co_await port::read_to_end(*far, 1000, world.now() + 5s);
    EXPECT_TRUE(!seen && seen.error().is(Errc::reset));
    co_return Result<void>{};
  });
}

// Giving up on an answer is no fault of the stream: it can be read again.
TEST(NegotiatedStream, CanBeReadAgainAfterAReadThatWasGivenUp) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    auto [near, far] = connected(world);
    Bytes got;
    port::TaskGroup tasks(world.executor(), world.clock());
    auto stream = NegotiatedStream::lazy(world.clock(), std::move(near), "/p");
    auto part = co_await stream->read_buffer(100, world.now() + 5s);
    EXPECT_TRUE(!part && part.error().is(Errc::timed_out));
    tasks.spawn(respond_and_read(world.clock(), std::move(far), "/p", got));
    KITH_CO_CHECK(co_await stream->write(as_bytes("question")));
    KITH_CO_CHECK(co_await stream->close_write());
    KITH_CO_TRY(const Bytes answer, co_await port::read_to_end(*stream, 100));
    EXPECT_EQ(as_text(answer), "answer");
    KITH_CO_CHECK(co_await tasks.join_shielded());
    EXPECT_EQ(as_text(got), "question");
    co_return Result<void>{};
  });
}

}  // namespace
}  // namespace kith::net
