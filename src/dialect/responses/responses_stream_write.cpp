#include "dialect/responses/responses_stream_write.hpp"

#include "dialect/chat/sealed_thinking.hpp"
#include "dialect/errors.hpp"

namespace sluice::dialect::responses {
namespace {

using chat::BlockKind;
using chat::Event;
using json::String;

/// More than any model says in one answer.
constexpr size_t kMaxKept = 16 * 1024 * 1024;
/// Texts up to this stay allocated for the next item.
constexpr size_t kSmall = 4096;

constexpr std::string_view kEnd = "}\n\n";

void clear(std::string& text) {
  if (text.capacity() > kSmall) std::string().swap(text);
  text.clear();
}

String as_json(const std::string& bytes) { return {.bytes = bytes, .escaped = true}; }

}  // namespace

void ResponsesStreamWriter::take(const Event& event) {
  const bool thinking =
      event.block_kind == BlockKind::kThinking || event.block_kind == BlockKind::kRedactedThinking;
  if (event.kind != Event::Kind::kStart && thinking && !plan_.expose_reasoning) return;
  switch (event.kind) {
    case Event::Kind::kStart:
      return start(event);
    case Event::Kind::kBlockStart:
      // A text or a thought is begun with its first piece: it may have none.
      if (event.block_kind == BlockKind::kToolUse) begin_call(event);
      if (thinking) end_item(Status::kCompleted);
      return;
    case Event::Kind::kDelta:
      return take_delta(event);
    case Event::Kind::kSignature:
      if (item_ != Item::kReasoning) begin_reasoning(event.block_kind);
      signature_ += event.text.bytes;
      return;
    case Event::Kind::kAnnotation:
      return take_annotation(event);
    case Event::Kind::kBlockStop:
      return end_block(event);
  }
}

void ResponsesStreamWriter::start(const Event& event) {
  started_ = true;
  chat::Arena arena;
  ids_ = ResponseIds(event.id.empty() ? arena.text(request_id()) : event.id);
  model_ = event.name.str();
  write_lifecycle("response.created", state(Status::kInProgress));
  write_lifecycle("response.in_progress", state(Status::kInProgress));
}

ResponseState ResponsesStreamWriter::state(Status status) const {
  return {.id = ids_.response(),
          .model = model_,
          .status = status,
          .reason = {},
          .output = output_,
          .service_tier = {}};
}

void ResponsesStreamWriter::take_delta(const Event& event) {
  if (event.text.empty()) return;
  std::string_view type = "response.output_text.delta";
  std::string_view also = R"(,"logprobs":[])";
  if (event.block_kind == BlockKind::kToolUse) {
    type = "response.function_call_arguments.delta";
    also = {};
  } else if (event.block_kind == BlockKind::kThinking) {
    if (item_ != Item::kReasoning) begin_reasoning(event.block_kind);
    if (!part_open_) {
      part_open_ = true;
      begin_placed("response.reasoning_summary_part.added");
      out() += R"(,"part":{"type":"summary_text","text":""}})";
      out() += "\n\n";
    }
    type = "response.reasoning_summary_text.delta";
    also = {};
  } else if (item_ != Item::kMessage || !part_open_) {
    begin_part(false);
  }
  text_ += event.text.bytes;
  write_delta(type, also, event.text);
}

void ResponsesStreamWriter::take_annotation(const Event& event) {
  if (item_ != Item::kMessage || !part_open_) begin_part(false);
  const size_t begin = list_.empty() ? 0 : list_.size() + 1;
  if (begin != 0) list_ += ',';
  append_annotation(list_, event.id, event.name);
  begin_placed("response.output_text.annotation.added");
  out() += R"(,"annotation_index":)";
  out() += std::to_string(annotations_++);
  out() += R"(,"annotation":)";
  out().append(list_, begin);
  out() += kEnd;
}

void ResponsesStreamWriter::end_block(const Event& event) {
  if (event.block_kind == BlockKind::kToolUse && text_.empty()) {
    // The next request must hold an object.
    text_ = "{}";
    write_delta("response.function_call_arguments.delta", {}, chat::literal("{}"));
  }
  end_part();
}

void ResponsesStreamWriter::begin_item(Item kind, std::string_view prefix) {
  end_item(Status::kCompleted);
  item_ = kind;
  part_ = 0;
  const uint32_t index = items_++;
  item_id_ = ids_.item(prefix, index);
  begin_event("response.output_item.added");
  out() += R"(,"output_index":)";
  out() += std::to_string(index);
  out() += R"(,"item":)";
  append_item(out(), Status::kInProgress);
  out() += kEnd;
  place_ = R"(,"item_id":")" + item_id_ + R"(","output_index":)" + std::to_string(index);
  if (kind == Item::kReasoning) place_ += R"(,"summary_index":0)";
}

void ResponsesStreamWriter::begin_call(const Event& event) {
  end_item(Status::kCompleted);
  call_id_ = event.id.bytes;
  call_name_ = plan_.tool_names.restore(event.name).bytes;
  begin_item(Item::kCall, kCallPrefix);
  part_open_ = true;
}

void ResponsesStreamWriter::begin_reasoning(BlockKind kind) {
  begin_item(Item::kReasoning, kReasoningPrefix);
  thinking_ = kind;
}

void ResponsesStreamWriter::begin_part(bool refusal) {
  if (item_ != Item::kMessage) begin_item(Item::kMessage, kMessagePrefix);
  part_open_ = true;
  refusal_ = refusal;
  constexpr std::string_view kIndex = R"(,"content_index":)";
  place_.resize(std::min(place_.size(), place_.find(kIndex)));
  place_ += kIndex;
  place_ += std::to_string(part_);
  begin_placed("response.content_part.added");
  out() += R"(,"part":)";
  if (refusal) {
    append_refusal_part(out(), {});
  } else {
    append_text_part(out(), {}, {});
  }
  out() += kEnd;
}

void ResponsesStreamWriter::end_part() {
  if (!part_open_) return;
  part_open_ = false;
  if (item_ == Item::kCall) {
    begin_placed("response.function_call_arguments.done");
    out() += R"(,"name":)";
    chat::append_text(out(), as_json(call_name_));
    out() += R"(,"arguments":)";
    chat::append_text(out(), kept_text());
    out() += kEnd;
    return;
  }
  if (item_ == Item::kReasoning) {
    begin_placed("response.reasoning_summary_text.done");
    out() += R"(,"text":)";
    chat::append_text(out(), kept_text());
    out() += kEnd;
    begin_placed("response.reasoning_summary_part.done");
    out() += R"(,"part":{"type":"summary_text","text":)";
    chat::append_text(out(), kept_text());
    out() += "}}\n\n";
    return;
  }
  begin_placed(refusal_ ? "response.refusal.done" : "response.output_text.done");
  out() += refusal_ ? R"(,"refusal":)" : R"(,"logprobs":[],"text":)";
  chat::append_text(out(), kept_text());
  out() += kEnd;
  if (!parts_.empty()) parts_ += ',';
  const size_t begin = parts_.size();
  if (refusal_) {
    append_refusal_part(parts_, kept_text());
  } else {
    append_text_part(parts_, kept_text(), list_);
  }
  begin_placed("response.content_part.done");
  out() += R"(,"part":)";
  out().append(parts_, begin);
  out() += kEnd;
  ++part_;
  annotations_ = 0;
  list_.clear();
  clear(text_);
}

void ResponsesStreamWriter::end_item(Status status) {
  if (item_ == Item::kNone) return;
  end_part();
  if (!output_.empty()) output_ += ',';
  const size_t begin = output_.size();
  append_item(output_, status);
  begin_event("response.output_item.done");
  out() += R"(,"output_index":)";
  out() += std::to_string(items_ - 1);
  out() += R"(,"item":)";
  out().append(output_, begin);
  out() += kEnd;
  item_ = Item::kNone;
  clear(text_);
  clear(parts_);
  clear(signature_);
}

void ResponsesStreamWriter::append_item(std::string& out, Status status) const {
  switch (item_) {
    case Item::kNone:
      return;
    case Item::kMessage:
      return append_message_item(out, item_id_, parts_, status);
    case Item::kCall:
      return append_call_item(out, item_id_, as_json(call_id_), as_json(call_name_), kept_text(),
                              status);
    case Item::kReasoning: {
      std::string token;
      if (status != Status::kInProgress) {
        chat::Block block;
        block.kind = thinking_;
        block.text = kept_text();
        block.signature = as_json(signature_);
        token = chat::seal_thinking(block, plan_.provider, plan_.signature_key.expose());
      }
      return append_reasoning_item(out, item_id_, kept_text(), token, status);
    }
  }
}

void ResponsesStreamWriter::begin_event(std::string_view type) {
  out() += "event: ";
  out() += type;
  out() += "\ndata: {\"type\":\"";
  out() += type;
  out() += R"(","sequence_number":)";
  out() += std::to_string(sequence_++);
}

