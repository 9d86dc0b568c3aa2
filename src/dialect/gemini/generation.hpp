// How Gemini is to generate: generationConfig.
#pragma once

#include "dialect/chat/convert.hpp"
#include "dialect/chat/model.hpp"
#include "json/writer.hpp"

namespace sluice::dialect::gemini {

/// The schema or type of the answer stands there too, if the plan says that the upstream holds to
/// it.
class Generation {
 public:
  Generation(chat::Request& request, const chat::Target& target, chat::Outgoing& outgoing)
      : request_(request), target_(target), model_(target.capabilities), outgoing_(outgoing) {}

  /// Takes what it has a place for from the request's extras.
  void take_extras();

  /// Adds `generationConfig`.
  void write(json::Writer& out);

 private:
  void lose(std::string_view name);
  void write_limit(json::Writer& out);
  void write_sampling(json::Writer& out);
  void write_stop(json::Writer& out);
  void write_output(json::Writer& out);
  void write_thinking(json::Writer& out);
  int64_t budget_of(chat::Effort asked) const;
  std::string_view level_of(chat::Effort asked) const;

  chat::Request& request_;
  const chat::Target& target_;
  const chat::Capabilities& model_;
  chat::Outgoing& outgoing_;
  int64_t limit_ = 0;  // of the output; 0: none
  json::Value seed_;
  json::Value frequency_penalty_;
  json::Value presence_penalty_;
};

}  // namespace sluice::dialect::gemini
