#include "observe/trace_context.hpp"

#include <gtest/gtest.h>

namespace sluice::observe {
namespace {

constexpr std::string_view kHeader = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(TraceContext, ContinuesATraceWithASpanOfItsOwn) {
  const TraceContext trace = continue_trace(kHeader);
  EXPECT_TRUE(trace.continued);
  EXPECT_EQ(trace.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(trace.parent_id, "00f067aa0ba902b7");
  EXPECT_NE(trace.span_id, trace.parent_id);
  EXPECT_EQ(trace.span_id.size(), 16U);
  EXPECT_EQ(trace.header(), "00-4bf92f3577b34da6a3ce929d0e0e4736-" + trace.span_id + "-01");
}

TEST(TraceContext, BeginsATraceWhenThereIsNone) {
  const TraceContext trace = continue_trace("");
  EXPECT_FALSE(trace.continued);
  EXPECT_EQ(trace.trace_id.size(), 32U);
  EXPECT_EQ(trace.parent_id, "");
  EXPECT_NE(continue_trace("").trace_id, trace.trace_id);
  EXPECT_EQ(trace.header().size(), kHeader.size());
}

TEST(TraceContext, UnderstandsLaterVersionsAsFarAsTheFirstOneGoes) {
  EXPECT_TRUE(continue_trace("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").continued);
  const TraceContext trace =
      continue_trace("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff-what-will-be");
  EXPECT_TRUE(trace.continued);
  EXPECT_EQ(trace.flags, 1);
  EXPECT_TRUE(trace.header().starts_with("00-"));
}

TEST(TraceContext, RefusesWhatBreaksTheFormat) {
  for (const std::string_view bad : {
           "00",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
           "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more",
           "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
           "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
           "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e473\n-00f067aa0ba902b7-01",
       }) {
    EXPECT_FALSE(continue_trace(bad).continued) << bad;
  }
}

TEST(RequestId, KeepsAClientsIdOnlyWhenItIsHarmless) {
  EXPECT_EQ(request_id("order-42_a.B"), "order-42_a.B");
  EXPECT_EQ(request_id(std::string(64, 'x')), std::string(64, 'x'));
  for (const std::string& bad :
       {std::string(), std::string(65, 'x'), std::string("a b"), std::string("a\nb"),
        std::string("a/b"), std::string("\xc3\xa9")}) {
    const std::string made = request_id(bad);
    EXPECT_NE(made, bad);
    EXPECT_TRUE(valid_request_id(made)) << made;
  }
}

}  // namespace
}  // namespace sluice::observe
