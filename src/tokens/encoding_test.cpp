#include "tokens/encoding.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <vector>

#include "tokens/bpe.hpp"
#include "tokens/slow_bpe.hpp"
#include "tokens/splitter.hpp"
#include "tokens/test_text.hpp"

namespace sluice::tokens {
namespace {

using ::testing::ElementsAre;

struct Golden {
  std::string_view text;
  std::array<std::vector<uint32_t>, kAllEncodings.size()> tokens;
};
const std::vector<Golden> kGolden = {
#include "tokens/encoding_golden.inc"
};

std::vector<uint32_t> encode(EncodingId id, std::string_view text) {
  std::vector<uint32_t> tokens;
  Encoding::get(id).encode(text, tokens);
  return tokens;
}

std::vector<std::string> pieces(EncodingId id, std::string_view text) {
  std::vector<std::string> out;
  for_each_piece(Encoding::get(id).pattern(), text, [&](std::string_view piece, bool) {
    out.emplace_back(piece);
    return true;
  });
  return out;
}

std::string repeated(std::string_view unit, size_t count) {
  std::string text;
  for (; count > 0; --count) text += unit;
  return text;
}

TEST(Encoding, GivesTheTokensOfTiktoken) {
  for (const Golden& golden : kGolden) {
    for (const EncodingId id : kAllEncodings) {
      const auto& tokens = golden.tokens[static_cast<size_t>(id)];
      EXPECT_EQ(encode(id, golden.text), tokens) << to_string(id) << ": " << golden.text;
      EXPECT_EQ(Encoding::get(id).count(golden.text), tokens.size()) << golden.text;
    }
  }
}

TEST(Encoding, CountsNothingInNothing) {
  for (const EncodingId id : kAllEncodings) {
    EXPECT_EQ(Encoding::get(id).count(""), 0U);
    EXPECT_THAT(encode(id, ""), ElementsAre());
  }
}

TEST(Encoding, IsFoundByTheNameThatItHas) {
  for (const EncodingId id : kAllEncodings) EXPECT_EQ(parse_encoding(to_string(id)), id);
  EXPECT_EQ(parse_encoding("gpt2"), std::nullopt);
  EXPECT_EQ(parse_encoding(""), std::nullopt);
}

TEST(Encoding, KeepsEveryByteOfTheText) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 50; ++round) {
    const std::string text = mixed_text(random, 2000);
    for (const EncodingId id : kAllEncodings) {
      std::string back;
      for (const uint32_t token : encode(id, text)) {
        back += Encoding::get(id).vocabulary().bytes_of(token);
      }
      EXPECT_EQ(back, text);
    }
  }
}

TEST(Encoding, TakesWhatIsNotUtf8ForTheReplacementCharacter) {
  struct Broken {
    std::string_view bytes;
    std::string_view means;
  };
  // One for each "maximal subpart", as in the Unicode Standard, table 3-8 and beside it.
  constexpr Broken kBroken[] = {
      {"a\x80z", "a\ufffdz"},
      {"\xff\xfe", "\ufffd\ufffd"},
      {"\xc0\xaf", "\ufffd\ufffd"},
      {"\xe0\x80\xbf", "\ufffd\ufffd\ufffd"},
      {"\xed\xa0\x80", "\ufffd\ufffd\ufffd"},
      {"\xf4\x91\x92\x93\xff"
       "A\x80"
       "B",
       "\ufffd\ufffd\ufffd\ufffd\ufffdA\ufffdB"},
      {"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf"
       "A",
       "\ufffd\ufffd\ufffd\ufffdA"},
      {"\xf0\x9f\x98", "\ufffd"},
      {"\xf0\x9f\x98 \xf0\x9f\x98\x80", "\ufffd \U0001f600"},
  };
  for (const Broken& broken : kBroken) {
    for (const EncodingId id : kAllEncodings) {
      EXPECT_EQ(encode(id, broken.bytes), encode(id, broken.means)) << broken.means;
      EXPECT_EQ(Encoding::get(id).count(broken.bytes), Encoding::get(id).count(broken.means));
    }
  }
}

TEST(Pieces, LeaveUpperCaseThatNothingLowerFollowsToTheNextWord) {
  const auto id = EncodingId::kO200kBase;
  EXPECT_THAT(pieces(id, "\u65e5ABC"), ElementsAre("\u65e5", "ABC"));
  EXPECT_THAT(pieces(id, "\u65e5ABCd"), ElementsAre("\u65e5ABCd"));
  EXPECT_THAT(pieces(id, "\u65e5ABC\u8a9eD"), ElementsAre("\u65e5ABC\u8a9e", "D"));
  EXPECT_THAT(pieces(id, "camelCaseHTTPServer"), ElementsAre("camel", "Case", "HTTPServer"));
  EXPECT_THAT(pieces(EncodingId::kCl100kBase, "camelCase"), ElementsAre("camelCase"));
}

TEST(Pieces, JoinAContractionToTheWordOrToNothing) {
  EXPECT_THAT(pieces(EncodingId::kO200kBase, "we'll'ro's\u65e5'S1's"),
              ElementsAre("we'll", "'ro's", "\u65e5'S", "1", "'s"));
  EXPECT_THAT(pieces(EncodingId::kCl100kBase, "we'LL'rs 's"),
              ElementsAre("we", "'LL", "'rs", " '", "s"));
  EXPECT_THAT(pieces(EncodingId::kR50kBase, "we'LL'll"), ElementsAre("we", "'", "LL", "'ll"));
}

