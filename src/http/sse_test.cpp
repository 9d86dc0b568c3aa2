#include "http/sse.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "base/counting_allocator.hpp"

namespace sluice::http {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Owned {
  std::string event;
  std::string data;
  std::string id;
  bool has_data = false;

  bool operator==(const Owned&) const = default;
  friend void PrintTo(const Owned& o, std::ostream* out) {
    *out << "{event '" << o.event << "' data '" << o.data << "' id '" << o.id << "' "
         << (o.has_data ? "has data}" : "no data}");
  }
};

Owned own(const SseEvent& event) {
  return {std::string(event.event), std::string(event.data), std::string(event.id), event.has_data};
}

struct Stream {
  std::vector<Owned> events;
  std::string raw;  // of all events and the remainder
  std::string remainder;
  bool overflowed = false;
};

// Reads the bytes, fed in pieces that end at `cuts`.
Stream read(std::string_view bytes, const std::vector<size_t>& cuts,
            size_t max_event_bytes = 1 << 20) {
  SseReader reader(max_event_bytes);
  Stream stream;
  size_t begin = 0;
  for (const size_t cut : cuts) {
    // A buffer of its own with just the promised slack, so that a sanitizer sees stale views
    // and reads beyond the end.
    std::vector<char> piece(cut - begin + SseReader::kSlack, '!');
    std::copy(bytes.begin() + static_cast<ptrdiff_t>(begin),
              bytes.begin() + static_cast<ptrdiff_t>(cut), piece.begin());
    begin = cut;
    reader.feed({piece.data(), piece.size() - SseReader::kSlack});
    while (const auto event = reader.next()) {
      EXPECT_FALSE(event->raw.empty());
      stream.raw += event->raw;
      stream.events.push_back(own(*event));
      if (event->has_data) {
        volatile char behind = event->data.data()[event->data.size() + SseReader::kSlack - 1];
        (void)behind;
      }
    }
  }
  stream.overflowed = reader.overflowed();
  stream.remainder = reader.remainder();
  stream.raw += stream.remainder;
  return stream;
}

Stream read(std::string_view bytes) { return read(bytes, {bytes.size()}); }

Owned data_event(std::string data) { return {"", std::move(data), "", true}; }

TEST(SseReader, ReadsEventDataAndId) {
  const Stream stream = read(
      "event: message_start\ndata: {\"a\":1}\nid: 7\n\n"
      "data: [DONE]\n\n");
  EXPECT_THAT(stream.events,
              ElementsAre(Owned{"message_start", "{\"a\":1}", "7", true}, data_event("[DONE]")));
}

TEST(SseReader, RemovesOneSpaceBehindTheColon) {
  EXPECT_THAT(read("data:a\n\ndata: b\n\ndata:  c\n\ndata:\td\n\n").events,
              ElementsAre(data_event("a"), data_event("b"), data_event(" c"), data_event("\td")));
}

TEST(SseReader, JoinsDataLinesWithLf) {
  EXPECT_THAT(read("data: a\ndata\ndata:\ndata: b\n\n").events,
              ElementsAre(data_event("a\n\n\nb")));
}

TEST(SseReader, TakesTheLastOfSeveralNamesAndIds) {
  EXPECT_THAT(read("event: a\nid: 1\nevent: b\nid: 2\ndata: x\n\n").events,
              ElementsAre(Owned{"b", "x", "2", true}));
}

TEST(SseReader, TakesFieldsWithoutAColon) {
  EXPECT_THAT(read("data\n\n").events, ElementsAre(data_event("")));
  EXPECT_THAT(read("event: a\nevent\ndata: x\n\n").events, ElementsAre(data_event("x")));
}

TEST(SseReader, IgnoresOtherFields) {
  EXPECT_THAT(read("retry: 10\ndatax: a\n data: b\nDATA: c\neventual: d\nidea: e\n\n").events,
              ElementsAre(Owned{}));
}

TEST(SseReader, IgnoresAnIdWithNul) {
  using namespace std::string_literals;
  EXPECT_THAT(read("id: a\nid: b\0c\n\n"s).events, ElementsAre(Owned{"", "", "a", false}));
}

TEST(SseReader, HandsOutCommentsAtOnce) {
  const Stream stream = read(": keep-alive\n\n: x\ndata: y\n\n");
  EXPECT_THAT(stream.events, ElementsAre(Owned{}, data_event("y")));
}

TEST(SseReader, HandsOutBlankLinesAtOnce) {
  EXPECT_THAT(read("\n\r\n\rdata: y\n\n\n").events,
              ElementsAre(Owned{}, Owned{}, Owned{}, data_event("y"), Owned{}));
}

TEST(SseReader, TakesEveryLineEnd) {
  const std::vector<std::string> ends = {"\n", "\r\n", "\r"};
  for (const std::string& first : ends) {
    for (const std::string& second : ends) {
      for (const std::string& blank : ends) {
        if (second == "\r" && blank == "\n") continue;  // that is one CRLF
        const Stream stream = read("event: e" + first + "data: a" + second + blank + "data: b\n\n");
        ASSERT_EQ(stream.events.size(), 2u);
        EXPECT_EQ(stream.events[0], (Owned{"e", "a", "", true}));
        EXPECT_EQ(stream.events[1], data_event("b"));
      }
    }
  }
}

TEST(SseReader, SkipsAByteOrderMarkAtTheStartOnly) {
  EXPECT_THAT(read("\xef\xbb\xbf"
                   "data: a\n\n")
                  .events,
              ElementsAre(data_event("a")));
  EXPECT_THAT(read("\xef\xbb\xbf\n\xef\xbb\xbf"
                   "data: a\n\n")
                  .events,
              ElementsAre(Owned{}, Owned{}));
  EXPECT_THAT(read("\xef\xbb"
                   "data: a\n\n")
                  .events,
              ElementsAre(Owned{}));
}

TEST(SseReader, RawPartsAreTheStream) {
  const std::string first = "\xef\xbb\xbf: c\ndata: a\r\n\r\n";
  const std::string second = "event: x\rdata: b\r\r";
  SseReader reader;
  const std::string bytes = first + second + "data: unfini";
  reader.feed(bytes);
  EXPECT_EQ(reader.next()->raw, first);
  EXPECT_EQ(reader.next()->raw, second);
  EXPECT_FALSE(reader.next().has_value());
  EXPECT_EQ(reader.remainder(), "data: unfini");
}

TEST(SseReader, HandsOutAnEventAtACrWithoutWaiting) {
  SseReader reader;
  reader.feed("data: a\r\n\r");
  auto event = reader.next();
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->raw, "data: a\r\n\r");
  EXPECT_FALSE(reader.next().has_value());
  reader.feed("\ndata: b\r\n\r\n");
  event = reader.next();
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->raw, "\ndata: b\r\n\r\n");
  EXPECT_EQ(event->data, "b");
}

