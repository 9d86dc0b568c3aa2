#include "admin/openapi.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "admin/page.hpp"
#include "json/writer.hpp"

namespace sluice::admin {

namespace {

using json::Writer;

constexpr LoopRoute kLoopRoutes[] = {
    {"GET", "/health", LoopAccess::kPublic, "Whether the process can serve."},
    {"GET", "/ready", LoopAccess::kPublic, "Whether it should get traffic now, else why not."},
    {"GET", "/metrics", LoopAccess::kPublic,
     "Figures as Prometheus text, or as JSON where that is asked for."},
    {"GET", "/v1/models", LoopAccess::kApiKey, "Models that the key may use."},
    {"GET", "/v1/models/{id}", LoopAccess::kApiKey, "A model."},
    {"POST", "/v1/chat/completions", LoopAccess::kApiKey, "OpenAI's Chat Completions.", true},
    {"POST", "/v1/completions", LoopAccess::kApiKey, "OpenAI's Completions.", true},
    {"POST", "/v1/embeddings", LoopAccess::kApiKey, "OpenAI's Embeddings.", true},
    {"POST", "/v1/responses", LoopAccess::kApiKey, "OpenAI's Responses.", true},
    {"POST", "/v1/responses/input_tokens", LoopAccess::kApiKey,
     "How many tokens a request to Responses has.", true},
    {"POST", "/v1/messages", LoopAccess::kApiKey, "Anthropic's Messages.", true},
    {"POST", "/v1/messages/count_tokens", LoopAccess::kApiKey,
     "How many tokens a request to Messages has.", true},
    {"GET", "/v1/workers", LoopAccess::kKeyOrAdministrator, "GPU workers."},
    {"GET", "/v1/workers/{id}", LoopAccess::kKeyOrAdministrator, "A GPU worker."},
    {"DELETE", "/v1/workers/{id}", LoopAccess::kAdministrator, "Lets a worker drain."},
    {"POST", "/v1/workers/heartbeat", LoopAccess::kWorker, "What a worker says of itself.", true},
    {"GET", "/api/hello", LoopAccess::kPublic, "An empty answer, for clients that ask for it."},
    {"GET", "/api/live", LoopAccess::kAdministrator,
     "Requests that run, and the last that ended: of all, or for users their own."},
    {"POST", "/api/live/{id}/cancel", LoopAccess::kAdministrator, "Ends a running request."},
    {"DELETE", "/api/live/{id}", LoopAccess::kAdministrator, "Ends a running request."},
    {"GET", "/api/admin/workers", LoopAccess::kAdministrator,
     "GPU workers with all that is known."},
    {"GET", "/api/admin/workers/{id}", LoopAccess::kAdministrator, "A GPU worker."},
    {"DELETE", "/api/admin/workers/{id}", LoopAccess::kAdministrator, "Lets a worker drain."},
    {"POST", "/api/admin/routing/dry-run", LoopAccess::kAdministrator,
     "Where a request would go, and why.", true},
};

/// The members of an object that is the schema of one value.
void write_schema(Writer& json, FieldKind kind) {
  switch (kind) {
    case FieldKind::kText:
      json.member("type", "string");
      break;
    case FieldKind::kSecret:
      json.member("type", "string").member("format", "password").member("writeOnly", true);
      break;
    case FieldKind::kMoney:
      json.member("type", "string").member("pattern", "^-?[0-9]+([.][0-9]{1,9})?$");
      break;
    case FieldKind::kCount:
      json.member("type", "integer").member("minimum", 0).member("maximum", kMaxCount);
      break;
    case FieldKind::kFlag:
      json.member("type", "boolean");
      break;
    case FieldKind::kTexts:
      json.member("type", "array").key("items").begin_object().member("type", "string");
      json.end_object();
      break;
    case FieldKind::kTime:
      json.member("type", "string").member("format", "date-time");
      break;
    case FieldKind::kObject:
      json.member("type", "object");
      break;
    case FieldKind::kInteger:
      json.member("type", "integer");
      break;
    case FieldKind::kObjects:
      json.member("type", "array").key("items").begin_object().member("type", "object");
      json.end_object();
      break;
  }
}

void write_parameter(Writer& json, std::string_view name, std::string_view in, bool required) {
  json.member("name", name).member("in", in).member("required", required);
}

void write_parameters(Writer& json, std::string_view pattern, std::span<const Field> query) {
  json.key("parameters").begin_array();
  for (size_t at = pattern.find('{'); at != std::string_view::npos;
       at = pattern.find('{', at + 1)) {
    json.begin_object();
    write_parameter(json, pattern.substr(at + 1, pattern.find('}', at) - at - 1), "path", true);
    json.key("schema").begin_object().member("type", "string").end_object().end_object();
  }
  for (const Field& field : query) {
    json.begin_object();
    write_parameter(json, field.name, "query", field.required);
    json.member("description", field.help).key("schema").begin_object();
    write_schema(json, field.kind);
    json.end_object().end_object();
  }
  json.end_array();
}

void write_body(Writer& json, std::span<const Field> body) {
  json.key("requestBody").begin_object();
  json.member("required", std::ranges::any_of(body, &Field::required));
  json.key("content").begin_object().key("application/json").begin_object().key("schema");
  json.begin_object().member("type", "object").member("additionalProperties", false);
  json.key("properties").begin_object();
  for (const Field& field : body) {
    json.key(field.name).begin_object();
    write_schema(json, field.kind);
    json.member("description", field.help).end_object();
  }
  json.end_object().key("required").begin_array();
  for (const Field& field : body) {
    if (field.required) json.string(field.name);
  }
  json.end_array().end_object().end_object().end_object().end_object();
}

void write_any_body(Writer& json) {
  json.key("requestBody").begin_object().member("required", true);
  json.key("content").begin_object().key("application/json").begin_object().key("schema");
  json.begin_object().member("type", "object").end_object();
  json.end_object().end_object().end_object();
}

void write_security(Writer& json, std::span<const std::string_view> schemes) {
  json.key("security").begin_array();
  for (const std::string_view scheme : schemes) {
    json.begin_object().key(scheme).begin_array().end_array().end_object();
  }
  json.end_array();
}

void write_security(Writer& json, Access access) {
  static constexpr std::string_view kUser[] = {"login"};
  static constexpr std::string_view kAdministrator[] = {"login", "admin_token"};
  switch (access) {
    case Access::kPublic:
      return write_security(json, std::span<const std::string_view>{});
    case Access::kUser:
      return write_security(json, kUser);
    case Access::kAdministrator:
      return write_security(json, kAdministrator);
  }
}

void write_security(Writer& json, LoopAccess access) {
  static constexpr std::string_view kKey[] = {"api_key", "api_key_header"};
  static constexpr std::string_view kEither[] = {"api_key", "api_key_header", "admin_token"};
  static constexpr std::string_view kWorker[] = {"worker_token"};
  static constexpr std::string_view kAdministrator[] = {"login", "admin_token"};
  switch (access) {
    case LoopAccess::kPublic:
      return write_security(json, std::span<const std::string_view>{});
    case LoopAccess::kApiKey:
      return write_security(json, kKey);
    case LoopAccess::kKeyOrAdministrator:
      return write_security(json, kEither);
    case LoopAccess::kWorker:
      return write_security(json, kWorker);
    case LoopAccess::kAdministrator:
      return write_security(json, kAdministrator);
  }
}

void write_response(Writer& json, std::string_view status, std::string_view component) {
  json.key(status).begin_object();
  json.member("$ref", "#/components/responses/" + std::string(component)).end_object();
}

/// "get_api_admin_users_id".
std::string operation_id(std::string_view method, std::string_view pattern) {
  std::string id;
  for (const char c : method) id += static_cast<char>(c | 0x20);
  for (const char c : pattern) {
    const bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    if (fits) {
      id += c;
    } else if (!id.ends_with('_') && c != '}') {
      id += '_';
    }
  }
  return id;
}

std::string lower(std::string_view method) {
  std::string out;
  for (const char c : method) out += static_cast<char>(c | 0x20);
  return out;
}

void begin_operation(Writer& json, std::string_view method, std::string_view pattern,
                     std::string_view summary) {
  json.key(lower(method)).begin_object();
  json.member("operationId", operation_id(method, pattern)).member("summary", summary);
}

void write_operation(Writer& json, const Route& route) {
  begin_operation(json, route.method, route.pattern, route.summary);
  write_security(json, route.access);
  write_parameters(json, route.pattern, query_of(route));
  if (!route.body.empty()) write_body(json, route.body);
  json.key("responses").begin_object();
  write_response(json, "2XX", "Done");
  write_response(json, "400", "Refused");
  if (route.access != Access::kPublic) {
    write_response(json, "401", "Refused");
    write_response(json, "403", "Refused");
  }
  if (route.pattern.contains('{')) write_response(json, "404", "Refused");
  if (route.method == "PATCH") write_response(json, "412", "Refused");
  write_response(json, "default", "Refused");
  json.end_object().end_object();
}

void write_operation(Writer& json, const LoopRoute& route) {
  begin_operation(json, route.method, route.pattern, route.summary);
  write_security(json, route.access);
  write_parameters(json, route.pattern, {});
  if (route.takes_json) write_any_body(json);
  json.key("responses").begin_object();
  write_response(json, "2XX", "Done");
  write_response(json, "default", "Refused");
  json.end_object().end_object();
}

void write_scheme(Writer& json, std::string_view name, std::string_view help) {
  json.key(name).begin_object();
  json.member("type", "http").member("scheme", "bearer").member("description", help).end_object();
}

void write_components(Writer& json) {
  json.key("components").begin_object().key("securitySchemes").begin_object();
  write_scheme(json, "login",
               "The token of POST /api/auth/login; of an administrator where the "
               "route says so.");
  write_scheme(json, "admin_token",
               "auth.admin_token of the configuration. Where it is not set, whoever is on the "
               "gateway's own machine needs none.");
  write_scheme(json, "api_key", "An API key.");
  json.key("api_key_header").begin_object();
  json.member("type", "apiKey").member("in", "header").member("name", "x-api-key").end_object();
  write_scheme(json, "worker_token", "workers.token of the configuration.");
  json.end_object().key("schemas").begin_object().key("Error");
  json.raw(R"({"type":"object","required":["error"],"properties":{"error":{"type":"object",)"
           R"("required":["code","message"],"properties":{"code":{"type":"string"},)"
           R"("message":{"type":"string"},"field":{"type":"string",)"
           R"("description":"The field at fault."},"request_id":{"type":"string"}}}}})");
  json.end_object().key("responses").begin_object();
  json.key("Done").raw(
      R"({"description":"Done.","content":{"application/json":{"schema":{"type":"object"}}}})");
  json.key("Refused").raw(
      R"({"description":"Refused; nothing has changed.","content":{"application/json":)"
      R"({"schema":{"$ref":"#/components/schemas/Error"}}}})");
  json.end_object().end_object();
}

Result<Answer> show_document(const Call& call) {
  // What it is made from does not change while the process lives.
  static const std::string document = openapi_document(call.service.running().version);
  return Answer{.status = 200, .body = document};
}

constexpr Route kRoutes[] = {
    {.method = "GET",
     .pattern = "/api/openapi.json",
     .access = Access::kPublic,
     .handle = show_document,
     .summary = "This document."},
};

}  // namespace

std::span<const Route> openapi_routes() { return kRoutes; }

std::span<const LoopRoute> loop_routes() { return kLoopRoutes; }

std::string openapi_document(std::string_view version) {
  std::vector<std::string_view> patterns;
  const auto note = [&](std::string_view pattern) {
    if (std::ranges::find(patterns, pattern) == patterns.end()) patterns.push_back(pattern);
  };
  for (const Route& route : all_routes()) note(route.pattern);
  for (const LoopRoute& route : loop_routes()) note(route.pattern);
  std::string document;
  Writer json(document);
  json.begin_object().member("openapi", "3.1.0").key("info").begin_object();
  json.member("title", "Sluice")
      .member("version", version.empty() ? std::string_view("0") : version)
      .end_object()
      .key("paths")
      .begin_object();
  for (const std::string_view pattern : patterns) {
    json.key(pattern).begin_object();
    for (const Route& route : all_routes()) {
      if (route.pattern == pattern) write_operation(json, route);
    }
    for (const LoopRoute& route : loop_routes()) {
      if (route.pattern == pattern) write_operation(json, route);
    }
    json.end_object();
  }
  json.end_object();
  write_components(json);
  json.end_object();
  return document;
}

}  // namespace sluice::admin
