#include "dialect/responses/responses_stream_write.hpp"

#include <gtest/gtest.h>

#include "dialect/chat/stream_testing.hpp"

namespace sluice::dialect::responses {
namespace {

std::string chunk_of(size_t size) {
  std::string data = R"(data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":")";
  data.append(size, 'x');
  return data + "\"}}]}\n\n";
}

constexpr std::string_view kEnd =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
    "data: [DONE]\n\n";

struct Conversion {
  chat::AnswerPlan plan;
  chat::StreamConverter converter{Endpoint::kChatCompletions, Endpoint::kResponses, plan, {}};

  chat::testing::Converted convert(std::string stream) {
    return chat::testing::convert_streams(converter, {std::move(stream)}, [] { return 1 << 16; });
  }
};

TEST(ResponsesStreamWriter, RepeatsALongAnswerWhole) {
  Conversion conversion;
  const auto converted =
      conversion.convert(chunk_of(1 << 20) + chunk_of(1 << 20) + std::string(kEnd));
  EXPECT_FALSE(converted.verdicts.contains('e')) << converted.verdicts;
  const size_t last = converted.client.rfind("event: response.completed");
  ASSERT_NE(last, std::string::npos);
  EXPECT_GT(converted.client.size() - last, size_t{2} << 20);
}

/// All of an answer is kept for its last event; not without end.
TEST(ResponsesStreamWriter, KeepsNoMoreThanIsReasonable) {
  std::string stream;
  for (int i = 0; i < 17; ++i) stream += chunk_of(1 << 20);
  Conversion conversion;
  const auto converted = conversion.convert(stream + std::string(kEnd));
  EXPECT_TRUE(converted.verdicts.contains('e')) << converted.verdicts;
  EXPECT_EQ(conversion.converter.failure().error.code, ErrorCode::kUpstreamError);
  EXPECT_FALSE(converted.client.contains("response.completed"));
  EXPECT_TRUE(
      converted.client.substr(converted.client.rfind("event: ")).starts_with("event: error"));
}

/// The relay settles between the two, and sends only the second.
TEST(ResponsesStreamWriter, NumbersAnErrorThatIsToldAnewAsTheOneBefore) {
  Conversion conversion;
  const auto converted = conversion.convert(chunk_of(1));
  const size_t error = converted.client.rfind("event: error");
  ASSERT_NE(error, std::string::npos);
  std::string anew;
  conversion.converter.fail(conversion.converter.failure().error, anew);
  EXPECT_EQ(anew, converted.client.substr(error));
}

}  // namespace
}  // namespace sluice::dialect::responses
