#include "dialect/gemini/generate_response.hpp"

#include <string>

#include "dialect/event_facts.hpp"
#include "dialect/gemini/generate_stream_read.hpp"
#include "dialect/gemini/usage.hpp"

namespace sluice::dialect::gemini {
namespace {

using chat::Block;
using chat::BlockKind;
using chat::Event;

/// Gathers the blocks of an answer, which is a stream of one event.
class Gatherer final : public chat::EventSink {
 public:
  explicit Gatherer(chat::Answer& answer) : answer_(answer) {}

  void take(const Event& event) override {
    switch (event.kind) {
      case Event::Kind::kStart:
        return;
      case Event::Kind::kBlockStart: {
        Block& block = answer_.blocks.emplace_back();
        block.kind = event.block_kind;
        block.id = keep(event.id);
        block.name = event.name;
        block.signature = event.text;
        text_.clear();
        return;
      }
      case Event::Kind::kDelta:
        text_ += event.text.bytes;
        return;
      case Event::Kind::kSignature:
        answer_.blocks.back().signature = keep(event.text);
        return;
      case Event::Kind::kAnnotation:
        answer_.annotations.push_back({.url = event.id, .title = event.name});
        return;
      case Event::Kind::kBlockStop: {
        Block& block = answer_.blocks.back();
        const json::String text = answer_.arena.escaped(std::move(text_));
        text_ = {};
        if (event.block_kind == BlockKind::kToolUse) {
          block.input = answer_.arena.value(text.str());
        } else {
          block.text = text;
        }
        return;
      }
    }
  }

 private:
  /// What the reader makes itself is gone after the event.
  json::String keep(json::String text) { return answer_.arena.escaped(std::string(text.bytes)); }

  chat::Answer& answer_;
  std::string text_;  // of the open block, as in JSON
};

}  // namespace

Result<chat::Answer> parse_generate_response(std::string_view body, const chat::AnswerPlan& plan) {
  chat::Answer answer;
  if (!json::valid_utf8(body)) body = answer.arena.value(chat::mend_utf8(body)).raw();
  Chunk chunk;
  if (!read_chunk(body, chunk) || is_failure(chunk)) return fail(ErrorCode::kUpstreamError, {});
  answer.id = chunk.id;
  answer.model = chunk.model;
  answer.stop.reason = finish_of(chunk);
  answer.usage.reported = read_usage(chunk.usage, answer.usage) && answer.usage.input_known;

  EventParts parts;
  parts.event = json::Value(body);
  Gatherer gatherer(answer);
  GenerateStreamReader reader(plan);
  reader.read({.parts = parts, .texts = {}, .model = {}}, gatherer);
  reader.close(answer.stop.reason, gatherer);
  if (answer.stop.reason == FinishReason::kContentFilter) {
    answer.stop.explanation = answer.arena.escaped(std::string(reader.stop_text().bytes));
  }
  const bool unexplained =
      answer.stop.reason == FinishReason::kNone || answer.stop.reason == FinishReason::kOther;
  if (unexplained && answer.blocks.empty()) return fail(ErrorCode::kUpstreamError, {});
  return answer;
}

}  // namespace sluice::dialect::gemini
