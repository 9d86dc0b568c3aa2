// Functions as OpenAI's models are shown them.
#pragma once

#include <string>

#include "json/slices.hpp"

namespace sluice::dialect::openai {

/// Functions are told to a model as TypeScript: a `namespace functions` with a type each, its
/// parameters as properties, descriptions as comments. OpenAI does not document this; it was found
/// by asking models, and gives the counts that OpenAI's cookbook publishes for its example.
class ToolText {
 public:
  /// A function: an object of `name`, `description`, `parameters`.
  void add(json::Value function);
  bool empty() const { return text_.empty(); }
  /// The whole namespace; empty when there is no function.
  std::string take();

 private:
  void properties(json::Value schema, uint32_t depth);
  void property(const json::Member& member, uint32_t depth);
  void type(json::Value schema, uint32_t depth);
  void alternatives(json::Value values, uint32_t depth, bool schemas);
  void line(uint32_t depth) { text_.append(2 * depth, ' '); }

  std::string text_;
};

}  // namespace sluice::dialect::openai
