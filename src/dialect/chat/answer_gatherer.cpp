#include "dialect/chat/answer_gatherer.hpp"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "dialect/chat/stream_converter.hpp"
#include "http/sse.hpp"

namespace sluice::dialect::chat {

void AnswerGatherer::take(const Event& event) {
  Arena& arena = answer_.arena;
  const auto copy = [&arena](json::String text) { return arena.escaped(std::string(text.bytes)); };
  switch (event.kind) {
    case Event::Kind::kStart:
      started_ = true;
      answer_.id = copy(event.id);
      answer_.model = answer_.arena.text(event.name.bytes);
      break;
    case Event::Kind::kBlockStart: {
      Block& block = answer_.blocks.emplace_back();
      block.kind = event.block_kind;
      block.id = copy(event.id);
      block.name = copy(event.name);
      break;
    }
    case Event::Kind::kDelta:
      if (event.block_kind == BlockKind::kToolUse) {
        event.text.append_to(text_);
      } else {
        text_ += event.text.bytes;
      }
      break;
    case Event::Kind::kSignature:
      signature_ += event.text.bytes;
      break;
    case Event::Kind::kAnnotation:
      answer_.annotations.push_back({.url = copy(event.id), .title = copy(event.name)});
      break;
    case Event::Kind::kBlockStop:
      end_block();
      break;
  }
}

void AnswerGatherer::end_block() {
  if (answer_.blocks.empty()) return;
  Block& block = answer_.blocks.back();
  if (block.kind == BlockKind::kToolUse) {
    const bool object = json::Value(text_).kind() == json::Kind::kObject && json::valid(text_);
    block.input = answer_.arena.value(object ? std::move(text_) : "{}");
  } else {
    block.text = answer_.arena.escaped(std::move(text_));
  }
  block.signature = answer_.arena.escaped(std::move(signature_));
  text_.clear();
  signature_.clear();
}

void AnswerGatherer::finish(const StreamEnd& end, const Usage& usage) {
  Arena& arena = answer_.arena;
  answer_.stop.reason = end.stop.reason;
  answer_.stop.sequence = arena.escaped(std::string(end.stop.sequence.bytes));
  answer_.stop.category = arena.escaped(std::string(end.stop.category.bytes));
  answer_.stop.explanation = arena.escaped(std::string(end.stop.explanation.bytes));
  answer_.cut = end.cut;
  answer_.service_tier = arena.text(end.service_tier);
  answer_.usage = usage;
}

void append_answer(Answer& answer, Answer& more) {
  std::ranges::move(more.blocks, std::back_inserter(answer.blocks));
  std::ranges::move(more.annotations, std::back_inserter(answer.annotations));
  std::ranges::move(more.dropped, std::back_inserter(answer.dropped));
  answer.stop = more.stop;
  answer.cut = more.cut;
  TokenCounts& sum = answer.usage.counts;
  sum.input += more.usage.counts.input;
  sum.cache_read += more.usage.counts.cache_read;
  sum.cache_write += more.usage.counts.cache_write;
  sum.output += more.usage.counts.output;
  sum.reasoning += more.usage.counts.reasoning;
  answer.usage.input_known &= more.usage.input_known;
  answer.usage.reported &= more.usage.reported;
}

Result<Answer> gather_answer(Endpoint upstream, std::string_view events, const AnswerPlan& plan,
                             bool end_without_finish) {
  Answer answer;
  StreamConverter converter(upstream, std::make_unique<AnswerGatherer>(answer), plan,
                            {.request_id = {}, .end_without_finish = end_without_finish});
  std::string padded;
  padded.reserve(events.size() + http::SseReader::kSlack);
  padded.append(events);
  http::SseReader reader(events.size() + 1);
  reader.feed(padded);
  std::string nothing;
  EventVerdict verdict;
  const auto over = [&verdict] { return verdict.terminal || verdict.error; };
  while (!over()) {
    const auto event = reader.next();
    if (!event) break;
    verdict = converter.convert(*event, nothing);
  }
  if (!over()) {
    if (const auto event = reader.finish()) verdict = converter.convert(*event, nothing);
  }
  if (!over()) verdict = converter.end(nothing);
  if (verdict.error) return std::unexpected(converter.failure().error);
  converter.finish(converter.usage(), nothing);
  return answer;
}

}  // namespace sluice::dialect::chat
