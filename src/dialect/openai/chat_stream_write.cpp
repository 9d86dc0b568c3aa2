#include "dialect/openai/chat_stream_write.hpp"

#include "dialect/chat/finish.hpp"
#include "dialect/errors.hpp"

namespace sluice::dialect::openai {
namespace {

using chat::BlockKind;
using chat::Event;
using json::String;

// Thinking is gathered to be handed out with its signature, annotations to be handed out at once.
// Of longer thinking only the text is handed out, as it comes.
constexpr size_t kMaxGathered = 1024 * 1024;

String as_json(const std::string& bytes) { return {.bytes = bytes, .escaped = true}; }

}  // namespace

ChatStreamWriter::Gathered& ChatStreamWriter::gathered() {
  if (!gathered_) gathered_ = std::make_unique<Gathered>();
  return *gathered_;
}

void ChatStreamWriter::take(const Event& event) {
  switch (event.kind) {
    case Event::Kind::kStart:
      return write_start(event);
    case Event::Kind::kBlockStart:
      if (event.block_kind == BlockKind::kToolUse) begin_call(event);
      return;
    case Event::Kind::kDelta:
      if (event.block_kind == BlockKind::kToolUse) {
        write_arguments(event.text);
      } else if (event.block_kind != BlockKind::kThinking) {
        write_text(R"({"content":)", event.text, "}");
      } else if (plan_.expose_reasoning) {
        write_reasoning(event.text);
      }
      return;
    case Event::Kind::kSignature:
      if (plan_.expose_reasoning && gathered().signature.size() < kMaxGathered) {
        gathered().signature += event.text.bytes;
      }
      return;
    case Event::Kind::kAnnotation: {
      std::string& list = gathered().annotations;
      if (list.size() >= kMaxGathered) return;
      if (!list.empty()) list += ',';
      list += R"({"type":"url_citation","url_citation":{"url":)";
      chat::append_text(list, event.id);
      list += R"(,"title":)";
      chat::append_text(list, event.name);
      list += R"(,"start_index":0,"end_index":0}})";
      return;
    }
    case Event::Kind::kBlockStop:
      if (event.block_kind == BlockKind::kToolUse) {
        // The next request must hold an object.
        if (!any_arguments_) write_arguments(chat::literal("{}"));
      } else if (plan_.expose_reasoning && gathered_ && !plan_.taken_over) {
        write_thinking(event.block_kind);
      }
      return;
  }
}

void ChatStreamWriter::write_start(const Event& event) {
  started_ = true;
  chat::Arena arena;
  const String id = event.id.empty() ? arena.text(request_id()) : event.id;
  prefix_.reserve(192);
  prefix_ = "data: {\"id\":";
  chat::append_text(prefix_, plan_.taken_over ? id : chat::answer_id(id, "chatcmpl-", arena));
  prefix_ += R"(,"object":"chat.completion.chunk","created":)";
  prefix_ += std::to_string(plan_.created);
  prefix_ += R"(,"model":)";
  json::append_string(prefix_, plan_.model.empty() ? event.name.bytes : plan_.model);
  prefix_ += R"(,"choices":[{"index":0,"delta":)";
  begin();
  out() += R"({"role":"assistant","content":"","refusal":null})";
  end();
}

void ChatStreamWriter::end(std::string_view finish_reason) {
  if (finish_reason.empty()) {
    out() += R"(,"logprobs":null,"finish_reason":null}])";
  } else {
    out() += R"(,"logprobs":null,"finish_reason":")";
    out() += finish_reason;
    out() += R"("}])";
  }
  out() += plan_.include_usage ? ",\"usage\":null}\n\n" : "}\n\n";
}

void ChatStreamWriter::write_text(std::string_view begin_text, String text,
                                  std::string_view end_text) {
  begin();
  out() += begin_text;
  chat::append_text(out(), text);
  out() += end_text;
  end();
}

