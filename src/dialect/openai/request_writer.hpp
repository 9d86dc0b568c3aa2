// What the requests of both of OpenAI's dialects have in common, Chat Completions and Responses.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "dialect/chat/convert.hpp"
#include "dialect/chat/model.hpp"
#include "dialect/chat/reading.hpp"
#include "json/writer.hpp"

namespace sluice::dialect::openai {

class RequestWriter {
 protected:
  /// Both outlive the writer.
  RequestWriter(chat::Request& request, const chat::Target& target);
  ~RequestWriter() = default;

  void lose(std::string_view name) { chat::note(outgoing_.dropped, name); }
  json::String clean(json::String name) {
    return outgoing_.plan.tool_names.clean(name, model_.tool_name_max, request_.arena);
  }

  /// Leaves the tools that are functions, or can be told as one, under names that the upstream
  /// takes. kInvalidRequest for those that cannot, and for two of one name. `keep`: a tool that the
  /// upstream runs itself is no loss.
  Status prepare_tools(bool (*keep)(const chat::Tool&) = nullptr);
  /// Most tokens to ask for; nullopt: as many as the model has.
  std::optional<int64_t> output_limit();
  /// Members of the open object: `name`, `description`, `parameters`.
  void write_function(const chat::Tool& tool);
  /// The model holds to the tool's schema.
  bool is_strict(const chat::Tool& tool) const;
  /// A schema that the server cannot be given becomes an instruction; before the messages.
  void choose_output();
  /// Members of the open object: `name`, `description`, `schema`, `strict`.
  void write_schema();
  /// What the client calls the field by which it asks for reasoning.
  std::string_view reasoning_field() const;
  void write_sampling(bool top_k);
  /// All stop sequences but the first `sent` are looked for in what the model says.
  void scan_stops(size_t sent);
  void write_user();
  void write_service_tier();
  void fill_plan();
  chat::Outgoing finish();

  chat::Request& request_;
  const chat::Target& target_;
  const chat::Capabilities& model_;
  chat::Outgoing outgoing_;
  json::Writer out_;
};

}  // namespace sluice::dialect::openai
