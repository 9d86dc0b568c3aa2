#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "crypto/digest.hpp"
#include "dialect/anthropic/blocks_write.hpp"
#include "dialect/anthropic/messages_request.hpp"
#include "dialect/anthropic/reasoning.hpp"
#include "dialect/anthropic/turns.hpp"
#include "dialect/chat/finish.hpp"
#include "dialect/chat/json_instruction.hpp"
#include "dialect/chat/reading.hpp"
#include "dialect/chat/schema.hpp"
#include "dialect/chat/web_search.hpp"

namespace sluice::dialect::anthropic {
namespace {

using chat::Block;
using chat::BlockKind;
using chat::Capabilities;
using chat::JsonOutput;
using chat::Request;
using chat::Tool;
using json::Value;
using json::Writer;
using Mode = chat::ToolChoice::Mode;

/// What a request may have of tools that are held to their schemas.
constexpr size_t kMaxStrictTools = 20;
constexpr size_t kMaxStrictOptional = 24;
constexpr size_t kMaxStrictUnions = 16;
constexpr size_t kMaxUserId = 256;
constexpr size_t kMaxImageBytes = size_t{10} << 20;  // in base64
constexpr size_t kMaxImages = 600;

class MessagesWriter {
 public:
  MessagesWriter(Request& request, const chat::Target& target)
      : request_(request), target_(target), model_(target.capabilities) {}

  Result<chat::Outgoing> write() {
    outgoing_.dropped = request_.dropped;
    take_web_search();
    if (Status extras = chat::judge_extras(request_, outgoing_.dropped); !extras)
      return std::unexpected(extras.error());
    if (Status tools = prepare_tools(); !tools) return std::unexpected(tools.error());
    auto turns = build_turns(request_, target_, outgoing_);
    if (!turns) return std::unexpected(turns.error());
    turns_ = std::move(*turns);
    if (Status sources = check_sources(); !sources) return std::unexpected(sources.error());
    reasoning_ = plan_reasoning(request_, turns_, target_, outgoing_.dropped);
    stub_tools();
    choose_output();
    force_tool();
    top_cache_ = place_breakpoints(request_, turns_, target_);
    write_body();
    fill_plan();
    outgoing_.may_pause = std::ranges::any_of(
        request_.tools, [](const Tool& tool) { return tool.kind == Tool::Kind::kServer; });
    return std::move(outgoing_);
  }

 private:
  void lose(std::string_view name) { chat::note(outgoing_.dropped, name); }

  // Tools.

  /// A search that a chat asks for by a member of its own.
  void take_web_search() {
    if (!model_.web_search) return;
    const auto wanted = std::ranges::find_if(request_.extras, [](const chat::Extra& extra) {
      return extra.name == "web_search_options" && extra.value.kind() == json::Kind::kObject;
    });
    if (wanted == request_.extras.end()) return;
    const json::Value options = wanted->value;
    request_.tools.push_back(
        chat::web_search_tool(options["user_location"]["approximate"], {}, request_.arena));
    const json::Value size = options["search_context_size"];
    if (size.kind() == json::Kind::kString && !(chat::as_text(size) == "medium")) {
      lose("web_search_options.search_context_size");
    }
    request_.extras.erase(wanted);
  }

  Status prepare_tools() {
    const chat::ToolChoice& choice = request_.tool_choice;
    std::set<std::string> names;
    for (Tool& tool : request_.tools) {
      if (tool.kind != Tool::Kind::kFunction) continue;
      if (!names.insert(tool.name.str()).second) {
        return chat::refuse("tools", "There are two tools named '" + tool.name.str() + "'.");
      }
    }
    if (choice.mode == Mode::kTool && !names.contains(choice.name.str())) {
      return chat::refuse("tool_choice", "There is no tool named '" + choice.name.str() + "'.");
    }
    if (!choice.allowed.empty()) {
      std::set<std::string> allowed;
      for (const json::String name : choice.allowed) {
        if (!names.contains(name.str())) {
          return chat::refuse("tool_choice", "There is no tool named '" + name.str() + "'.");
        }
        allowed.insert(name.str());
      }
      std::erase_if(request_.tools,
                    [&](const Tool& tool) { return !allowed.contains(tool.name.str()); });
    }
    for (Tool& tool : request_.tools) tool.name = clean(tool.name);
    if (choice.mode == Mode::kTool) request_.tool_choice.name = clean(choice.name);
    return {};
  }

