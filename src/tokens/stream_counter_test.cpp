#include "tokens/stream_counter.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <vector>

#include "base/counting_allocator.hpp"
#include "tokens/bpe.hpp"
#include "tokens/slow_bpe.hpp"
#include "tokens/test_text.hpp"
#include "tokens/utf8.hpp"
#include "tokens/work.hpp"

namespace sluice::tokens {
namespace {

// Feeds the text in pieces of random length up to `most` and compares after each.
void expect_exact_at_every_cut(const Encoding& encoding, std::string_view text, size_t most,
                               std::mt19937_64& random) {
  StreamCounter counter(encoding);
  for (size_t end = 0; end < text.size();) {
    const size_t size = std::min<size_t>(1 + random() % most, text.size() - end);
    counter.add(text.substr(end, size));
    end += size;
    // Not by count(), which for broken UTF-8 is a stream counter itself.
    std::vector<uint32_t> tokens;
    encoding.encode(text.substr(0, end), tokens);
    ASSERT_EQ(counter.total(), static_cast<int64_t>(tokens.size()))
        << "after " << end << " bytes of: " << text;
  }
}

// The same in events of so many tokens.
void expect_exact_at_every_event(const Encoding& encoding, const std::vector<uint32_t>& tokens,
                                 size_t tokens_each) {
  StreamCounter counter(encoding);
  std::string text;
  for (size_t i = 0; i < tokens.size(); i += tokens_each) {
    const size_t before = text.size();
    for (size_t k = i; k < std::min(i + tokens_each, tokens.size()); ++k) {
      text += encoding.vocabulary().bytes_of(tokens[k]);
    }
    counter.add(std::string_view(text).substr(before));
    std::vector<uint32_t> expected;
    encoding.encode(text, expected);
    ASSERT_EQ(counter.total(), static_cast<int64_t>(expected.size())) << "after: " << text;
  }
}

TEST(StreamCounter, EqualsTheCountOfTheWholeTextAtEveryCut) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 14; ++round) {
    const std::string text = mixed_text(random, 1 + random() % 400);
    for (const EncodingId id : kAllEncodings) {
      for (const size_t most : {1, 7, 64}) {
        expect_exact_at_every_cut(Encoding::get(id), text, most, random);
        if (HasFatalFailure()) return;
      }
    }
  }
}

// Writing without spaces, whose words go on from event to event: as events of tokens, some of which
// end within a character, at any cuts, and without punctuation as one long word.
TEST(StreamCounter, EqualsTheCountOfTheWholeTextWithoutSpaces) {
  std::mt19937_64 random(5);
  for (const std::string_view text : {kChinese, kJapanese, kThai, kKhmer, kMyanmar, kRussian}) {
    std::string word;
    for (const char* at = text.begin(); at != text.end();) {
      const Char c = peek(at, text.end());
      constexpr uint8_t kNoWord = bit(CharClass::kOther) | bit(CharClass::kSpace);
      if (c.size > 1 && (c.kind & kNoWord) == 0) word.append(at, c.size);
      at += c.size;
    }
    for (const std::string_view stream : {text, std::string_view(word)}) {
      for (const EncodingId id : kAllEncodings) {
        const Encoding& encoding = Encoding::get(id);
        std::vector<uint32_t> tokens;
        encoding.encode(stream, tokens);
        for (const size_t size : {1, 2, 3, 7, 16, 64}) {
          expect_exact_at_every_event(encoding, tokens, size);
          if (HasFatalFailure()) return;
        }
        expect_exact_at_every_cut(encoding, stream, 100, random);
        if (HasFatalFailure()) return;
      }
    }
  }
}

