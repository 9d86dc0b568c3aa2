// Gathers streams into whole answers in tests, as clients do.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "dialect/dialect.hpp"
#include "http/sse.hpp"
#include "json/slices.hpp"
#include "json/writer.hpp"

namespace sluice::dialect::chat::testing {

/// The events' data in their order, without [DONE].
template <typename Each>
void for_each_data(std::string_view stream, Each each) {
  http::SseReader reader;
  const std::string bytes(stream);
  reader.feed(bytes);
  while (const auto event = reader.next()) {
    if (event->has_data && event->data != "[DONE]" && json::valid(event->data)) {
      each(json::Value(event->data));
    }
  }
}

/// The body of a chat.completion.
inline std::string gather_chat(std::string_view stream) {
  struct Call {
    std::string id;
    std::string name;
    std::string arguments;
  };
  std::map<int64_t, Call> calls;
  std::map<std::string, std::string> texts;
  Call legacy;
  std::string id = "null";
  std::string usage = "null";
  std::string finish;
  int64_t last = 0;
  for_each_data(stream, [&](json::Value chunk) {
    if (chunk["id"].exists() && !chunk["id"].is_empty()) id = chunk["id"].raw();
    if (chunk["usage"].kind() == json::Kind::kObject) usage = chunk["usage"].raw();
    json::Elements choices(chunk["choices"]);
    for (json::Value choice; choices.next(choice);) {
      if (choice["index"].as_int().value_or(0) != 0) continue;
      if (const auto told = choice["finish_reason"].as_string()) finish = *told;
      const json::Value delta = choice["delta"];
      for (const char* name : {"content", "reasoning_content", "refusal"}) {
        texts[name] += delta[name].as_string().value_or("");
      }
      if (!delta["reasoning_content"].exists()) {
        texts["reasoning_content"] += delta["reasoning"].as_string().value_or("");
        json::Elements details(delta["reasoning_details"]);
        for (json::Value detail; details.next(detail);) {
          texts["reasoning_content"] += detail["text"].as_string().value_or("");
        }
      }
      legacy.name += delta["function_call"]["name"].as_string().value_or("");
      legacy.arguments += delta["function_call"]["arguments"].as_string().value_or("");
      json::Elements list(delta["tool_calls"]);
      for (json::Value each; list.next(each);) {
        last = each["index"].as_int().value_or(last);
        Call& call = calls[last];
        const json::Value arguments = each["function"]["arguments"];
        call.id += each["id"].as_string().value_or("");
        call.name += each["function"]["name"].as_string().value_or("");
        call.arguments += arguments.as_string().value_or(
            arguments.kind() == json::Kind::kObject ? std::string(arguments.raw()) : "");
      }
    }
  });
  std::string body;
  json::Writer out(body);
  out.begin_object().raw_member("id", id).member("object", "chat.completion");
  out.member("model", "x").key("choices").begin_array().begin_object().member("index", 0);
  out.key("message").begin_object().member("role", "assistant");
  for (const auto& [name, text] : texts) {
    if (!text.empty()) out.member(name, text);
  }
  if (!legacy.name.empty()) {
    out.key("function_call").begin_object().member("name", legacy.name);
    out.member("arguments", legacy.arguments).end_object();
  }
  if (!calls.empty()) out.key("tool_calls").begin_array();
  for (const auto& [index, call] : calls) {
    out.begin_object().member("id", call.id).member("type", "function");
    out.key("function").begin_object().member("name", call.name);
    out.member("arguments", call.arguments).end_object().end_object();
  }
  if (!calls.empty()) out.end_array();
  out.end_object().member("finish_reason", finish).end_object().end_array();
  out.raw_member("usage", usage).end_object();
  return body;
}

/// The body of a message.
inline std::string gather_message(std::string_view stream) {
  struct Block {
    std::string start;  // the object as it began
    std::map<std::string, std::string> texts;
    std::string citations;
  };
  std::map<int64_t, Block> blocks;
  std::string message = "{}";
  std::string delta = "{}";
  std::map<std::string, std::string> usage;
  const auto add_usage = [&usage](json::Value object) {
    json::Members members(object);
    for (json::Member member; members.next(member);) {
      if (!member.value.is_null()) usage[member.key.str()] = member.value.raw();
    }
  };
  for_each_data(stream, [&](json::Value event) {
    const std::string type = event["type"].as_string().value_or("");
    const int64_t index = event["index"].as_int().value_or(0);
    if (type == "message_start") {
      message = event["message"].raw();
      add_usage(event["message"]["usage"]);
    } else if (type == "content_block_start") {
      blocks[index].start = event["content_block"].raw();
    } else if (type == "message_delta") {
      if (!event["delta"]["stop_reason"].is_null()) delta = event["delta"].raw();
      add_usage(event["usage"]);
    } else if (type == "content_block_delta") {
      Block& block = blocks[index];
      for (const char* name : {"text", "thinking", "signature", "partial_json"}) {
        block.texts[name] += event["delta"][name].as_string().value_or("");
      }
      if (event["delta"]["citation"].exists()) block.citations = event["delta"]["citation"].raw();
    }
  });
  std::string body;
  json::Writer out(body);
  out.begin_object().raw_member("id", json::Value(message)["id"].raw()).member("type", "message");
  out.member("role", "assistant").member("model", "x").key("content").begin_array();
  for (auto& [index, block] : blocks) {
    out.begin_object();
    json::Members members((json::Value(block.start)));
    for (json::Member member; members.next(member);) {
      const std::string name = member.key.str();
      if (name == "input" && !block.texts["partial_json"].empty()) {
        out.raw_member("input", block.texts["partial_json"]);
      } else if (!block.texts[name].empty()) {
        out.member(name, block.texts[name]);
      } else {
        out.raw_member(name, member.value.raw());
      }
    }
    if (!block.citations.empty()) {
      out.key("citations").begin_array().raw(block.citations).end_array();
    }
    out.end_object();
  }
  out.end_array();
  json::Members members((json::Value(delta)));
  for (json::Member member; members.next(member);) {
    out.raw_member(member.key.str(), member.value.raw());
  }
  out.key("usage").begin_object();
  for (const auto& [name, value] : usage) out.raw_member(name, value);
  out.end_object().end_object();
  return body;
}

/// The response that the terminal event repeats whole.
inline std::string gather_response(std::string_view stream) {
  std::string body;
  for_each_data(stream, [&](json::Value event) {
    const std::string type = event["type"].as_string().value_or("");
    if (type == "response.completed" || type == "response.incomplete") {
      body = event["response"].raw();
    }
  });
  return body;
}

/// The body of Gemini's first candidate, with the parts of all events one after the other.
inline std::string gather_candidate(std::string_view stream) {
  std::string parts;
  std::string last = "{}";
  std::string finish = "null";
  std::string message = "null";
  std::string usage = "{}";
  for_each_data(stream, [&](json::Value event) {
    last = event.raw();
    if (event["usageMetadata"].exists()) usage = event["usageMetadata"].raw();
    json::Value candidate;
    json::Elements(event["candidates"]).next(candidate);
    if (candidate["finishReason"].exists()) finish = candidate["finishReason"].raw();
    if (candidate["finishMessage"].exists()) message = candidate["finishMessage"].raw();
    json::Elements elements(candidate["content"]["parts"]);
    for (json::Value part; elements.next(part);) {
      if (!parts.empty()) parts += ',';
      parts += part.raw();
    }
  });
  std::string body;
  json::Writer out(body);
  out.begin_object().key("candidates").begin_array().begin_object().key("content").begin_object();
  out.member("role", "model").raw_member("parts", '[' + parts + ']').end_object();
  out.raw_member("finishReason", finish).raw_member("finishMessage", message);
  out.end_object().end_array();
  out.raw_member("usageMetadata", usage);
  for (const char* name : {"modelVersion", "responseId", "promptFeedback"}) {
    if (json::Value(last)[name].exists()) out.raw_member(name, json::Value(last)[name].raw());
  }
  out.end_object();
  return body;
}

/// The body that the stream of an endpoint's answer makes.
inline std::string gather(Endpoint endpoint, std::string_view stream) {
  switch (dialect_of(endpoint)) {
    case Dialect::kAnthropic:
      return gather_message(stream);
    case Dialect::kResponses:
      return gather_response(stream);
    case Dialect::kGemini:
      return gather_candidate(stream);
    case Dialect::kOpenAi:
      break;
  }
  return gather_chat(stream);
}

}  // namespace sluice::dialect::chat::testing
