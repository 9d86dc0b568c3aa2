#include "dialect/openai/request_writer.hpp"

#include <algorithm>
#include <set>

#include "crypto/digest.hpp"
#include "dialect/chat/json_instruction.hpp"
#include "dialect/chat/reading.hpp"
#include "dialect/chat/schema.hpp"
#include "dialect/openai/client_tools.hpp"

namespace sluice::dialect::openai {

using chat::Capabilities;
using chat::Tool;
using Mode = chat::ToolChoice::Mode;

namespace {

constexpr size_t kMaxUser = 64;

}  // namespace

RequestWriter::RequestWriter(chat::Request& request, const chat::Target& target)
    : request_(request), target_(target), model_(target.capabilities), out_(outgoing_.body) {
  outgoing_.dropped = request.dropped;
  outgoing_.empty_answer = request.max_tokens == 0;
}

Status RequestWriter::prepare_tools(bool (*keep)(const Tool&)) {
  std::set<std::string> names;
  std::erase_if(request_.tools, [&](const Tool& tool) {
    if (tool.kind != Tool::Kind::kServer || (keep != nullptr && keep(tool))) return false;
    lose("tools." + tool.type.str());
    return true;
  });
  for (Tool& tool : request_.tools) {
    if (tool.kind == Tool::Kind::kBuiltIn && !client_tool(tool.type)) {
      return chat::refuse("tools",
                          "The tool '" + tool.type.str() + "' works with Anthropic's models only.");
    }
    if (!names.insert(tool.name.str()).second) {
      return chat::refuse("tools", "There are two tools named '" + tool.name.str() + "'.");
    }
  }
  chat::ToolChoice& choice = request_.tool_choice;
  if (choice.mode == Mode::kTool && !names.contains(choice.name.str())) {
    choice.mode = Mode::kAuto;
    choice.name = {};
    lose("tool_choice");
  }
  for (Tool& tool : request_.tools) tool.name = clean(tool.name);
  if (choice.mode == Mode::kTool) choice.name = clean(choice.name);
  for (json::String& name : choice.allowed) name = clean(name);
  return {};
}

std::optional<int64_t> RequestWriter::output_limit() {
  if (!request_.max_tokens && !target_.output_limit) return std::nullopt;
  int64_t limit = request_.max_tokens.value_or(INT64_MAX);
  if (target_.output_limit) limit = std::min(limit, *target_.output_limit);
  if (request_.max_tokens && model_.max_output > 0 && limit > model_.max_output) {
    limit = model_.max_output;
    lose("max_tokens");
  }
  return std::max<int64_t>(limit, 1);
}

void RequestWriter::write_function(const Tool& tool) {
  out_.key("name");
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
}

bool RequestWriter::is_strict(const Tool& tool) const {
  return tool.strict == true && model_.strict_tools && chat::is_openai_strict(tool.schema);
}

void RequestWriter::choose_output() {
  if (request_.output.kind != chat::OutputFormat::Kind::kJsonSchema) return;
  if (model_.structured_outputs) return;
  std::vector<chat::Message>& messages = request_.messages;
  if (messages.empty() || messages.front().role != chat::Role::kSystem) {
    messages.insert(messages.begin(),
                    chat::Message{.role = chat::Role::kSystem, .blocks = {}, .cache_control = {}});
  }
  messages.front().blocks.emplace_back().text =
      request_.arena.text(chat::json_instruction(request_.output));
  outgoing_.plan.json = chat::JsonOutput::kInstruction;
}

void RequestWriter::write_schema() {
  const chat::OutputFormat& output = request_.output;
  out_.key("name");
  chat::write_text(out_, output.name.empty() ? chat::literal("output") : output.name);
  if (!output.description.empty()) {
    out_.key("description");
    chat::write_text(out_, output.description);
  }
  out_.key("schema");
  chat::write_compact(out_, output.schema);
  out_.member("strict", chat::is_openai_strict(output.schema));
}

std::string_view RequestWriter::reasoning_field() const {
  return request_.reasoning.thinking == chat::Reasoning::Thinking::kUnset ? "output_config.effort"
                                                                          : "thinking";
}

void RequestWriter::write_sampling(bool top_k) {
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
  number("top_k", request_.top_k, !fixed && top_k);
}

void RequestWriter::scan_stops(size_t sent) {
  for (size_t i = sent; i < request_.stop.size(); ++i) {
    outgoing_.plan.stop_scan.push_back(request_.stop[i].str());
  }
}

void RequestWriter::write_user() {
  if (request_.user.empty()) return;
  std::string user = request_.user.str();
  const bool hosted = model_.user_field == Capabilities::UserField::kSafetyIdentifier;
  // Other servers want it to look like a name.
  const bool fine =
      hosted ? user.size() <= kMaxUser : user.size() >= 6 && chat::is_plain_name(user, kMaxUser);
  if (!fine) user = crypto::sha256_hex(user);
  out_.member(hosted ? "safety_identifier" : "user", user);
}

void RequestWriter::write_service_tier() {
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
}

void RequestWriter::fill_plan() {
  chat::AnswerPlan& plan = outgoing_.plan;
  plan.legacy_functions = request_.legacy_functions;
  plan.include_usage = request_.include_usage;
  plan.expose_reasoning = target_.expose_reasoning;
  plan.model = request_.model.str();
  plan.provider = target_.provider;
  plan.signature_key = Secret(std::string(target_.signature_key));
}

chat::Outgoing RequestWriter::finish() { return std::move(outgoing_); }

}  // namespace sluice::dialect::openai