// Long words, which are settled from their beginning on while they grow, with what may change how
// they go on: case, marks, signs, newlines behind signs, contractions.
TEST(StreamCounter, EqualsTheCountOfTheWholeTextWhereWordsGrowLong) {
  std::mt19937_64 random(7);
  constexpr std::array<std::string_view, 9> kAlphabets = {
      "abcdefghijklmnopqrstuvwxyz",
      "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/",
      "0123456789abcdef",
      "!?.,;:-_=+*#@%&()[]{}<>|~^`$/",
      "!#'-./'\n\r",
      "\u0e01\u0e02\u0e04\u0e07\u0e08\u0e32\u0e34\u0e40\u0e49",
      "\u0e01\u0e32\u0e34\u0301\u3042aB",
      "\u65e5\u672c\u8a9e\u306e\u3067AB"};
  for (int round = 0; round < 60; ++round) {
    std::string text = random() % 2 == 0 ? " " : "";
    for (int run = 0; run < 3; ++run) {
      const std::string_view alphabet = kAlphabets[random() % kAlphabets.size()];
      for (uint64_t left = random() % 200; left > 0; --left) {
        const char* at = alphabet.data() + random() % alphabet.size();
        while ((*at & 0xc0) == 0x80) --at;
        text.append(at, peek(at, alphabet.data() + alphabet.size()).size);
      }
      text += kAtoms[random() % kAtoms.size()];
    }
    for (const EncodingId id :
         {EncodingId::kO200kBase, EncodingId::kCl100kBase, EncodingId::kR50kBase}) {
      expect_exact_at_every_cut(Encoding::get(id), text, round % 3 == 0 ? 3 : 60, random);
      if (HasFatalFailure()) return;
    }
  }
}

