#include "dialect/embeddings.hpp"

#include <gtest/gtest.h>

namespace sluice::dialect {
namespace {

using enum EmbeddingEncoding;

// 1, -0.5 and 0.1 as floats.
constexpr std::string_view kNumbersText = "[1, -0.5,0.1]";
constexpr std::string_view kBase64Text = R"("AACAPwAAAL/NzMw9")";

std::string answer(std::string_view first, std::string_view second) {
  return R"({ "object":"list","data":[{"embedding":)" + std::string(first) +
         R"(,"index":0}, {"index":1,"embedding":)" + std::string(second) +
         R"(}],"model":"m","x":1.0,"usage":{"prompt_tokens":2,"total_tokens":2}})";
}

TEST(Embeddings, AreAskedForInOneOfTwoForms) {
  EXPECT_EQ(embedding_encoding(R"({"input":"x"})"), kNumbers);
  EXPECT_EQ(embedding_encoding(R"({"encoding_format":null})"), kNumbers);
  EXPECT_EQ(embedding_encoding(R"({"encoding_format":"float"})"), kNumbers);
  EXPECT_EQ(embedding_encoding(R"({"encoding_format":"base64"})"), kBase64);
  EXPECT_EQ(embedding_encoding(R"({"encoding_format":"ubinary"})"), kOther);
  EXPECT_EQ(embedding_encoding(R"({"encoding_format":1})"), kOther);
}

// Pitfall 46 of src/dialect/chat/testdata/README.md.
TEST(Embeddings, ComeInTheFormThatWasAskedFor) {
  const std::string numbers = answer(kNumbersText, kNumbersText);
  const std::string base64 = answer(kBase64Text, kBase64Text);
  EXPECT_TRUE(embeddings_are(kNumbers, numbers));
  EXPECT_TRUE(embeddings_are(kBase64, base64));
  EXPECT_FALSE(embeddings_are(kBase64, numbers));
  EXPECT_FALSE(embeddings_are(kNumbers, base64));
  EXPECT_TRUE(embeddings_are(kOther, numbers));
  EXPECT_EQ(write_embeddings(kBase64, numbers), base64);
  EXPECT_EQ(write_embeddings(kNumbers, base64), answer("[1,-0.5,0.1]", "[1,-0.5,0.1]"));
  EXPECT_EQ(write_embeddings(kBase64, answer(kNumbersText, kBase64Text)), base64);
  EXPECT_EQ(write_embeddings(kBase64, answer("[]", "[]")), answer("\"\"", "\"\""));
}

TEST(Embeddings, OfAnotherKindStayAsTheyAre) {
  const std::string others[] = {
      answer("[[0.1],[0.2]]", "[null]"),
      answer("null", "{}"),
      answer("[1e300]", "[-1e39]"),
      R"({"data":{}})",
      R"({"data":[{}]})",
      R"({})",
  };
  for (const std::string& other : others) EXPECT_EQ(write_embeddings(kBase64, other), other);
  // Not base64, not of floats, not a number.
  const std::string broken = answer(R"("?")", R"("AAA=")");
  EXPECT_EQ(write_embeddings(kNumbers, broken), broken);
  const std::string nan = answer(R"("AADAfw==")", R"("AADAfw==")");
  EXPECT_EQ(write_embeddings(kNumbers, nan), nan);
}

}  // namespace
}  // namespace sluice::dialect
