#include "dialect/dialect.hpp"

#include "http/url.hpp"

namespace sluice::dialect {
namespace {

struct EndpointRow {
  Dialect dialect;
  std::string_view name;
  std::string_view path;  // behind the version
};

constexpr EndpointRow row_of(Endpoint endpoint) {
  switch (endpoint) {
    case Endpoint::kChatCompletions:
      return {Dialect::kOpenAi, "chat_completions", "/chat/completions"};
    case Endpoint::kCompletions:
      return {Dialect::kOpenAi, "completions", "/completions"};
    case Endpoint::kEmbeddings:
      return {Dialect::kOpenAi, "embeddings", "/embeddings"};
    case Endpoint::kMessages:
      return {Dialect::kAnthropic, "messages", "/messages"};
    case Endpoint::kResponses:
      return {Dialect::kResponses, "responses", "/responses"};
    case Endpoint::kGenerateContent:
      return {Dialect::kGemini, "generate_content", "/models"};
  }
  return {};
}

/// The last segment is "v1", "v1beta", "v1alpha", "v2"...
bool ends_in_version(std::string_view path) {
  const std::string_view last = path.substr(path.rfind('/') + 1);
  return last.size() > 1 && last[0] == 'v' && last[1] >= '1' && last[1] <= '9';
}

}  // namespace

std::string_view to_string(Dialect dialect) {
  switch (dialect) {
    case Dialect::kOpenAi:
      return "openai";
    case Dialect::kAnthropic:
      return "anthropic";
    case Dialect::kResponses:
      return "responses";
    case Dialect::kGemini:
      return "gemini";
  }
  return "";
}

Dialect dialect_of(Endpoint endpoint) { return row_of(endpoint).dialect; }

std::string_view to_string(Endpoint endpoint) { return row_of(endpoint).name; }

std::string upstream_path(Endpoint endpoint, std::string_view base_path, std::string_view model,
                          bool stream) {
  const EndpointRow row = row_of(endpoint);
  std::string path(base_path);
  switch (row.dialect) {
    case Dialect::kOpenAi:
    case Dialect::kResponses:
      if (base_path.empty()) path += "/v1";
      break;
    case Dialect::kAnthropic:
      if (!base_path.ends_with("/v1")) path += "/v1";
      break;
    case Dialect::kGemini:
      if (!ends_in_version(base_path)) path += "/v1beta";
      break;
  }
  path += row.path;
  if (endpoint != Endpoint::kGenerateContent) return path;
  constexpr std::string_view kModels = "models/";
  if (model.starts_with(kModels)) model.remove_prefix(kModels.size());
  path += '/';
  path += http::percent_encode(model);
  path += stream ? ":streamGenerateContent?alt=sse" : ":generateContent";
  return path;
}

}  // namespace sluice::dialect
