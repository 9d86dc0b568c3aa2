#include "mock/answer.hpp"

#include <charconv>
#include <utility>

#include "base/clock.hpp"
#include "json/writer.hpp"
#include "mock/seals.hpp"
#include "mock/words.hpp"

namespace sluice::mock {

namespace {

template <typename Number>
void append_number(std::string& out, Number value) {
  char digits[24];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
  out.append(digits, end);
}

void append_item_id(std::string& out, uint64_t seed, uint8_t index) {
  constexpr uint64_t kItems = 0x6974656d73;  // apart from the identifiers of calls
  append_token(out, mix(seed ^ kItems) + (uint64_t{index} << 32), kItemIdLength);
}

}  // namespace

std::string_view fill(const Answer& answer, const Frame& frame, const Particulars& particulars,
                      std::string& scratch) {
  const std::string_view bytes = answer.bytes;
  if (frame.gaps == 0) return bytes.substr(frame.begin, frame.end - frame.begin);
  scratch.clear();
  uint32_t at = frame.begin;
  for (uint32_t i = frame.first_gap; i < frame.first_gap + frame.gaps; ++i) {
    const Gap& gap = answer.gaps[i];
    scratch.append(bytes, at, gap.at - at);
    at = gap.at;
    switch (gap.kind) {
      case Gap::kId:
        scratch.append(particulars.id);
        break;
      case Gap::kCreated:
        append_number(scratch, particulars.created);
        break;
      case Gap::kPromptTokens:
        append_number(scratch, particulars.prompt_tokens + gap.more);
        break;
      case Gap::kCachedTokens:
        append_number(scratch, particulars.cached_tokens);
        break;
      case Gap::kWrittenTokens:
        append_number(scratch, particulars.written_tokens);
        break;
      case Gap::kFreshTokens:
        append_number(scratch, particulars.prompt_tokens - particulars.cached_tokens -
                                   particulars.written_tokens);
        break;
      case Gap::kTotalTokens:
        append_number(scratch, particulars.prompt_tokens + answer.completion_tokens);
        break;
      case Gap::kToolId:
        append_token(scratch, particulars.seed + (uint64_t{gap.index} << 32), 24);
        break;
      case Gap::kItemId:
        append_item_id(scratch, particulars.seed, gap.index);
        break;
      case Gap::kSeal: {
        std::string id;
        append_item_id(id, particulars.seed, gap.index);
        append_seal(scratch, id);
        break;
      }
      case Gap::kEcho:
        scratch.append(particulars.echo);
        break;
      case Gap::kClock:
        append_number(scratch, now().time_since_epoch().count());
        break;
    }
  }
  scratch.append(bytes, at, frame.end - at);
  return scratch;
}

void AnswerBuilder::begin(uint32_t step, bool content) {
  Frame frame;
  frame.begin = static_cast<uint32_t>(answer_.bytes.size());
  frame.first_gap = static_cast<uint32_t>(answer_.gaps.size());
  frame.step = step;
  frame.content = content;
  if (content) ++content_frames_;
  answer_.frames.push_back(frame);
}

AnswerBuilder& AnswerBuilder::quoted(std::string_view value) {
  json::append_string(answer_.bytes, value);
  return *this;
}

AnswerBuilder& AnswerBuilder::number(uint64_t value) {
  append_number(answer_.bytes, value);
  return *this;
}

AnswerBuilder& AnswerBuilder::gap(Gap::Kind kind, uint8_t index) {
  answer_.gaps.push_back(
      {.at = static_cast<uint32_t>(answer_.bytes.size()), .kind = kind, .index = index});
  return *this;
}

AnswerBuilder& AnswerBuilder::prompt_tokens(uint64_t more) {
  gap(Gap::kPromptTokens);
  answer_.gaps.back().more = static_cast<uint32_t>(more);
  return *this;
}

AnswerBuilder& AnswerBuilder::tokens(uint64_t count) {
  answer_.frames.back().tokens += static_cast<uint32_t>(count);
  told_tokens_ += count;
  return *this;
}

void AnswerBuilder::end() {
  Frame& frame = answer_.frames.back();
  frame.end = static_cast<uint32_t>(answer_.bytes.size());
  frame.gaps = static_cast<uint16_t>(answer_.gaps.size() - frame.first_gap);
}

void AnswerBuilder::end_object(const Script& script, std::string_view tail) {
  bool malformed = script.malformed_event > 0;
  if (answer_.streamed) {
    malformed =
        malformed && answer_.frames.back().content && content_frames_ == script.malformed_event;
  }
  if (!malformed) answer_.bytes += '}';
  answer_.bytes.append(tail);
  end();
}

std::optional<uint32_t> AnswerBuilder::break_off(uint32_t content_events) {
  std::vector<Frame>& frames = answer_.frames;
  size_t kept = 0;
  for (uint32_t seen = 0; seen < content_events; ++kept) {
    if (kept == frames.size()) return std::nullopt;
    if (frames[kept].content) ++seen;
  }
  frames.resize(kept);
  return kept == 0 ? 1 : frames.back().step;
}

Answer AnswerBuilder::take(uint64_t completion_tokens) {
  if (!answer_.streamed) tokens(completion_tokens);
  answer_.completion_tokens = completion_tokens;
  answer_.bytes.shrink_to_fit();
  answer_.gaps.shrink_to_fit();
  answer_.frames.shrink_to_fit();
  return std::move(answer_);
}

}  // namespace sluice::mock
