#include "dialect/openai/prompt.hpp"

#include "dialect/openai/content.hpp"

namespace sluice::dialect::openai {
namespace {

// Every message has a frame, and the answer is begun with one: OpenAI's cookbook, "How to count
// tokens with tiktoken".
constexpr int64_t kMessageFrame = 3;
constexpr int64_t kAnswerFrame = 3;
constexpr int64_t kNameFrame = 1;
// Not documented: measured for one call.
constexpr int64_t kCallFrame = 3;

/// Of an array, calls `each` with the reader before every object; other elements are passed over.
template <typename Each>
void each_object(json::Reader& reader, Each each) {
  if (reader.peek() != json::Kind::kArray) {
    reader.skip();
    return;
  }
  if (!reader.begin_array()) return;
  while (reader.next_element()) {
    if (reader.peek() == json::Kind::kObject) {
      each(reader);
    } else {
      reader.skip();
    }
  }
}

/// {"name":..., "arguments":...}; also a custom tool's {"name":..., "input":...}.
void read_named_call(json::Reader& reader, Tally& tally) {
  if (reader.peek() != json::Kind::kObject) {
    reader.skip();
    return;
  }
  json::String key;
  if (!reader.begin_object()) return;
  tally.add(kCallFrame);
  while (reader.next_member(key)) {
    if (key == "name" || key == "arguments" || key == "input") {
      tally.text(take_string(reader));
    } else {
      reader.skip();
    }
  }
}

void read_tool_call(json::Reader& reader, Tally& tally) {
  json::String key;
  if (!reader.begin_object()) return;
  while (reader.next_member(key)) {
    if (key == "function" || key == "custom") {
      read_named_call(reader, tally);
    } else {
      reader.skip();
    }
  }
}

/// True when it is a system message.
bool read_message(json::Reader& reader, Tally& tally) {
  bool system = false;
  json::String key;
  if (!reader.begin_object()) return false;
  tally.add(kMessageFrame);
  while (reader.next_member(key)) {
    if (key == "role") {
      const json::String role = take_string(reader);
      system = role == "system" || role == "developer";
      tally.text(role);
    } else if (key == "content") {
      read_content(reader, tally);
    } else if (key == "name") {
      const json::String name = take_string(reader);
      if (!name.empty()) tally.add(kNameFrame);
      tally.text(name);
    } else if (key == "tool_calls") {
      each_object(reader, [&](json::Reader& call) { read_tool_call(call, tally); });
    } else if (key == "function_call") {
      read_named_call(reader, tally);
    } else if (key == "refusal" || key == "reasoning_content") {
      tally.text(take_string(reader));
    } else {
      reader.skip();
    }
  }
  return system;
}

/// An item of Responses' `input`: a message, or a call, or what came of one.
bool read_item(json::Reader& reader, Tally& tally) {
  bool system = false;
  bool named = false;
  json::String key;
  if (!reader.begin_object()) return false;
  tally.add(kMessageFrame);
  while (reader.next_member(key)) {
    if (key == "role") {
      const json::String role = take_string(reader);
      system = role == "system" || role == "developer";
      tally.text(role);
    } else if (key == "content" || key == "output" || key == "summary") {
      read_content(reader, tally);
    } else if (key == "name") {
      named = true;
      tally.text(take_string(reader));
    } else if (key == "arguments" || key == "input") {
      tally.text(take_string(reader));
    } else {
      reader.skip();
    }
  }
  if (named) tally.add(kCallFrame);
  return system;
}

/// Texts and tokens; nested arrays are prompts of their own.
void read_texts(json::Reader& reader, Tally& tally, bool nested) {
  switch (reader.peek()) {
    case json::Kind::kString:
      tally.text(reader.string());
      return;
    case json::Kind::kNumber:
      reader.skip();
      tally.add(1);
      return;
    case json::Kind::kArray:
      if (nested) {
        if (!reader.begin_array()) return;
        while (reader.next_element()) read_texts(reader, tally, false);
        return;
      }
      [[fallthrough]];
    default:
      reader.skip();
  }
}

}  // namespace

void read_chat_prompt(std::string_view body, Tally& tally) {
  json::Reader reader(body);
  json::String key;
  Tools tools;
  bool system = false;
  tally.add(kAnswerFrame);
  if (!reader.begin_object()) return;
  while (reader.next_member(key)) {
    if (key == "messages") {
      each_object(reader, [&](json::Reader& message) { system |= read_message(message, tally); });
    } else if (key == "tools" || key == "functions") {
      tools.read(reader, tally);
    } else if (key == "tool_choice" || key == "function_call") {
      tools.read_choice(reader, tally);
    } else if (key == "response_format") {
      read_format(reader, tally);
    } else {
      reader.skip();
    }
  }
  tools.finish(system, tally);
}

void read_responses_prompt(std::string_view body, Tally& tally) {
  json::Reader reader(body);
  json::String key;
  Tools tools;
  bool system = false;
  tally.add(kAnswerFrame);
  if (!reader.begin_object()) return;
  while (reader.next_member(key)) {
    if (key == "input" && reader.peek() == json::Kind::kString) {
      tally.add(kMessageFrame);
      tally.text("user");
      tally.text(reader.string());
    } else if (key == "input") {
      each_object(reader, [&](json::Reader& item) { system |= read_item(item, tally); });
    } else if (key == "instructions" && reader.peek() == json::Kind::kString) {
      system = true;
      tally.add(kMessageFrame);
      tally.text("system");
      tally.text(reader.string());
    } else if (key == "tools") {
      tools.read(reader, tally);
    } else if (key == "tool_choice") {
      tools.read_choice(reader, tally);
    } else if (key == "text") {
      read_format(reader, tally);
    } else {
      reader.skip();
    }
  }
  tools.finish(system, tally);
}

void read_text_prompt(std::string_view body, std::string_view member, Tally& tally) {
  json::Reader reader(body);
  json::String key;
  if (!reader.begin_object()) return;
  while (reader.next_member(key)) {
    if (!(key == member)) {
      reader.skip();
    } else if (reader.peek() == json::Kind::kArray) {
      if (!reader.begin_array()) return;
      while (reader.next_element()) read_texts(reader, tally, true);
    } else {
      read_texts(reader, tally, false);
    }
  }
}

}  // namespace sluice::dialect::openai
