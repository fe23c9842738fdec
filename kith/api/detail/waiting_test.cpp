#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <kith/api/detail/waiting.hpp>

namespace kith::api {
namespace {

boost::json::value transfer(std::int64_t blocks, std::string_view waiting,
                            std::string_view more = "{}") {
  boost::json::value value = boost::json::parse(more);
  value.as_object()["BlocksReceived"] = blocks;
  value.as_object()["Waiting"] = waiting;
  return value;
}

struct Notes {
  std::optional<std::string> after(Duration pause, const boost::json::value& state) {
    now += pause;
    return notes.update(state, now);
  }

  Instant now{};
  WaitingNotes notes{now};
};

TEST(WaitingNotes, SayNothingWhileBlocksCome) {
  Notes notes;
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(notes.after(1s, transfer(i, "waiting for x: no peer has it")), std::nullopt);
}

TEST(WaitingNotes, SaySoOnceAfterAMomentOfSilence) {
  Notes notes;
  notes.after(1s, transfer(3, "waiting for x"));
  EXPECT_EQ(notes.after(waiting_silence - 1ms, transfer(3, "waiting for x")), std::nullopt);
  EXPECT_EQ(notes.after(1ms, transfer(3, "waiting for x")), "waiting for x");
  EXPECT_EQ(notes.after(1h, transfer(3, "waiting for x")), std::nullopt);
  EXPECT_EQ(notes.after(1s, transfer(3, "waiting for y")), "waiting for y");
}

TEST(WaitingNotes, SayWhenItGoesOn) {
  Notes notes;
  notes.after(1s, transfer(3, "waiting for x"));
  notes.after(5s, transfer(3, "waiting for x"));
  auto on = notes.after(1s, transfer(4, "", R"({"Peers":[{"Blocks":1},{"Blocks":0}]})"));
  EXPECT_EQ(on, "going on, with blocks from 1 peer");
  EXPECT_EQ(notes.notes.peers(), 1u);
  EXPECT_EQ(notes.after(1s, transfer(5, "")), std::nullopt);
}

TEST(WaitingNotes, NameWhoSentWhatCameBefore) {
  Notes notes;
  notes.after(1s, transfer(3, "waiting"));
  EXPECT_EQ(notes.after(5s, transfer(3, "waiting", R"({"Left":["one","two\u001b[2J",7]})")),
            "waiting (what came before was sent by one, two\\x1b[2J, gone now)");
}

TEST(WaitingNotes, TakeWhateverADaemonAnswers) {
  Notes notes;
  for (const char* odd : {"null", "[]", "{}", R"({"Peers":null,"Left":3,"Waiting":[]})",
                          R"({"Peers":[null,1],"BlocksReceived":"x"})"}) {
    EXPECT_EQ(notes.after(10s, boost::json::parse(odd)), std::nullopt) << odd;
  }
}

}  // namespace
}  // namespace kith::api