void ResponsesStreamWriter::begin_placed(std::string_view type) {
  begin_event(type);
  out() += place_;
}

void ResponsesStreamWriter::write_delta(std::string_view type, std::string_view also, String text) {
  begin_placed(type);
  out() += also;
  out() += R"(,"delta":)";
  chat::append_text(out(), text);
  out() += kEnd;
}

void ResponsesStreamWriter::write_lifecycle(std::string_view type, const ResponseState& state) {
  begin_event(type);
  out() += R"(,"response":)";
  append_response(out(), state, plan_);
  out() += kEnd;
}

bool ResponsesStreamWriter::overflowed() const {
  return output_.size() + parts_.size() + text_.size() + list_.size() + signature_.size() >
         kMaxKept;
}

// One line feed: many decoders take a blank line for the end of an event without data.
std::string_view ResponsesStreamWriter::keep_alive() const { return ": ping\n"; }

void ResponsesStreamWriter::finish(const chat::StreamEnd& end, const Usage& usage) {
  if (!started_) return;
  const chat::Stop& stop = end.stop;
  if (stop.reason == FinishReason::kContentFilter && !stop.explanation.empty()) {
    end_part();
    begin_part(true);
    text_ = stop.explanation.bytes;
    write_delta("response.refusal.delta", {}, stop.explanation);
  }
  const std::string_view reason = incomplete_reason(stop.reason);
  ResponseState last = state(reason.empty() ? Status::kCompleted : Status::kIncomplete);
  end_item(last.status);
  last.output = output_;
  last.reason = reason;
  last.service_tier = end.service_tier;
  last.usage = &usage;
  write_lifecycle(reason.empty() ? "response.completed" : "response.incomplete", last);
}

// The last event, though it may be told twice.
void ResponsesStreamWriter::fail(const Error& error) {
  out() += render_stream_error(Dialect::kResponses, error, request_id(), sequence_);
}

}  // namespace sluice::dialect::responses
