// What a request asks of the scripted upstream, whatever its dialect, and how the script answers.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <expected>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "json/slices.hpp"
#include "mock/answer.hpp"
#include "mock/script.hpp"
#include "mock/words.hpp"

namespace sluice::mock {

/// An error answer. `param` and `code` are OpenAI's; empty is null.
struct Refusal {
  int status = 400;
  std::string type = {};
  std::string message = {};
  std::string param = {};
  std::string code = {};
  int64_t retry_after = -1;  // seconds, where the body tells them; negative is none
};

template <typename T>
using Answered = std::expected<T, Refusal>;

struct Ask {
  std::string model;
  Script script;
  bool stream = false;
  bool include_usage = false;
  bool stamps = false;  // text events of a stream are `t`, the clock, and a space
  uint32_t choices = 1;
  uint64_t limit = std::numeric_limits<uint64_t>::max();  // tokens in a choice
  uint64_t prompt_tokens = 0;
  std::array<std::string, 2> tools = {"get_weather", "get_local_time"};  // called by part "t"
  bool hide_thinking = false;                                            // it is counted, not shown
  bool sealed_thinking = false;  // it comes with its encrypted form
  uint32_t pauses_seen = 0;      // how often the conversation has paused in this turn
  uint64_t said_words = 0;       // of the text, what the conversation ends with
  std::string echo;              // Particulars::echo

  // Embeddings.
  std::vector<uint64_t> inputs;  // a seed each
  uint32_t dimensions = 0;
  bool base64 = false;
};

/// An answer holds at most so many content events, all choices together.
inline constexpr uint64_t kMostEvents = 200'000;

inline constexpr uint32_t kThinkingEvents = 4;
/// What the two calls of part "t" send as arguments, piece by piece.
inline constexpr std::array<std::array<std::string_view, 4>, 2> kToolArguments = {{
    {R"({"ci)", R"(ty":"Par)", R"(is","unit)", R"(":"celsius"})"},
    {R"({"ci)", R"(ty":"Tok)", R"(yo","unit)", R"(":"celsius"})"},
}};
inline constexpr uint32_t kMostCalls = kToolArguments.size();
/// Pieces of one call's arguments.
inline constexpr uint32_t kPieces = kToolArguments[0].size();

/// One choice of an answer, event by event: thinking, then text, then tool calls. The ask must
/// outlive it.
class Plan {
 public:
  Plan(const Ask& ask, const Script& script, uint32_t choice);

  uint32_t thinking_events() const { return thinking_events_; }
  uint32_t text_events() const { return text_events_; }
  uint32_t tool_events() const { return calls_ * pieces_; }
  uint32_t calls() const { return calls_; }
  /// Pieces in which a call's arguments come.
  uint32_t pieces() const { return pieces_; }
  uint32_t events() const { return thinking_events_ + text_events_ + tool_events(); }
  bool tools() const { return calls_ > 0; }
  /// The limit ended it.
  bool cut() const { return cut_; }
  /// Of o200k_base, each text counted by itself: thinking, text, and the name and the arguments
  /// of each call.
  uint64_t tokens() const { return thinking_words_ + text_words_ + tool_tokens_; }
  uint64_t thinking_words() const { return thinking_words_; }

  std::string thinking_event(uint32_t index) const;
  std::string text_event(uint32_t index) const;
  /// Tokens of one event.
  uint64_t thinking_tokens(uint32_t index) const { return part(thinking_words_, index); }
  uint64_t text_tokens(uint32_t index) const { return part(text_words_, index); }
  std::string all_thinking() const;
  std::string all_text() const;
  /// Of a call's name and arguments together.
  uint64_t call_tokens(uint32_t call) const;
  std::string all_arguments(uint32_t call) const;

 private:
  uint64_t part(uint64_t words, uint32_t index) const {
    return std::min<uint64_t>(words_, words - uint64_t{index} * words_);
  }

  const Ask& ask_;
  Text thinking_;
  Text text_;
  uint64_t said_ = 0;  // words of the text that are not repeated
  uint32_t words_;
  uint64_t thinking_words_ = 0;
  uint64_t text_words_ = 0;
  uint64_t tool_tokens_ = 0;
  uint32_t thinking_events_ = 0;
  uint32_t text_events_ = 0;
  uint32_t calls_ = 0;
  uint32_t pieces_ = kPieces;
  bool cut_;
};

/// Appends a text event as a JSON string; with stamps, as `t`, the monotonic nanoseconds at which
/// it is sent, and a space, so that a reader on the same host can tell how long it took.
void append_text(AnswerBuilder& builder, const Ask& ask, const Plan& plan, uint32_t event);

/// Where the last message is the assistant's and the beginning of the text (white space at its end
/// aside), the answer goes on from there.
void take_prefill(json::Value messages, Ask& ask);

/// Tokens of o200k_base. A text beyond 256 KiB is not counted but taken for one in four bytes.
uint64_t count_tokens(std::string_view text);
/// Of a message's content: a text, or parts of which some are; another part, and what is neither,
/// has a token for every four bytes as it stands.
uint64_t count_content(json::Value content);
/// A token for every four bytes of the value as it stands.
uint64_t rough_tokens(json::Value value);

/// Of a piece of a call's arguments: what the tokens of all arguments so far grow by.
uint64_t argument_tokens(uint32_t call, size_t piece);

/// The first two names among `tools`, whose elements keep their name in the member `wrapper`, or
/// right in themselves when that is empty. One name stands for both calls.
void take_tool_names(json::Value tools, std::string_view wrapper, Ask& ask);

}  // namespace sluice::mock
