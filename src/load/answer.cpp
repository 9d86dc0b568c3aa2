#include "load/answer.hpp"

#include <charconv>

namespace sluice::load {

namespace {

// True when the object has a member `name` (given with its quotes) whose value is a string with
// something in it, or a list.
bool has_member_with_content(std::string_view data, std::string_view name) {
  for (size_t at = data.find(name); at != data.npos; at = data.find(name, at)) {
    at += name.size();
    const size_t colon = data.find_first_not_of(' ', at);
    if (colon == data.npos || data[colon] != ':') continue;
    const size_t value = data.find_first_not_of(' ', colon + 1);
    if (value == data.npos) continue;
    if (data[value] == '"' && value + 1 < data.size() && data[value + 1] != '"') return true;
    if (data[value] == '[') return true;
  }
  return false;
}

EventKind classify_openai(std::string_view data) {
  if (data == "[DONE]") return EventKind::kTerminal;
  if (has_member_with_content(data, R"("content")") ||
      has_member_with_content(data, R"("tool_calls")") ||
      has_member_with_content(data, R"("reasoning_content")") ||
      has_member_with_content(data, R"("text")")) {
    return EventKind::kContent;
  }
  const size_t first = data.find_first_not_of(" {");
  if (first != data.npos && data.substr(first).starts_with(R"("error")")) return EventKind::kError;
  return EventKind::kOther;
}

EventKind classify_anthropic(const http::SseEvent& event) {
  if (event.event == "content_block_delta") return EventKind::kContent;
  if (event.event == "message_stop") return EventKind::kTerminal;
  if (event.event == "error") return EventKind::kError;
  return EventKind::kOther;
}

}  // namespace

EventKind classify(Dialect dialect, const http::SseEvent& event) {
  if (dialect == Dialect::kAnthropic) return classify_anthropic(event);
  return classify_openai(event.data);
}

std::optional<int64_t> stamp_of(std::string_view data) {
  static constexpr std::string_view kStart = "\"t";
  for (size_t at = data.find(kStart); at != data.npos; at = data.find(kStart, at)) {
    at += kStart.size();
    if (at >= data.size() || data[at] < '0' || data[at] > '9') continue;
    int64_t stamp = 0;
    const char* end = data.data() + data.size();
    const auto parsed = std::from_chars(data.data() + at, end, stamp);
    if (parsed.ec == std::errc{} && parsed.ptr != end && *parsed.ptr == ' ') return stamp;
  }
  return std::nullopt;
}

}  // namespace sluice::load
