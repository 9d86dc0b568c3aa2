// The items of a request's `input`, read into messages of the neutral model.
#pragma once

#include <optional>
#include <string>

#include "base/error.hpp"
#include "dialect/chat/model.hpp"
#include "dialect/chat/reading.hpp"

namespace sluice::dialect::responses {

/// Reads the items in their order. What the assistant has said, thought and called in one go
/// becomes one message, and the results of calls stand right after the calls, as other dialects
/// ask for.
class InputReader {
 public:
  explicit InputReader(chat::Request& request) : request_(request) {}

  /// `input`: a string or a list.
  Status read(json::Value input);

 private:
  struct Fields;

  Status read_item(json::Value item, size_t index);
  Status read_message(const Fields& fields, const std::string& where);
  Status read_call(const Fields& fields, const std::string& where);
  Status read_result(const Fields& fields, const std::string& where);
  Status read_reasoning(const Fields& fields, const std::string& where);
  Status read_content(json::Value content, const std::string& where, chat::Role role,
                      std::vector<chat::Block>& blocks);
  Status read_part(json::Value part, const std::string& where, chat::Role role, chat::Block& block);
  static Status read_image(json::Value url, json::Value id, const std::string& where,
                           chat::Arena& arena, chat::Block& block);
  Status read_file(json::Value part, const std::string& where, chat::Block& block);

  chat::Message& add(chat::Role role);
  /// The assistant's message that goes on; a new one where `text` would run into what it said.
  chat::Message& assistant(bool text);
  /// The message for the results of the assistant's last calls.
  chat::Message& results();

  chat::Request& request_;
  chat::Reading reading_;
  size_t position_ = 0;  // of the item that is being read
  std::optional<size_t> last_assistant_;
  std::optional<size_t> last_results_;  // after last_assistant_
};

}  // namespace sluice::dialect::responses
