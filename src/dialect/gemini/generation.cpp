#include "dialect/gemini/generation.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "dialect/chat/efforts.hpp"
#include "dialect/chat/reading.hpp"

namespace sluice::dialect::gemini {

using chat::Effort;
using chat::OutputFormat;
using json::Value;
using json::Writer;
using Thinking = chat::Reasoning::Thinking;

namespace {

/// Room that thinking leaves for the answer: both count against the limit.
constexpr int64_t kAnswerRoom = 1'024;
/// The model thinks as much as it likes.
constexpr int64_t kDynamic = -1;

/// The schema, with the client's words about it.
void append_schema(std::string& out, const OutputFormat& output) {
  Writer json(out);
  json.begin_object();
  const bool described = output.schema["description"].exists();
  if (!described && !output.description.empty()) {
    json.key("description");
    chat::write_text(json, output.description);
  }
  json::Members members(output.schema);
  json::Member member;
  while (members.next(member)) {
    if (member.key == "$schema") continue;
    json.key(member.key.str());
    chat::write_compact(json, member.value);
  }
  json.end_object();
}

}  // namespace

void Generation::lose(std::string_view name) { chat::note(outgoing_.dropped, name); }

void Generation::take_extras() {
  const auto places = std::to_array<std::pair<std::string_view, Value*>>({
      {"seed", &seed_},
      {"frequency_penalty", &frequency_penalty_},
      {"presence_penalty", &presence_penalty_},
  });
  std::erase_if(request_.extras, [&](const chat::Extra& extra) {
    for (const auto& [name, place] : places) {
      if (!(extra.name == name) || extra.value.kind() != json::Kind::kNumber) continue;
      *place = extra.value;
      return true;
    }
    return false;
  });
}

void Generation::write(Writer& out) {
  out.key("generationConfig").begin_object();
  write_limit(out);
  write_sampling(out);
  write_stop(out);
  write_output(out);
  write_thinking(out);
  out.end_object();
}

void Generation::write_limit(Writer& out) {
  limit_ = request_.max_tokens.value_or(model_.max_output);
  if (model_.max_output > 0 && limit_ > model_.max_output) {
    limit_ = model_.max_output;
    lose("max_tokens");
  }
  if (target_.output_limit) {
    limit_ = limit_ > 0 ? std::min(limit_, *target_.output_limit) : *target_.output_limit;
    limit_ = std::max<int64_t>(limit_, 1);
  }
  if (limit_ > 0) out.member("maxOutputTokens", limit_);
}

void Generation::write_sampling(Writer& out) {
  using Sampling = chat::Capabilities::Sampling;
  const bool fixed = model_.sampling == Sampling::kDefaultOnly;
  const auto number = [&](std::string_view name, std::string_view client, Value value, bool taken) {
    if (!value.exists()) return;
    if (taken) {
      out.raw_member(name, value.raw());
    } else if (!chat::asks_nothing(value) && value.as_double() != 1.0) {
      lose(client);
    }
  };
  constexpr double kHottest = 2.0;
  const double temperature = request_.temperature.as_double().value_or(0);
  if (!fixed && (temperature > kHottest || temperature < 0)) {
    out.member("temperature", temperature < 0 ? int64_t{0} : int64_t{2});
    lose("temperature");
  } else {
    number("temperature", "temperature", request_.temperature, !fixed);
  }
  number("topP", "top_p", request_.top_p, !fixed);
  number("topK", "top_k", request_.top_k, !fixed && model_.top_k);
  number("seed", "seed", seed_, seed_.as_int().has_value());
  const auto penalty = [&](std::string_view name, std::string_view client, Value value) {
    if (value.exists() && !chat::asks_nothing(value)) {
      if (model_.penalties) {
        out.raw_member(name, value.raw());
      } else {
        lose(client);
      }
    }
  };
  penalty("presencePenalty", "presence_penalty", presence_penalty_);
  penalty("frequencyPenalty", "frequency_penalty", frequency_penalty_);
}

/// Those that the server does not take are looked for in what it says.
void Generation::write_stop(Writer& out) {
  std::erase_if(request_.stop, [](json::String text) { return text.empty(); });
  const size_t sent = std::min(request_.stop.size(), static_cast<size_t>(model_.stop_max));
  for (size_t i = sent; i < request_.stop.size(); ++i) {
    outgoing_.plan.stop_scan.push_back(request_.stop[i].str());
  }
  if (sent == 0) return;
  out.key("stopSequences").begin_array();
  for (size_t i = 0; i < sent; ++i) chat::write_text(out, request_.stop[i]);
  out.end_array();
}

void Generation::write_output(Writer& out) {
  if (outgoing_.plan.json != chat::JsonOutput::kNative) return;
  out.member("responseMimeType", "application/json");
  if (request_.output.kind != OutputFormat::Kind::kJsonSchema) return;
  std::string schema;
  append_schema(schema, request_.output);
  out.raw_member("responseJsonSchema", schema);
}

void Generation::write_thinking(Writer& out) {
  const chat::Reasoning& reasoning = request_.reasoning;
  const Effort asked = chat::asked_effort(reasoning);
  if (asked == Effort::kUnset) return;
  const std::string_view name =
      reasoning.thinking == Thinking::kUnset ? "reasoning_effort" : "thinking";
  const bool by_budget = model_.budget_max > 0;
  if (!by_budget && model_.efforts.none()) {
    if (asked != Effort::kNone) lose(name);
    return;
  }
  const bool thinks = asked != Effort::kNone;
  const bool as_it_likes =
      reasoning.thinking == Thinking::kAdaptive && reasoning.effort == Effort::kUnset;
  if (!thinks && !(by_budget && model_.disabled)) lose(name);
  const bool shown =
      thinks && target_.expose_reasoning && !(chat::as_text(reasoning.raw["display"]) == "omitted");
  outgoing_.plan.shows_thinking = shown;
  if (as_it_likes && !by_budget && !shown) return;
  out.key("thinkingConfig").begin_object();
  if (by_budget) {
    out.member("thinkingBudget", as_it_likes ? kDynamic : budget_of(asked));
  } else if (!as_it_likes) {
    out.member("thinkingLevel", level_of(asked));
  }
  if (shown) out.member("includeThoughts", true);
  out.end_object();
}

std::string_view Generation::level_of(Effort asked) const {
  auto levels = model_.efforts;
  levels.reset(static_cast<size_t>(Effort::kNone));
  switch (chat::nearest_effort(asked, levels)) {
    case Effort::kMinimal:
      return "MINIMAL";
    case Effort::kLow:
      return "LOW";
    case Effort::kMedium:
      return "MEDIUM";
    default:
      return "HIGH";
  }
}

int64_t Generation::budget_of(Effort asked) const {
  if (asked == Effort::kNone) return model_.disabled ? 0 : model_.budget_min;
  const chat::Reasoning& reasoning = request_.reasoning;
  const bool given = reasoning.thinking == Thinking::kEnabled;
  int64_t budget = given ? reasoning.budget : chat::budget_of(asked);
  if (request_.max_tokens && limit_ > 0) budget = std::min(budget, limit_ - kAnswerRoom);
  return std::clamp(budget, std::min(model_.budget_min, model_.budget_max), model_.budget_max);
}

}  // namespace sluice::dialect::gemini
