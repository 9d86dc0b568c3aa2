#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "mock/gemini.hpp"
#include "mock/gemini_checks.hpp"

namespace sluice::mock::gemini {

namespace {

using json::Kind;
using json::Value;

constexpr std::array<std::string_view, 10> kRequest = {"model",
                                                       "contents",
                                                       "tools",
                                                       "toolConfig",
                                                       "safetySettings",
                                                       "systemInstruction",
                                                       "generationConfig",
                                                       "cachedContent",
                                                       "serviceTier",
                                                       "store"};
constexpr std::array<std::string_view, 24> kGeneration = {"stopSequences",
                                                          "responseMimeType",
                                                          "responseModalities",
                                                          "responseSchema",
                                                          "responseJsonSchema",
                                                          "candidateCount",
                                                          "maxOutputTokens",
                                                          "temperature",
                                                          "topP",
                                                          "topK",
                                                          "seed",
                                                          "presencePenalty",
                                                          "frequencyPenalty",
                                                          "responseLogprobs",
                                                          "logprobs",
                                                          "enableEnhancedCivicAnswers",
                                                          "speechConfig",
                                                          "thinkingConfig",
                                                          "imageConfig",
                                                          "mediaResolution",
                                                          "translationConfig",
                                                          "responseFormat",
                                                          "_responseJsonSchema",
                                                          "audioTranscriptionConfig"};
constexpr std::array<std::string_view, 3> kThinking = {"includeThoughts", "thinkingBudget",
                                                       "thinkingLevel"};
constexpr std::array<std::string_view, 3> kToolConfig = {"functionCallingConfig", "retrievalConfig",
                                                         "includeServerSideToolInvocations"};
constexpr std::array<std::string_view, 3> kCalling = {"mode", "allowedFunctionNames",
                                                      "streamFunctionCallArguments"};
constexpr std::array<std::string_view, 4> kModes = {"AUTO", "ANY", "NONE", "VALIDATED"};
constexpr std::array<std::string_view, 4> kLevels = {"MINIMAL", "LOW", "MEDIUM", "HIGH"};

constexpr size_t kMostStops = 5;

Answered<Ask> read_model(std::string_view text, std::string_view model) {
  if (!json::valid(text)) {
    return refuse("Invalid JSON payload received. Unexpected token.\n");
  }
  auto script = parse_script(model);
  if (!script) return refuse(std::move(script.error().message), "model");
  Ask ask;
  ask.model = model;
  ask.script = *script;
  return ask;
}

/// Of these models, calls that are played back need their signature.
bool signs_calls(const Ask& ask) {
  return ask.script.strict_history || ask.model.starts_with("gemini-3");
}

Answered<void> check_enum(Value value, std::span<const std::string_view> known,
                          const std::string& place, std::string_view type) {
  if (!value.exists()) return {};
  const auto name = value.as_string();
  if (name && std::ranges::find(known, *name) != known.end()) return {};
  return refuse(fmt::format("Invalid value at '{}' (type.googleapis.com/google.ai."
                            "generativelanguage.v1beta.{}), {}",
                            place, type, value.raw()),
                place);
}

Answered<void> check_range(Value config, std::string_view name, double least, double most) {
  const Value value = member(config, name);
  if (!value.exists()) return {};
  const auto number = value.as_double();
  const std::string place = fmt::format("generation_config.{}", name);
  if (!number) return check_kind(value, Kind::kNumber, place, "TYPE_FLOAT");
  if (*number >= least && *number <= most) return {};
  return refuse(
      fmt::format("Unable to submit request because it has a {} value of {} but the "
                  "supported range is from {} (inclusive) to {} (inclusive).",
                  name, *number, least, most));
}

Answered<void> read_thinking(Value thinking, Ask& ask) {
  ask.hide_thinking = true;
  if (!thinking.exists()) return {};
  const std::string place = "generation_config.thinking_config";
  if (auto known = check_object(thinking, place, kThinking); !known) return known;
  const Value level = member(thinking, "thinkingLevel");
  if (level.exists() && member(thinking, "thinkingBudget").exists()) {
    return refuse("You can only set only one of thinking budget and thinking level.");
  }
  auto named =
      check_enum(level, kLevels, place + ".thinking_level", "ThinkingConfig.ThinkingLevel");
  if (!named) return named;
  const Value shown = member(thinking, "includeThoughts");
  if (auto kind = check_kind(shown, Kind::kBool, place + ".include_thoughts", "TYPE_BOOL"); !kind) {
    return kind;
  }
  ask.hide_thinking = !shown.as_bool().value_or(false);
  return {};
}

Answered<void> read_limit(Value limit, Ask& ask) {
  if (!limit.exists()) return {};
  const auto number = limit.as_int();
  if (!number) {
    return refuse(fmt::format("Invalid value at 'generation_config.max_output_tokens' (TYPE_INT32),"
                              " {}",
                              limit.raw()),
                  "generation_config.max_output_tokens");
  }
  if (*number < 1) {
    return refuse(
        "* GenerateContentRequest.generation_config.max_output_tokens: max_output_tokens "
        "must be positive.\n");
  }
  ask.limit = static_cast<uint64_t>(*number);
  return {};
}

Answered<void> read_generation(Value config, Ask& ask) {
  ask.hide_thinking = true;
  if (!config.exists()) return {};
  if (auto known = check_object(config, "generation_config", kGeneration); !known) return known;
  if (auto range = check_range(config, "temperature", 0, 2); !range) return range;
  if (auto range = check_range(config, "topP", 0, 1); !range) return range;
  if (const auto count = member(config, "candidateCount").as_int(); count && *count != 1) {
    return refuse(fmt::format("Multiple candidates is not enabled for models/{}", ask.model));
  }
  size_t stops = 0;
  json::Elements elements(member(config, "stopSequences"));
  for (Value stop; elements.next(stop);) ++stops;
  if (stops > kMostStops) {
    return refuse(
        fmt::format("* GenerateContentRequest.generation_config.stop_sequences: at most "
                    "{} stop sequences are allowed.\n",
                    kMostStops));
  }
  const bool open_api = member(config, "responseSchema").exists();
  const bool json_schema = member(config, "responseJsonSchema").exists() ||
                           member(config, "_responseJsonSchema").exists();
  if (open_api && json_schema) {
    return refuse("Only one of response_schema and response_json_schema may be set.");
  }
  if ((open_api || json_schema) &&
      member(config, "responseMimeType").as_string() != "application/json") {
    return refuse(
        "* GenerateContentRequest.generation_config.response_schema: response_mime_type "
        "must be application/json when a schema is set.\n");
  }
  if (auto limit = read_limit(member(config, "maxOutputTokens"), ask); !limit) return limit;
  return read_thinking(member(config, "thinkingConfig"), ask);
}

Answered<void> check_tool_config(Value config) {
  if (!config.exists()) return {};
  if (auto known = check_object(config, "tool_config", kToolConfig); !known) return known;
  const Value calling = member(config, "functionCallingConfig");
  if (!calling.exists()) return {};
  const std::string place = "tool_config.function_calling_config";
  if (auto known = check_object(calling, place, kCalling); !known) return known;
  const Value mode = calling["mode"];
  auto named = check_enum(mode, kModes, place + ".mode", "FunctionCallingConfig.Mode");
  if (!named) return named;
  const Value names = member(calling, "allowedFunctionNames");
  const std::string how = mode.as_string().value_or("AUTO");
  if (names.exists() && !names.is_empty() && how != "ANY" && how != "VALIDATED") {
    return refuse(
        "Function calling config: allowed_function_names is only supported when the "
        "function calling mode is ANY or VALIDATED.");
  }
  return {};
}

/// A request of generateContent, wherever it stands.
Answered<void> read_prompt(Value request, const std::string& place, Ask& ask) {
  if (auto known = check_object(request, place, kRequest); !known) return known;
  auto contents = read_contents(request["contents"], signs_calls(ask), ask);
  if (!contents) return contents;
  if (const Value system = member(request, "systemInstruction"); system.exists()) {
    if (auto read = read_content(system, "system_instruction", ask); !read) return read;
  }
  if (auto tools = read_tools(request["tools"], ask); !tools) return tools;
  if (auto config = check_tool_config(member(request, "toolConfig")); !config) return config;
  if (const Value cached = member(request, "cachedContent"); cached.exists()) {
    auto refusal = refuse("CachedContent not found (or permission denied)");
    refusal.error().status = 403;
    refusal.error().type = "PERMISSION_DENIED";
    return refusal;
  }
  return read_generation(member(request, "generationConfig"), ask);
}

Answered<Ask> read_request(std::string_view body, std::string_view model, bool stream) {
  auto ask = read_model(body, model);
  if (!ask) return ask;
  ask->stream = stream;
  if (auto read = read_prompt(Value(body), "", *ask); !read) return std::unexpected(read.error());
  return ask;
}

}  // namespace

Answered<Ask> read_generate(std::string_view body, std::string_view model) {
  return read_request(body, model, false);
}

Answered<Ask> read_stream(std::string_view body, std::string_view model) {
  return read_request(body, model, true);
}

Answered<Ask> read_token_count(std::string_view body, std::string_view model) {
  constexpr std::array<std::string_view, 3> kCount = {"model", "contents",
                                                      "generateContentRequest"};
  auto ask = read_model(body, model);
  if (!ask) return ask;
  const Value request(body);
  if (auto known = check_object(request, "", kCount); !known) {
    return std::unexpected(known.error());
  }
  const Value whole = member(request, "generateContentRequest");
  if (whole.exists() && request["contents"].exists()) {
    return refuse("Only one of contents and generate_content_request may be set.");
  }
  auto read = whole.exists() ? read_prompt(whole, "generate_content_request", *ask)
                             : read_contents(request["contents"], signs_calls(*ask), *ask);
  if (!read) return std::unexpected(read.error());
  return ask;
}

}  // namespace sluice::mock::gemini
