#include "relay/transcript.hpp"

#include <gtest/gtest.h>

#include <deque>

#include "json/writer.hpp"

namespace sluice::relay {
namespace {

using dialect::OutputText;
using dialect::chat::BlockKind;
using dialect::chat::Event;
using dialect::chat::EventSink;

struct Said {
  BlockKind kind;
  std::string name;
  std::string text;
  std::string signature;
  bool operator==(const Said&) const = default;
};
using Answer = std::vector<Said>;

const Answer kAnswer = {
    {BlockKind::kThinking, "", "Let me see: \"rain\"?", "sig"},
    {BlockKind::kText, "", "Das Café ist nah \xF0\x9F\x99\x82, \\ nicht?\n", ""},
    {BlockKind::kToolUse, "weather", R"({"city":"Zürich"})", ""},
    {BlockKind::kToolUse, "time", "{}", ""},
    {BlockKind::kText, "", "Done.", ""},
};

json::String raw(const std::string& bytes) {
  return {.bytes = bytes, .escaped = bytes.contains('\\')};
}

/// The answer as events, its texts in pieces of `step` bytes, a character never cut.
class Events {
 public:
  Events(const Answer& answer, size_t step) {
    add({.kind = Event::Kind::kStart,
         .id = raw(keep("id-1")),
         .name = raw(keep("model")),
         .text = {}});
    for (const Said& block : answer) {
      const auto event = [&](Event::Kind kind, json::String text = {}) {
        add({.kind = kind, .block_kind = block.kind, .id = {}, .name = {}, .text = text});
      };
      add({.kind = Event::Kind::kBlockStart,
           .block_kind = block.kind,
           .id = raw(keep(block.name.empty() ? "" : "call" + std::to_string(step))),
           .name = raw(keep(block.name)),
           .text = {}});
      for (size_t at = 0; at < block.text.size();) {
        size_t end = std::min(at + step, block.text.size());
        while (end < block.text.size() && (block.text[end] & 0xC0) == 0x80) ++end;
        std::string quoted;
        json::append_string(quoted, std::string_view(block.text).substr(at, end - at));
        event(Event::Kind::kDelta, raw(keep(quoted.substr(1, quoted.size() - 2))));
        at = end;
      }
      if (!block.signature.empty()) event(Event::Kind::kSignature, raw(keep(block.signature)));
      event(Event::Kind::kBlockStop);
    }
  }
  size_t size() const { return events_.size(); }
  void send(EventSink& sink, size_t count) const {
    for (size_t i = 0; i < count && i < events_.size(); ++i) sink.take(events_[i]);
  }

 private:
  void add(Event event) { events_.push_back(event); }
  const std::string& keep(std::string text) { return texts_.emplace_back(std::move(text)); }
  std::deque<std::string> texts_;
  std::vector<Event> events_;
};

/// What a client puts together, and whether its stream was in order.
class Client final : public EventSink {
 public:
  explicit Client(Transcript& transcript) : transcript_(transcript) {}
  void take(const Event& event) override {
    transcript_.take(event);
    switch (event.kind) {
      case Event::Kind::kStart:
        ++starts;
        break;
      case Event::Kind::kBlockStart:
        EXPECT_FALSE(open_);
        open_ = true;
        answer.push_back({event.block_kind, event.name.str(), "", ""});
        break;
      case Event::Kind::kDelta:
        EXPECT_TRUE(open_);
        EXPECT_EQ(answer.back().kind, event.block_kind);
        event.text.append_to(answer.back().text);
        break;
      case Event::Kind::kSignature:
        answer.back().signature += event.text.bytes;
        break;
      case Event::Kind::kBlockStop:
        EXPECT_TRUE(open_);
        open_ = false;
        break;
      case Event::Kind::kAnnotation:
        break;
    }
  }
  bool open() const { return open_; }
  int starts = 0;
  Answer answer;

