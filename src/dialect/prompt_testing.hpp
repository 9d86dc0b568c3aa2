// Bodies of requests that nobody sends, for tests and benchmarks.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include "dialect/dialect.hpp"
#include "json/writer.hpp"

namespace sluice::dialect::testing {

/// Valid bodies at random: shapes of prompts, with members that are missing, of the wrong kind,
/// twice, nested or full of hostile text.
class Bodies {
 public:
  explicit Bodies(uint64_t seed) : random_(seed) {}

  std::string body(Endpoint endpoint) {
    switch (endpoint) {
      case Endpoint::kChatCompletions:
        return "{\"model\":\"m\",\"messages\":[" + list(&Bodies::message) + "]" + tail() + "}";
      case Endpoint::kMessages:
        return "{\"model\":\"m\",\"max_tokens\":1,\"system\":" + content() + ",\"messages\":[" +
               list(&Bodies::message) + "]" + tail() + "}";
      case Endpoint::kCompletions:
        return "{\"model\":\"m\",\"prompt\":" + value(3) + "}";
      case Endpoint::kEmbeddings:
        return "{\"model\":\"m\",\"input\":" + value(3) + "}";
      case Endpoint::kResponses:
        return "{\"model\":\"m\",\"instructions\":" + value(1) + ",\"input\":[" +
               list(&Bodies::message) + "]" + tail() + "}";
      case Endpoint::kGenerateContent:
        break;
    }
    return {};
  }

 private:
  size_t below(size_t end) { return random_() % end; }
  bool one_in(size_t n) { return below(n) == 0; }

  std::string list(std::string (Bodies::*each)()) {
    std::string out = (this->*each)();
    for (size_t i = below(4); i > 0; --i) out += "," + (this->*each)();
    return out;
  }

  std::string text() {
    static constexpr std::string_view kPieces[] = {"The quick brown fox",
                                                   " jumps",
                                                   "\\n\\n  \\t",
                                                   "0123456789",
                                                   "don't",
                                                   "日本語のテキスト",
                                                   "😀🏳️‍🌈",
                                                   "\\n",
                                                   "\\u00e9",
                                                   "\\ud83d\\ude00",
                                                   "\\ud800",
                                                   "\\\\\\\"",
                                                   "\\/",
                                                   "    ",
                                                   "{}();",
                                                   "aaaaaaaaaaaaaaaaaaaa",
                                                   "\xc2\x85\xe1\xa0\x8e",
                                                   "É̀",
                                                   "\\t\\r\\n",
                                                   "x"};
    std::string out = "\"";
    for (size_t i = below(12); i > 0; --i) out += kPieces[below(std::size(kPieces))];
    return out + "\"";
  }

  std::string value(size_t depth) {
    if (depth == 0) return text();
    std::string out;
    switch (below(7)) {
      case 0:
        return "null";
      case 1:
        return std::to_string(below(100'000));
      case 2:
      case 3: {
        out = "[";
        for (size_t i = below(5); i > 0; --i) out += value(depth - 1) + (i > 1 ? ", " : "");
        return out + "]";
      }
      case 4:
        out = "{";
        for (size_t i = below(4); i > 0; --i) {
          out += key() + ":" + value(depth - 1) + (i > 1 ? " ,\n" : "");
        }
        return out + "}";
      default:
        return text();
    }
  }

  std::string key() {
    static constexpr std::string_view kKeys[] = {
        "type",       "text",     "content", "name",    "image_url", "detail", "source",
        "data",       "thinking", "input",   "file",    "url",       "tools",  "function",
        "parameters", "items",    "enum",    "anyOf",   "format",    "output", "input_audio",
        "properties", "schema",   "summary", "refusal", "file_data", "title",  "description"};
    return "\"" + std::string(kKeys[below(std::size(kKeys))]) + "\"";
  }

  std::string part() {
    static constexpr std::string_view kParts[] = {
        R"({"type":"image_url","image_url":{"url":"https://x/y.png","detail":"low"}})",
        R"({"type":"image_url","image_url":{"url":"data:image/gif;base64,R0lGODlhQAHIAAAA"}})",
        R"({"type":"input_image","image_url":"https://x/y.png"})",
        R"({"type":"image","source":{"type":"base64","data":"R0lGODlhQAHIAAAA"}})",
        R"({"type":"document","source":{"type":"text","data":"the text of it"}})",
        R"({"source":{"type":"content","content":[{"type":"text","text":"in it"}]}})",
        R"({"type":"input_audio","input_audio":{"data":"AAAAAAAA","format":"mp3"}})",
        R"({"type":"file","file":{"file_data":"data:application/pdf;base64,AAAA"}})",
        R"({"type":"tool_use","id":"t","name":"look","input":{"q": [1, "two"]}})",
        R"({"type":"thinking","thinking":"let me see","signature":"AAAA"})"};
    if (one_in(3)) return value(3);
    if (one_in(3)) return std::string(kParts[below(std::size(kParts))]);
    if (one_in(4)) return "{\"type\":\"tool_result\",\"content\":" + content() + "}";
    return "{\"type\":\"text\",\"text\":" + text() + "}";
  }

  std::string content() {
    if (one_in(2)) return text();
    if (one_in(6)) return value(2);
    return "[" + list(&Bodies::part) + "]";
  }

  std::string message() {
    static constexpr std::string_view kRoles[] = {"user", "assistant", "system", "tool"};
    if (one_in(20)) return value(2);
    std::string out = "{\"role\":\"" + std::string(kRoles[below(4)]) + "\",";
    if (one_in(5)) out += "\"name\":" + text() + ",";
    if (one_in(6)) {
      out += "\"tool_calls\":[{\"function\":{\"name\":" + text() + ",\"arguments\":" + text() +
             "}}," + value(2) + "],";
    }
    return out + "\"content\":" + content() + "}";
  }

  std::string schema(size_t depth) {
    if (depth == 0 || one_in(8)) return value(2);
    std::string out = "{\"type\":\"object\", \"description\":" + text() + ",\"properties\":{";
    for (size_t i = below(4) + 1; i > 0; --i) {
      out +=
          text() + ":" + (one_in(3) ? schema(depth - 1) : R"({"type":"string","enum":["a","b"]})");
      if (i > 1) out += ",";
    }
    return out + "}}";
  }

  std::string tool() {
    const std::string fields = "{\"name\":" + text() + ",\"description\":" + text() +
                               ",\"parameters\":" + schema(12) + "}";
    if (one_in(6)) return value(3);
    return one_in(2) ? fields : "{\"type\":\"function\",\"function\":" + fields + "}";
  }

  std::string tail() {
    std::string out;
    if (one_in(2)) out += ",\"tools\":[" + list(&Bodies::tool) + "]";
    if (one_in(4)) out += ",\"functions\":[" + list(&Bodies::tool) + "]";
    if (one_in(4)) out += R"(,"tool_choice":{"type":"function","function":{"name":"f"}})";
    if (one_in(4)) out += R"(,"tool_choice":{"type":"any"})";
    if (one_in(4)) {
      out += ",\"response_format\":{\"json_schema\":{\"schema\":" + schema(3) + "}}";
    }
    if (one_in(4)) out += "," + key() + ":" + value(4);
    return out;
  }

  std::mt19937_64 random_;
};

}  // namespace sluice::dialect::testing
