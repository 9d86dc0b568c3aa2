#include <gtest/gtest.h>

#include <charconv>

#include "base/clock.hpp"
#include "json/reader.hpp"
#include "mock/answer_test_support.hpp"
#include "mock/anthropic.hpp"
#include "mock/openai.hpp"

namespace sluice::mock {
namespace {

// The clock in the frame's text, or 0.
int64_t stamp_in(std::string_view frame) {
  size_t at = 0;
  do {
    at = frame.find("\"t", at == 0 ? 0 : at + 1);
    if (at == std::string_view::npos) return 0;
  } while (frame[at + 2] < '0' || frame[at + 2] > '9');
  int64_t value = 0;
  const auto parsed = std::from_chars(frame.data() + at + 2, frame.data() + frame.size(), value);
  return parsed.ec == std::errc{} && *parsed.ptr == ' ' ? value : 0;
}

Ask stamped_ask() {
  Ask ask;
  ask.model = "mock-c3";
  ask.script = *parse_script(ask.model);
  ask.stream = true;
  ask.stamps = true;
  return ask;
}

void expect_stamps(const Answer& answer) {
  std::string scratch;
  int stamps = 0;
  for (const Frame& frame : answer.frames) {
    if (!frame.content) continue;
    const int64_t before = now().time_since_epoch().count();
    const std::string_view text = fill(answer, frame, kParticulars, scratch);
    const int64_t after = now().time_since_epoch().count();
    EXPECT_TRUE(json::valid(data_of(text))) << text;
    // Of the moment of sending, and not of the moment the answer was made.
    EXPECT_GE(stamp_in(text), before);
    EXPECT_LE(stamp_in(text), after);
    ++stamps;
  }
  EXPECT_EQ(stamps, 3);
}

TEST(Stamps, TellWhenEachTextEventWasSent) {
  const Ask ask = stamped_ask();
  expect_stamps(openai::make_chat(ask, ask.script));
  expect_stamps(anthropic::make_message(ask, ask.script));
}

TEST(Stamps, AreLeftOutUnlessAskedFor) {
  Ask ask = stamped_ask();
  ask.stamps = false;
  for (const auto& frame : frames_of(openai::make_chat(ask, ask.script))) {
    EXPECT_EQ(stamp_in(frame), 0) << frame;
  }
}

}  // namespace
}  // namespace sluice::mock
