// OpenAI's messages and their content parts, read into the neutral model.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "dialect/chat/model.hpp"
#include "dialect/chat/reading.hpp"

namespace sluice::dialect::openai {

/// Reads the elements of `messages`, in their order.
class MessageReader {
 public:
  explicit MessageReader(chat::Request& request) : request_(request) {}

  Status read(json::Value message, size_t index);

 private:
  struct Fields;

  Status read_role(json::String role, const std::string& where, chat::Message& message);
  Status read_content(json::Value content, const std::string& where, chat::Message& message);
  Status read_part(json::Value part, const std::string& where, chat::Message& message);
  Status read_foreign(json::Value part, const std::string& where, chat::Message& message);
  Status read_assistant(const Fields& fields, const std::string& where, chat::Message& message);
  Status read_tool_calls(json::Value calls, const std::string& where, chat::Message& message);
  Status read_result(const Fields& fields, const std::string& where, chat::Message& message);

  Status read_image(json::Value image, const std::string& where, chat::Block& block);
  Status read_file(json::Value file, const std::string& where, chat::Block& block);

  chat::Request& request_;
  chat::Reading reading_;
  std::multimap<std::string, json::String> legacy_calls_;  // name, id; not answered yet
  size_t legacy_count_ = 0;
};

}  // namespace sluice::dialect::openai
