// Whether the events of a stream come in the order that clients of its dialect rely on.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

#include "http/sse.hpp"
#include "json/slices.hpp"

namespace sluice::dialect::chat::testing {

/// One message; blocks are numbered from 0 without gaps, and none begins before the last has ended;
/// the reason for the end is told once, when none is open.
class MessageOrder {
 public:
  /// What is wrong with the event; empty when nothing is.
  std::string check(const http::SseEvent& event) {
    const json::Value data(event.data);
    if (event.event == "ping" || event.event == "error") return "";
    if (event.event == "message_start") {
      if (std::exchange(begun_, true)) return "a second message_start";
      return data["message"]["usage"]["input_tokens"].exists() ? "" : "no usage at the start";
    }
    if (!begun_) return "before message_start";
    const int64_t index = data["index"].as_int().value_or(-1);
    if (event.event == "content_block_start") {
      if (open_) return "a block begins inside another";
      open_ = true;
      return index == ++last_ ? "" : fmt::format("block {} after {}", index, last_ - 1);
    }
    if (event.event == "content_block_delta" || event.event == "content_block_stop") {
      if (!open_ || index != last_) return "of a block that is not open";
      open_ = event.event == "content_block_delta";
      return "";
    }
    if (open_) return "inside a block";
    if (event.event == "message_delta") {
      if (std::exchange(told_, true)) return "a second message_delta";
      return data["usage"]["output_tokens"].exists() ? "" : "no usage at the end";
    }
    return event.event == "message_stop" && told_ ? "" : "out of order";
  }

 private:
  bool begun_ = false;
  bool open_ = false;
  bool told_ = false;
  int64_t last_ = -1;
};

/// The role comes first, calls are numbered from 0 without gaps and begin with what they are, the
/// reason for the end is told once, and only usage comes after it, without a choice.
class ChatOrder {
 public:
  std::string check(const http::SseEvent& event) {
    const json::Value data(event.data);
    if (event.data == "[DONE]") return told_ ? "" : "no finish_reason";
    if (data["error"].exists()) return "";
    json::Elements choices(data["choices"]);
    json::Value choice;
    if (!choices.next(choice)) {
      if (!told_) return "usage before the end";
      return data["usage"]["prompt_tokens"].exists() ? "" : "no choice and no usage";
    }
    if (told_) return "a choice after the end";
    if (data["usage"]["prompt_tokens"].exists()) return "usage beside a choice";
    const json::Value delta = choice["delta"];
    if (!std::exchange(begun_, true) && delta["role"].as_string() != "assistant") return "no role";
    told_ = choice["finish_reason"].as_string().has_value();
    json::Elements calls(delta["tool_calls"]);
    json::Value call;
    while (calls.next(call)) {
      const int64_t index = call["index"].as_int().value_or(-1);
      if (index < 0 || index > calls_) return fmt::format("call {} after {}", index, calls_);
      if (index < calls_) continue;
      ++calls_;
      const bool whole = call["id"].exists() && call["type"].as_string() == "function" &&
                         call["function"]["name"].exists();
      if (!whole) return "a call that does not say what it is";
    }
    return "";
  }

 private:
  bool begun_ = false;
  bool told_ = false;
  int64_t calls_ = 0;
};

}  // namespace sluice::dialect::chat::testing
