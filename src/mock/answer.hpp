// A whole answer made beforehand: the bytes of every event, with gaps for what differs from
// request to request. Streams with the same script share one, so that an event costs a copy of
// its bytes and a write.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mock/script.hpp"

namespace sluice::mock {

/// What goes into the gaps.
struct Particulars {
  std::string id;       // of the answer, with the dialect's prefix
  int64_t created = 0;  // seconds since the Unix epoch
  uint64_t prompt_tokens = 0;
  uint64_t cached_tokens = 0;   // of the prompt
  uint64_t written_tokens = 0;  // of the prompt: what is in the cache from now on
  uint64_t seed = 0;            // for identifiers of tool calls and items
  std::string echo = {};        // members of the request that its answer repeats: a comma ends each
};

struct Gap {
  enum Kind : uint8_t {
    kId,
    kCreated,
    kPromptTokens,
    kCachedTokens,
    kWrittenTokens,
    kFreshTokens,  // of the prompt, neither of both
    kTotalTokens,
    kToolId,
    kItemId,  // of an item of the output, without its prefix
    kSeal,    // over the item's id
    kEcho,
    kClock,  // monotonic nanoseconds at the moment of sending
  };
  uint32_t at = 0;  // offset in Answer::bytes
  Kind kind = kId;
  uint8_t index = 0;  // of the tool call or the item
  uint32_t more = 0;  // added to the tokens of the prompt
};

/// One event of a stream, or the one body of an answer that is not streamed.
struct Frame {
  uint32_t begin = 0;  // in Answer::bytes
  uint32_t end = 0;
  uint32_t first_gap = 0;
  uint16_t gaps = 0;
  bool content = false;  // counts as an event of the script
  // 0: at once. n: when the nth content event is due.
  uint32_t step = 0;
  uint32_t tokens = 0;  // of output, in this frame
};

struct Answer {
  bool streamed = false;
  std::string bytes;
  std::vector<Gap> gaps;
  std::vector<Frame> frames;
  uint64_t completion_tokens = 0;

  size_t memory() const {
    return bytes.size() + gaps.size() * sizeof(Gap) + frames.size() * sizeof(Frame);
  }
};

/// The bytes of a frame: a view of the answer itself when there is no gap in it, else of
/// `scratch`, which is overwritten.
std::string_view fill(const Answer& answer, const Frame& frame, const Particulars& particulars,
                      std::string& scratch);

/// Builds an answer frame by frame: begin(), append to out() and leave gaps, end().
class AnswerBuilder {
 public:
  explicit AnswerBuilder(bool streamed) { answer_.streamed = streamed; }

  void begin(uint32_t step, bool content = false);
  std::string& out() { return answer_.bytes; }
  AnswerBuilder& text(std::string_view json) {
    answer_.bytes.append(json);
    return *this;
  }
  /// Appends a JSON string with its quotes.
  AnswerBuilder& quoted(std::string_view value);
  AnswerBuilder& number(uint64_t value);
  AnswerBuilder& gap(Gap::Kind kind, uint8_t index = 0);
  /// The tokens of the prompt and `more` beside.
  AnswerBuilder& prompt_tokens(uint64_t more = 0);
  /// So many tokens of output are in this frame, beside those told before.
  AnswerBuilder& tokens(uint64_t count);
  /// Ends the frame with its last brace, and `tail` behind it. Where the script wants this event
  /// malformed, the brace is left out.
  void end_object(const Script& script, std::string_view tail);
  void end();

  /// Drops what is behind so many content events; behind none of them is everything. Returns the
  /// step of what may come instead; nullopt, and drops nothing, where there are fewer events.
  std::optional<uint32_t> break_off(uint32_t content_events);

  Answer take(uint64_t completion_tokens);
  /// Those told so far.
  uint64_t told_tokens() const { return told_tokens_; }
  size_t frames() const { return answer_.frames.size(); }

 private:
  Answer answer_;
  uint32_t content_frames_ = 0;
  uint64_t told_tokens_ = 0;
};

}  // namespace sluice::mock
