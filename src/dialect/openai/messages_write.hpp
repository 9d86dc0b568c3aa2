// Writes the messages of the neutral model as OpenAI's.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "dialect/chat/convert.hpp"
#include "dialect/chat/flatten.hpp"
#include "dialect/chat/model.hpp"
#include "json/writer.hpp"

namespace sluice::dialect::openai {

class MessagesWriter {
 public:
  MessagesWriter(chat::Request& request, const chat::Target& target, chat::Outgoing& outgoing,
                 json::Writer& out)
      : request_(request),
        target_(target),
        model_(target.capabilities),
        outgoing_(outgoing),
        out_(out),
        flattener_(request.arena, target.capabilities, outgoing.dropped) {}

  /// Adds the list of messages as the writer's next value. kInvalidRequest for content that the
  /// model does not take.
  Status write();

 private:
  using Blocks = std::vector<chat::Block>;

  void write_instructions(const chat::Message& message, bool first);
  Status write_assistant(const chat::Message& message);
  void write_calls(const chat::Message& message);
  /// Messages [begin, end) are a user's; the results in them come first.
  Status write_users(size_t begin, size_t end);
  Status write_result(const chat::Block& result, const std::string& where);
  Status result_text(const Blocks& content, const std::string& where, chat::Joined& text);
  void write_parts(const std::vector<const chat::Block*>& parts);
  void write_part(const chat::Block& block);

  json::String replayed_reasoning(const chat::Message& message);
  bool breakpoint(const chat::Block& block) const {
    return model_.cache_breakpoints && block.cache_control.exists();
  }

  chat::Request& request_;
  const chat::Target& target_;
  const chat::Capabilities& model_;
  chat::Outgoing& outgoing_;
  json::Writer& out_;
  chat::Flattener flattener_;
  std::vector<const chat::Block*> hoisted_;  // media of results, for the user's message after them
};

}  // namespace sluice::dialect::openai
