// What the API refuses in the history of a chat, for part "v": calls and their answers belong
// together.
#include <fmt/format.h>

#include <set>
#include <string>
#include <utility>

#include "mock/openai.hpp"
#include "mock/openai_checks.hpp"

namespace sluice::mock::openai {

namespace {

using json::Kind;
using json::Value;

std::unexpected<Refusal> unanswered(const std::set<std::string>& open, size_t at) {
  std::string ids;
  for (const std::string& id : open) ids += (ids.empty() ? "" : ", ") + id;
  return refuse(
      fmt::format("An assistant message with 'tool_calls' must be followed by tool messages "
                  "responding to each 'tool_call_id'. The following tool_call_ids did not have "
                  "response messages: {}",
                  ids),
      fmt::format("messages.[{}].role", at));
}

Answered<void> read_calls(Value calls, const std::string& place, std::set<std::string>& open) {
  json::Elements elements(calls);
  Value call;
  for (size_t i = 0; elements.next(call); ++i) {
    const std::string here = fmt::format("{}.tool_calls[{}]", place, i);
    const auto id = call["id"].as_string();
    if (!id) return missing(here + ".id");
    if (call["type"].as_string() != "function") return missing(here + ".type");
    for (const char* member : {"name", "arguments"}) {
      const Value value = call["function"][member];
      const std::string param = fmt::format("{}.function.{}", here, member);
      if (!value.exists()) return missing(param);
      if (value.kind() != Kind::kString) return wrong_type(param, "a string", value);
    }
    if (id->size() > 40) {
      return refuse(fmt::format("Invalid '{}.id': string too long. Expected a string with maximum "
                                "length 40, but got a string with length {} instead.",
                                here, id->size()),
                    here + ".id", "string_above_max_length");
    }
    open.insert(*id);
  }
  return {};
}

}  // namespace

Answered<void> check_history(Value messages) {
  std::set<std::string> open;  // calls without their answer
  json::Elements elements(messages);
  Value message;
  size_t i = 0;
  for (; elements.next(message); ++i) {
    const std::string place = fmt::format("messages[{}]", i);
    if (message["role"].as_string() == "tool") {
      const auto id = message["tool_call_id"].as_string();
      if (!id) return missing(place + ".tool_call_id");
      if (open.erase(*id) == 0) {
        return refuse(
            "Invalid parameter: messages with role 'tool' must be a response to a preceeding "
            "message with 'tool_calls'.",
            fmt::format("messages.[{}].role", i));
      }
      continue;
    }
    if (!open.empty()) return unanswered(open, i);
    const Value calls = message["tool_calls"];
    if (calls.exists() && calls.is_empty()) {
      return refuse(fmt::format("Invalid '{}.tool_calls': empty array. Expected an array with "
                                "minimum length 1, but got an empty array instead.",
                                place),
                    place + ".tool_calls", "empty_array");
    }
    if (auto read = read_calls(calls, place, open); !read) return read;
  }
  if (!open.empty()) return unanswered(open, i);
  return {};
}

}  // namespace sluice::mock::openai
