// Neutral events, written as the stream of OpenAI's Responses: response.created ...
// response.completed.
#pragma once

#include <cstdint>
#include <string>

#include "dialect/chat/stream_writer.hpp"
#include "dialect/responses/response_object.hpp"

namespace sluice::dialect::responses {

/// The last event of such a stream repeats the whole answer, so all of it is kept until then, in
/// one text for the items that are done and one for the item that is open.
class ResponsesStreamWriter final : public chat::StreamWriter {
 public:
  /// `plan` outlives the writer.
  explicit ResponsesStreamWriter(const chat::AnswerPlan& plan) : plan_(plan) {}

  void take(const chat::Event& event) override;
  std::string_view keep_alive() const override;
  void finish(const chat::StreamEnd& end, const Usage& usage) override;
  void fail(const Error& error) override;
  bool overflowed() const override;

 private:
  enum class Item : uint8_t { kNone, kMessage, kCall, kReasoning };

  void start(const chat::Event& event);
  void take_delta(const chat::Event& event);
  void take_annotation(const chat::Event& event);
  void end_block(const chat::Event& event);

  void begin_item(Item kind, std::string_view prefix);
  void begin_call(const chat::Event& event);
  void begin_reasoning(chat::BlockKind kind);
  void end_item(Status status);
  /// A part of the open message, or of another that is begun for it.
  void begin_part(bool refusal);
  void end_part();
  void append_item(std::string& out, Status status) const;
  json::String kept_text() const { return {.bytes = text_, .escaped = true}; }

  /// An event up to its sequence number, and one that tells of the open item.
  void begin_event(std::string_view type);
  void begin_placed(std::string_view type);
  void write_delta(std::string_view type, std::string_view also, json::String text);
  void write_lifecycle(std::string_view type, const ResponseState& state);
  ResponseState state(Status status) const;

  const chat::AnswerPlan& plan_;
  int64_t sequence_ = 0;
  ResponseIds ids_;
  std::string model_;
  std::string output_;  // the items that are done
  uint32_t items_ = 0;  // begun

  // The open item. Texts are as they stand in JSON.
  Item item_ = Item::kNone;
  bool part_open_ = false;
  bool refusal_ = false;  // the open part
  chat::BlockKind thinking_ = chat::BlockKind::kThinking;
  uint32_t part_ = 0;         // the open one, or the next
  uint32_t annotations_ = 0;  // of the open part
  std::string item_id_;
  std::string place_;      // where its events belong: the item and the part
  std::string parts_;      // of a message, those that are done
  std::string text_;       // of the open part, arguments of a call
  std::string list_;       // of the open part's annotations
  std::string signature_;  // of thinking
  std::string call_id_;
  std::string call_name_;
};

}  // namespace sluice::dialect::responses
