#include "dialect/responses/input_read.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.hpp"
#include "dialect/chat/signature.hpp"
#include "dialect/openai/media_read.hpp"

namespace sluice::dialect::responses {

using chat::as_text;
using chat::Block;
using chat::BlockKind;
using chat::Message;
using chat::refuse;
using chat::Role;
using chat::Source;
using json::Kind;
using json::Value;

namespace {

constexpr std::string_view kEphemeral = R"({"type":"ephemeral"})";
constexpr std::string_view kForeignFile =
    "A file's id is known only to the provider that it was uploaded to.";

bool is_call(const Block& block) { return block.kind == BlockKind::kToolUse; }

}  // namespace

struct InputReader::Fields {
  Value type, role, content, call_id, name, arguments, output, summary, encrypted_content;
};

Status InputReader::read(Value input) {
  if (input.kind() == Kind::kString) {
    add(Role::kUser).blocks.emplace_back().text = as_text(input);
    return {};
  }
  if (input.kind() != Kind::kArray) return refuse("input", "input must be a string or a list.");
  json::Elements elements(input);
  Value element;
  size_t index = 0;
  while (elements.next(element)) {
    if (index >= chat::kMaxMessages) return refuse("input", "There are too many items.");
    if (Status read = read_item(element, index++); !read) return read;
  }
  if (request_.messages.empty()) return refuse("input", "input must not be empty.");
  return {};
}

Status InputReader::read_item(Value item, size_t index) {
  const std::string where = chat::element("input", index);
  if (item.kind() != Kind::kObject) return refuse(where, "An item must be an object.");
  position_ = index;
  Fields fields;
  const auto places = std::to_array<std::pair<std::string_view, Value*>>({
      {"type", &fields.type},
      {"role", &fields.role},
      {"content", &fields.content},
      {"call_id", &fields.call_id},
      {"name", &fields.name},
      {"arguments", &fields.arguments},
      {"output", &fields.output},
      {"summary", &fields.summary},
      {"encrypted_content", &fields.encrypted_content},
  });
  json::Members members(item);
  json::Member member;
  while (members.next(member)) {
    for (const auto& [name, place] : places) {
      if (member.key == name) *place = member.value;
    }
  }
  const json::String type = as_text(fields.type);
  if (type == "message" || (type.empty() && fields.role.exists())) {
    return read_message(fields, where);
  }
  if (type == "function_call") return read_call(fields, where);
  if (type == "function_call_output") return read_result(fields, where);
  if (type == "reasoning") return read_reasoning(fields, where);
  if (type == "item_reference") {
    return refuse(where, "Items are not stored here; send the item itself.");
  }
  if (type == "web_search_call") {
    // A record of what the upstream did; what it found stands in the answer's text.
    chat::note(request_.dropped, "input.web_search_call");
    return {};
  }
  return refuse(chat::member(where, "type"),
                "Items of type '" + type.str() + "' are not taken for this model.");
}

Message& InputReader::add(Role role) {
  Message& message = request_.messages.emplace_back();
  message.role = role;
  message.position = position_;
  return message;
}

Message& InputReader::assistant(bool text) {
  std::vector<Message>& messages = request_.messages;
  if (!messages.empty() && messages.back().role == Role::kAssistant) {
    const std::vector<Block>& blocks = messages.back().blocks;
    const bool apart = text && !blocks.empty() && blocks.back().kind == BlockKind::kText &&
                       std::ranges::none_of(blocks, is_call);
    if (!apart) return messages.back();
  }
  last_assistant_ = messages.size();
  last_results_.reset();
  return add(Role::kAssistant);
}

Message& InputReader::results() {
  std::vector<Message>& messages = request_.messages;
  if (last_results_) return messages[*last_results_];
  const size_t at = last_assistant_ ? *last_assistant_ + 1 : messages.size();
  last_results_ = at;
  const auto place = messages.begin() + static_cast<std::ptrdiff_t>(at);
  return *messages.insert(
      place,
      Message{.role = Role::kUser, .blocks = {}, .cache_control = {}, .position = position_});
}

Status InputReader::read_message(const Fields& fields, const std::string& where) {
  const json::String word = as_text(fields.role);
  const std::string at = chat::member(where, "content");
  if (word == "assistant") {
    return read_content(fields.content, at, Role::kAssistant, assistant(true).blocks);
  }
  Role role = Role::kUser;
  if (word == "system") {
    role = Role::kSystem;
  } else if (word == "developer") {
    role = Role::kDeveloper;
  } else if (!(word == "user")) {
    return refuse(chat::member(where, "role"),
                  "role must be user, assistant, system or developer.");
  }
  return read_content(fields.content, at, role, add(role).blocks);
}

Status InputReader::read_call(const Fields& fields, const std::string& where) {
  if (Status counted = reading_.count(where); !counted) return counted;
  Block& block = assistant(false).blocks.emplace_back();
  block.kind = BlockKind::kToolUse;
  block.id = as_text(fields.call_id);
  block.name = as_text(fields.name);
  if (block.id.empty()) return refuse(chat::member(where, "call_id"), "call_id is required.");
  if (block.name.empty()) return refuse(chat::member(where, "name"), "name is required.");
  block.input =
      chat::arguments_of(as_text(fields.arguments), true, request_.arena, request_.dropped);
  return {};
}

Status InputReader::read_result(const Fields& fields, const std::string& where) {
  if (Status counted = reading_.count(where); !counted) return counted;
  Block result;
  result.kind = BlockKind::kToolResult;
  result.id = as_text(fields.call_id);
  if (result.id.empty()) return refuse(chat::member(where, "call_id"), "call_id is required.");
  const std::string at = chat::member(where, "output");
  if (Status read = read_content(fields.output, at, Role::kUser, result.content); !read) {
    return read;
  }
  results().blocks.push_back(std::move(result));
  return {};
}

Status InputReader::read_reasoning(const Fields& fields, const std::string& where) {
  if (Status counted = reading_.count(where); !counted) return counted;
  Block& block = assistant(false).blocks.emplace_back();
  block.kind = BlockKind::kThinking;
  chat::Joined joined("\\n\\n");
  json::Elements parts(fields.summary);
  Value part;
  while (parts.next(part)) {
    if (const json::String text = as_text(part["text"]); !text.empty()) joined.add(text);
  }
  if (joined.any()) block.text = joined.keep(request_.arena);
  // What is not the gateway's belongs to a provider that nobody can tell.
  const json::String token = as_text(fields.encrypted_content);
  if (chat::is_gateway_signature(token.bytes)) block.signature = token;
  return {};
}

Status InputReader::read_content(Value content, const std::string& where, Role role,
                                 std::vector<Block>& blocks) {
  if (!content.exists() || content.is_null()) return {};
  if (content.kind() == Kind::kString) {
    if (Status counted = reading_.count(where); !counted) return counted;
    blocks.emplace_back().text = as_text(content);
    return {};
  }
  if (content.kind() != Kind::kArray) return refuse(where, "It must be a string or a list.");
  json::Elements elements(content);
  Value element;
  size_t index = 0;
  while (elements.next(element)) {
    const std::string at = chat::element(where, index++);
    if (Status counted = reading_.count(at); !counted) return counted;
    if (Status read = read_part(element, at, role, blocks.emplace_back()); !read) return read;
  }
  return {};
}

Status InputReader::read_part(Value part, const std::string& where, Role role, Block& block) {
  if (part.kind() != Kind::kObject) return refuse(where, "A content part must be an object.");
  const auto [type_value, text, refusal, url, id, breakpoint] = chat::members_of(
      part, {"type", "text", "refusal", "image_url", "file_id", "prompt_cache_breakpoint"});
  const json::String type = as_text(type_value);
  if (breakpoint.kind() == Kind::kObject) block.cache_control = Value(kEphemeral);
  if (type == "input_text" || type == "output_text" || type == "text" || type == "refusal") {
    const Value said = type == "refusal" ? refusal : text;
    if (said.kind() != Kind::kString) return refuse(where, "The text must be a string.");
    block.text = as_text(said);
    return {};
  }
  if (role != Role::kUser) {
    return refuse(where, role == Role::kAssistant ? "The assistant's messages may hold text only."
                                                  : "Instructions may hold text only.");
  }
  if (type == "input_image") return read_image(url, id, where, request_.arena, block);
  if (type == "input_file") return read_file(part, where, block);
  if (type == "input_audio") return refuse(where, "This model takes no audio.");
  return refuse(chat::member(where, "type"), "This kind of content part is not known.");
}

Status InputReader::read_image(Value url, Value id, const std::string& where, chat::Arena& arena,
                               Block& block) {
  if (id.kind() == Kind::kString) {
    return refuse(chat::member(where, "file_id"), std::string(kForeignFile));
  }
  const std::string at = chat::member(where, "image_url");
  if (url.kind() != Kind::kString) return refuse(at, "An image needs an image_url.");
  return openai::read_image_url(as_text(url), at, arena, block);
}

Status InputReader::read_file(Value part, const std::string& where, Block& block) {
  const auto [id, contents, url, name] =
      chat::members_of(part, {"file_id", "file_data", "file_url", "filename"});
  if (id.kind() == Kind::kString) {
    return refuse(chat::member(where, "file_id"), std::string(kForeignFile));
  }
  block.kind = BlockKind::kDocument;
  block.name = as_text(name);
  if (contents.kind() == Kind::kString) {
    return openai::read_file_data(as_text(contents), chat::member(where, "file_data"),
                                  request_.arena, block);
  }
  const json::String address = as_text(url);
  if (!istarts_with(address.bytes, "http:") && !istarts_with(address.bytes, "https:")) {
    return refuse(where, "A file needs file_data, or a file_url of http or https.");
  }
  block.source = {.kind = Source::Kind::kUrl, .media_type = {}, .data = address};
  return {};
}

}  // namespace sluice::dialect::responses
