// The conversation of a Gemini request: whose turn it may be, and how calls are answered.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "mock/gemini.hpp"
#include "mock/gemini_checks.hpp"
#include "mock/seals.hpp"

namespace sluice::mock::gemini {

namespace {

using json::Kind;
using json::Value;

constexpr std::array<std::string_view, 2> kContent = {"role", "parts"};
constexpr std::array<std::string_view, 14> kPart = {"text",
                                                    "inlineData",
                                                    "fileData",
                                                    "functionCall",
                                                    "functionResponse",
                                                    "executableCode",
                                                    "codeExecutionResult",
                                                    "thought",
                                                    "thoughtSignature",
                                                    "videoMetadata",
                                                    "toolCall",
                                                    "toolResponse",
                                                    "mediaResolution",
                                                    "partMetadata"};
/// The members of a part that hold its data: exactly one of them.
constexpr std::array<std::string_view, 9> kData = {
    "text",           "inlineData",          "fileData", "functionCall", "functionResponse",
    "executableCode", "codeExecutionResult", "toolCall", "toolResponse"};
constexpr std::array<std::string_view, 3> kCall = {"id", "name", "args"};
constexpr std::array<std::string_view, 6> kCallResponse = {"id",           "name",       "response",
                                                           "willContinue", "scheduling", "parts"};
constexpr std::array<std::string_view, 3> kInline = {"mimeType", "data", "displayName"};
constexpr std::array<std::string_view, 3> kFile = {"mimeType", "fileUri", "displayName"};

constexpr std::string_view kStruct = "type.googleapis.com/google.protobuf.Struct";

/// Those that the API takes for calls that it has not made itself.
bool is_bypass(std::string_view signature) {
  return signature == "skip_thought_signature_validator" ||
         signature == "context_engineering_is_the_way_to_go";
}

struct Call {
  std::string id;
  std::string name;
};

/// One content: what its parts hold.
struct Turn {
  std::vector<Call> calls;
  std::vector<Call> responses;
};

Answered<void> check_names(Value part, const std::string& place) {
  if (auto known = check_object(part, place, kPart); !known) return known;
  size_t held = 0;
  for (const std::string_view name : kData) held += member(part, name).exists() ? 1 : 0;
  if (held > 1) {
    return refuse(
        fmt::format("Invalid value at '{}' (oneof), oneof field 'data' is already set.", place),
        place);
  }
  const bool hollow = part["text"].exists() && part["text"].is_empty() &&
                      !member(part, "thoughtSignature").exists();
  if (held == 0 || hollow) {
    return refuse(
        fmt::format("* GenerateContentRequest.{}.data: required oneof field 'data' must "
                    "have one initialized field",
                    place));
  }
  return {};
}

Answered<Call> read_call(Value call, const std::string& place) {
  Call read;
  const auto name = call["name"].as_string();
  if (!name || name->empty()) {
    return refuse(fmt::format("* GenerateContentRequest.{}.name: Name cannot be empty.", place));
  }
  read.name = *name;
  read.id = call["id"].as_string().value_or("");
  return read;
}

Answered<void> check_blob(Value blob, const std::string& place) {
  if (auto known = check_object(blob, place, kInline); !known) return known;
  if (member(blob, "mimeType").is_empty() || !member(blob, "mimeType").exists()) {
    return refuse("Unsupported MIME type: ");
  }
  return check_kind(blob["data"], Kind::kString, place + ".data", "TYPE_BYTES");
}

Answered<void> read_part(Value part, const std::string& place, Turn& turn, Ask& ask) {
  if (auto names = check_names(part, place); !names) return names;
  if (const Value text = part["text"]; text.exists()) {
    ask.prompt_tokens += count_content(text);
    return check_kind(text, Kind::kString, place + ".text", "TYPE_STRING");
  }
  ask.prompt_tokens += rough_tokens(part);
  if (const Value call = member(part, "functionCall"); call.exists()) {
    const std::string here = place + ".function_call";
    if (auto known = check_object(call, here, kCall); !known) return known;
    auto read = read_call(call, here);
    if (!read) return std::unexpected(read.error());
    turn.calls.push_back(*std::move(read));
    return check_kind(call["args"], Kind::kObject, here + ".args", kStruct);
  }
  if (const Value response = member(part, "functionResponse"); response.exists()) {
    const std::string here = place + ".function_response";
    if (auto known = check_object(response, here, kCallResponse); !known) return known;
    auto read = read_call(response, here);
    if (!read) return std::unexpected(read.error());
    turn.responses.push_back(*std::move(read));
    if (!response["response"].exists()) {
      return refuse(
          fmt::format("* GenerateContentRequest.{}.response: Response cannot be empty.", here));
    }
    return check_kind(response["response"], Kind::kObject, here + ".response", kStruct);
  }
  if (const Value blob = member(part, "inlineData"); blob.exists()) {
    return check_blob(blob, place + ".inline_data");
  }
  if (const Value file = member(part, "fileData"); file.exists()) {
    return check_object(file, place + ".file_data", kFile);
  }
  return {};
}

Answered<Turn> read_turn(Value content, const std::string& place, Ask& ask) {
  if (auto known = check_object(content, place, kContent); !known) {
    return std::unexpected(known.error());
  }
  const Value parts = content["parts"];
  if (auto list = check_list(parts, place + ".parts"); !list) return std::unexpected(list.error());
  if (!parts.exists() || parts.is_empty()) {
    return refuse(
        fmt::format("* GenerateContentRequest.{}.parts: contents.parts must not be empty.", place));
  }
  Turn turn;
  json::Elements elements(parts);
  Value part;
  for (size_t i = 0; elements.next(part); ++i) {
    if (auto read = read_part(part, fmt::format("{}.parts[{}]", place, i), turn, ask); !read) {
      return std::unexpected(read.error());
    }
  }
  return turn;
}

/// The first call of a turn carries the signature for all of them.
Answered<void> check_signature(Value content, size_t position) {
  json::Elements elements(content["parts"]);
  Value part;
  while (elements.next(part)) {
    const Value call = member(part, "functionCall");
    if (!call.exists()) continue;
    const Value signature = member(part, "thoughtSignature");
    if (!signature.exists()) {
      return refuse(fmt::format(
          "Function call is missing a thought_signature in functionCall parts. This is required "
          "for tools to work correctly, and missing thought_signature may lead to degraded model "
          "performance. Additional data, function call `default_api:{}` , position {}. Please "
          "refer to https://ai.google.dev/gemini-api/docs/thought-signatures for more details.",
          call["name"].as_string().value_or(""), position + 1));
    }
    const std::string given = signature.as_string().value_or("");
    if (!is_bypass(given) && !unseal(given)) return refuse("Corrupted thought signature.");
    return {};
  }
  return {};
}

Answered<void> check_responses(const std::vector<Call>& calls, const std::vector<Call>& responses) {
  if (calls.empty() && !responses.empty()) {
    return refuse(
        "Please ensure that function response turn comes immediately after a function call turn.");
  }
  if (calls.size() != responses.size()) {
    return refuse(
        "Please ensure that the number of function response parts is equal to the number of "
        "function call parts of the function call turn.");
  }
  for (size_t i = 0; i < calls.size(); ++i) {
    const bool other_id =
        !calls[i].id.empty() && !responses[i].id.empty() && calls[i].id != responses[i].id;
    if (calls[i].name != responses[i].name || other_id) {
      return refuse(
          fmt::format("Please ensure that function response parts are in the order of "
                      "the function call parts: `{}` is not the response to `{}`.",
                      responses[i].name, calls[i].name));
    }
  }
  return {};
}

}  // namespace

Answered<void> read_content(Value content, const std::string& place, Ask& ask) {
  auto turn = read_turn(content, place, ask);
  if (!turn) return std::unexpected(turn.error());
  return {};
}

Answered<void> read_contents(Value contents, bool signed_calls, Ask& ask) {
  if (auto list = check_list(contents, "contents"); !list) return list;
  if (!contents.exists() || contents.is_empty()) {
    return refuse("* GenerateContentRequest.contents: contents is not specified\n");
  }
  json::Elements elements(contents);
  Value content;
  std::vector<Call> calls;  // of the turn before
  std::string speaker;
  for (size_t i = 0; elements.next(content); ++i) {
    auto turn = read_turn(content, fmt::format("contents[{}]", i), ask);
    if (!turn) return std::unexpected(turn.error());
    const std::string role = content["role"].as_string().value_or("user");
    if (role != "user" && role != "model") return refuse("Please use a valid role: user, model.");
    if (role == speaker) {
      return refuse("Please ensure that multiturn requests alternate between user and model.");
    }
    if (role == "user" ? !turn->calls.empty() : !turn->responses.empty()) {
      return refuse(
          "Please ensure that function call turn comes immediately after a user turn or after a "
          "function response turn.");
    }
    if (role == "user") {
      if (auto answered = check_responses(calls, turn->responses); !answered) return answered;
    } else if (!turn->calls.empty()) {
      if (i == 0) {
        return refuse(
            "Please ensure that function call turn comes immediately after a user turn or after a "
            "function response turn.");
      }
      if (signed_calls) {
        if (auto proven = check_signature(content, i); !proven) return proven;
      }
    }
    speaker = role;
    calls = std::move(turn->calls);
  }
  return check_responses(calls, {});
}

}  // namespace sluice::mock::gemini
