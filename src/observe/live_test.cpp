#include "observe/live.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::observe {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

LiveStart start(std::string_view id) {
  return {.id = id,
          .route = "/v1/chat/completions",
          .dialect = "openai",
          .model = "gpt-4o",
          .key_name = "demo",
          .client = "127.0.0.1",
          .stream = true};
}

size_t count(std::string_view text, std::string_view what) {
  size_t n = 0;
  for (size_t at = 0; (at = text.find(what, at)) != text.npos; at += what.size()) ++n;
  return n;
}

TEST(LiveBoard, ShowsARunningRequestWithWhatIsKnown) {
  LiveBoard board;
  LiveEntry entry = board.add_loop().begin(start("req_1"));
  entry.attempt("openai-main", "gpt-4o-2024");
  entry.attempt("backup", "gpt-4o-mini");
  entry.state(LiveState::kStreaming);
  entry.first_token(25ms);
  entry.event(100);
  entry.event(23);
  entry.tokens_in(9);
  entry.tokens_out(2);
  entry.cost(2'500'000);

  const std::string json = board.snapshot_json();
  EXPECT_THAT(json, HasSubstr(R"({"running_total":1,"running":[{"id":"req_1",)"));
  EXPECT_THAT(json,
              HasSubstr(R"("state":"streaming","route":"/v1/chat/completions",)"
                        R"("dialect":"openai","model":"gpt-4o",)"
                        R"("upstream_model":"gpt-4o-mini","provider":"backup",)"
                        R"("key":"demo","client":"127.0.0.1","stream":true,"attempts":2,)"
                        R"("tokens_in":9,"tokens_out":2,"cost":"0.0025","events":2,"bytes":123)"));
  EXPECT_THAT(json, HasSubstr(R"("ttft_ms":25,"status":null,"error":null})"));
  EXPECT_THAT(json, HasSubstr(R"("recent":[]})"));
}

TEST(LiveBoard, AFinishedRequestMovesToTheRecentOnes) {
  LiveBoard board;
  {
    LiveEntry entry = board.add_loop().begin(start("req_1"));
    entry.status(502);
    entry.error(ErrorCode::kUpstreamError);
  }
  const std::string json = board.snapshot_json();
  EXPECT_THAT(json, HasSubstr(R"({"running_total":0,"running":[],"recent":[{"id":"req_1",)"));
  EXPECT_THAT(json, HasSubstr(R"("state":"done")"));
  EXPECT_THAT(json, HasSubstr(R"("ttft_ms":null,"status":502,"error":"upstream_error"})"));
}

TEST(LiveBoard, ASlotThatIsUsedAgainShowsNothingOfTheOneBefore) {
  LiveBoard board;
  LiveShard& loop = board.add_loop();
  {
    LiveEntry entry = loop.begin(start("first"));
    entry.attempt("secret-provider", "old-model");
    entry.event(10);
    entry.tokens_out(77);
    entry.status(500);
    entry.error(ErrorCode::kInternal);
  }
  const LiveEntry entry = loop.begin(start("second"));
  const std::string json = board.snapshot_json();
  const std::string running = json.substr(0, json.find("\"recent\""));
  EXPECT_THAT(running, HasSubstr(R"("provider":null)"));
  EXPECT_THAT(running, HasSubstr(R"("tokens_out":0,"cost":"0","events":0,"bytes":0)"));
  EXPECT_THAT(running, HasSubstr(R"("status":null,"error":null)"));
}

TEST(LiveBoard, KeepsTheLast256OfAllLoops) {
  LiveBoard board;
  LiveShard& a = board.add_loop();
  LiveShard& b = board.add_loop();
  for (int i = 0; i < 300; ++i) {
    a.begin(start("a" + std::to_string(i) + "."));
    b.begin(start("b" + std::to_string(i) + "."));
  }
  const std::string json = board.snapshot_json();
  EXPECT_EQ(count(json, "\"id\":"), LiveBoard::kRecent);
  EXPECT_THAT(json, HasSubstr("a299."));
  EXPECT_THAT(json, HasSubstr("b299."));
  EXPECT_THAT(json, HasSubstr("b172."));
  EXPECT_THAT(json, Not(HasSubstr("\"b171.")));
  // The newest first.
  EXPECT_LT(json.find("b299."), json.find("a298."));
}

TEST(LiveBoard, ShowsTheNewestOfManyAndTellsHowManyThereAre) {
  LiveBoard board;
  LiveShard& loop = board.add_loop();
  std::vector<LiveEntry> entries;
  for (int i = 0; i < 2500; ++i) entries.push_back(loop.begin(start(std::to_string(i) + ".")));
  const std::string json = board.snapshot_json();
  EXPECT_THAT(json, HasSubstr("\"running_total\":2500,"));
  EXPECT_EQ(count(json, "\"id\":"), LiveBoard::kMaxShown);
  EXPECT_THAT(json, HasSubstr("\"2499.\""));
  EXPECT_THAT(json, HasSubstr("\"1500.\""));
  EXPECT_THAT(json, Not(HasSubstr("\"1499.\"")));
}

