#include "dialect/chat/answer_text.hpp"
#include "dialect/chat/reading.hpp"
#include "dialect/chat/sealed_thinking.hpp"
#include "dialect/responses/response_object.hpp"
#include "dialect/responses/responses_request.hpp"
#include "dialect/responses/responses_response.hpp"

namespace sluice::dialect::responses {
namespace {

using chat::Answer;
using chat::Block;
using chat::BlockKind;

/// Writes the blocks as items. An item is written when it is known whether it is the last.
class OutputWriter {
 public:
  OutputWriter(Answer& answer, const chat::AnswerPlan& plan, const ResponseIds& ids)
      : answer_(answer), plan_(plan), ids_(ids) {}

  std::string write(Status status) {
    for (const Block& block : answer_.blocks) {
      if (block.kind == BlockKind::kText) {
        if (!block.text.empty()) add_text(block);
      } else if (block.kind == BlockKind::kToolUse) {
        end_item(Status::kCompleted);
        call_ = &block;
      } else if (is_thinking(block) && plan_.expose_reasoning) {
        end_item(Status::kCompleted);
        thinking_ = &block;
      }
    }
    const chat::Stop& stop = answer_.stop;
    if (stop.reason == FinishReason::kContentFilter && !stop.explanation.empty()) {
      begin_part();
      append_refusal_part(parts_, stop.explanation);
    }
    end_item(status);
    return std::move(output_);
  }

 private:
  static bool is_thinking(const Block& block) {
    return block.kind == BlockKind::kRedactedThinking ||
           (block.kind == BlockKind::kThinking && !(block.text.empty() && block.signature.empty()));
  }

  void begin_part() {
    if (parts_.empty()) {
      end_item(Status::kCompleted);
    } else {
      parts_ += ',';
    }
  }

  void add_text(const Block& block) {
    begin_part();
    std::string annotations;
    const bool last = &block == last_text();
    for (const chat::Annotation& annotation : answer_.annotations) {
      const bool here =
          annotation.of.empty() ? last : annotation.of.bytes.data() == block.text.bytes.data();
      if (!here) continue;
      if (!annotations.empty()) annotations += ',';
      append_annotation(annotations, annotation.url, annotation.title);
    }
    append_text_part(parts_, block.text, annotations);
  }

  const Block* last_text() const {
    const Block* last = nullptr;
    for (const Block& block : answer_.blocks) {
      if (block.kind == BlockKind::kText && !block.text.empty()) last = &block;
    }
    return last;
  }

  void end_item(Status status) {
    if (parts_.empty() && call_ == nullptr && thinking_ == nullptr) return;
    if (!output_.empty()) output_ += ',';
    const uint32_t index = items_++;
    if (!parts_.empty()) {
      append_message_item(output_, ids_.item(kMessagePrefix, index), parts_, status);
      parts_.clear();
    } else if (call_ != nullptr) {
      std::string arguments;
      chat::append_compact(arguments, call_->input.exists() ? call_->input.raw() : "{}");
      append_call_item(output_, ids_.item(kCallPrefix, index), call_->id,
                       plan_.tool_names.restore(call_->name), answer_.arena.text(arguments),
                       status);
      call_ = nullptr;
    } else {
      const std::string token =
          chat::seal_thinking(*thinking_, plan_.provider, plan_.signature_key.expose());
      append_reasoning_item(output_, ids_.item(kReasoningPrefix, index), thinking_->text, token,
                            status);
      thinking_ = nullptr;
    }
  }

  Answer& answer_;
  const chat::AnswerPlan& plan_;
  const ResponseIds& ids_;
  std::string output_;
  uint32_t items_ = 0;
  // One of these is the open item.
  std::string parts_;
  const Block* call_ = nullptr;
  const Block* thinking_ = nullptr;
};

}  // namespace

std::string write_responses_response(Answer& answer, const chat::AnswerPlan& plan) {
  chat::finish_answer(answer, plan);
  const ResponseIds ids(answer.id);
  const std::string_view reason = incomplete_reason(answer.stop.reason);
  const Status status = reason.empty() ? Status::kCompleted : Status::kIncomplete;
  const std::string output = OutputWriter(answer, plan, ids).write(status);
  const std::string model = answer.model.str();
  const std::string tier = answer.service_tier.str();
  std::string body;
  body.reserve(output.size() + plan.echo.size() + 1024);
  append_response(body,
                  {.id = ids.response(),
                   .model = model,
                   .status = status,
                   .reason = reason,
                   .output = output,
                   .service_tier = tier,
                   .usage = &answer.usage},
                  plan);
  std::vector<std::string> dropped;
  for (const std::string& name : answer.dropped) {
    chat::note(dropped, name == "tool_calls.arguments" ? "output.arguments" : client_field(name));
  }
  answer.dropped = std::move(dropped);
  return body;
}

}  // namespace sluice::dialect::responses
