#include "dialect/gemini/generate_request.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "dialect/chat/json_instruction.hpp"
#include "dialect/chat/reading.hpp"
#include "dialect/chat/schema.hpp"
#include "dialect/gemini/contents.hpp"
#include "dialect/gemini/generation.hpp"
#include "dialect/openai/client_tools.hpp"

namespace sluice::dialect::gemini {
namespace {

using chat::Request;
using chat::Tool;
using json::Writer;
using Mode = chat::ToolChoice::Mode;

class GenerateWriter {
 public:
  GenerateWriter(Request& request, const chat::Target& target)
      : request_(request),
        target_(target),
        model_(target.capabilities),
        contents_(request, target, outgoing_),
        generation_(request, target, outgoing_) {}

  Result<chat::Outgoing> write() {
    outgoing_.dropped = request_.dropped;
    outgoing_.empty_answer = request_.max_tokens == 0;
    generation_.take_extras();
    if (Status extras = chat::judge_extras(request_, outgoing_.dropped); !extras)
      return std::unexpected(extras.error());
    if (Status tools = prepare_tools(); !tools) return std::unexpected(tools.error());
    if (Status built = contents_.build(); !built) return std::unexpected(built.error());
    choose_output();
    Writer out(outgoing_.body);
    out.begin_object();
    contents_.write(out);
    write_tools(out);
    write_tool_config(out);
    generation_.write(out);
    write_tier(out);
    out.end_object();
    fill_plan();
    return std::move(outgoing_);
  }

 private:
  void lose(std::string_view name) { chat::note(outgoing_.dropped, name); }

  json::String clean(json::String name) {
    return outgoing_.plan.tool_names.clean(name, name_rule(model_), request_.arena);
  }

  Status prepare_tools() {
    std::erase_if(request_.tools, [&](const Tool& tool) {
      if (tool.kind == Tool::Kind::kServer) lose("tools." + tool.type.str());
      return tool.kind == Tool::Kind::kServer;
    });
    std::set<std::string> names;
    for (const Tool& tool : request_.tools) {
      if (tool.kind == Tool::Kind::kBuiltIn && !openai::client_tool(tool.type)) {
        return chat::refuse(
            "tools", "The tool '" + tool.type.str() + "' works with Anthropic's models only.");
      }
      if (!names.insert(tool.name.str()).second) {
        return chat::refuse("tools", "There are two tools named '" + tool.name.str() + "'.");
      }
    }
    chat::ToolChoice& choice = request_.tool_choice;
    std::vector<json::String> named = choice.allowed;
    if (choice.mode == Mode::kTool) named.push_back(choice.name);
    for (const json::String name : named) {
      if (!names.contains(name.str())) {
        return chat::refuse("tool_choice", "There is no tool named '" + name.str() + "'.");
      }
    }
    for (Tool& tool : request_.tools) tool.name = clean(tool.name);
    for (json::String& name : choice.allowed) name = clean(name);
    if (choice.mode == Mode::kTool) choice.name = clean(choice.name);
    return {};
  }

  void choose_output() {
    using Kind = chat::OutputFormat::Kind;
    if (request_.output.kind == Kind::kText) return;
    const bool schema = request_.output.kind == Kind::kJsonSchema;
    if ((request_.tools.empty() || model_.json_with_tools) &&
        (model_.structured_outputs || !schema)) {
      outgoing_.plan.json = chat::JsonOutput::kNative;
      return;
    }
    contents_.instruct(request_.arena.text(chat::json_instruction(request_.output)));
    outgoing_.plan.json = chat::JsonOutput::kInstruction;
  }

  void write_tools(Writer& out) {
    if (request_.tools.empty()) return;
    out.key("tools").begin_array().begin_object().key("functionDeclarations").begin_array();
    for (const Tool& tool : request_.tools) {
      const auto known =
          tool.kind == Tool::Kind::kBuiltIn ? openai::client_tool(tool.type) : std::nullopt;
      out.begin_object().key("name");
      chat::write_text(out, tool.name);
      if (!tool.description.empty()) {
        out.key("description");
        chat::write_text(out, tool.description);
      } else if (known) {
        out.member("description", known->description);
      }
      std::string schema;
      chat::append_parameters(schema, known ? json::Value(known->parameters) : tool.schema);
      out.raw_member("parametersJsonSchema", schema);
      if (tool.strict == true) lose("tools.strict");
      out.end_object();
    }
    out.end_array().end_object().end_array();
  }

  void write_tool_config(Writer& out) {
    chat::ToolChoice& choice = request_.tool_choice;
    if (request_.tools.empty()) {
      if (choice.mode == Mode::kRequired || choice.mode == Mode::kTool) lose("tool_choice");
      return;
    }
    if (choice.parallel == false && choice.mode != Mode::kNone) lose("parallel_tool_calls");
    std::string_view mode = "AUTO";
    if (choice.mode == Mode::kNone) mode = "NONE";
    // Only this mode and that of calls that are forced know a list of names.
    if (!choice.allowed.empty() && choice.mode != Mode::kNone) mode = "VALIDATED";
    if (choice.mode == Mode::kRequired || choice.mode == Mode::kTool) mode = "ANY";
    if (choice.mode == Mode::kUnset && choice.allowed.empty()) return;
    std::vector<json::String> names = choice.allowed;
    if (choice.mode == Mode::kTool) names = {choice.name};
    out.key("toolConfig").begin_object().key("functionCallingConfig").begin_object();
    out.member("mode", mode);
    if (!names.empty() && choice.mode != Mode::kNone) {
      out.key("allowedFunctionNames").begin_array();
      for (const json::String name : names) chat::write_text(out, name);
      out.end_array();
    }
    out.end_object().end_object();
  }

  void write_tier(Writer& out) {
    if (request_.service_tier == chat::ServiceTier::kPriority) {
      out.member("serviceTier", "priority");
    } else if (request_.service_tier == chat::ServiceTier::kFlex) {
      out.member("serviceTier", "flex");
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
  const chat::Capabilities& model_;
  chat::Outgoing outgoing_;
  Contents contents_;
  Generation generation_;
};

}  // namespace

Result<chat::Outgoing> write_generate_request(Request& request, const chat::Target& target) {
  return GenerateWriter(request, target).write();
}

}  // namespace sluice::dialect::gemini
