// Writes the messages of the neutral model as the input of OpenAI's Responses.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "dialect/chat/convert.hpp"
#include "dialect/chat/flatten.hpp"
#include "dialect/chat/model.hpp"
#include "json/writer.hpp"

namespace sluice::dialect::responses {

class InputWriter {
 public:
  InputWriter(chat::Request& request, const chat::Target& target, chat::Outgoing& outgoing,
              json::Writer& out);

  /// Adds the members `instructions` and `input` to the open object. kInvalidRequest for content
  /// that the model does not take.
  Status write();

 private:
  using Parts = chat::Flattener::Parts;

  /// The messages at the start that the instructions are made of.
  size_t write_instructions();
  void write_instruction(const chat::Message& message);
  Status write_assistant(const chat::Message& message);
  /// What the model has thought, where it is to be reminded of it: before what follows from it.
  void write_reasoning(std::vector<const chat::Block*>& thoughts);
  void write_said(std::vector<json::String>& texts);
  void write_call(const chat::Block& block);
  /// Messages [begin, end) are a user's; the results in them come first.
  Status write_users(size_t begin, size_t end);
  Status write_result(const chat::Block& result, const std::string& where);
  void begin_message(std::string_view role);
  void write_parts(const Parts& parts, const chat::Block* marked = nullptr);
  void write_part(const chat::Block& block, bool marked);
  bool breakpoint(const chat::Block& block) const {
    return model_.cache_breakpoints && block.cache_control.exists();
  }

  chat::Request& request_;
  const chat::Target& target_;
  const chat::Capabilities model_;
  chat::Outgoing& outgoing_;
  json::Writer& out_;
  chat::Flattener flattener_;
};

}  // namespace sluice::dialect::responses
