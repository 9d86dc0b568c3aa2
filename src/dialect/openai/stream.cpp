#include "dialect/openai/stream.hpp"

#include "dialect/openai/message.hpp"
#include "json/reader.hpp"

namespace sluice::dialect::openai {
namespace {

using json::Kind;
using json::Reader;
using json::String;
using json::Value;

void read_choice(Reader& reader, EventFacts& facts) {
  String key;
  int64_t index = 0;
  FinishReason reason = FinishReason::kNone;
  const size_t first = facts.texts.size();
  const size_t first_call = facts.parts == nullptr ? 0 : facts.parts->calls.size();
  reader.begin_object();
  while (reader.next_member(key)) {
    const Kind kind = reader.peek();
    if (key == "delta" && kind == Kind::kObject) {
      facts.has_content |= read_message(reader, facts.texts, facts.parts);
    } else if (key == "text" && kind == Kind::kString) {
      const String text = reader.string();
      facts.has_content |= !text.empty();
      add_text(facts.texts, OutputText::Kind::kContent, text);
    } else if (key == "index") {
      index = Value(reader.skip()).as_int().value_or(0);
    } else if (key == "finish_reason" && kind == Kind::kString) {
      const String text = reader.string();
      reason = parse_finish_reason(text.bytes);
    } else {
      reader.skip();
    }
  }
  set_choice(facts.texts, first, index);
  if (facts.parts != nullptr && index != 0) facts.parts->calls.resize(first_call);
  if (facts.parts != nullptr && index == 0) facts.parts->finish_reason = reason;
  if (index >= 0 && index < static_cast<int64_t>(kMaxChoices)) {
    facts.seen.set(static_cast<size_t>(index));
    if (reason != FinishReason::kNone) facts.finished.set(static_cast<size_t>(index));
  }
  if (reason != FinishReason::kNone) facts.finish_reason = reason;
}

}  // namespace

bool read_event(std::string_view data, EventFacts& facts) {
  Reader reader(data);
  String key;
  reader.begin_object();
  while (reader.next_member(key)) {
    const Kind kind = reader.peek();
    if (key == "choices" && kind == Kind::kArray) {
      reader.begin_array();
      while (reader.next_element()) {
        facts.has_choices = true;
        if (reader.peek() == Kind::kObject) {
          read_choice(reader, facts);
        } else {
          reader.skip();
        }
      }
    } else if (key == "usage" && kind == Kind::kObject) {
      facts.usage = Value(reader.skip());
    } else if (key == "x_groq" && kind == Kind::kObject) {
      const Value usage = Value(reader.skip())["usage"];
      if (!facts.usage.exists() && usage.kind() == Kind::kObject) facts.usage = usage;
    } else if (key == "model" && kind == Kind::kString) {
      facts.model = reader.string();
    } else if (key == "error") {
      facts.error |= tells_error(Value(reader.skip()));
    } else if (key == "object" && kind == Kind::kString) {
      facts.error |= reader.string() == "error";  // vLLM's shape
    } else if (facts.parts != nullptr && kind == Kind::kString && key == "id") {
      facts.parts->id = reader.string();
    } else if (facts.parts != nullptr && kind == Kind::kString && key == "service_tier") {
      facts.parts->service_tier = reader.string();
    } else {
      reader.skip();
    }
  }
  return reader.finish();
}

}  // namespace sluice::dialect::openai