void ChatStreamWriter::begin_call(const Event& event) {
  any_arguments_ = false;
  const uint32_t number = calls_++;
  if (plan_.legacy_functions && number > 0) return;
  const String name = plan_.tool_names.restore(event.name);
  if (plan_.legacy_functions) {
    write_text(R"({"function_call":{"name":)", name, R"(,"arguments":""}})");
    return;
  }
  begin();
  out() += R"({"tool_calls":[{"index":)";
  out() += std::to_string(number);
  out() += R"(,"id":)";
  chat::append_text(out(), event.id);
  out() += R"(,"type":"function","function":{"name":)";
  chat::append_text(out(), name);
  out() += R"(,"arguments":""})";
  if (!event.text.empty()) {
    out() += R"(,"extra_content":{"google":{"thought_signature":)";
    chat::append_text(out(), event.text);
    out() += "}}";
  }
  out() += "}]}";
  end();
}

void ChatStreamWriter::write_arguments(String arguments) {
  any_arguments_ = true;
  if (plan_.legacy_functions) {
    if (calls_ == 1) write_text(R"({"function_call":{"arguments":)", arguments, "}}");
    return;
  }
  begin();
  out() += R"({"tool_calls":[{"index":)";
  out() += std::to_string(calls_ - 1);
  out() += R"(,"function":{"arguments":)";
  chat::append_text(out(), arguments);
  out() += "}}]}";
  end();
}

void ChatStreamWriter::write_reasoning(String text) {
  Gathered& gathered = this->gathered();
  // Clients put the pieces of all blocks together; whole answers hold them so, too.
  if (gathered.thinking.empty() && gathered.any_thinking && !text.empty()) {
    write_text(R"({"reasoning_content":)", {.bytes = "\\n\\n", .escaped = true}, "}");
  }
  write_text(R"({"reasoning_content":)", text, "}");
  gathered.any_thinking |= !text.empty();
  if (gathered.thinking.size() < kMaxGathered) gathered.thinking += text.bytes;
}

void ChatStreamWriter::write_thinking(BlockKind kind) {
  std::string& thinking = gathered_->thinking;
  std::string& signature = gathered_->signature;
  const bool whole = thinking.size() < kMaxGathered && signature.size() < kMaxGathered;
  if (kind == BlockKind::kThinking && whole && !(thinking.empty() && signature.empty())) {
    begin();
    out() += R"({"thinking_blocks":[{"type":"thinking","thinking":)";
    chat::append_text(out(), as_json(thinking));
    out() += R"(,"signature":)";
    chat::append_text(out(), as_json(signature));
    out() += "}]}";
    end();
  } else if (kind == BlockKind::kRedactedThinking && whole && !signature.empty()) {
    write_text(R"({"thinking_blocks":[{"type":"redacted_thinking","data":)", as_json(signature),
               "}]}");
  }
  std::string().swap(thinking);
  std::string().swap(signature);
}

// One line feed: many decoders take a blank line for the end of an event without data.
std::string_view ChatStreamWriter::keep_alive() const { return ": ping\n"; }

void ChatStreamWriter::finish(const chat::StreamEnd& last, const Usage& usage) {
  if (!started_) return;
  const chat::Stop& stop = last.stop;
  if (gathered_ && !gathered_->annotations.empty()) {
    begin();
    out() += R"({"annotations":[)";
    out() += gathered_->annotations;
    out() += "]}";
    end();
  }
  if (stop.reason == FinishReason::kContentFilter && !stop.explanation.empty()) {
    write_text(R"({"refusal":)", stop.explanation, "}");
  }
  begin();
  out() += "{}";
  end(chat::openai_finish(stop.reason, calls_ > 0, plan_.legacy_functions));
  if (plan_.include_usage) {
    constexpr std::string_view kChoices = "\"choices\":[";
    out().append(prefix_, 0, prefix_.rfind(kChoices) + kChoices.size());
    out() += "],\"usage\":";
    json::Writer json(out());
    chat::write_openai_usage(json, usage);
    out() += "}\n\n";
  }
  out() += "data: [DONE]\n\n";
}

void ChatStreamWriter::fail(const Error& error) {
  out() += render_stream_error(Dialect::kOpenAi, error, request_id());
}

}  // namespace sluice::dialect::openai