// What moves a border far behind the end: runs longer than what a counter keeps inline.
TEST(StreamCounter, EqualsTheCountOfTheWholeTextWhereWordsAreLong) {
  std::mt19937_64 random(2);
  const auto run = [&random](std::string_view unit) {
    std::string text;
    for (uint64_t count = 30 + random() % 250; count > 0; --count) text += unit;
    return text;
  };
  for (int round = 0; round < 6; ++round) {
    for (const std::string_view unit : {"a", "A", "\u65e5", "\u65e5A", " ", "\n", " \n", "!", "/",
                                        "1", "\u0301", "'", "a\u0301"}) {
      const std::string text = std::string(kAtoms[random() % kAtoms.size()]) + run(unit) +
                               std::string(kAtoms[random() % kAtoms.size()]) +
                               std::string(kAtoms[random() % kAtoms.size()]);
      for (const EncodingId id :
           {EncodingId::kO200kBase, EncodingId::kCl100kBase, EncodingId::kR50kBase}) {
        expect_exact_at_every_cut(Encoding::get(id), text, round % 2 == 0 ? 40 : 3, random);
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST(StreamCounter, EqualsTheCountOfTheWholeOnBytesThatAreNoText) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 60; ++round) {
    std::string text = mixed_text(random, 60);
    for (int i = 0; i < 20; ++i) {
      text[random() % text.size()] = static_cast<char>(random());
    }
    if (round % 5 == 0) text.insert(text.size() / 2, 300, "a\xcc"[round % 2]);
    expect_exact_at_every_cut(Encoding::get(EncodingId::kO200kBase), text, 1 + random() % 9,
                              random);
    if (HasFatalFailure()) return;
  }
}

TEST(StreamCounter, CountsACharacterThatIsNotWholeYetAsOneThatIsBroken) {
  const Encoding& encoding = Encoding::get(EncodingId::kO200kBase);
  StreamCounter counter(encoding);
  const auto replacement = static_cast<int64_t>(encoding.count("\ufffd"));
  EXPECT_EQ(counter.add("\xf0"), replacement);
  EXPECT_EQ(counter.add("\x9f"), replacement);
  EXPECT_EQ(counter.add("\x98"), replacement);
  EXPECT_EQ(counter.add("\x80"), static_cast<int64_t>(encoding.count("\U0001f600")));
}

TEST(StreamCounter, ForgetsTokensThatMoreTextJoins) {
  const Encoding& encoding = Encoding::get(EncodingId::kO200kBase);
  StreamCounter counter(encoding);
  EXPECT_EQ(counter.add("\n "), 2);
  EXPECT_EQ(counter.add("\n"), 1);
}

std::string repeated(std::string_view unit, size_t size) {
  std::string text;
  while (text.size() < size) text += unit;
  return text;
}

// Steps for a byte, whole and byte by byte, of a text that is one piece or looks like it: bounded
// by the longest token, whatever the length. Returns those of the whole.
uint64_t expect_bounded_work(EncodingId id, std::string_view text) {
  const Encoding& encoding = Encoding::get(id);
  const std::string_view unit = text.substr(0, 6);
  const uint64_t before = work_done;
  const size_t count = encoding.count(text);
  const uint64_t whole = work_done - before;
  EXPECT_LE(whole, 128 * text.size()) << unit;

  StreamCounter counter(encoding);
  const uint64_t before_stream = work_done;
  for (const char& byte : text) counter.add({&byte, 1});
  EXPECT_LE(work_done - before_stream, 300 * text.size()) << unit;
  EXPECT_EQ(counter.total(), static_cast<int64_t>(count)) << unit;
  return whole;
}

TEST(StreamCounter, IsLinearOnAMegabyteWithoutABorder) {
  for (const std::string_view unit : {"a", " ", "\u0301"}) {
    for (const EncodingId id : kAllEncodings) {
      expect_bounded_work(id, repeated(unit, id == EncodingId::kO200kBase ? 1 << 20 : 1 << 16));
    }
  }
}

TEST(StreamCounter, IsLinearOnEveryKindOfText) {
  for (const std::string_view unit :
       {"a", "A", " ", "\t", "\n", "\r\n", " \n", "1", "!?", "\u0301", "=", "\u65e5", "/",
        "\u65e5A", "'", "don't", "\xff", "\u3000"}) {
    for (const EncodingId id : kAllEncodings) {
      const std::string text = repeated(unit, 1 << 13);
      const uint64_t whole = expect_bounded_work(id, text);
      const uint64_t before = work_done;
      Encoding::get(id).count(std::string_view(text).substr(0, text.size() / 2));
      const uint64_t half = work_done - before;
      EXPECT_LE(whole, half * 2 + half / 10) << unit;
    }
  }
}

TEST(StreamCounter, CountsEndlessWordsAsThePlainWayDoes) {
  for (const std::string_view unit : {"a", " ", "\n", "=", "1", "\u0301", "\u65e5"}) {
    for (const EncodingId id : {EncodingId::kO200kBase, EncodingId::kR50kBase}) {
      const Encoding& encoding = Encoding::get(id);
      const std::string text = repeated(unit, 1500);
      size_t slow = 0;
      for_each_piece(encoding.pattern(), text, [&](std::string_view piece, bool) {
        slow += slow_bpe(encoding.vocabulary(), piece).size();
        return true;
      });
      EXPECT_EQ(encoding.count(text), slow) << unit;
      StreamCounter counter(encoding);
      for (const char byte : text) counter.add({&byte, 1});
      EXPECT_EQ(counter.total(), static_cast<int64_t>(slow)) << unit;
    }
  }
}

TEST(StreamCounter, AllocatesNothingForOrdinaryText) {
  StreamCounter counter(Encoding::get(EncodingId::kO200kBase));
  const size_t before = testing::allocations();
  for (const std::string_view text :
       {kProse, kChinese, kJapanese, kThai, kKhmer, kLao, kMyanmar, kRussian, kCode}) {
    for (size_t i = 0; i < text.size(); i += 5) counter.add(text.substr(i, 5));
  }
  EXPECT_EQ(testing::allocations(), before);
}

TEST(StreamCounter, AllocatesNothingForWordsWithoutEnd) {
  for (const std::string_view unit :
       {std::string_view("word"), kThai.substr(0, 60), kMyanmar.substr(0, 60)}) {
    StreamCounter counter(Encoding::get(EncodingId::kO200kBase));
    const size_t before = testing::allocations();
    for (int i = 0; i < 1000; ++i) counter.add(unit);
    EXPECT_EQ(testing::allocations(), before) << unit;
  }
}

TEST(StreamCounter, TakesMemoryOnceForARunWithoutEnd) {
  StreamCounter counter(Encoding::get(EncodingId::kO200kBase));
  const size_t before = testing::allocations();
  for (int i = 0; i < 1000; ++i) counter.add("          ");
  EXPECT_LE(testing::allocations() - before, 1U);
}

}  // namespace
}  // namespace sluice::tokens