TEST(SseReader, DoesNotAllocateForWholeEvents) {
  std::string bytes;
  for (int i = 0; i < 100; ++i) {
    bytes += "event: content_block_delta\ndata: {\"type\":\"content_block_delta\"}\n\n: ping\n\n";
  }
  SseReader reader;
  size_t events = 0;
  const size_t before = sluice::testing::allocations();
  for (int round = 0; round < 3; ++round) {
    reader.feed(bytes);
    while (reader.next()) ++events;
  }
  EXPECT_EQ(sluice::testing::allocations(), before);
  EXPECT_EQ(events, 600u);
}

TEST(SseReader, KeepsOnlyTheTailOfAnUnfinishedEvent) {
  SseReader reader;
  const std::string whole = "data: " + std::string(5000, 'a') + "\n\n";
  const std::string bytes = whole + "data: b";
  reader.feed(bytes);
  EXPECT_EQ(reader.next()->raw.data(), bytes.data());
  EXPECT_FALSE(reader.next().has_value());
  EXPECT_EQ(reader.remainder(), "data: b");
  reader.feed("c\n\n");
  EXPECT_EQ(reader.next()->data, "bc");
  EXPECT_EQ(reader.remainder(), "");
  EXPECT_FALSE(reader.next().has_value());
}

TEST(SseReader, FinishesAnUnfinishedEvent) {
  for (const char* tail : {"event: a\ndata: b", "event: a\ndata: b\n", "event: a\r\ndata: b\r"}) {
    SseReader reader;
    const std::string bytes = std::string("data: x\n\n") + tail;
    reader.feed(bytes);
    EXPECT_TRUE(reader.next().has_value());
    EXPECT_FALSE(reader.next().has_value());
    const auto last = reader.finish();
    ASSERT_TRUE(last.has_value());
    EXPECT_EQ(own(*last), (Owned{"a", "b", "", true}));
    EXPECT_EQ(last->raw, tail);
    EXPECT_EQ(reader.remainder(), "");
    EXPECT_FALSE(reader.finish().has_value());
  }
}

