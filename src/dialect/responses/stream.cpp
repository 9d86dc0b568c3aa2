#include "dialect/responses/stream.hpp"

#include <array>

#include "dialect/responses/message.hpp"
#include "dialect/responses/response.hpp"
#include "json/reader.hpp"

namespace sluice::dialect::responses {
namespace {

using json::Kind;
using json::Reader;
using json::String;
using json::Value;
using Text = OutputText::Kind;

constexpr std::string_view kPrefix = "response.";
constexpr std::string_view kDelta = ".delta";
constexpr std::string_view kDone = ".done";

/// What the pieces of an event's type are, those of the model's own words.
struct Row {
  std::string_view type;  // without kPrefix and kDelta or kDone
  Text kind;
  int64_t first_part = 0;
};
constexpr auto kRows = std::to_array<Row>({
    {"output_text", Text::kContent},
    {"function_call_arguments", Text::kToolArguments},
    {"reasoning_summary_text", Text::kReasoning},
    {"reasoning_text", Text::kReasoning, kReasoningText},
    {"refusal", Text::kRefusal},
    {"custom_tool_call_input", Text::kToolArguments},
    {"mcp_call_arguments", Text::kToolArguments},
    {"code_interpreter_call_code", Text::kToolArguments},
    {"audio.transcript", Text::kContent},
});

const Row* row_of(std::string_view type) {
  for (const Row& row : kRows) {
    if (row.type == type) return &row;
  }
  return nullptr;
}

/// The members that matter, whatever their order.
struct Event {
  String type;
  String delta;
  String done;  // the whole of what the deltas told
  int64_t item = 0;
  int64_t part = 0;  // of content or of a summary
  Value object;      // the item
  Value response;
};

bool read_members(std::string_view data, Event& event, EventFacts& facts) {
  Reader reader(data);
  String key;
  reader.begin_object();
  while (reader.next_member(key)) {
    const Kind kind = reader.peek();
    if (key == "type" && kind == Kind::kString) {
      event.type = reader.string();
    } else if (key == "delta" && kind == Kind::kString) {
      event.delta = reader.string();
    } else if ((key == "text" || key == "arguments" || key == "refusal" || key == "input" ||
                key == "code") &&
               kind == Kind::kString) {
      event.done = reader.string();
    } else if (key == "output_index") {
      event.item = Value(reader.skip()).as_int().value_or(0);
    } else if (key == "sequence_number") {
      facts.sequence = Value(reader.skip()).as_int();
    } else if (key == "content_index" || key == "summary_index") {
      event.part = Value(reader.skip()).as_int().value_or(0);
    } else if (key == "item" && kind == Kind::kObject) {
      event.object = Value(reader.skip());
    } else if (key == "response" && kind == Kind::kObject) {
      event.response = Value(reader.skip());
    } else if (key == "error") {
      facts.error |= tells_error(Value(reader.skip()));
    } else {
      reader.skip();
    }
  }
  return reader.finish();
}

void read_response(Value response, EventFacts& facts) {
  json::Members members(response);
  for (json::Member member; members.next(member);) {
    const bool text = member.value.kind() == Kind::kString;
    const auto string = [&] { return Reader(member.value.raw()).string(); };
    if (member.key == "model" && text) {
      facts.model = string();
    } else if (member.key == "usage" && member.value.kind() == Kind::kObject) {
      facts.usage = member.value;
    } else if (facts.parts != nullptr && member.key == "id" && text) {
      facts.parts->id = string();
    } else if (facts.parts != nullptr && member.key == "service_tier" && text) {
      facts.parts->service_tier = string();
    }
  }
}

/// The end of the answer, which repeats all of it.
void read_end(Value response, EventFacts& facts) {
  facts.terminal = true;
  facts.finish_reason = finish_of(response);
  if (facts.finish_reason == FinishReason::kNone) facts.finish_reason = FinishReason::kOther;
  facts.repeats = true;
  json::Elements items(response["output"]);
  int64_t index = 0;
  for (Value item; items.next(item);) read_item(item, index++, facts.texts);
}

/// `name` is the event's type without kPrefix.
void read_named(std::string_view name, const Event& event, EventFacts& facts) {
  if (name.ends_with(kDelta)) {
    name.remove_suffix(kDelta.size());
    facts.has_content = !event.delta.empty();
    if (const Row* row = row_of(name)) {
      add_piece(facts.texts, row->kind, event.delta, event.item, row->first_part + event.part);
    }
  } else if (name == "output_item.added") {
    // Of a message or of reasoning nothing is known yet; a call is named, others show that
    // something is done.
    const auto type = event.object["type"].as_string();
    facts.has_content = type != "message" && type != "reasoning";
    read_item(event.object, event.item, facts.texts);
  } else if (name == "output_item.done") {
    facts.repeats = true;
    read_item(event.object, event.item, facts.texts);
  } else if (name.ends_with(kDone)) {
    name.remove_suffix(kDone.size());
    facts.repeats = true;
    if (const Row* row = row_of(name)) {
      add_piece(facts.texts, row->kind, event.done, event.item, row->first_part + event.part);
    }
  } else if (name == "completed" || name == "incomplete") {
    read_end(event.response, facts);
  } else if (name == "failed") {
    facts.error = true;
  }
}

}  // namespace

bool read_event(std::string_view data, EventFacts& facts) {
  Event event;
  if (!read_members(data, event, facts)) return false;
  if (event.response.exists()) read_response(event.response, facts);
  const std::string_view type = event.type.bytes;  // of known types none is escaped
  if (type == "error") facts.error = true;
  if (type.starts_with(kPrefix)) read_named(type.substr(kPrefix.size()), event, facts);
  if (facts.parts != nullptr) {
    facts.parts->type = event.type;
    facts.parts->index = event.item;
    facts.parts->event = Value(data);
    facts.parts->finish_reason = facts.finish_reason;
  }
  return true;
}

}  // namespace sluice::dialect::responses