  json::String clean(json::String name) {
    return outgoing_.plan.tool_names.clean(name, model_.tool_name_max, request_.arena);
  }

  /// Calls in the history need definitions, also where the client offers no tools any more.
  void stub_tools() {
    if (!request_.tools.empty()) return;
    std::set<std::string_view> names;
    for (const Turn& turn : turns_.turns) {
      for (const Block& block : turn.blocks) {
        if (block.kind != BlockKind::kToolUse || !names.insert(block.name.bytes).second) continue;
        request_.tools.emplace_back().name = block.name;
      }
    }
    if (names.empty()) return;
    request_.tool_choice = {};
    request_.tool_choice.mode = Mode::kNone;
  }

  bool may_force() const {
    return model_.forced_tool != Capabilities::ForcedTool::kNever && !reasoning_.manual();
  }

  void force_tool() {
    chat::ToolChoice& choice = request_.tool_choice;
    if (choice.mode != Mode::kRequired && choice.mode != Mode::kTool) return;
    if (request_.tools.empty()) {
      choice = {};
      lose("tool_choice");
      return;
    }
    if (may_force()) return;
    if (target_.prefer_forced_tool && model_.forced_tool != Capabilities::ForcedTool::kNever) {
      reasoning_.thinking = chat::Reasoning::Thinking::kUnset;
      reasoning_.verbatim = false;
      lose("reasoning_effort");
      return;
    }
    choice.mode = Mode::kAuto;
    choice.name = {};
    lose("tool_choice");
  }

  // The form of the answer.

  void choose_output() {
    const chat::OutputFormat& output = request_.output;
    if (output.kind == chat::OutputFormat::Kind::kText) return;
    if (output.kind == chat::OutputFormat::Kind::kJsonSchema) {
      if (model_.structured_outputs) {
        if (auto schema = chat::strict_schema(output.schema, output.description)) {
          format_ = std::move(schema->json);
          json_ = JsonOutput::kNative;
          return;
        }
      }
      const bool object = chat::as_text(output.schema["type"]) == "object";
      if (object && request_.tools.empty() && may_force()) {
        Tool& tool = request_.tools.emplace_back();
        tool.name = chat::literal(chat::kJsonTool);
        tool.description = output.description;
        tool.schema = output.schema;
        request_.tool_choice.mode = Mode::kTool;
        request_.tool_choice.name = tool.name;
        json_ = JsonOutput::kForcedTool;
        return;
      }
    }
    turns_.system.emplace_back().text = request_.arena.text(chat::json_instruction(output));
    json_ = JsonOutput::kInstruction;
  }

  /// An image that the model does not fetch itself has been fetched by now, or cannot be had.
  Status check_sources() {
    for (const Turn& turn : turns_.turns) {
      if (Status fine = check_blocks(turn.blocks, turn.position); !fine) return fine;
    }
    return {};
  }

  Status check_blocks(const std::vector<Block>& blocks, size_t position) {
    for (const Block& block : blocks) {
      const std::string where = chat::element("messages", position);
      if (block.kind == BlockKind::kImage) {
        if (!model_.image_in) return chat::refuse(where, "This model takes no images.");
        if (++images_ > kMaxImages) return chat::refuse(where, "There are too many images.");
        if (block.source.data.bytes.size() > kMaxImageBytes) {
          return chat::refuse(where, "The image is too large: 10 MiB are taken, in base64.");
        }
      }
      if (block.kind == BlockKind::kDocument && !model_.pdf_in &&
          block.source.kind != chat::Source::Kind::kText) {
        return chat::refuse(where, "This model takes no documents.");
      }
      if (chat::needs_fetch(block, model_)) {
        return chat::refuse(where, "The URL could not be fetched.");
      }
      if (Status fine = check_blocks(block.content, position); !fine) return fine;
    }
    return {};
  }

