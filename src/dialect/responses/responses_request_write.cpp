#include <algorithm>

#include "dialect/chat/efforts.hpp"
#include "dialect/chat/reading.hpp"
#include "dialect/openai/request_writer.hpp"
#include "dialect/responses/input_write.hpp"
#include "dialect/responses/responses_request.hpp"

namespace sluice::dialect::responses {
namespace {

using chat::Effort;
using chat::Tool;
using json::Kind;
using json::Value;
using Mode = chat::ToolChoice::Mode;

// Responses takes no smaller max_output_tokens.
constexpr int64_t kLeastOutput = 16;

bool is_web_search(const Tool& tool) { return tool.type.bytes.starts_with("web_search"); }

class ResponsesWriter : private openai::RequestWriter {
 public:
  ResponsesWriter(chat::Request& request, const chat::Target& target)
      : RequestWriter(request, target) {}

  Result<chat::Outgoing> write() {
    take_extras();
    if (Status tools = prepare_tools(model_.web_search ? is_web_search : nullptr); !tools) {
      return std::unexpected(tools.error());
    }
    out_.begin_object().member("model", target_.model);
    choose_output();
    if (Status input = InputWriter(request_, target_, outgoing_, out_).write(); !input) {
      return std::unexpected(input.error());
    }
    if (Status limit = write_limit(); !limit) return std::unexpected(limit.error());
    write_tools();
    write_text();
    write_reasoning();
    write_sampling(false);
    std::erase_if(request_.stop, [](json::String text) { return text.empty(); });
    scan_stops(0);
    write_user();
    write_service_tier();
    write_cache();
    // What is stored there would be the gateway's, and nobody would delete it.
    out_.member("store", false);
    if (request_.stream) out_.member("stream", true);
    out_.end_object();
    fill_plan();
    return finish();
  }

 private:
  /// Members of OpenAI's other dialect that Responses has too.
  void take_extras() {
    for (const chat::Extra& extra : request_.extras) {
      const bool text = extra.value.kind() == Kind::kString;
      if (extra.name == "verbosity" && text) {
        verbosity_ = extra.value;
      } else if (extra.name == "prompt_cache_key" && text) {
        cache_key_ = extra.value;
      } else if (extra.name == "prompt_cache_retention" && text) {
        cache_retention_ = extra.value;
      } else if (extra.name == "web_search_options" && extra.value.kind() == Kind::kObject &&
                 model_.web_search) {
        web_search_ = extra.value;
      } else if (!chat::asks_nothing(extra.value)) {
        lose(extra.name.str());
      }
    }
  }

  Status write_limit() {
    auto limit = output_limit();
    if (!limit) return {};
    if (*limit < kLeastOutput) {
      if (target_.output_limit && *target_.output_limit < kLeastOutput) {
        return fail(ErrorCode::kInsufficientQuota,
                    "What is left does not pay for the shortest answer that this model gives.");
      }
      limit = kLeastOutput;
    }
    out_.member("max_output_tokens", *limit);
    return {};
  }

  void write_tools() {
    if (request_.tools.empty() && !web_search_.exists()) return;
    out_.key("tools").begin_array();
    for (const Tool& tool : request_.tools) {
      if (tool.kind == Tool::Kind::kServer) {
        for (const char* name : {"max_uses", "blocked_domains"}) {
          if (!chat::asks_nothing(tool.raw[name])) lose(std::string("tools.") + name);
        }
        write_web_search(tool.raw["allowed_domains"], tool.raw["user_location"], {});
        continue;
      }
      out_.begin_object().member("type", "function");
      write_function(tool);
      // Where nothing is said, Responses holds to the schema, and refuses most.
      out_.member("strict", is_strict(tool)).end_object();
    }
    if (web_search_.exists()) {
      write_web_search({}, web_search_["user_location"]["approximate"],
                       web_search_["search_context_size"]);
    }
    out_.end_array();
    write_choice();
    if (request_.tool_choice.parallel != false) return;
    if (model_.parallel_tool_calls_param) {
      out_.member("parallel_tool_calls", false);
    } else {
      lose("tool_choice.disable_parallel_tool_use");
    }
  }

