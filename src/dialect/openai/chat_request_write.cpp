#include <algorithm>
#include <set>

#include "dialect/chat/efforts.hpp"
#include "dialect/chat/reading.hpp"
#include "dialect/openai/chat_request.hpp"
#include "dialect/openai/messages_write.hpp"
#include "dialect/openai/request_writer.hpp"

namespace sluice::dialect::openai {
namespace {

using chat::Capabilities;
using chat::Effort;
using chat::Tool;
using Mode = chat::ToolChoice::Mode;

class ChatWriter : private RequestWriter {
 public:
  ChatWriter(chat::Request& request, const chat::Target& target) : RequestWriter(request, target) {}

  Result<chat::Outgoing> write() {
    for (const chat::Extra& extra : request_.extras) {
      if (!chat::asks_nothing(extra.value)) lose(extra.name.str());
    }
    if (Status tools = prepare_tools(); !tools) return std::unexpected(tools.error());
    keep_allowed();
    out_.begin_object().member("model", target_.model);
    choose_output();
    out_.key("messages");
    if (Status messages = MessagesWriter(request_, target_, outgoing_, out_).write(); !messages) {
      return std::unexpected(messages.error());
    }
    write_limit();
    write_tools();
    write_output();
    write_effort();
    write_sampling(model_.top_k);
    write_stop();
    write_user();
    write_service_tier();
    write_stream();
    out_.end_object();
    fill_plan();
    return finish();
  }

 private:
  /// Not all servers know of tools that may not be called.
  void keep_allowed() {
    const chat::ToolChoice& choice = request_.tool_choice;
    if (choice.allowed.empty()) return;
    std::set<std::string> allowed;
    for (const json::String name : choice.allowed) allowed.insert(name.str());
    std::erase_if(request_.tools,
                  [&](const Tool& tool) { return !allowed.contains(tool.name.str()); });
  }

  void write_limit() {
    const auto limit = output_limit();
    if (!limit) return;
    const bool newer =
        model_.max_tokens_field == Capabilities::MaxTokensField::kMaxCompletionTokens;
    out_.member(newer ? "max_completion_tokens" : "max_tokens", *limit);
  }

  void write_tools() {
    if (request_.tools.empty()) return;
    out_.key("tools").begin_array();
    for (const Tool& tool : request_.tools) write_tool(tool);
    out_.end_array();
    const chat::ToolChoice& choice = request_.tool_choice;
    switch (choice.mode) {
      case Mode::kUnset:
        break;
      case Mode::kAuto:
        out_.member("tool_choice", "auto");
        break;
      case Mode::kNone:
        out_.member("tool_choice", "none");
        break;
      case Mode::kRequired:
        out_.member("tool_choice", "required");
        break;
      case Mode::kTool:
        out_.key("tool_choice").begin_object().member("type", "function");
        out_.key("function").begin_object().key("name");
        chat::write_text(out_, choice.name);
        out_.end_object().end_object();
        break;
    }
    if (choice.parallel != false) return;
    if (model_.parallel_tool_calls_param) {
      out_.member("parallel_tool_calls", false);
    } else {
      lose("tool_choice.disable_parallel_tool_use");
    }
  }

  void write_tool(const Tool& tool) {
    out_.begin_object().member("type", "function").key("function").begin_object();
    write_function(tool);
    if (is_strict(tool)) out_.member("strict", true);
    out_.end_object().end_object();
  }

  void write_output() {
    const chat::OutputFormat& output = request_.output;
    if (output.kind == chat::OutputFormat::Kind::kText) return;
    if (output.kind == chat::OutputFormat::Kind::kJsonObject) {
      out_.key("response_format").begin_object().member("type", "json_object").end_object();
      outgoing_.plan.json = chat::JsonOutput::kNative;
      return;
    }
    if (!model_.structured_outputs) return;
    outgoing_.plan.json = chat::JsonOutput::kNative;
    out_.key("response_format").begin_object().member("type", "json_schema");
    out_.key("json_schema").begin_object();
    write_schema();
    out_.end_object().end_object();
  }

  void write_effort() {
    using Tools = Capabilities::ToolsWithReasoning;
    Effort effort = chat::asked_effort(request_.reasoning);
    const std::string_view name = reasoning_field();
    if (model_.thinking_switch) {
      if (effort == Effort::kUnset) return;
      out_.key("thinking").begin_object();
      out_.member("type", effort == Effort::kNone ? "disabled" : "enabled").end_object();
      return;
    }
    if (model_.efforts.none()) {
      if (effort != Effort::kUnset && effort != Effort::kNone) lose(name);
      return;
    }
    if (effort != Effort::kUnset) effort = chat::nearest_effort(effort, model_.efforts);
    if (!request_.tools.empty() && model_.tools_with_reasoning != Tools::kAny) {
      if (effort != Effort::kUnset && effort != Effort::kNone) {
        lose(name);
        effort = Effort::kNone;
      } else if (model_.effort_default != Effort::kNone) {
        effort = Effort::kNone;  // tools are refused unless this is said
      }
    }
    if (effort != Effort::kUnset) out_.member("reasoning_effort", chat::to_string(effort));
  }

  /// Those that the server does not take are looked for in what it says.
  void write_stop() {
    std::erase_if(request_.stop, [](json::String text) { return text.empty(); });
    const size_t sent = std::min(request_.stop.size(), static_cast<size_t>(model_.stop_max));
    scan_stops(sent);
    if (sent == 0) return;
    out_.key("stop").begin_array();
    for (size_t i = 0; i < sent; ++i) chat::write_text(out_, request_.stop[i]);
    out_.end_array();
  }

  void write_stream() {
    if (!request_.stream) return;
    out_.member("stream", true);
    if (model_.stream_usage_opt) {
      out_.key("stream_options").begin_object().member("include_usage", true).end_object();
    }
  }
};

}  // namespace

Result<chat::Outgoing> write_chat_request(chat::Request& request, const chat::Target& target) {
  return ChatWriter(request, target).write();
}

}  // namespace sluice::dialect::openai