  // The body.

  void write_body() {
    Writer out(outgoing_.body);
    out.begin_object().member("model", target_.model).member("max_tokens", reasoning_.max_tokens);
    if (!turns_.system.empty()) {
      out.key("system");
      write_blocks(out, turns_.system);
    }
    out.key("messages").begin_array();
    for (const Turn& turn : turns_.turns) {
      out.begin_object().member("role", turn.role == chat::Role::kUser        ? "user"
                                        : turn.role == chat::Role::kAssistant ? "assistant"
                                                                              : "system");
      out.key("content");
      write_content(out, turn.blocks);
      out.end_object();
    }
    out.end_array();
    write_tools(out);
    write_tool_choice(out);
    write_reasoning(out);
    write_sampling(out);
    write_stop(out);
    write_rest(out);
    out.end_object();
  }

  void write_tools(Writer& out) {
    if (request_.tools.empty()) return;
    out.key("tools").begin_array();
    for (const Tool& tool : request_.tools) {
      if (tool.kind != Tool::Kind::kFunction) {
        chat::write_compact(out, tool.raw);
        continue;
      }
      out.begin_object().key("name");
      chat::write_text(out, tool.name);
      if (!tool.description.empty()) {
        out.key("description");
        chat::write_text(out, tool.description);
      }
      std::string schema;
      const bool strict = write_strict(tool, schema);
      if (!strict && !chat::append_input_schema(schema, tool.schema)) lose("tools.parameters");
      out.raw_member("input_schema", schema);
      if (strict) out.member("strict", true);
      if (tool.cache_control.exists()) {
        out.key("cache_control");
        chat::write_compact(out, tool.cache_control);
      }
      out.end_object();
    }
    out.end_array();
  }

  /// The tool's schema, where the model can be held to it.
  bool write_strict(const Tool& tool, std::string& out) {
    if (tool.strict != true) return false;
    if (model_.strict_tools && tool.schema.exists() && strict_tries_++ < kMaxStrictTools) {
      auto schema = chat::strict_schema(tool.schema, {});
      if (schema && chat::as_text(Value(schema->json)["type"]) == "object" &&
          strict_optional_ + schema->optional_members <= kMaxStrictOptional &&
          strict_unions_ + schema->unions <= kMaxStrictUnions) {
        strict_optional_ += schema->optional_members;
        strict_unions_ += schema->unions;
        out = std::move(schema->json);
        return true;
      }
    }
    lose("tools.strict");
    return false;
  }

  void write_tool_choice(Writer& out) {
    const chat::ToolChoice& choice = request_.tool_choice;
    const bool serial = choice.parallel == false && choice.mode != Mode::kNone;
    if (request_.tools.empty() || (choice.mode == Mode::kUnset && !serial)) return;
    out.key("tool_choice").begin_object();
    switch (choice.mode) {
      case Mode::kUnset:
      case Mode::kAuto:
        out.member("type", "auto");
        break;
      case Mode::kNone:
        out.member("type", "none");
        break;
      case Mode::kRequired:
        out.member("type", "any");
        break;
      case Mode::kTool:
        out.member("type", "tool").key("name");
        chat::write_text(out, choice.name);
        break;
    }
    if (serial) out.member("disable_parallel_tool_use", true);
    out.end_object();
  }

