#include "dialect/openai/errors.hpp"

#include "json/writer.hpp"

namespace sluice::dialect::openai {

namespace {

void or_null(json::Writer& json, std::string_view name, std::string_view text) {
  json.key(name);
  if (text.empty()) {
    json.null();
  } else {
    json.string(text);
  }
}

void write_error(json::Writer& json, std::string_view type, std::string_view code,
                 std::string_view message, std::string_view param) {
  json.key("error").begin_object().member("message", message).member("type", type);
  or_null(json, "param", param);
  or_null(json, "code", code);
  json.end_object();
}

}  // namespace

std::string error_envelope(std::string_view type, std::string_view code, std::string_view message,
                           std::string_view param) {
  std::string body;
  json::Writer json(body);
  json.begin_object();
  write_error(json, type, code, message, param);
  json.end_object();
  return body;
}

std::string error_event(std::string_view type, std::string_view code, std::string_view message,
                        std::string_view param, int64_t sequence) {
  std::string event;
  json::Writer json(event);
  json.begin_object().member("type", "error").member("sequence_number", sequence);
  or_null(json, "code", code);
  json.member("message", message);
  or_null(json, "param", param);
  write_error(json, type, code, message, param);
  json.end_object();
  return event;
}

}  // namespace sluice::dialect::openai