  void write_web_search(Value domains, Value location, Value size) {
    out_.begin_object().member("type", "web_search");
    if (domains.kind() == Kind::kArray && !domains.is_empty()) {
      out_.key("filters").begin_object().key("allowed_domains");
      chat::write_compact(out_, domains);
      out_.end_object();
    }
    if (location.kind() == Kind::kObject) {
      out_.key("user_location").begin_object().member("type", "approximate");
      for (const std::string_view name : {"city", "region", "country", "timezone"}) {
        const Value part = location[name];
        if (part.kind() != Kind::kString) continue;
        out_.key(name);
        chat::write_compact(out_, part);
      }
      out_.end_object();
    }
    if (size.kind() == Kind::kString) {
      out_.key("search_context_size");
      chat::write_compact(out_, size);
    }
    out_.end_object();
  }

  void write_choice() {
    const chat::ToolChoice& choice = request_.tool_choice;
    const auto function = [&](json::String name) {
      out_.begin_object().member("type", "function").key("name");
      chat::write_text(out_, name);
      out_.end_object();
    };
    if (choice.mode == Mode::kTool) {
      out_.key("tool_choice");
      function(choice.name);
    } else if (!choice.allowed.empty() && choice.mode != Mode::kNone) {
      out_.key("tool_choice").begin_object().member("type", "allowed_tools");
      out_.member("mode", choice.mode == Mode::kRequired ? "required" : "auto");
      out_.key("tools").begin_array();
      for (const json::String name : choice.allowed) function(name);
      out_.end_array().end_object();
    } else if (choice.mode != Mode::kUnset) {
      out_.member("tool_choice", choice.mode == Mode::kAuto   ? "auto"
                                 : choice.mode == Mode::kNone ? "none"
                                                              : "required");
    }
  }

  void write_text() {
    using OutputKind = chat::OutputFormat::Kind;
    const OutputKind kind = request_.output.kind;
    const bool object = kind == OutputKind::kJsonObject;
    const bool schema = kind == OutputKind::kJsonSchema && model_.structured_outputs;
    if (object || schema) outgoing_.plan.json = chat::JsonOutput::kNative;
    if (!object && !schema && !verbosity_.exists()) return;
    out_.key("text").begin_object();
    if (object || schema) {
      out_.key("format").begin_object().member("type", object ? "json_object" : "json_schema");
      if (schema) write_schema();
      out_.end_object();
    }
    if (verbosity_.exists()) {
      out_.key("verbosity");
      chat::write_compact(out_, verbosity_);
    }
    out_.end_object();
  }

  void write_reasoning() {
    const Effort asked = chat::asked_effort(request_.reasoning);
    if (model_.efforts.none()) {
      if (asked != Effort::kUnset && asked != Effort::kNone) lose(reasoning_field());
      return;
    }
    Effort effort = asked;
    if (effort != Effort::kUnset) effort = chat::nearest_effort(effort, model_.efforts);
    if (effort != Effort::kUnset) {
      out_.key("reasoning").begin_object().member("effort", chat::to_string(effort));
      // A client that asks for thinking reads what comes of it.
      if (asked != Effort::kNone && target_.expose_reasoning) out_.member("summary", "auto");
      out_.end_object();
    }
    if (effort == Effort::kNone || target_.signature_key.empty()) return;
    out_.key("include").begin_array().string("reasoning.encrypted_content").end_array();
  }

  void write_cache() {
    if (cache_key_.exists()) {
      out_.key("prompt_cache_key");
      chat::write_compact(out_, cache_key_);
    }
    if (cache_retention_.exists()) {
      out_.key("prompt_cache_retention");
      chat::write_compact(out_, cache_retention_);
    }
  }

  Value verbosity_;
  Value cache_key_;
  Value cache_retention_;
  Value web_search_;
};

}  // namespace

Result<chat::Outgoing> write_responses_request(chat::Request& request, const chat::Target& target) {
  return ResponsesWriter(request, target).write();
}

}  // namespace sluice::dialect::responses
