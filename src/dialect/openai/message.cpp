#include "dialect/openai/message.hpp"

#include "json/slices.hpp"

namespace sluice::dialect::openai {
namespace {

using json::Kind;
using json::Reader;
using json::String;
using json::Value;
using Text = OutputText::Kind;

/// Name and arguments of a call: the members of `function`, or of `custom`, whose arguments are
/// its `input`. True unless it is an empty object.
bool read_function(Reader& reader, OutputTexts& texts, EventParts::Call* call = nullptr) {
  String key;
  bool any = false;
  if (reader.peek() != Kind::kObject) {
    reader.skip();
    return false;
  }
  reader.begin_object();
  while (reader.next_member(key)) {
    any = true;
    const Kind kind = reader.peek();
    if (key == "name" && kind == Kind::kString) {
      const String name = reader.string();
      add_text(texts, Text::kToolName, name);
      if (call != nullptr) call->name = name;
    } else if (!(key == "arguments" || key == "input")) {
      reader.skip();
    } else if (kind == Kind::kString) {
      const String arguments = reader.string();
      add_text(texts, Text::kToolArguments, arguments);
      if (call != nullptr) call->arguments = arguments;
    } else if (kind == Kind::kObject || kind == Kind::kArray) {
      const String arguments{.bytes = reader.skip(), .escaped = false};
      add_text(texts, Text::kToolArguments, arguments);
      if (call == nullptr) continue;
      call->arguments = arguments;
      call->raw = true;
    } else {
      reader.skip();
    }
  }
  return any;
}

/// One element of tool_calls. Upstreams that send calls whole leave `index` out.
void read_call(Reader& reader, int64_t position, OutputTexts& texts, EventParts* parts) {
  String key;
  EventParts::Call* const call = parts == nullptr ? nullptr : &parts->calls.emplace_back();
  const size_t first = texts.size();
  int64_t index = position;
  reader.begin_object();
  while (reader.next_member(key)) {
    if (key == "function" || key == "custom") {
      read_function(reader, texts, call);
    } else if (key == "index") {
      const auto told = Value(reader.skip()).as_int();
      index = told.value_or(position);
      if (call != nullptr) call->has_index = told.has_value();
    } else if (call != nullptr && key == "id" && reader.peek() == Kind::kString) {
      call->id = reader.string();
    } else {
      reader.skip();
    }
  }
  for (size_t i = first; i < texts.size(); ++i) texts[i].index = text_index(index);
  if (call != nullptr) call->index = index;
}

bool read_calls(Reader& reader, OutputTexts& texts, EventParts* parts) {
  int64_t position = 0;
  reader.begin_array();
  while (reader.next_element()) {
    if (reader.peek() == Kind::kObject) {
      read_call(reader, position, texts, parts);
    } else {
      reader.skip();
    }
    ++position;
  }
  return position > 0;
}

/// Content in parts: [{"type":"text","text":""}, {"type":"thinking","thinking":[...]}].
bool read_parts(Reader& reader, Text text, OutputTexts& texts) {
  String key;
  bool any = false;
  switch (reader.peek()) {
    case Kind::kString: {
      const String part = reader.string();
      add_text(texts, text, part);
      return !part.empty();
    }
    case Kind::kArray:
      reader.begin_array();
      while (reader.next_element()) {
        any = true;
        read_parts(reader, text, texts);
      }
      return any;
    case Kind::kObject:
      reader.begin_object();
      while (reader.next_member(key)) {
        any = true;
        if (key == "text") {
          read_parts(reader, text, texts);
        } else if (key == "thinking") {
          read_parts(reader, Text::kReasoning, texts);
        } else if (key == "refusal") {
          read_parts(reader, Text::kRefusal, texts);
        } else {
          reader.skip();
        }
      }
      return any;
    default:
      reader.skip();
      return false;
  }
}

bool read_audio(Reader& reader, OutputTexts& texts) {
  const Value audio(reader.skip());
  if (const Value transcript = audio["transcript"]; transcript.kind() == Kind::kString) {
    add_text(texts, Text::kContent, Reader(transcript.raw()).string());
  }
  return !audio.is_empty();
}

/// Some upstreams send their reasoning under both names at once.
void add_reasoning(OutputTexts& texts, size_t first, String text) {
  for (size_t i = first; i < texts.size(); ++i) {
    if (texts[i].kind == Text::kReasoning && texts[i].text.bytes == text.bytes) return;
  }
  add_text(texts, Text::kReasoning, text);
}

/// OpenRouter's list of what was thought, unless it was told as one text too.
void read_details(Value details, OutputTexts& texts, size_t first) {
  for (size_t i = first; i < texts.size(); ++i) {
    if (texts[i].kind == Text::kReasoning) return;
  }
  json::Elements elements(details);
  for (Value detail; elements.next(detail);) {
    for (const std::string_view name : {"text", "summary"}) {
      const Value text = detail[name];
      if (text.kind() == Kind::kString) {
        add_text(texts, Text::kReasoning, Reader(text.raw()).string());
      }
    }
  }
}

}  // namespace

bool read_message(Reader& reader, OutputTexts& texts, EventParts* parts) {
  String key;
  bool any = false;
  Value details;
  const size_t first = texts.size();
  reader.begin_object();
  while (reader.next_member(key)) {
    const Kind kind = reader.peek();
    if (kind == Kind::kString) {
      const String text = reader.string();
      if (key == "role") continue;
      any |= !text.empty();
      if (key == "content") {
        add_text(texts, Text::kContent, text);
      } else if (key == "reasoning_content" || key == "reasoning") {
        add_reasoning(texts, first, text);
      } else if (key == "refusal") {
        add_text(texts, Text::kRefusal, text);
      }
    } else if (kind != Kind::kArray && kind != Kind::kObject) {
      reader.skip();
    } else if (key == "tool_calls" && kind == Kind::kArray) {
      any |= read_calls(reader, texts, parts);
    } else if (key == "function_call") {
      any |=
          read_function(reader, texts, parts == nullptr ? nullptr : &parts->calls.emplace_back());
    } else if (key == "content") {
      any |= read_parts(reader, Text::kContent, texts);
    } else if (key == "audio" && kind == Kind::kObject) {
      any |= read_audio(reader, texts);
    } else {
      const Value value(reader.skip());
      any |= !value.is_empty();
      if (key == "reasoning_details" && kind == Kind::kArray) details = value;
    }
  }
  if (details.exists()) read_details(details, texts, first);
  return any;
}

void set_choice(OutputTexts& texts, size_t first, int64_t choice) {
  for (size_t i = first; i < texts.size(); ++i) texts[i].choice = text_index(choice);
}

void read_answer(Reader& reader, OutputTexts& texts) {
  String key;
  reader.begin_object();
  while (reader.next_member(key)) {
    if (!(key == "choices") || reader.peek() != Kind::kArray) {
      reader.skip();
      continue;
    }
    int64_t position = 0;
    reader.begin_array();
    while (reader.next_element()) {
      const size_t first = texts.size();
      int64_t index = position++;
      if (reader.peek() != Kind::kObject) {
        reader.skip();
        continue;
      }
      reader.begin_object();
      while (reader.next_member(key)) {
        const Kind kind = reader.peek();
        if (key == "message" && kind == Kind::kObject) {
          read_message(reader, texts);
        } else if (key == "text" && kind == Kind::kString) {
          add_text(texts, Text::kContent, reader.string());
        } else if (key == "index") {
          index = Value(reader.skip()).as_int().value_or(index);
        } else {
          reader.skip();
        }
      }
      set_choice(texts, first, index);
    }
  }
}

}  // namespace sluice::dialect::openai
