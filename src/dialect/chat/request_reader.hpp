// What the readers of all dialects' requests are: a handler for every member of the body, and the
// handlers of those members that all dialects call the same.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "dialect/chat/model.hpp"
#include "dialect/chat/reading.hpp"

namespace sluice::dialect::chat {

/// `Reader` derives from it.
template <typename Reader>
class RequestReader {
 public:
  Request request;

 protected:
  using Handler = Status (Reader::*)(json::Value);
  using Handlers = std::span<const std::pair<std::string_view, Handler>>;

  /// Gives every member that is not null to its handler, in the body's order, and what has none to
  /// the reader's keep().
  Status read_members(std::string_view body, Handlers handlers) {
    json::Members members(body);
    json::Member member;
    while (members.next(member)) {
      if (member.value.is_null()) continue;
      if (Status read = read_member(member, handlers); !read) return read;
    }
    if (!members.complete()) return refuse({}, "The body is not a JSON object.");
    return {};
  }

  Status keep(const json::Member& member) { return keep_extra(member, request); }

  static Status read_number(json::Value value, std::string_view name, json::Value& out) {
    if (value.kind() != json::Kind::kNumber) {
      return refuse(std::string(name), std::string(name) + " must be a number.");
    }
    out = value;
    return {};
  }

  Status read_model(json::Value value) {
    request.model = as_text(value);
    return {};
  }
  Status read_temperature(json::Value value) {
    return read_number(value, "temperature", request.temperature);
  }
  Status read_top_p(json::Value value) { return read_number(value, "top_p", request.top_p); }
  Status read_top_k(json::Value value) { return read_number(value, "top_k", request.top_k); }
  Status read_stream(json::Value value) {
    request.stream = value.as_bool().value_or(false);
    return {};
  }
  Status read_parallel(json::Value value) {
    request.tool_choice.parallel = value.as_bool();
    return {};
  }

 private:
  Status read_member(const json::Member& member, Handlers handlers) {
    auto& reader = static_cast<Reader&>(*this);
    for (const auto& [name, handler] : handlers) {
      if (member.key == name) return (reader.*handler)(member.value);
    }
    return reader.keep(member);
  }
};

}  // namespace sluice::dialect::chat
