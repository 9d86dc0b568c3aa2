// The input of the Responses API: a text, or items, each with rules of its own.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>
#include <vector>

#include "mock/openai_checks.hpp"
#include "mock/responses.hpp"
#include "mock/seals.hpp"

namespace sluice::mock::responses {

namespace {

using json::Kind;
using json::Value;
using openai::missing;
using openai::refuse;
using openai::wrong_type;

constexpr uint64_t kMessageFrame = 3;
constexpr uint64_t kAnswerFrame = 3;
constexpr size_t kMostCharacters = 64;  // of an id and of a call's id

std::unexpected<Refusal> not_one_of(std::string param, std::string_view got,
                                    std::string_view known) {
  return refuse(fmt::format("Invalid value: '{}'. Supported values are: {}.", got, known),
                std::move(param), "invalid_value");
}

std::unexpected<Refusal> not_found(std::string_view id) {
  auto refusal = refuse(
      fmt::format("Item with id '{}' not found. Items are not persisted when `store` is set to "
                  "false. Try again with `store` set to true, or remove this item from your input.",
                  id),
      "input");
  refusal.error().status = 404;
  return refusal;
}

/// A string that must be there.
Answered<std::string> text(Value item, const char* name, const std::string& place) {
  const Value value = item[name];
  std::string param = fmt::format("{}.{}", place, name);
  if (!value.exists()) return missing(std::move(param));
  auto given = value.as_string();
  if (!given) return wrong_type(std::move(param), "a string", value);
  return *std::move(given);
}

Answered<std::string> short_text(Value item, const char* name, const std::string& place) {
  auto given = text(item, name, place);
  if (!given) return given;
  const std::string param = fmt::format("{}.{}", place, name);
  if (given->empty()) {
    return refuse(fmt::format("Invalid '{}': empty string. Expected a string with minimum length "
                              "1, but got an empty string instead.",
                              param),
                  param, "empty_string");
  }
  if (given->size() > kMostCharacters) {
    return refuse(fmt::format("Invalid '{}': string too long. Expected a string with maximum "
                              "length {}, but got a string with length {} instead.",
                              param, kMostCharacters, given->size()),
                  param, "string_above_max_length");
  }
  return given;
}

class Input {
 public:
  explicit Input(Ask& ask) : ask_(ask) {}

  Answered<void> read(Value items);

 private:
  Answered<void> item(Value item, std::string_view type, const std::string& place);
  Answered<void> message(Value item, const std::string& place);
  Answered<void> call(Value item, const std::string& place, std::string_view payload);
  Answered<void> call_output(Value item, const std::string& place);
  Answered<void> reasoning(Value item, const std::string& place);
  /// An id may be left out; one that is there begins with `prefix` and comes once.
  Answered<void> id(Value item, const std::string& place, std::string_view prefix);
  static Answered<void> part(Value part, const std::string& place, bool assistant);
  static Answered<void> parts(Value parts, const std::string& place, bool assistant);

