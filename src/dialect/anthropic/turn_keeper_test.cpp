#include "dialect/anthropic/turn_keeper.hpp"

#include <gtest/gtest.h>

namespace sluice::dialect::anthropic {
namespace {

class TurnKeeperTest : public testing::Test {
 protected:
  void begin(std::string_view block) {
    EventParts parts;
    parts.type.bytes = "content_block_start";
    parts.block = json::Value(block);
    turn.take(parts, {});
  }
  void say(std::string_view words) {
    EventParts parts;
    parts.type.bytes = "content_block_delta";
    OutputText text;
    text.text.bytes = words;
    turn.take(parts, std::span(&text, 1));
  }
  void end() {
    EventParts parts;
    parts.type.bytes = "content_block_stop";
    turn.take(parts, {});
  }
  static constexpr std::string_view kText = R"({"type":"text","text":""})";

  TurnKeeper turn;
};

TEST_F(TurnKeeperTest, KeepsLongTextsWhole) {
  std::string said;
  begin(kText);
  for (int i = 0; i < 5000; ++i) {
    const std::string word = "w" + std::to_string(i) + (i % 7 == 0 ? "\\n" : " ");
    say(word);
    said += word;
  }
  end();
  EXPECT_EQ(turn.blocks(), R"({"type":"text","text":")" + said + "\"}");
}

TEST_F(TurnKeeperTest, LeavesOutTextsThatSayNothingWhereverTheyStand) {
  for (const size_t length : {0U, 1U, 150U, 180U, 190U, 200U, 210U, 230U, 300U}) {
    turn = {};
    const std::string said(length + 1, 'x');
    begin(kText);
    say(said);
    end();
    begin(kText);
    end();
    EXPECT_EQ(turn.blocks(), R"({"type":"text","text":")" + said + "\"}");
    begin(kText);
    say("more");
    EXPECT_EQ(turn.blocks(),
              R"({"type":"text","text":")" + said + R"("},{"type":"text","text":"more"})");
  }
}

TEST_F(TurnKeeperTest, GivesUpATurnThatIsTooLong) {
  begin(kText);
  const std::string words(100'000, 'x');
  for (int i = 0; i < 11; ++i) say(words);
  EXPECT_EQ(turn.blocks(), "");
}

}  // namespace
}  // namespace sluice::dialect::anthropic
