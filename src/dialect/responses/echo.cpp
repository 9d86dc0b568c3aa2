#include "dialect/responses/echo.hpp"

#include <array>
#include <utility>

#include "dialect/chat/texts.hpp"

namespace sluice::dialect::responses {
namespace {

using json::Kind;
using json::Value;
using json::Writer;

struct Row {
  std::string_view name;
  std::string_view otherwise;
};

constexpr std::array kRows = {
    Row{"instructions", "null"},
    Row{"max_output_tokens", "null"},
    Row{"max_tool_calls", "null"},
    Row{"metadata", "{}"},
    Row{"parallel_tool_calls", "true"},
    Row{"prompt_cache_key", "null"},
    Row{"reasoning", "{}"},
    Row{"safety_identifier", "null"},
    Row{"temperature", "null"},
    Row{"text", "{}"},
    Row{"tool_choice", R"("auto")"},
    Row{"tools", "[]"},
    Row{"top_logprobs", "0"},
    Row{"top_p", "null"},
    Row{"truncation", R"("disabled")"},
    Row{"user", "null"},
};

/// The object with these members first, where it lacks them.
void write_completed(Writer& out, Value object,
                     std::initializer_list<std::pair<std::string_view, std::string_view>> lacking) {
  out.begin_object();
  for (const auto& [name, value] : lacking) {
    if (!object[name].exists()) out.raw_member(name, value);
  }
  json::Members members(object);
  json::Member member;
  while (members.next(member)) {
    out.key(member.key.str());
    chat::write_compact(out, member.value);
  }
  out.end_object();
}

}  // namespace

std::string echo_of(std::string_view body) {
  std::array<Value, kRows.size()> values;
  json::Members members(body);
  json::Member member;
  while (members.next(member)) {
    for (size_t i = 0; i < kRows.size(); ++i) {
      if (member.key == kRows[i].name) values[i] = member.value;
    }
  }
  std::string echo;
  Writer out(echo);
  out.begin_object();
  for (size_t i = 0; i < kRows.size(); ++i) {
    const std::string_view name = kRows[i].name;
    const bool given =
        values[i].exists() && !values[i].is_null() && values[i].raw().size() <= kMaxEchoed;
    const Value value = given ? values[i] : Value(kRows[i].otherwise);
    out.key(name);
    if (name == "reasoning" && value.kind() == Kind::kObject) {
      write_completed(out, value, {{"effort", "null"}, {"summary", "null"}});
    } else if (name == "text" && value.kind() == Kind::kObject) {
      write_completed(out, value, {{"format", R"({"type":"text"})"}});
    } else {
      chat::write_compact(out, value);
    }
  }
  // Nothing is stored, whatever was asked for.
  out.member("store", false).member("background", false).null_member("previous_response_id");
  out.end_object();
  return echo.substr(1, echo.size() - 2);
}

}  // namespace sluice::dialect::responses