TEST(SseReader, FinishesNothingWithoutAField) {
  for (const char* tail : {"", ": comment", ": comment\n", "retry: 5", "dat"}) {
    SseReader reader;
    reader.feed(tail);
    EXPECT_FALSE(reader.next().has_value());
    EXPECT_FALSE(reader.finish().has_value()) << tail;
    EXPECT_EQ(reader.remainder(), tail);
  }
}

TEST(SseReader, RefusesAnEventBeyondTheLimit) {
  // With its first blank line end counted: 6 + 92 + 1 + 1.
  const std::string fits = "data: " + std::string(92, 'a') + "\n\n";
  const std::string too_long = "data: " + std::string(93, 'a') + "\n\n";
  EXPECT_FALSE(read(fits + fits, {2 * fits.size()}, 100).overflowed);
  const Stream stream = read(fits + too_long + fits, {200 + fits.size() + 1}, 100);
  EXPECT_TRUE(stream.overflowed);
  EXPECT_EQ(stream.events.size(), 1u);
  EXPECT_EQ(stream.remainder, "");
  EXPECT_TRUE(read(std::string(101, 'a'), {101}, 100).overflowed);
  EXPECT_FALSE(read(std::string(100, 'a'), {100}, 100).overflowed);
}

TEST(SseReader, ReadsALargeEventInManyPieces) {
  const std::string value(8 << 20, 'x');
  const std::string bytes = "data: " + value + "\n\n";
  SseReader reader;
  std::optional<SseEvent> event;
  for (size_t at = 0; at < bytes.size(); at += 4096) {
    ASSERT_FALSE(event.has_value());
    reader.feed(std::string_view(bytes).substr(at, 4096));
    event = reader.next();
  }
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->data, value);
}

// The standard's algorithm, step by step on the whole stream, as the yardstick. Unlike the
// standard it keeps events without data, since a relay passes them on.
std::vector<Owned> reference(std::string_view bytes) {
  if (bytes.starts_with("\xef\xbb\xbf")) bytes.remove_prefix(3);
  std::vector<Owned> events;
  Owned current;
  std::string line;
  const auto end_line = [&] {
    if (line.empty()) {
      events.push_back(current);
      current = {};
      return;
    }
    const size_t colon = line.find(':');
    const std::string name = line.substr(0, colon);
    std::string value = colon == std::string::npos ? "" : line.substr(colon + 1);
    if (value.starts_with(' ')) value.erase(0, 1);
    if (name == "data") {
      if (current.has_data) current.data += '\n';
      current.data += value;
      current.has_data = true;
    } else if (name == "event") {
      current.event = value;
    } else if (name == "id" && value.find('\0') == std::string::npos) {
      current.id = value;
    }
    line.clear();
  };
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] == '\r') {
      end_line();
      if (i + 1 < bytes.size() && bytes[i + 1] == '\n') ++i;
    } else if (bytes[i] == '\n') {
      end_line();
    } else {
      line += bytes[i];
    }
  }
  return events;
}

void expect_same_for_every_split(const std::string& bytes, std::minstd_rand& random) {
  const std::vector<Owned> expected = reference(bytes);
  const auto check = [&](const std::vector<size_t>& cuts) {
    const Stream stream = read(bytes, cuts);
    ASSERT_EQ(stream.events, expected) << bytes;
    ASSERT_EQ(stream.raw, bytes);
    ASSERT_FALSE(stream.overflowed);
  };
  std::vector<size_t> every;
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    every.push_back(cut);
    check({cut, bytes.size()});
  }
  check(every);
  for (int round = 0; round < 20; ++round) {
    std::vector<size_t> cuts;
    for (size_t cut = 0; cut < bytes.size(); cut += 1 + random() % 12) cuts.push_back(cut);
    cuts.push_back(bytes.size());
    check(cuts);
  }
}