  void write_reasoning(Writer& out) {
    using Thinking = chat::Reasoning::Thinking;
    if (reasoning_.verbatim) {
      out.key("thinking");
      chat::write_compact(out, request_.reasoning.raw);
    } else if (reasoning_.thinking != Thinking::kUnset) {
      out.key("thinking").begin_object();
      switch (reasoning_.thinking) {
        case Thinking::kAdaptive:
          out.member("type", "adaptive");
          break;
        case Thinking::kEnabled:
          out.member("type", "enabled").member("budget_tokens", reasoning_.budget);
          break;
        case Thinking::kBetweenTools:
          out.member("type", "between_tools");
          break;
        case Thinking::kDisabled:
        case Thinking::kUnset:
          out.member("type", "disabled");
          break;
      }
      if (reasoning_.summarized) out.member("display", "summarized");
      out.end_object();
    }
    if (reasoning_.effort == chat::Effort::kUnset && format_.empty()) return;
    out.key("output_config").begin_object();
    if (reasoning_.effort != chat::Effort::kUnset) {
      out.member("effort", chat::to_string(reasoning_.effort));
    }
    if (!format_.empty()) {
      out.key("format").begin_object().member("type", "json_schema");
      out.raw_member("schema", format_).end_object();
    }
    out.end_object();
  }

  void write_sampling(Writer& out) {
    using Sampling = Capabilities::Sampling;
    const bool fixed = model_.sampling == Sampling::kDefaultOnly || reasoning_.thinks();
    const auto temperature = request_.temperature.as_double();
    if (temperature) {
      if (fixed) {
        if (*temperature != 1.0) lose("temperature");
      } else if (*temperature > 1.0 || *temperature < 0.0) {
        out.member("temperature", *temperature > 1.0 ? int64_t{1} : int64_t{0});
        lose("temperature");
      } else {
        out.raw_member("temperature", request_.temperature.raw());
      }
    }
    if (request_.top_p.exists()) {
      const bool either = model_.sampling == Sampling::kOneOfTempTopP && temperature;
      if (fixed || either) {
        if (request_.top_p.as_double() != 1.0) lose("top_p");
      } else {
        out.raw_member("top_p", request_.top_p.raw());
      }
    }
    if (!request_.top_k.exists()) return;
    if (fixed || model_.sampling != Sampling::kFull) {
      lose("top_k");
    } else {
      out.raw_member("top_k", request_.top_k.raw());
    }
  }

  void write_stop(Writer& out) {
    const size_t given = request_.stop.size();
    std::erase_if(request_.stop, [](json::String text) { return chat::is_blank(text); });
    const auto most = static_cast<size_t>(model_.stop_max);
    if (request_.stop.size() != given || request_.stop.size() > most) lose("stop");
    if (request_.stop.empty() || most == 0) return;
    out.key("stop_sequences").begin_array();
    for (size_t i = 0; i < std::min(request_.stop.size(), most); ++i) {
      chat::write_text(out, request_.stop[i]);
    }
    out.end_array();
  }

  void write_rest(Writer& out) {
    if (!request_.user.empty()) {
      std::string user = request_.user.str();
      if (user.size() > kMaxUserId || user.find_first_of("@ \t\r\n") != std::string::npos) {
        user = crypto::sha256_hex(user);
      }
      out.key("metadata").begin_object().member("user_id", user).end_object();
    }
    switch (request_.service_tier) {
      case chat::ServiceTier::kAuto:
      case chat::ServiceTier::kPriority:
        out.member("service_tier", "auto");
        break;
      case chat::ServiceTier::kStandard:
        out.member("service_tier", "standard_only");
        break;
      case chat::ServiceTier::kFlex:
      case chat::ServiceTier::kUnset:
        break;
    }
    if (top_cache_) {
      out.key("cache_control");
      chat::write_compact(out, request_.cache_control);
    }
    if (request_.stream) out.member("stream", true);
  }

  void fill_plan() {
    chat::AnswerPlan& plan = outgoing_.plan;
    plan.json = json_;
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
  Turns turns_;
  ReasoningPlan reasoning_;
  JsonOutput json_ = JsonOutput::kNone;
  std::string format_;
  size_t images_ = 0;
  size_t strict_tries_ = 0;
  size_t strict_optional_ = 0;
  size_t strict_unions_ = 0;
  bool top_cache_ = false;
};

}  // namespace

Result<chat::Outgoing> write_messages_request(Request& request, const chat::Target& target) {
  return MessagesWriter(request, target).write();
}

}  // namespace sluice::dialect::anthropic