  Ask& ask_;
  std::set<std::string> ids_;
  std::set<std::string> calls_;    // by call_id, all of them
  std::vector<std::string> open_;  // calls without their output
  std::string lonely_;             // the id of a reasoning item that nothing follows yet
};

Answered<void> Input::id(Value item, const std::string& place, std::string_view prefix) {
  const Value value = item["id"];
  if (!value.exists() || value.is_null()) return {};
  auto given = short_text(item, "id", place);
  if (!given) return std::unexpected(given.error());
  if (!given->starts_with(prefix)) {
    return refuse(fmt::format("Invalid '{}.id': '{}'. Expected an ID that begins with '{}'.", place,
                              *given, prefix),
                  place + ".id", "invalid_value");
  }
  if (!ids_.insert(*given).second) {
    return refuse(fmt::format("Duplicate item found with id {}. Remove duplicate items from your "
                              "input and try again.",
                              *given),
                  "input");
  }
  return {};
}

Answered<void> Input::part(Value part, const std::string& place, bool assistant) {
  if (part.kind() != Kind::kObject) return wrong_type(place, "an object", part);
  const auto type = text(part, "type", place);
  if (!type) return std::unexpected(type.error());
  std::string_view holds = "text";
  if (assistant) {
    if (*type != "output_text" && *type != "refusal") {
      return not_one_of(place, *type, "'output_text' and 'refusal'");
    }
    if (*type == "refusal") holds = "refusal";
  } else if (*type == "input_image") {
    const Value url = part["image_url"];
    if (!url.exists() || url.is_null()) {
      if (part["file_id"].kind() == Kind::kString) return {};
      return missing(place + ".image_url");
    }
    const auto given = url.as_string();
    if (!given) return wrong_type(place + ".image_url", "a string", url);
    if (!given->starts_with("https://") && !given->starts_with("http://") &&
        !given->starts_with("data:image/")) {
      return refuse(fmt::format("Invalid '{}.image_url'. Expected a valid URL, but got a value "
                                "with an invalid format.",
                                place),
                    place + ".image_url", "invalid_value");
    }
    return {};
  } else if (*type == "input_file") {
    for (const char* source : {"file_data", "file_url", "file_id"}) {
      if (part[source].kind() == Kind::kString) return {};
    }
    return missing(place + ".file_id");
  } else if (*type != "input_text") {
    return not_one_of(place, *type, "'input_text', 'input_image', and 'input_file'");
  }
  const auto given = text(part, holds.data(), place);
  if (!given) return std::unexpected(given.error());
  return {};
}

Answered<void> Input::parts(Value parts, const std::string& place, bool assistant) {
  json::Elements elements(parts);
  Value each;
  for (size_t i = 0; elements.next(each); ++i) {
    if (auto read = part(each, fmt::format("{}[{}]", place, i), assistant); !read) return read;
  }
  return {};
}

Answered<void> Input::message(Value item, const std::string& place) {
  const auto role = text(item, "role", place);
  if (!role) return std::unexpected(role.error());
  if (*role != "user" && *role != "assistant" && *role != "system" && *role != "developer") {
    return not_one_of(place, *role, "'assistant', 'system', 'developer', and 'user'");
  }
  const Value content = item["content"];
  if (!content.exists()) return missing(place + ".content");
  if (content.kind() == Kind::kArray) {
    auto read = parts(content, place + ".content", *role == "assistant");
    if (!read) return read;
  } else if (content.kind() != Kind::kString) {
    return wrong_type(place + ".content", "one of an array of objects or string", content);
  }
  ask_.prompt_tokens += kMessageFrame + count_tokens(*role) + count_content(content);
  return *role == "assistant" ? id(item, place, "msg") : Answered<void>{};
}

Answered<void> Input::call(Value item, const std::string& place, std::string_view payload) {
  const auto call_id = short_text(item, "call_id", place);
  if (!call_id) return std::unexpected(call_id.error());
  const auto name = text(item, "name", place);
  if (!name) return std::unexpected(name.error());
  const auto input = text(item, payload.data(), place);
  if (!input) return std::unexpected(input.error());
  calls_.insert(*call_id);
  open_.push_back(*call_id);
  return id(item, place, payload == "arguments" ? "fc" : "ctc");
}

Answered<void> Input::call_output(Value item, const std::string& place) {
  const auto call_id = short_text(item, "call_id", place);
  if (!call_id) return std::unexpected(call_id.error());
  const Value output = item["output"];
  if (!output.exists()) return missing(place + ".output");
  if (output.kind() == Kind::kArray) {
    if (auto read = parts(output, place + ".output", false); !read) return read;
  } else if (output.kind() != Kind::kString) {
    return wrong_type(place + ".output", "one of an array of objects or string", output);
  }
  if (!calls_.contains(*call_id)) {
    return refuse(
        fmt::format("No tool call found for function call output with call_id {}.", *call_id),
        "input");
  }
  std::erase(open_, *call_id);
  return {};
}

Answered<void> Input::reasoning(Value item, const std::string& place) {
  const Value summary = item["summary"];
  if (!summary.exists()) return missing(place + ".summary");
  if (summary.kind() != Kind::kArray) {
    return wrong_type(place + ".summary", "an array of objects", summary);
  }
  if (auto read = id(item, place, "rs"); !read) return read;
  const std::string own = item["id"].as_string().value_or("");
  const Value sealed = item["encrypted_content"];
  if (!sealed.exists() || sealed.is_null()) return not_found(own);
  const std::string content = sealed.as_string().value_or("");
  const auto subject = unseal(content);
  if (!subject || (!own.empty() && own != fmt::format("rs_{}", *subject))) {
    return refuse(
        fmt::format("The encrypted content {}... could not be verified. Reason: {}",
                    content.substr(0, 12),
                    subject ? "Encrypted content item_id did not match the target item id."
                            : "Encrypted content could not be decrypted or parsed."),
        {}, "invalid_encrypted_content");
  }
  lonely_ = fmt::format("rs_{}", *subject);
  return {};
}

Answered<void> Input::item(Value item, std::string_view type, const std::string& place) {
  if (type == "message") return message(item, place);
  ask_.prompt_tokens += rough_tokens(type == "reasoning" ? item["summary"] : item);
  if (type == "function_call") return call(item, place, "arguments");
  if (type == "custom_tool_call") return call(item, place, "input");
  if (type == "function_call_output" || type == "custom_tool_call_output") {
    return call_output(item, place);
  }
  if (type == "reasoning") return reasoning(item, place);
  if (type == "item_reference") return not_found(item["id"].as_string().value_or(""));
  return not_one_of(place, type,
                    "'message', 'reasoning', 'function_call', 'function_call_output', "
                    "'custom_tool_call', 'custom_tool_call_output', and 'item_reference'");
}

Answered<void> Input::read(Value items) {
  json::Elements elements(items);
  Value each;
  for (size_t i = 0; elements.next(each); ++i) {
    const std::string place = fmt::format("input[{}]", i);
    if (each.kind() != Kind::kObject) return wrong_type(place, "an object", each);
    const Value typed = each["type"];
    const auto type = typed.as_string();
    if (typed.exists() && !type) return wrong_type(place + ".type", "a string", typed);
    if (!type && !each["role"].exists()) return missing(place + ".type");
    const std::string kind = type.value_or("message");
    const bool follows = kind == "reasoning" || kind == "function_call" ||
                         kind == "custom_tool_call" ||
                         (kind == "message" && each["role"].as_string() == "assistant");
    if (!lonely_.empty() && !follows) break;
    lonely_.clear();
    if (auto read = item(each, kind, place); !read) return read;
  }
  if (!lonely_.empty()) {
    return refuse(fmt::format("Item '{}' of type 'reasoning' was provided without its required "
                              "following item.",
                              lonely_),
                  "input");
  }
  if (!open_.empty()) {
    return refuse(fmt::format("No tool output found for function call {}.", open_.front()),
                  "input");
  }
  return {};
}

}  // namespace

Answered<void> read_input(Value input, Ask& ask) {
  if (!input.exists() || input.is_null() || input.is_empty()) {
    return refuse(
        "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation_id' must be "
        "provided.",
        {}, "missing_required_parameter");
  }
  ask.prompt_tokens += kAnswerFrame;
  if (input.kind() == Kind::kString) {
    ask.prompt_tokens += kMessageFrame + count_tokens("user") + count_content(input);
    return {};
  }
  if (input.kind() != Kind::kArray) {
    return wrong_type("input", "one of an array of input items or a string", input);
  }
  return Input(ask).read(input);
}

}  // namespace sluice::mock::responses
