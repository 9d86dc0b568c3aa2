#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "dialect/chat/digest.hpp"
#include "dialect/chat/efforts.hpp"
#include "dialect/chat/json_instruction.hpp"
#include "dialect/chat/reading.hpp"
#include "dialect/chat/schema.hpp"
#include "dialect/openai/chat_request.hpp"
#include "dialect/openai/client_tools.hpp"
#include "dialect/openai/messages_write.hpp"

namespace sluice::dialect::openai {
namespace {

using chat::Capabilities;
using chat::Effort;
using chat::Request;
using chat::Tool;
using json::Writer;
using Mode = chat::ToolChoice::Mode;
using Thinking = chat::Reasoning::Thinking;

constexpr size_t kMaxUser = 64;

class ChatWriter {
 public:
  ChatWriter(Request& request, const chat::Target& target)
      : request_(request), target_(target), model_(target.capabilities), out_(outgoing_.body) {}

  Result<chat::Outgoing> write() {
    outgoing_.dropped = request_.dropped;
    outgoing_.empty_answer = request_.max_tokens == 0;
    for (const chat::Extra& extra : request_.extras) {
      if (!chat::asks_nothing(extra.value)) lose(extra.name.str());
    }
    if (Status tools = prepare_tools(); !tools) return std::unexpected(tools.error());
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
    write_sampling();
    write_stop();
    write_rest();
    out_.end_object();
    fill_plan();
    if (target_.mode == chat::Mode::kStrict && !outgoing_.dropped.empty()) {
      const std::string& name = outgoing_.dropped.front();
      return chat::refuse(name, "'" + name + "' cannot be converted for this model's provider.");
    }
    return std::move(outgoing_);
  }

 private:
  void lose(std::string_view name) { chat::note(outgoing_.dropped, name); }

  json::String clean(json::String name) {
    return outgoing_.plan.tool_names.clean(name, model_.tool_name_max, request_.arena);
  }

  Status prepare_tools() {
    std::set<std::string> names;
    std::erase_if(request_.tools, [&](const Tool& tool) {
      if (tool.kind == Tool::Kind::kServer) lose("tools." + tool.type.str());
      return tool.kind == Tool::Kind::kServer;
    });
    for (Tool& tool : request_.tools) {
      if (tool.kind == Tool::Kind::kBuiltIn && !client_tool(tool.type)) {
        return chat::refuse(
            "tools", "The tool '" + tool.type.str() + "' works with Anthropic's models only.");
      }
      if (!names.insert(tool.name.str()).second) {
        return chat::refuse("tools", "There are two tools named '" + tool.name.str() + "'.");
      }
    }
    chat::ToolChoice& choice = request_.tool_choice;
    if (!choice.allowed.empty()) {
      std::set<std::string> allowed;
      for (const json::String name : choice.allowed) allowed.insert(name.str());
      std::erase_if(request_.tools,
                    [&](const Tool& tool) { return !allowed.contains(tool.name.str()); });
    }
    if (choice.mode == Mode::kTool && !names.contains(choice.name.str())) {
      choice.mode = Mode::kAuto;
      choice.name = {};
      lose("tool_choice");
    }
    for (Tool& tool : request_.tools) tool.name = clean(tool.name);
    if (choice.mode == Mode::kTool) choice.name = clean(choice.name);
    return {};
  }

  void write_limit() {
    if (!request_.max_tokens && !target_.output_limit) return;
    int64_t limit = request_.max_tokens.value_or(INT64_MAX);
    if (target_.output_limit) limit = std::min(limit, *target_.output_limit);
    if (request_.max_tokens && model_.max_output > 0 && limit > model_.max_output) {
      limit = model_.max_output;
      lose("max_tokens");
    }
    const bool newer =
        model_.max_tokens_field == Capabilities::MaxTokensField::kMaxCompletionTokens;
    out_.member(newer ? "max_completion_tokens" : "max_tokens", std::max<int64_t>(limit, 1));
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
    out_.begin_object().member("type", "function").key("function").begin_object().key("name");
    chat::write_text(out_, tool.name);
    const auto known = tool.kind == Tool::Kind::kBuiltIn ? client_tool(tool.type) : std::nullopt;
    if (!tool.description.empty()) {
      out_.key("description");
      chat::write_text(out_, tool.description);
    } else if (known) {
      out_.member("description", known->description);
    }
    std::string parameters;
    chat::append_parameters(parameters, known ? json::Value(known->parameters) : tool.schema);
    out_.raw_member("parameters", parameters);
    if (tool.strict == true && model_.strict_tools && chat::is_openai_strict(tool.schema)) {
      out_.member("strict", true);
    }
    out_.end_object().end_object();
  }

