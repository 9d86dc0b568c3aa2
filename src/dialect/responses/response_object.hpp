// The response object of OpenAI's Responses and the items in its `output`: the same in whole
// answers and in the events of a stream. What is appended is as OpenAI's SDK types it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dialect/chat/answer.hpp"
#include "dialect/usage.hpp"
#include "json/writer.hpp"

namespace sluice::dialect::responses {

enum class Status : uint8_t { kInProgress, kCompleted, kIncomplete };

/// "in_progress", "completed", "incomplete".
std::string_view to_string(Status status);

/// Why a response is incomplete, in OpenAI's word; empty for one that is complete.
std::string_view incomplete_reason(FinishReason reason);

inline constexpr std::string_view kMessagePrefix = "msg_";
inline constexpr std::string_view kCallPrefix = "fc_";
inline constexpr std::string_view kReasoningPrefix = "rs_";

/// What tells one response from another, and makes the ids of its items.
class ResponseIds {
 public:
  /// `upstream` is the upstream's id of the answer.
  explicit ResponseIds(json::String upstream = {});

  const std::string& response() const { return response_; }  // as it stands in JSON, unquoted
  /// An id such as "msg_abc_0", for the item at `index`; plain characters.
  std::string item(std::string_view prefix, uint32_t index) const;

 private:
  std::string response_;
  std::string stem_;
};

/// What is told of a response beside its items. Views: all of it outlives the call.
struct ResponseState {
  std::string_view id;     // as it stands in JSON
  std::string_view model;  // decoded
  Status status = Status::kInProgress;
  std::string_view reason;        // of kIncomplete
  std::string_view output;        // the items, one after another with commas
  std::string_view service_tier;  // the upstream's word
  const Usage* usage = nullptr;   // null: not known yet
};

/// Appends the response object.
void append_response(std::string& out, const ResponseState& state, const chat::AnswerPlan& plan);

// The items. Texts are as they stand in JSON without their quotes.

/// `annotations` are elements of a list.
void append_text_part(std::string& out, json::String text, std::string_view annotations);
void append_refusal_part(std::string& out, json::String text);
void append_annotation(std::string& out, json::String url, json::String title);

/// `parts` are elements of a list.
void append_message_item(std::string& out, std::string_view id, std::string_view parts,
                         Status status);
void append_call_item(std::string& out, std::string_view id, json::String call_id,
                      json::String name, json::String arguments, Status status);
/// Without a summary where `summary` is empty; `token` is its encrypted_content, null if empty.
void append_reasoning_item(std::string& out, std::string_view id, json::String summary,
                           std::string_view token, Status status);

}  // namespace sluice::dialect::responses
