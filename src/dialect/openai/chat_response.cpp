#include "dialect/openai/chat_response.hpp"

#include <algorithm>

#include "crypto/digest.hpp"
#include "dialect/anthropic/blocks_write.hpp"
#include "dialect/chat/answer_text.hpp"
#include "dialect/chat/finish.hpp"
#include "dialect/chat/reading.hpp"
#include "dialect/openai/usage.hpp"

namespace sluice::dialect::openai {
namespace {

using chat::Answer;
using chat::as_text;
using chat::Block;
using chat::BlockKind;
using json::Kind;
using json::Value;
using json::Writer;

/// Reads the message of a choice: thinking, then text, then calls.
class AnswerReader {
 public:
  AnswerReader(Answer& answer, bool may_be_cut) : answer_(answer), may_be_cut_(may_be_cut) {}

  void read(Value message) {
    read_reasoning(message);
    read_content(message["content"]);
    if (const json::String refusal = as_text(message["refusal"]); !refusal.empty()) {
      add(BlockKind::kText, refusal);
      answer_.stop.reason = FinishReason::kContentFilter;
    }
    json::Elements calls(message["tool_calls"]);
    Value call;
    size_t count = 0;
    while (calls.next(call) && ++count <= chat::kMaxTools) read_call(call, call["function"]);
    if (const Value legacy = message["function_call"]; legacy.kind() == Kind::kObject) {
      read_call(legacy, legacy);
    }
  }

 private:
  void add(BlockKind kind, json::String text) {
    if (text.empty()) return;
    Block& block = answer_.blocks.emplace_back();
    block.kind = kind;
    block.text = text;
  }

  void read_reasoning(Value message) {
    for (const std::string_view name : {"reasoning_content", "reasoning"}) {
      const json::String text = as_text(message[name]);
      add(BlockKind::kThinking, text);
      if (!text.empty()) return;
    }
    chat::Joined joined;
    json::Elements details(message["reasoning_details"]);
    Value detail;
    while (details.next(detail)) {
      const json::String text = as_text(detail["text"]);
      const json::String summary = as_text(detail["summary"]);
      if (!text.empty() || !summary.empty()) joined.add(text.empty() ? summary : text);
    }
    if (joined.any()) add(BlockKind::kThinking, joined.keep(answer_.arena));
  }

  void read_content(Value content) {
    if (content.kind() == Kind::kString) {
      add(BlockKind::kText, as_text(content));
      return;
    }
    json::Elements parts(content);
    Value part;
    while (parts.next(part)) {
      if (part.kind() != Kind::kObject) continue;
      // Mistral's thinking is a list of texts in the content.
      json::Elements thoughts(part["thinking"]);
      Value thought;
      while (thoughts.next(thought)) add(BlockKind::kThinking, as_text(thought["text"]));
      add(BlockKind::kThinking, as_text(part["thinking"]));
      add(BlockKind::kText, as_text(part["text"]));
      add(BlockKind::kText, as_text(part["refusal"]));
    }
  }

  void read_call(Value call, Value function) {
    const json::String name = as_text(function["name"]);
    if (name.empty()) return;
    const size_t index = answer_.blocks.size();
    Block& block = answer_.blocks.emplace_back();
    block.kind = BlockKind::kToolUse;
    block.name = name;
    block.id = as_text(call["id"]);
    if (block.id.empty()) {
      block.id = answer_.arena.text(
          "toolu_gw" + crypto::short_hash(answer_.id.str() + '/' + std::to_string(index)));
    }
    const Value arguments = function["arguments"];
    if (arguments.kind() == Kind::kObject) {
      block.input = arguments;
      return;
    }
    const json::String text = as_text(arguments);
    answer_.cut = may_be_cut_ && !chat::is_blank(text) && !json::valid(text.str());
    block.input = chat::arguments_of(text, may_be_cut_, answer_.arena, answer_.dropped);
  }

