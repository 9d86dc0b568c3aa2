#include "dialect/anthropic/prompt.hpp"

#include "dialect/image_cost.hpp"
#include "json/slices.hpp"

namespace sluice::dialect::anthropic {
namespace {

// Chosen so that the examples of Anthropic's documentation come out: a message of one token is 8.
constexpr int64_t kMessageFrame = 4;
constexpr int64_t kAnswerFrame = 3;
constexpr int64_t kCallFrame = 4;
// Documents in documents are taken as their JSON from here on: each reads its part of the text
// again.
constexpr uint32_t kMaxSources = 3;

class Prompt {
 public:
  explicit Prompt(Tally& tally) : tally_(tally) {}
  void read(std::string_view body);

 private:
  void message(json::Reader& reader);
  void content(json::Reader& reader);
  void block(json::Reader& reader);
  void source(json::Value source, bool image);
  void tools(json::Reader& reader);

  Tally& tally_;
  uint32_t sources_ = 0;
  /// Thoughts of answers are part of the prompt only until the user speaks again.
  int64_t thoughts_ = 0;
  bool user_spoke_ = false;  // in this message: something else than a tool's result
};

void Prompt::read(std::string_view body) {
  bool forced = false;
  bool has_tools = false;
  tally_.add(kAnswerFrame);
  json::Reader reader(body);
  json::String key;
  if (!reader.begin_object()) return;
  while (reader.next_member(key)) {
    if (key == "messages" && reader.peek() == json::Kind::kArray) {
      if (!reader.begin_array()) return;
      while (reader.next_element()) message(reader);
    } else if (key == "system") {
      content(reader);
    } else if (key == "tools" && reader.peek() == json::Kind::kArray) {
      const json::Value list(reader.skip());
      has_tools = !list.is_empty();
      json::Reader inner(list.raw());
      tools(inner);
    } else if (key == "tool_choice") {
      const json::Value type = json::Value(reader.skip())["type"];
      forced = type.raw() == "\"any\"" || type.raw() == "\"tool\"";
    } else {
      reader.skip();
    }
  }
  tally_.add(thoughts_);
  const tokens::Family family = tally_.model().family;
  const bool framed = family == tokens::Family::kAnthropic || family == tokens::Family::kOther;
  if (has_tools && framed) tally_.add(claude_tools_frame(forced));
}

void Prompt::message(json::Reader& reader) {
  if (reader.peek() != json::Kind::kObject) {
    reader.skip();
    return;
  }
  json::String key;
  if (!reader.begin_object()) return;
  tally_.add(kMessageFrame);
  bool user = false;
  user_spoke_ = false;
  while (reader.next_member(key)) {
    if (key == "role") {
      user = take_string(reader) == "user";
    } else if (key == "content") {
      content(reader);
    } else {
      reader.skip();
    }
  }
  if (user && user_spoke_) thoughts_ = 0;
}

void Prompt::content(json::Reader& reader) {
  if (reader.peek() == json::Kind::kString) {
    user_spoke_ = true;
    return tally_.text(reader.string());
  }
  if (reader.peek() != json::Kind::kArray) {
    reader.skip();
    return;
  }
  if (!reader.begin_array()) return;
  while (reader.next_element()) block(reader);
}

/// A block of any type; its members come in any order, so what needs the type waits for the end.
void Prompt::block(json::Reader& reader) {
  if (reader.peek() != json::Kind::kObject) {
    reader.skip();
    return;
  }
  const bool spoke_before = user_spoke_;
  json::String key;
  json::String type;
  json::Value from;
  json::Value input;
  if (!reader.begin_object()) return;
  while (reader.next_member(key)) {
    if (key == "type") {
      type = take_string(reader);
    } else if (key == "text" || key == "title" || key == "context" || key == "name") {
      tally_.text(take_string(reader));
    } else if (key == "thinking") {
      thoughts_ += tally_.measure(take_string(reader));
    } else if (key == "content") {
      content(reader);
    } else if (key == "source") {
      from = json::Value(reader.skip());
    } else if (key == "input") {
      input = json::Value(reader.skip());
    } else {
      reader.skip();
    }
  }
  if (input.exists()) {
    tally_.add(kCallFrame);
    tally_.json(input.raw());
  }
  if (from.kind() == json::Kind::kObject) {
    source(from, type == "image");
  } else if (from.kind() == json::Kind::kString) {
    tally_.text(*from.as_string());  // of a search result: where it is from
  }
  const bool result = type.bytes.ends_with("tool_result");
  if (result) tally_.add(kCallFrame);
  user_spoke_ = spoke_before || !result;
}

void Prompt::source(json::Value source, bool image) {
  json::String type;
  json::String data;
  json::Value inner;
  json::Reader reader(source.raw());
  json::String key;
  if (!reader.begin_object()) return;
  while (reader.next_member(key)) {
    if (key == "type") {
      type = take_string(reader);
    } else if (key == "data") {
      data = take_string(reader);
    } else if (key == "content") {
      inner = json::Value(reader.skip());
    } else {
      reader.skip();
    }
  }
  if (image) {
    tally_.add(image_tokens(tally_.model().images, image_size(data), false));
  } else if (inner.exists()) {
    if (sources_ == kMaxSources) return tally_.json(inner.raw());
    ++sources_;
    json::Reader blocks(inner.raw());
    content(blocks);
    --sources_;
  } else if (type == "text") {
    tally_.text(data);
  } else {
    tally_.add(document_tokens(decoded_size(data)));
  }
}

/// Names, descriptions and schemas as JSON; how they are shown to the models is not documented.
void Prompt::tools(json::Reader& reader) {
  if (!reader.begin_array()) return;
  while (reader.next_element()) {
    const std::string_view tool = reader.skip();
    if (tool.starts_with('{')) tally_.json(tool);
  }
}

}  // namespace

void read_prompt(std::string_view body, Tally& tally) { Prompt(tally).read(body); }

}  // namespace sluice::dialect::anthropic