TEST(SseReader, IsTheSameForEverySplit) {
  std::minstd_rand random(7);
  for (const char* sample : {
           "event: message_start\ndata: {\"type\":\"message_start\"}\n\n"
           "event: ping\ndata: {\"type\": \"ping\"}\n\n: comment\n\ndata: [DONE]\n\n",
           "\xef\xbb\xbf"
           "data: a\r\ndata: b\r\n\r\nid: 3\r\ndata\r\n\r\ndata: tail",
           "\xef\xbb\xbf\r\n\xef\xbb\xbf\r\r\n\n",
           "data: a\r\rdata: b\r\n\rdata: c\n\r\ndata: d\r\n\n\n\r\n\r",
           "\n\n\r\r\r\n\r\n",
       }) {
    expect_same_for_every_split(sample, random);
  }
}

TEST(SseReader, IsTheSameForEverySplitOfRandomStreams) {
  const std::vector<std::string> parts = {"\n",
                                          "\n",
                                          "\r",
                                          "\r\n",
                                          "\r\n",
                                          "data",
                                          "data: ",
                                          "event: ",
                                          "id:",
                                          ":",
                                          " ",
                                          "x",
                                          "a b",
                                          "{\"k\":\"v\"}",
                                          "\xef\xbb\xbf",
                                          "\xef",
                                          "retry: 1",
                                          std::string(40, 'y')};
  std::minstd_rand random(11);
  for (int round = 0; round < 300; ++round) {
    std::string bytes;
    for (size_t n = random() % 30; n > 0; --n) bytes += parts[random() % parts.size()];
    expect_same_for_every_split(bytes, random);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(SseReader, OverflowsInTheSamePlaceForEverySplit) {
  std::minstd_rand random(13);
  for (const char* end : {"\n\n", "\r\n\r\n", "\r\r"}) {
    for (size_t size = 8; size < 24; ++size) {
      const std::string bytes = "data: a" + std::string(end) +
                                "data: " + std::string(size - 6, 'b') + end + "data: c" + end;
      const Stream whole = read(bytes, {bytes.size()}, 20);
      for (int round = 0; round < 50; ++round) {
        std::vector<size_t> cuts;
        for (size_t cut = 0; cut < bytes.size(); cut += 1 + random() % 9) cuts.push_back(cut);
        cuts.push_back(bytes.size());
        const Stream stream = read(bytes, cuts, 20);
        ASSERT_EQ(stream.overflowed, whole.overflowed) << bytes;
        ASSERT_EQ(stream.events, whole.events) << bytes;
      }
    }
  }
}

std::string written(std::string_view event, std::string_view data, std::string_view id = {}) {
  std::string out;
  append_sse(out, event, data, id);
  return out;
}

TEST(AppendSse, WritesWhatTheReaderReads) {
  EXPECT_EQ(written("", "{}"), "data: {}\n\n");
  EXPECT_EQ(written("ping", "{}", "4"), "event: ping\nid: 4\ndata: {}\n\n");
  EXPECT_EQ(written("", ""), "data: \n\n");
  EXPECT_EQ(written("", "a\nb\r\nc\rd"), "data: a\ndata: b\ndata: c\ndata: d\n\n");
  for (const char* data : {"", "x", " x", "a\nb", "\n", "a\n\n\nb\n"}) {
    EXPECT_THAT(read(written("e", data, "i")).events, ElementsAre(Owned{"e", data, "i", true}));
  }
}

TEST(AppendSse, LetsNoValueOpenAnotherField) {
  EXPECT_EQ(written("a\ndata: evil\n\n", "x", "1\r\nid: 2"), "event: a\nid: 1\ndata: x\n\n");
}

TEST(SseReader, ReadsNothingFromNothing) {
  const Stream stream = read("");
  EXPECT_THAT(stream.events, IsEmpty());
  EXPECT_EQ(stream.remainder, "");
}

}  // namespace
}  // namespace sluice::http