 private:
  Transcript& transcript_;
  bool open_ = false;
};

std::string all_text(const Answer& answer) {
  std::string text;
  for (const Said& block : answer) text += block.text;
  return text;
}

TEST(ReplayMatcher, JoinsAnyTwoCutsOfOneAnswer) {
  for (const size_t first_step : {1, 2, 3, 5, 100}) {
    const Events first(kAnswer, first_step);
    for (const size_t second_step : {1, 2, 3, 4, 7, 100}) {
      const Events second(kAnswer, second_step);
      for (size_t cut = 0; cut <= first.size(); ++cut) {
        Transcript transcript;
        Client client(transcript);
        first.send(client, cut);
        ReplayMatcher matcher(transcript, client);
        second.send(matcher, second.size());
        matcher.end();
        ASSERT_FALSE(matcher.diverged()) << first_step << ' ' << second_step << ' ' << cut;
        ASSERT_EQ(client.answer, kAnswer) << first_step << ' ' << second_step << ' ' << cut;
        EXPECT_EQ(client.starts, 1);
        EXPECT_FALSE(client.open());
      }
    }
  }
}

TEST(ReplayMatcher, JoinsAThirdStreamWhereTheSecondBreaksOffToo) {
  const Events first(kAnswer, 3);
  const Events second(kAnswer, 2);
  const Events third(kAnswer, 5);
  for (size_t cut = 0; cut <= first.size(); cut += 3) {
    for (size_t again = 0; again <= second.size(); ++again) {
      Transcript transcript;
      Client client(transcript);
      first.send(client, cut);
      ReplayMatcher one(transcript, client);
      second.send(one, again);
      ReplayMatcher two(transcript, client);
      third.send(two, third.size());
      two.end();
      ASSERT_EQ(client.answer, kAnswer) << cut << ' ' << again;
    }
  }
}

TEST(ReplayMatcher, PassesNothingOnThatContradictsWhatWasSaid) {
  const Events first(kAnswer, 4);
  for (size_t block = 0; block < kAnswer.size(); ++block) {
    for (size_t at = 0; at < kAnswer[block].text.size(); ++at) {
      Answer other = kAnswer;
      if ((other[block].text[at] & 0x80) != 0) continue;
      other[block].text[at] ^= 1;
      const Events second(other, 3);
      for (size_t cut = 0; cut <= first.size(); ++cut) {
        Transcript transcript;
        Client client(transcript);
        first.send(client, cut);
        const std::string before = all_text(client.answer);
        ReplayMatcher matcher(transcript, client);
        second.send(matcher, second.size());
        matcher.end();
        const bool contradicts = !all_text(other).starts_with(before);
        ASSERT_EQ(matcher.diverged(), contradicts) << block << ' ' << at << ' ' << cut;
        if (contradicts) ASSERT_EQ(all_text(client.answer), before);
        if (!contradicts) ASSERT_EQ(all_text(client.answer), all_text(other));
      }
    }
  }
}

TEST(ReplayMatcher, DiffersFromAnAnswerThatEndsEarlier) {
  const Events first(kAnswer, 4);
  for (size_t blocks = 0; blocks < kAnswer.size(); ++blocks) {
    const Answer shorter(kAnswer.begin(), kAnswer.begin() + static_cast<ptrdiff_t>(blocks));
    Transcript transcript;
    Client client(transcript);
    first.send(client, first.size());
    ReplayMatcher matcher(transcript, client);
    const Events second(shorter, 4);
    second.send(matcher, second.size());
    matcher.end();
    EXPECT_TRUE(matcher.diverged()) << blocks;
  }
}

TEST(ReplayMatcher, TakesBlocksWithoutAWordForNone) {
  Answer with = kAnswer;
  with.insert(with.begin() + 2, {BlockKind::kText, "", "", ""});
  for (const bool first_has : {false, true}) {
    const Events first(first_has ? with : kAnswer, 100);
    const Events second(first_has ? kAnswer : with, 100);
    for (size_t cut = 0; cut <= first.size(); ++cut) {
      Transcript transcript;
      Client client(transcript);
      first.send(client, cut);
      ReplayMatcher matcher(transcript, client);
      second.send(matcher, second.size());
      matcher.end();
      ASSERT_FALSE(matcher.diverged()) << first_has << ' ' << cut;
      std::erase_if(client.answer, [](const Said& block) { return block.text.empty(); });
      ASSERT_EQ(client.answer, kAnswer) << first_has << ' ' << cut;
    }
  }
}

TEST(Joiner, JoinsWhatAModelGoesOnWith) {
  const std::string whole =
      "The quick brown fox jumps over the lazy dog, and the quick cat sleeps.";
  for (const size_t step : {1, 2, 5, 100}) {
    for (size_t cut = 1; cut < whole.size(); ++cut) {
      for (const size_t repeated : {size_t{0}, Joiner::kLeastOverlap, size_t{20}, cut}) {
        if (repeated > cut || (repeated > 0 && repeated < Joiner::kLeastOverlap)) continue;
        Transcript transcript;
        Client client(transcript);
        const Events first({{BlockKind::kText, "", whole.substr(0, cut), ""}}, 4);
        first.send(client, first.size() - 1);
        Joiner joiner(transcript, client);
        const Events second({{BlockKind::kThinking, "", "going on", "sig"},
                             {BlockKind::kText, "", whole.substr(cut - repeated), ""}},
                            step);
        second.send(joiner, second.size());
        joiner.end();
        ASSERT_EQ(client.answer, (Answer{{BlockKind::kText, "", whole, ""}}))
            << step << ' ' << cut << ' ' << repeated;
        EXPECT_EQ(client.starts, 1);
        EXPECT_FALSE(client.open());
      }
    }
  }
}

TEST(Joiner, DropsWhiteSpaceThatStandsThereAlready) {
  Transcript transcript;
  Client client(transcript);
  const Events first({{BlockKind::kText, "", "one two ", ""}}, 100);
  first.send(client, first.size());
  Joiner joiner(transcript, client);
  const Events second({{BlockKind::kText, "", " three", ""}, {BlockKind::kToolUse, "f", "{}", ""}},
                      2);
  second.send(joiner, second.size());
  joiner.end();
  // The first block was closed, so that the rest is one of its own.
  EXPECT_EQ(client.answer, (Answer{{BlockKind::kText, "", "one two ", ""},
                                   {BlockKind::kText, "", "three", ""},
                                   {BlockKind::kToolUse, "f", "{}", ""}}));
}

TEST(Transcript, CountsEveryTextOnce) {
  Transcript transcript;
  Client client(transcript);
  const Events events(kAnswer, 3);
  std::string counted;
  const auto count = [&] {
    for (const OutputText& text : transcript.fresh()) counted += text.text.str();
  };
  events.send(client, events.size() / 2);
  count();
  count();
  const std::string half = counted;
  counted.clear();
  transcript.recount();
  count();
  EXPECT_EQ(counted, half);
  EXPECT_EQ(half.substr(0, 8), "Let me s");
}

TEST(Transcript, GivesUpAnAnswerThatIsTooLong) {
  Transcript transcript;
  Client client(transcript);
  const Events events({{BlockKind::kText, "", std::string(Transcript::kMost + 1, 'x'), ""}}, 1000);
  events.send(client, events.size() - 2);
  EXPECT_TRUE(transcript.usable());
  const Piece piece(std::string(2000, 'x'));
  client.take(piece.delta(BlockKind::kText));
  EXPECT_FALSE(transcript.usable());
}

}  // namespace
}  // namespace sluice::relay
