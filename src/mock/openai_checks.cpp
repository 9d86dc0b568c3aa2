#include "mock/openai_checks.hpp"

#include <fmt/format.h>

#include <utility>

namespace sluice::mock::openai {

using json::Kind;
using json::Value;

namespace {

std::string_view describe(Value value) {
  switch (value.kind()) {
    case Kind::kNull:
      return "null";
    case Kind::kBool:
      return "a boolean";
    case Kind::kNumber:
      return value.as_int() ? "an integer" : "a decimal number";
    case Kind::kString:
      return "a string";
    case Kind::kArray:
      return "an array";
    case Kind::kObject:
      return "an object";
    case Kind::kInvalid:
      break;
  }
  return "something unknown";
}

std::unexpected<Refusal> out_of_range(std::string param, bool below, int64_t bound, int64_t got) {
  std::string message = fmt::format(
      "Invalid '{}': integer {} value. Expected a value {} {}, but got {} instead.", param,
      below ? "below minimum" : "above maximum", below ? ">=" : "<=", bound, got);
  return refuse(std::move(message), std::move(param),
                below ? "integer_below_min_value" : "integer_above_max_value");
}

}  // namespace

std::unexpected<Refusal> refuse(std::string message, std::string param, std::string code) {
  return std::unexpected(Refusal{.status = 400,
                                 .type = "invalid_request_error",
                                 .message = std::move(message),
                                 .param = std::move(param),
                                 .code = std::move(code)});
}

std::unexpected<Refusal> missing(std::string param) {
  std::string message = fmt::format("Missing required parameter: '{}'.", param);
  return refuse(std::move(message), std::move(param), "missing_required_parameter");
}

std::unexpected<Refusal> wrong_type(std::string param, std::string_view expected, Value got) {
  std::string message = fmt::format("Invalid type for '{}': expected {}, but got {} instead.",
                                    param, expected, describe(got));
  return refuse(std::move(message), std::move(param), "invalid_type");
}

Answered<std::optional<int64_t>> integer(Value body, const char* name, int64_t least,
                                         int64_t most) {
  const Value value = body[name];
  if (!value.exists() || value.is_null()) return std::optional<int64_t>{};
  const auto number = value.as_int();
  if (!number) return wrong_type(name, "an integer", value);
  if (*number < least) return out_of_range(name, true, least, *number);
  if (*number > most) return out_of_range(name, false, most, *number);
  return number;
}

Answered<bool> boolean(Value body, const char* name) {
  const Value value = body[name];
  if (!value.exists() || value.is_null()) return false;
  const auto given = value.as_bool();
  if (!given) return wrong_type(name, "a boolean", value);
  return *given;
}

Answered<Ask> read_model(std::string_view text) {
  if (!json::valid(text) || Value(text).kind() != Kind::kObject) {
    return refuse(
        "We could not parse the JSON body of your request. (HINT: This likely means you aren't "
        "using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was "
        "sent was not valid JSON. If you have trouble figuring out how to fix this, please contact "
        "us through our help center at help.openai.com.)");
  }
  const Value model = Value(text)["model"];
  if (!model.exists()) return refuse("you must provide a model parameter");
  auto name = model.as_string();
  if (!name) return wrong_type("model", "a string", model);
  if (name->empty()) return refuse("you must provide a model parameter");
  auto script = parse_script(*name);
  if (!script) return refuse(std::move(script.error().message), "model", "invalid_value");
  Ask ask;
  ask.model = std::move(*name);
  ask.script = *script;
  return ask;
}

}  // namespace sluice::mock::openai
