#include "dialect/chat/finish.hpp"

#include <array>

namespace sluice::dialect::chat {

std::string_view openai_finish(FinishReason reason, bool tools, bool legacy_functions) {
  if (reason == FinishReason::kLength || reason == FinishReason::kPause) return "length";
  if (reason == FinishReason::kContentFilter) return "content_filter";
  if (!tools) return "stop";
  return legacy_functions ? "function_call" : "tool_calls";
}

std::string_view anthropic_stop(FinishReason reason, bool tools, bool cut) {
  if (reason == FinishReason::kLength && (!tools || cut)) return "max_tokens";
  if (tools) return "tool_use";
  switch (reason) {
    case FinishReason::kContentFilter:
      return "refusal";
    case FinishReason::kStopSequence:
      return "stop_sequence";
    case FinishReason::kPause:
      return "pause_turn";
    default:
      return "end_turn";
  }
}

void write_openai_usage(json::Writer& out, const Usage& usage) {
  const TokenCounts& counts = usage.counts;
  out.begin_object();
  out.member("prompt_tokens", counts.total_input());
  out.member("completion_tokens", counts.output);
  out.member("total_tokens", counts.total());
  out.key("prompt_tokens_details").begin_object();
  out.member("cached_tokens", counts.cache_read);
  out.member("cache_write_tokens", counts.cache_write).end_object();
  out.key("completion_tokens_details").begin_object();
  out.member("reasoning_tokens", counts.reasoning).end_object();
  out.end_object();
}

void write_anthropic_usage(json::Writer& out, const Usage& usage, json::String service_tier) {
  const TokenCounts& counts = usage.counts;
  out.begin_object();
  out.member("input_tokens", counts.input);
  out.member("cache_creation_input_tokens", counts.cache_write);
  out.member("cache_read_input_tokens", counts.cache_read);
  out.null_member("cache_creation");
  out.member("output_tokens", counts.output);
  if (counts.reasoning > 0) {
    out.key("output_tokens_details").begin_object();
    out.member("thinking_tokens", counts.reasoning).end_object();
  } else {
    out.null_member("output_tokens_details");
  }
  out.null_member("server_tool_use").null_member("inference_geo").null_member("speed");
  out.key("service_tier");
  if (service_tier == "default" || service_tier == "standard") {
    out.string("standard");
  } else if (service_tier == "priority") {
    out.string("priority");
  } else {
    out.null();
  }
  out.end_object();
}

json::String answer_id(json::String upstream, std::string_view prefix, Arena& arena) {
  static constexpr std::array<std::string_view, 3> kPrefixes = {"chatcmpl-", "msg_", "resp_"};
  if (upstream.bytes.starts_with(prefix)) return upstream;
  for (const std::string_view own : kPrefixes) {
    if (!upstream.bytes.starts_with(own)) continue;
    upstream.bytes.remove_prefix(own.size());
    break;
  }
  return arena.escaped(std::string(prefix) + std::string(upstream.bytes));
}

}  // namespace sluice::dialect::chat