TEST(LiveBoard, LongOrStrangeTextStaysBoundedValidJson) {
  LiveBoard board;
  LiveStart odd = start("id");
  const std::string long_model(1000, 'm');
  odd.model = long_model;
  odd.client = "\"\n\xff";
  const LiveEntry entry = board.add_loop().begin(odd);
  const std::string json = board.snapshot_json();
  EXPECT_THAT(json, HasSubstr("\"" + std::string(64, 'm') + "\""));
  EXPECT_THAT(json, HasSubstr("\"client\":\"\\\"\\n\xEF\xBF\xBD\""));
}

TEST(LiveBoard, AnEmptyEntryTakesEverythingInSilence) {
  LiveEntry entry;
  entry.event(1);
  entry.tokens_in(1);
  entry.tokens_out(1);
  entry.first_token(1ms);
  entry.state(LiveState::kWaiting);
  entry.model("m");
  entry.key("k", 7);
  entry.stream(true);
  entry.attempt("p", "m");
  entry.status(200);
  entry.error(ErrorCode::kInternal);
  entry.finish();
  EXPECT_FALSE(entry);
}

TEST(LiveBoard, MovingAnEntryFinishesItOnce) {
  LiveBoard board;
  LiveShard& loop = board.add_loop();
  {
    LiveEntry a = loop.begin(start("a"));
    LiveEntry b = std::move(a);
    b.finish();
    b.finish();
    b = loop.begin(start("b"));
  }
  EXPECT_EQ(count(board.snapshot_json(), "\"id\":"), 2U);
}

TEST(LiveBoard, ASnapshotBesideARunningLoopIsSound) {
  LiveBoard board;
  LiveShard& loop = board.add_loop();
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (int i = 0; i < 5000; ++i) {
      LiveEntry entry = loop.begin(start(std::to_string(i)));
      entry.attempt("p", "m");
      entry.event(10);
      entry.status(200);
    }
    done = true;
  });
  while (!done) EXPECT_THAT(board.snapshot_json(), HasSubstr("running_total"));
  writer.join();
}

class Owner final : public LiveOwner {
 public:
  void end(Told told) override {
    ++ended;
    told({.closed_after = std::chrono::microseconds(3), .charged = 1, .returned = 2});
  }
  int ended = 0;
};

TEST(LiveBoard, ShowsAndEndsForAUserWhatIsHis) {
  LiveBoard board;
  LiveShard& shard = board.add_loop();
  Owner own;
  Owner other;
  LiveEntry mine = shard.begin({.id = "same", .owner = &own});
  mine.key("of alice", 7);
  LiveEntry theirs = shard.begin({.id = "same", .owner = &other});
  theirs.key("of bob", 8);
  LiveEntry unknown = shard.begin({.id = "same", .owner = &other});
  LiveEntry past = shard.begin({.id = "past"});
  past.key("also of bob", 8);
  past.finish();
  EXPECT_THAT(board.snapshot_json(7),
              testing::AllOf(HasSubstr("\"running_total\":1,"), HasSubstr("of alice"),
                             Not(HasSubstr("of bob"))));
  EXPECT_EQ(count(board.snapshot_json(8), "\"id\":"), 2U);
  EXPECT_EQ(count(board.snapshot_json(), "\"id\":"), 4U);
  EXPECT_EQ(shard.end("same", [](const LiveEnded&) {}, 7), 1U);
  EXPECT_EQ(own.ended, 1);
  EXPECT_EQ(other.ended, 0);
}

TEST(LiveBoard, EndsTheRequestsOfAnIdThatStillRun) {
  LiveBoard board;
  LiveShard& shard = board.add_loop();
  Owner wanted;
  Owner other;
  Owner gone;
  LiveEntry a = shard.begin({.id = "a", .owner = &wanted});
  LiveEntry again = shard.begin({.id = "a", .owner = &wanted});
  LiveEntry b = shard.begin({.id = "b", .owner = &other});
  LiveEntry finished = shard.begin({.id = "a", .owner = &gone});
  finished.finish();
  const LiveEntry without = shard.begin({.id = "a"});
  int told = 0;
  EXPECT_EQ(
      shard.end("a", [&](const LiveEnded& ended) { told += static_cast<int>(ended.charged); }), 2U);
  EXPECT_EQ(wanted.ended, 2);
  EXPECT_EQ(other.ended, 0);
  EXPECT_EQ(gone.ended, 0);
  EXPECT_EQ(told, 2);
}

}  // namespace
}  // namespace sluice::observe
