#include "mock/gemini_checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace sluice::mock::gemini {

namespace {

using json::Kind;
using json::Value;

std::string snake_case(std::string_view camel) {
  std::string snake;
  for (const char c : camel) {
    if (c >= 'A' && c <= 'Z') {
      snake += '_';
      snake += static_cast<char>(c + 32);
    } else {
      snake += c;
    }
  }
  return snake;
}

}  // namespace

std::unexpected<Refusal> refuse(std::string message, std::string field) {
  return std::unexpected(Refusal{.status = 400,
                                 .type = "INVALID_ARGUMENT",
                                 .message = std::move(message),
                                 .param = std::move(field)});
}

Value member(Value object, std::string_view camel) {
  const Value value = object[camel];
  return value.exists() ? value : object[snake_case(camel)];
}

Answered<void> check_object(Value object, const std::string& place,
                            std::span<const std::string_view> known) {
  if (object.kind() != Kind::kObject) {
    return refuse(fmt::format("Invalid JSON payload received. Invalid value at '{}' (message), {}",
                              place, object.raw().substr(0, 80)),
                  place);
  }
  json::Members members(object);
  json::Member each;
  while (members.next(each)) {
    const std::string key = each.key.str();
    const bool found = std::ranges::any_of(
        known, [&](std::string_view camel) { return key == camel || key == snake_case(camel); });
    if (found) continue;
    const std::string where = place.empty() ? "" : fmt::format(" at '{}'", place);
    return refuse(
        fmt::format("Invalid JSON payload received. Unknown name \"{}\"{}: Cannot find field.", key,
                    where),
        place);
  }
  return {};
}

Answered<void> check_list(Value list, const std::string& place) {
  if (!list.exists() || list.kind() == Kind::kArray) return {};
  return refuse(
      fmt::format("Invalid value at '{}' (repeated), {}", place, list.raw().substr(0, 80)), place);
}

Answered<void> check_kind(Value value, Kind kind, const std::string& place, std::string_view type) {
  if (!value.exists() || value.kind() == kind) return {};
  return refuse(
      fmt::format("Invalid value at '{}' ({}), {}", place, type, value.raw().substr(0, 80)), place);
}

}  // namespace sluice::mock::gemini
