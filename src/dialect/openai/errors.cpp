#include "dialect/openai/errors.hpp"

#include "json/writer.hpp"

namespace sluice::dialect::openai {

std::string error_envelope(std::string_view type, std::string_view code, std::string_view message,
                           std::string_view param) {
  std::string body;
  json::Writer json(body);
  const auto or_null = [&json](std::string_view name, std::string_view text) {
    json.key(name);
    if (text.empty()) {
      json.null();
    } else {
      json.string(text);
    }
  };
  json.begin_object().key("error").begin_object();
  json.member("message", message).member("type", type);
  or_null("param", param);
  or_null("code", code);
  json.end_object().end_object();
  return body;
}

}  // namespace sluice::dialect::openai
