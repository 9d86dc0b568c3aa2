#include "dialect/openai/content.hpp"

#include <algorithm>

#include "dialect/image_cost.hpp"

namespace sluice::dialect::openai {
namespace {

// OpenAI's audio models take 10 tokens a second. Seconds are told from the bytes at a low rate, so
// that they are rather too many: wav 8 kHz in 16 bit, everything else 32 kbit/s.
constexpr int64_t kAudioTokens = 10;
constexpr int64_t kWavRate = 16'000;
constexpr int64_t kOtherRate = 4'000;

// Around the functions' namespace, and less where a system message is there already. Measured by
// the same people as the namespace.
constexpr int64_t kToolsFrame = 9;
constexpr int64_t kSystemShared = 4;
constexpr int64_t kForcedTool = 4;

/// One part of a content array. Its members come in any order.
class Part {
 public:
  explicit Part(Tally& tally) : tally_(tally) {}

  void read(json::Reader& reader) {
    json::String key;
    if (!reader.begin_object()) return;
    while (reader.next_member(key)) member(reader, key);
    if (is_image_) {
      tally_.add(image_tokens(tally_.model().images, image_size(image_), low_detail_));
    }
    if (is_file_) tally_.add(document_tokens(decoded_size(file_)));
  }

 private:
  void member(json::Reader& reader, const json::String& key) {
    if (key == "text" || key == "refusal") {
      tally_.text(take_string(reader));
    } else if (key == "image_url") {
      is_image_ = true;
      if (reader.peek() == json::Kind::kObject) {
        nested(reader, &Part::image_member);
      } else {
        image_ = take_string(reader);
      }
    } else if (key == "detail") {
      low_detail_ = take_string(reader) == "low";
    } else if (key == "type") {
      const json::String type = take_string(reader);
      is_image_ = is_image_ || type == "input_image";
      is_file_ = is_file_ || type == "input_file";
    } else if (key == "input_audio") {
      nested(reader, &Part::audio_member);
      const int64_t rate = is_wav_ ? kWavRate : kOtherRate;
      tally_.add((decoded_size(audio_) * kAudioTokens + rate - 1) / rate);
    } else if (key == "file") {
      is_file_ = true;
      nested(reader, &Part::file_member);
    } else {
      file_member(reader, key);
    }
  }
  void image_member(json::Reader& reader, const json::String& key) {
    if (key == "url") {
      image_ = take_string(reader);
    } else if (key == "detail") {
      low_detail_ = take_string(reader) == "low";
    } else {
      reader.skip();
    }
  }
  void audio_member(json::Reader& reader, const json::String& key) {
    if (key == "data") {
      audio_ = take_string(reader);
    } else if (key == "format") {
      is_wav_ = take_string(reader) == "wav";
    } else {
      reader.skip();
    }
  }
  void file_member(json::Reader& reader, const json::String& key) {
    if (key == "file_data") {
      file_ = take_string(reader);
    } else {
      reader.skip();
    }
  }
  void nested(json::Reader& reader, void (Part::*member)(json::Reader&, const json::String&)) {
    if (reader.peek() != json::Kind::kObject) {
      reader.skip();
      return;
    }
    json::String key;
    if (!reader.begin_object()) return;
    while (reader.next_member(key)) (this->*member)(reader, key);
  }

  Tally& tally_;
  json::String image_;
  json::String audio_;
  json::String file_;
  bool is_image_ = false;
  bool is_file_ = false;
  bool is_wav_ = false;
  bool low_detail_ = false;
};

/// The part of a tool that describes it as a function, if any does.
json::Value function_of(json::Value tool) {
  const json::Value wrapped = tool["function"];
  if (wrapped.kind() == json::Kind::kObject) return wrapped;
  const json::Value type = tool["type"];
  if (type.exists() && type.raw() != "\"function\"") return {};
  return tool["name"].exists() ? tool : json::Value();
}

}  // namespace

void read_content(json::Reader& reader, Tally& tally) {
  if (reader.peek() == json::Kind::kString) return tally.text(reader.string());
  if (reader.peek() != json::Kind::kArray) {
    reader.skip();
    return;
  }
  if (!reader.begin_array()) return;
  while (reader.next_element()) {
    switch (reader.peek()) {
      case json::Kind::kObject:
        Part(tally).read(reader);
        break;
      case json::Kind::kString:
        tally.text(reader.string());
        break;
      default:
        reader.skip();
    }
  }
}

void Tools::read(json::Reader& reader, Tally& tally) {
  json::Elements tools(reader.skip());
  json::Value tool;
  while (tools.next(tool)) {
    any_ = true;
    const json::Value function = function_of(tool);
    if (function.exists() && tally.model().family == tokens::Family::kOpenAi) {
      text_.add(function);
    } else {
      // Others mostly show their models the JSON itself; hosted tools are known by theirs alone.
      tally.json(tool.raw());
    }
  }
}

void Tools::read_choice(json::Reader& reader, Tally& tally) {
  const json::Value choice(reader.skip());
  forced_ = choice.raw() == "\"required\"";
  if (choice.kind() != json::Kind::kObject) return;
  const json::Value wrapped = choice["function"];
  json::Value name = wrapped.kind() == json::Kind::kObject ? wrapped["name"] : choice["name"];
  if (name.kind() != json::Kind::kString) return;
  forced_ = true;
  tally.add(kForcedTool);
  tally.text(*name.as_string());
}

void Tools::finish(bool after_system, Tally& tally) {
  if (any_ && tally.model().family == tokens::Family::kAnthropic) {
    tally.add(claude_tools_frame(forced_));
  }
  if (text_.empty()) return;
  tally.text(text_.take());
  tally.add(kToolsFrame - (after_system ? kSystemShared : 0));
}

void read_format(json::Reader& reader, Tally& tally) {
  const json::Value format(reader.skip());
  if (format.kind() != json::Kind::kObject) return;
  // {"type":"json_schema","json_schema":{...}}, or in Responses {"format":{"schema":...}}.
  for (const char* member : {"json_schema", "format"}) {
    const json::Value inner = format[member];
    if (inner.kind() == json::Kind::kObject && inner["schema"].exists()) tally.json(inner.raw());
  }
}

}  // namespace sluice::dialect::openai
