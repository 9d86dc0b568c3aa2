#include "dialect/dialect.hpp"

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
  }
  return {};
}

}  // namespace

std::string_view to_string(Dialect dialect) {
  return dialect == Dialect::kOpenAi ? "openai" : "anthropic";
}

Dialect dialect_of(Endpoint endpoint) { return row_of(endpoint).dialect; }

std::string_view to_string(Endpoint endpoint) { return row_of(endpoint).name; }

std::string upstream_path(Endpoint endpoint, std::string_view base_path) {
  const EndpointRow row = row_of(endpoint);
  const bool versioned =
      row.dialect == Dialect::kAnthropic ? base_path.ends_with("/v1") : !base_path.empty();
  std::string path(base_path);
  if (!versioned) path += "/v1";
  path += row.path;
  return path;
}

}  // namespace sluice::dialect