  Answer& answer_;
  bool may_be_cut_;
};

void write_message(Writer& out, Answer& answer, const chat::AnswerPlan& plan) {
  chat::Joined text;
  chat::Joined thinking("\\n\\n");
  std::vector<Block> thoughts;
  std::vector<const Block*> calls;
  for (const Block& block : answer.blocks) {
    switch (block.kind) {
      case BlockKind::kText:
        if (!block.text.empty()) text.add(block.text);
        break;
      case BlockKind::kThinking:
        if (!block.text.empty()) thinking.add(block.text);
        thoughts.push_back(block);
        break;
      case BlockKind::kRedactedThinking:
        thoughts.push_back(block);
        break;
      case BlockKind::kToolUse:
        calls.push_back(&block);
        break;
      default:
        break;
    }
  }
  out.begin_object().member("role", "assistant").key("content");
  if (text.any()) {
    chat::write_text(out, text.keep(answer.arena));
  } else {
    out.null();
  }
  out.key("refusal");
  const bool refused = answer.stop.reason == FinishReason::kContentFilter;
  if (refused && !answer.stop.explanation.empty()) {
    chat::write_text(out, answer.stop.explanation);
  } else {
    out.null();
  }
  if (plan.expose_reasoning && thinking.any()) {
    out.key("reasoning_content");
    chat::write_text(out, thinking.keep(answer.arena));
  }
  if (plan.expose_reasoning && !thoughts.empty()) {
    out.key("thinking_blocks");
    anthropic::write_blocks(out, thoughts);
  }
  if (!answer.annotations.empty()) {
    out.key("annotations").begin_array();
    for (const chat::Annotation& annotation : answer.annotations) {
      out.begin_object().member("type", "url_citation").key("url_citation").begin_object();
      out.key("url");
      chat::write_text(out, annotation.url);
      out.key("title");
      chat::write_text(out, annotation.title);
      // Where in the text it belongs is not told.
      out.member("start_index", 0).member("end_index", 0).end_object().end_object();
    }
    out.end_array();
  }
  const auto write_function = [&](const Block& call) {
    out.begin_object().key("name");
    chat::write_text(out, plan.tool_names.restore(call.name));
    std::string arguments;
    chat::append_compact(arguments, call.input.exists() ? call.input.raw() : "{}");
    out.member("arguments", arguments).end_object();
  };
  if (!calls.empty() && plan.legacy_functions) {
    out.key("function_call");
    write_function(*calls.front());
  } else if (!calls.empty()) {
    out.key("tool_calls").begin_array();
    for (const Block* call : calls) {
      out.begin_object().key("id");
      chat::write_text(out, call->id);
      out.member("type", "function").key("function");
      write_function(*call);
      if (!call->signature.empty()) {
        // Where Gemini's own OpenAI endpoint puts it, and clients play it back from.
        out.key("extra_content").begin_object().key("google").begin_object();
        out.key("thought_signature");
        chat::write_text(out, call->signature);
        out.end_object().end_object();
      }
      out.end_object();
    }
    out.end_array();
  }
  out.end_object();
}

}  // namespace

Result<Answer> parse_chat_response(std::string_view body) {
  Answer answer;
  if (!json::valid_utf8(body)) body = answer.arena.value(chat::mend_utf8(body)).raw();
  Value choice;
  json::Members members(body);
  json::Member member;
  while (members.next(member)) {
    if (member.key == "id") {
      answer.id = as_text(member.value);
    } else if (member.key == "model") {
      answer.model = as_text(member.value);
    } else if (member.key == "choices") {
      json::Elements(member.value).next(choice);
    } else if (member.key == "usage") {
      answer.usage.reported = read_usage(member.value, answer.usage) && answer.usage.input_known;
    } else if (member.key == "service_tier") {
      answer.service_tier = as_text(member.value);
    }
  }
  const Value message = choice["message"];
  if (!members.complete() || message.kind() != Kind::kObject) {
    return fail(ErrorCode::kUpstreamError, {});
  }
  answer.stop.reason = parse_finish_reason(choice["finish_reason"].as_string().value_or(""));
  AnswerReader(answer, answer.stop.reason == FinishReason::kLength).read(message);
  const bool unexplained =
      answer.stop.reason == FinishReason::kNone || answer.stop.reason == FinishReason::kOther;
  if (unexplained && answer.blocks.empty()) return fail(ErrorCode::kUpstreamError, {});
  return answer;
}

std::string write_chat_response(Answer& answer, const chat::AnswerPlan& plan) {
  chat::finish_answer(answer, plan);
  std::string body;
  Writer out(body);
  out.begin_object().key("id");
  chat::write_text(out, chat::answer_id(answer.id, "chatcmpl-", answer.arena));
  out.member("object", "chat.completion").member("created", plan.created).key("model");
  if (plan.model.empty()) {
    chat::write_text(out, answer.model);
  } else {
    out.string(plan.model);
  }
  out.key("choices").begin_array().begin_object().member("index", 0).key("message");
  write_message(out, answer, plan);
  out.null_member("logprobs");
  out.member("finish_reason", chat::openai_finish(answer.stop.reason, chat::has_tool_calls(answer),
                                                  plan.legacy_functions));
  out.end_object().end_array().key("usage");
  chat::write_openai_usage(out, answer.usage);
  if (answer.service_tier == "priority") out.member("service_tier", "priority");
  if (answer.service_tier == "standard" || answer.service_tier == "default") {
    out.member("service_tier", "default");
  }
  out.end_object();
  return body;
}

}  // namespace sluice::dialect::openai
