#include "dialect/responses/response_object.hpp"

#include "dialect/chat/finish.hpp"

namespace sluice::dialect::responses {
namespace {

using json::String;
using json::Writer;

constexpr std::string_view kResponsePrefix = "resp_";
/// Longest stem of an item's id; its characters are plain.
constexpr size_t kMaxStem = 64;

void write_usage(Writer& out, const Usage& usage) {
  const TokenCounts& counts = usage.counts;
  out.begin_object().member("input_tokens", counts.total_input());
  out.key("input_tokens_details").begin_object();
  out.member("cached_tokens", counts.cache_read);
  out.member("cache_write_tokens", counts.cache_write).end_object();
  out.member("output_tokens", counts.output);
  out.key("output_tokens_details").begin_object();
  out.member("reasoning_tokens", counts.reasoning).end_object();
  out.member("total_tokens", counts.total()).end_object();
}

std::string_view tier_of(const ResponseState& state) {
  if (state.status == Status::kInProgress) return "auto";
  return state.service_tier == "priority" ? "priority" : "default";
}

void append_status(std::string& out, Status status) {
  out += R"(,"status":")";
  out += to_string(status);
  out += '"';
}

void append_id(std::string& out, std::string_view id) {
  out += R"({"id":")";
  out += id;
  out += '"';
}

}  // namespace

std::string_view to_string(Status status) {
  switch (status) {
    case Status::kInProgress:
      return "in_progress";
    case Status::kCompleted:
      return "completed";
    case Status::kIncomplete:
      return "incomplete";
  }
  return {};
}

std::string_view incomplete_reason(FinishReason reason) {
  if (reason == FinishReason::kLength || reason == FinishReason::kPause) {
    return "max_output_tokens";
  }
  return reason == FinishReason::kContentFilter ? "content_filter" : std::string_view();
}

ResponseIds::ResponseIds(String upstream) {
  chat::Arena arena;
  response_ = chat::answer_id(upstream, kResponsePrefix, arena).bytes;
  const String whole{.bytes = response_, .escaped = response_.contains('\\')};
  stem_ = chat::clean_name(whole.str().substr(kResponsePrefix.size()), kMaxStem);
}

std::string ResponseIds::item(std::string_view prefix, uint32_t index) const {
  std::string id(prefix);
  id += stem_;
  id += '_';
  id += std::to_string(index);
  return id;
}

void append_response(std::string& out, const ResponseState& state, const chat::AnswerPlan& plan) {
  out += R"({"id":)";
  chat::append_text(out, {.bytes = state.id, .escaped = state.id.contains('\\')});
  out += R"(,"object":"response","created_at":)";
  out += std::to_string(plan.created);
  append_status(out, state.status);
  // When it is done, nobody looks at the clock.
  out += R"(,"completed_at":null,"error":null,"incomplete_details":)";
  if (state.status == Status::kIncomplete) {
    out += R"({"reason":")";
    out += state.reason;
    out += R"("})";
  } else {
    out += "null";
  }
  out += R"(,"model":)";
  json::append_string(out, plan.model.empty() ? state.model : std::string_view(plan.model));
  out += R"(,"output":[)";
  out += state.output;
  out += R"(],"service_tier":")";
  out += tier_of(state);
  out += R"(","access_programs":null,"usage":)";
  Writer json(out);
  if (state.usage != nullptr) {
    write_usage(json, *state.usage);
  } else {
    json.null();
  }
  if (!plan.echo.empty()) {
    out += ',';
    out += plan.echo;
  }
  out += '}';
}

void append_text_part(std::string& out, String text, std::string_view annotations) {
  out += R"({"type":"output_text","annotations":[)";
  out += annotations;
  out += R"(],"logprobs":[],"text":)";
  chat::append_text(out, text);
  out += '}';
}

void append_refusal_part(std::string& out, String text) {
  out += R"({"type":"refusal","refusal":)";
  chat::append_text(out, text);
  out += '}';
}

void append_annotation(std::string& out, String url, String title) {
  out += R"({"type":"url_citation","url":)";
  chat::append_text(out, url);
  out += R"(,"title":)";
  chat::append_text(out, title);
  // Where in the text it belongs is not told.
  out += R"(,"start_index":0,"end_index":0})";
}

void append_message_item(std::string& out, std::string_view id, std::string_view parts,
                         Status status) {
  append_id(out, id);
  out += R"(,"type":"message")";
  append_status(out, status);
  out += R"(,"content":[)";
  out += parts;
  out += R"(],"role":"assistant"})";
}

void append_call_item(std::string& out, std::string_view id, String call_id, String name,
                      String arguments, Status status) {
  append_id(out, id);
  out += R"(,"type":"function_call")";
  append_status(out, status);
  out += R"(,"arguments":)";
  chat::append_text(out, arguments);
  out += R"(,"call_id":)";
  chat::append_text(out, call_id);
  out += R"(,"name":)";
  chat::append_text(out, name);
  out += '}';
}

void append_reasoning_item(std::string& out, std::string_view id, String summary,
                           std::string_view token, Status status) {
  append_id(out, id);
  out += R"(,"type":"reasoning")";
  append_status(out, status);
  out += R"(,"summary":[)";
  if (!summary.empty()) {
    out += R"({"type":"summary_text","text":)";
    chat::append_text(out, summary);
    out += '}';
  }
  out += R"(],"encrypted_content":)";
  if (token.empty()) {
    out += "null}";
  } else {
    json::append_string(out, token);
    out += '}';
  }
}

}  // namespace sluice::dialect::responses