  /// Before the messages: a schema that the server cannot be given becomes an instruction.
  void choose_output() {
    if (request_.output.kind != chat::OutputFormat::Kind::kJsonSchema) return;
    if (model_.structured_outputs) return;
    std::vector<chat::Message>& messages = request_.messages;
    if (messages.empty() || messages.front().role != chat::Role::kSystem) {
      messages.insert(
          messages.begin(),
          chat::Message{.role = chat::Role::kSystem, .blocks = {}, .cache_control = {}});
    }
    messages.front().blocks.emplace_back().text =
        request_.arena.text(chat::json_instruction(request_.output));
    outgoing_.plan.json = chat::JsonOutput::kInstruction;
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
    out_.key("json_schema").begin_object().key("name");
    chat::write_text(out_, output.name.empty() ? chat::literal("output") : output.name);
    if (!output.description.empty()) {
      out_.key("description");
      chat::write_text(out_, output.description);
    }
    out_.key("schema");
    chat::write_compact(out_, output.schema);
    out_.member("strict", chat::is_openai_strict(output.schema)).end_object().end_object();
  }

  void write_effort() {
    using Tools = Capabilities::ToolsWithReasoning;
    Effort effort = chat::asked_effort(request_.reasoning);
    const std::string_view name =
        request_.reasoning.thinking == Thinking::kUnset ? "output_config.effort" : "thinking";
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
        outgoing_.needs_responses = model_.tools_with_reasoning == Tools::kUseResponses;
        lose(name);
        effort = Effort::kNone;
      } else if (model_.effort_default != Effort::kNone) {
        effort = Effort::kNone;  // tools are refused unless this is said
      }
    }
    if (effort != Effort::kUnset) out_.member("reasoning_effort", chat::to_string(effort));
  }

  void write_sampling() {
    const bool fixed = model_.sampling == Capabilities::Sampling::kDefaultOnly;
    const bool either = model_.sampling == Capabilities::Sampling::kOneOfTempTopP;
    const auto number = [&](std::string_view name, json::Value value, bool taken) {
      if (!value.exists()) return;
      if (taken) {
        out_.raw_member(name, value.raw());
      } else if (value.as_double() != 1.0) {
        lose(name);
      }
    };
    number("temperature", request_.temperature, !fixed);
    number("top_p", request_.top_p, !fixed && !(either && request_.temperature.exists()));
    number("top_k", request_.top_k, !fixed && model_.top_k);
  }

  /// Those that the server does not take are looked for in what it says.
  void write_stop() {
    std::erase_if(request_.stop, [](json::String text) { return text.empty(); });
    const size_t sent = std::min(request_.stop.size(), static_cast<size_t>(model_.stop_max));
    for (size_t i = sent; i < request_.stop.size(); ++i) {
      outgoing_.plan.stop_scan.push_back(request_.stop[i].str());
    }
    if (sent == 0) return;
    out_.key("stop").begin_array();
    for (size_t i = 0; i < sent; ++i) chat::write_text(out_, request_.stop[i]);
    out_.end_array();
  }

  void write_rest() {
    if (!request_.user.empty()) {
      std::string user = request_.user.str();
      const bool hosted = model_.user_field == Capabilities::UserField::kSafetyIdentifier;
      // Other servers want it to look like a name.
      const bool fine = hosted ? user.size() <= kMaxUser
                               : user.size() >= 6 && chat::is_plain_name(user, kMaxUser);
      if (!fine) user = chat::sha256_hex(user);
      out_.member(hosted ? "safety_identifier" : "user", user);
    }
    switch (request_.service_tier) {
      case chat::ServiceTier::kAuto:
        out_.member("service_tier", "auto");
        break;
      case chat::ServiceTier::kStandard:
        out_.member("service_tier", "default");
        break;
      case chat::ServiceTier::kPriority:
        out_.member("service_tier", "priority");
        break;
      case chat::ServiceTier::kFlex:
      case chat::ServiceTier::kUnset:
        break;
    }
    if (!request_.stream) return;
    out_.member("stream", true);
    if (model_.stream_usage_opt) {
      out_.key("stream_options").begin_object().member("include_usage", true).end_object();
    }
  }

  void fill_plan() {
    chat::AnswerPlan& plan = outgoing_.plan;
    plan.legacy_functions = request_.legacy_functions;
    plan.include_usage = request_.include_usage;
    plan.expose_reasoning = target_.expose_reasoning;
    plan.model = request_.model.str();
    plan.provider = target_.provider;
    plan.signature_key = Secret(std::string(target_.signature_key));
  }

  Request& request_;
  const chat::Target& target_;
  const Capabilities& model_;
  chat::Outgoing outgoing_;
  Writer out_;
};

}  // namespace

Result<chat::Outgoing> write_chat_request(Request& request, const chat::Target& target) {
  return ChatWriter(request, target).write();
}

}  // namespace sluice::dialect::openai
