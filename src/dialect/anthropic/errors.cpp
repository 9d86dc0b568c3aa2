#include "dialect/anthropic/errors.hpp"

#include "json/writer.hpp"

namespace sluice::dialect::anthropic {

std::string error_envelope(std::string_view type, std::string_view code, std::string_view message,
                           std::string_view request_id) {
  std::string body;
  json::Writer json(body);
  json.begin_object().member("type", "error").key("error").begin_object();
  json.member("type", type).member("message", message);
  if (!code.empty()) {
    json.key("details").begin_object().member("error_code", code).end_object();
  }
  json.end_object().member("request_id", request_id).end_object();
  return body;
}

}  // namespace sluice::dialect::anthropic
