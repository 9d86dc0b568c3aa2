#include "dialect/anthropic/messages_response.hpp"

#include "dialect/anthropic/blocks.hpp"
#include "dialect/anthropic/blocks_write.hpp"
#include "dialect/anthropic/usage.hpp"
#include "dialect/chat/answer_text.hpp"
#include "dialect/chat/finish.hpp"
#include "dialect/chat/reading.hpp"
#include "dialect/chat/signature.hpp"

namespace sluice::dialect::anthropic {
namespace {

using chat::Answer;
using chat::as_text;
using chat::Block;
using chat::BlockKind;
using json::Value;
using json::Writer;

/// Longest id; its characters are what matters.
constexpr size_t kMaxId = 256;

void read_citations(Answer& answer) {
  for (const Block& block : answer.blocks) {
    if (block.kind != BlockKind::kText) continue;
    json::Elements citations(block.raw["citations"]);
    Value citation;
    while (citations.next(citation)) {
      if (as_text(citation["type"]) == "web_search_result_location") {
        answer.annotations.push_back({.url = as_text(citation["url"]),
                                      .title = as_text(citation["title"]),
                                      .of = block.text});
      } else {
        chat::note(answer.dropped, "citations");
      }
    }
  }
}

void write_usage(Writer& out, const Answer& answer) {
  out.key("usage");
  chat::write_anthropic_usage(out, answer.usage, answer.service_tier);
}

void write_stop_details(Writer& out, const Answer& answer, std::string_view reason) {
  if (reason != "refusal") {
    out.null_member("stop_details");
    return;
  }
  const auto text = [&](std::string_view name, json::String value) {
    out.key(name);
    if (value.empty()) {
      out.null();
    } else {
      chat::write_text(out, value);
    }
  };
  out.key("stop_details").begin_object().member("type", "refusal");
  text("category", answer.stop.category);
  text("explanation", answer.stop.explanation);
  out.end_object();
}

/// A call as answers hold it: told by whom it was made, which requests need not say.
void write_call(Writer& out, const Block& block) {
  out.begin_object().member("type", "tool_use").key("id");
  chat::write_text(out, block.id);
  out.key("name");
  chat::write_text(out, block.name);
  out.key("input");
  chat::write_compact(out, block.input.exists() ? block.input : Value("{}"));
  out.key("caller").begin_object().member("type", "direct").end_object().end_object();
}

/// Brings a block into the form that clients of this dialect take.
void prepare(Block& block, Answer& answer, const chat::AnswerPlan& plan) {
  if (block.kind == BlockKind::kThinking && block.signature.empty() &&
      !plan.signature_key.empty()) {
    block.signature =
        answer.arena.text(chat::mint_signature(plan.provider, {}, plan.signature_key.expose()));
  }
  if (block.kind == BlockKind::kToolUse) {
    block.id = chat::clean_id(block.id, kMaxId, answer.arena);
    block.name = plan.tool_names.restore(block.name);
  }
}

}  // namespace

Result<Answer> parse_messages_response(std::string_view body) {
  Answer answer;
  if (!json::valid_utf8(body)) body = answer.arena.value(chat::mend_utf8(body)).raw();
  chat::Reading reading;
  bool has_content = false;
  json::Members members(body);
  json::Member member;
  while (members.next(member)) {
    if (member.key == "id") {
      answer.id = as_text(member.value);
    } else if (member.key == "model") {
      answer.model = as_text(member.value);
    } else if (member.key == "content" && member.value.kind() == json::Kind::kArray) {
      has_content = true;
      if (Status read = read_content(member.value, "content", reading, answer.blocks); !read) {
        return fail(ErrorCode::kUpstreamError, {});
      }
    } else if (member.key == "stop_reason") {
      answer.stop.reason = parse_finish_reason(member.value.as_string().value_or(""));
    } else if (member.key == "stop_sequence") {
      answer.stop.sequence = as_text(member.value);
    } else if (member.key == "stop_details") {
      answer.stop.category = as_text(member.value["category"]);
      answer.stop.explanation = as_text(member.value["explanation"]);
    } else if (member.key == "usage") {
      answer.usage.reported = read_usage(member.value, answer.usage) && answer.usage.input_known;
      answer.service_tier = as_text(member.value["service_tier"]);
    }
  }
  if (!members.complete() || !has_content) return fail(ErrorCode::kUpstreamError, {});
  read_citations(answer);
  return answer;
}

std::string write_messages_response(Answer& answer, const chat::AnswerPlan& plan) {
  chat::finish_answer(answer, plan);
  const std::string_view stop =
      chat::anthropic_stop(answer.stop.reason, chat::has_tool_calls(answer), answer.cut);
  std::string body;
  Writer out(body);
  out.begin_object().key("id");
  chat::write_text(out, chat::answer_id(answer.id, "msg_", answer.arena));
  out.member("type", "message").member("role", "assistant").key("model");
  if (plan.model.empty()) {
    chat::write_text(out, answer.model);
  } else {
    out.string(plan.model);
  }
  out.key("content").begin_array();
  for (Block& block : answer.blocks) {
    if (block.kind == BlockKind::kText && block.text.empty()) continue;
    prepare(block, answer, plan);
    if (block.kind == BlockKind::kText) {
      out.begin_object().member("type", "text").key("text");
      chat::write_text(out, block.text);
      out.null_member("citations").end_object();
    } else if (block.kind == BlockKind::kToolUse) {
      write_call(out, block);
    } else {
      write_block(out, block);
    }
  }
  out.end_array().member("stop_reason", stop).key("stop_sequence");
  if (stop == "stop_sequence" && !answer.stop.sequence.empty()) {
    chat::write_text(out, answer.stop.sequence);
  } else {
    out.null();
  }
  write_stop_details(out, answer, stop);
  out.null_member("container").null_member("diagnostics");
  write_usage(out, answer);
  out.end_object();
  return body;
}

}  // namespace sluice::dialect::anthropic