TEST(Pieces, EndWhiteSpaceBehindItsLastNewlineOrBeforeItsLastSpace) {
  const auto id = EncodingId::kO200kBase;
  EXPECT_THAT(pieces(id, "a \n \n  b"), ElementsAre("a", " \n \n", " ", " b"));
  EXPECT_THAT(pieces(id, "a \t "), ElementsAre("a", " \t "));
  EXPECT_THAT(pieces(id, "a\u3000\u3000b"), ElementsAre("a", "\u3000", "\u3000b"));
  EXPECT_THAT(pieces(EncodingId::kR50kBase, "a\n\nb"), ElementsAre("a", "\n", "\n", "b"));
}

TEST(Merging, EqualsThePlainWayOnPiecesOfEveryKind) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 120; ++round) {
    // As if it were one piece: merging does not ask what the bytes are.
    const std::string text = mixed_text(random, 1 + random() % 160);
    for (const EncodingId id : kAllEncodings) {
      const Vocabulary& vocabulary = Encoding::get(id).vocabulary();
      const std::vector<uint32_t> slow = slow_bpe(vocabulary, text);
      std::vector<uint32_t> tokens;
      encode_piece(vocabulary, text, tokens);
      ASSERT_EQ(tokens, slow) << to_string(id) << ": " << text;
      ASSERT_EQ(count_piece(vocabulary, text), slow.size());
      GrowingPiece growing(vocabulary);
      growing.push(text);
      ASSERT_EQ(growing.count(), slow.size()) << to_string(id) << ": " << text;
    }
  }
}

// Characters of several bytes, next to each other and to ASCII: some merge to one token before
// anything else, some not.
TEST(Merging, EqualsThePlainWayOnEveryScript) {
  constexpr std::array<std::array<uint32_t, 2>, 9> kRanges = {{{0x61, 0x7a},
                                                               {0xa0, 0xff},
                                                               {0x410, 0x44f},
                                                               {0x5d0, 0x64a},
                                                               {0x900, 0xe5b},
                                                               {0x2010, 0x2600},
                                                               {0x3041, 0x30ff},
                                                               {0x4e00, 0x5200},
                                                               {0xac00, 0xd7a3}}};
  std::mt19937_64 random(6);
  for (int round = 0; round < 200; ++round) {
    std::string text;
    const size_t range = random() % kRanges.size();
    for (uint64_t left = 2 + random() % 60; left > 0; --left) {
      const auto [first, last] = kRanges[random() % 8 == 0 ? random() % kRanges.size() : range];
      put_character(text, first + static_cast<uint32_t>(random() % (last - first + 1)));
    }
    for (const EncodingId id : kAllEncodings) {
      const Vocabulary& vocabulary = Encoding::get(id).vocabulary();
      const std::vector<uint32_t> slow = slow_bpe(vocabulary, text);
      std::vector<uint32_t> tokens;
      encode_piece(vocabulary, text, tokens);
      ASSERT_EQ(tokens, slow) << to_string(id) << ": " << text;
      ASSERT_EQ(count_piece(vocabulary, text), slow.size());
      GrowingPiece whole(vocabulary);
      whole.push(text);
      ASSERT_EQ(whole.count(), slow.size()) << to_string(id) << ": " << text;
      GrowingPiece growing(vocabulary);
      for (const char byte : text) growing.push(byte);
      ASSERT_EQ(growing.count(), slow.size()) << to_string(id) << ": " << text;
    }
  }
}

TEST(Merging, EqualsThePlainWayOnRunsOfEveryLength) {
  for (const std::string_view unit : {"a", " ", "\n", "=", "\u0301", "\u65e5", "!", "1", "ab"}) {
    for (const EncodingId id : kAllEncodings) {
      const Vocabulary& vocabulary = Encoding::get(id).vocabulary();
      GrowingPiece growing(vocabulary);
      for (size_t count = 1; count <= 300; ++count) {
        growing.push(unit);
        if (count > 20 && count % 48 > 1) continue;
        ASSERT_EQ(growing.count(), slow_bpe(vocabulary, repeated(unit, count)).size())
            << to_string(id) << ": " << count << " of " << unit;
      }
    }
  }
}

TEST(Merging, TakesBackTheLastBytes) {
  const Vocabulary& vocabulary = Encoding::get(EncodingId::kO200kBase).vocabulary();
  std::mt19937_64 random(4);
  const std::string text = mixed_text(random, 3000);
  GrowingPiece straight(vocabulary);
  GrowingPiece hesitant(vocabulary);
  for (const char byte : text) {
    straight.push(byte);
    const size_t more = random() % (GrowingPiece::kMaxPop + 1);
    hesitant.push(byte);
    hesitant.push(std::string(more, 'x'));
    hesitant.pop(more);
    ASSERT_EQ(hesitant.count(), straight.count());
    ASSERT_EQ(hesitant.last_token(), straight.last_token());
  }
}

}  // namespace
}  // namespace sluice::tokens
