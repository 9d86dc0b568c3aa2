#include "dialect/request.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "dialect/anthropic/request.hpp"
#include "dialect/openai/request.hpp"
#include "dialect/replayed_thinking.hpp"
#include "dialect/request_fields.hpp"
#include "dialect/responses/request.hpp"
#include "json/edit.hpp"
#include "json/writer.hpp"

namespace sluice::dialect {
namespace {

// No upstream gives so many, and so many times a limit of tokens still is a number.
constexpr int64_t kMaxResults = 1 << 20;
// Anthropic's smallest thinking budget.
constexpr int64_t kLeastThinking = 1024;
// max_output_tokens of Responses takes no less.
constexpr int64_t kLeastResponse = 16;
// max_tokens of OpenAI's completions where it is not given.
constexpr int64_t kCompletionsDefault = 16;

/// The few edits that a body needs, in any order.
class Edits {
 public:
  void replace(InferenceRequest::Span at, std::string text) {
    edits_[count_++] = {at.offset, at.length, std::move(text)};
  }
  void insert(size_t offset, std::string text) { replace({offset, 0}, std::move(text)); }

  std::string_view apply(std::string_view body, std::string& storage) {
    if (count_ == 0) return body;
    const std::span made = std::span(edits_).first(count_);
    std::ranges::sort(made, {}, &Made::offset);
    std::array<json::Edit, kMost> views;
    std::ranges::transform(made, views.begin(), [](const Made& edit) {
      return json::Edit{edit.offset, edit.length, edit.text};
    });
    storage = json::apply_edits(body, std::span(views).first(count_));
    return storage;
  }

 private:
  // The model, what follows it, stream_options, two limits, the thinking budget.
  static constexpr size_t kMost = 6;
  struct Made {
    size_t offset = 0;
    size_t length = 0;
    std::string text;
  };
  std::array<Made, kMost> edits_;
  size_t count_ = 0;
};

void ask_for_usage(const InferenceRequest& request, Edits& edits, std::string& after_model) {
  const InferenceRequest::Span options = request.stream_options_at;
  if (options.length == 0) {
    after_model += R"(,"stream_options":{"include_usage":true})";
  } else if (request.include_usage_at.length != 0) {
    edits.replace(request.include_usage_at, "true");
  } else if (request.body[options.offset] == '{') {
    edits.insert(options.offset + 1, request.stream_options_has_members
                                         ? R"("include_usage":true,)"
                                         : R"("include_usage":true)");
  } else {
    edits.replace(options, R"({"include_usage":true})");
  }
}

void lower_output(const InferenceRequest& request, const UpstreamTerms& terms, Edits& edits,
                  std::string& after_model) {
  if (request.endpoint == Endpoint::kEmbeddings) return;
  const int64_t limit = *terms.output_limit;
  const bool openai = terms.provider == config::ProviderType::kOpenAi;
  if (!request.max_tokens) {
    // Adding a limit above the default would raise it.
    if (openai && request.endpoint == Endpoint::kCompletions && limit >= kCompletionsDefault) {
      return;
    }
    const bool newer = openai && request.endpoint == Endpoint::kChatCompletions;
    const InferenceRequest::Span null =
        newer ? request.max_completion_tokens_limit.at : request.max_tokens_limit.at;
    const std::string_view name = request.endpoint == Endpoint::kResponses ? "max_output_tokens"
                                  : newer                                  ? "max_completion_tokens"
                                                                           : "max_tokens";
    if (null.length != 0) {
      edits.replace(null, fmt::to_string(limit));
    } else {
      after_model += fmt::format(R"(,"{}":{})", name, limit);
    }
    return;
  }
  if (*request.max_tokens <= limit) return;
  for (const auto* each : {&request.max_tokens_limit, &request.max_completion_tokens_limit}) {
    if (each->given && *each->given > limit) edits.replace(each->at, fmt::to_string(limit));
  }
  const InferenceRequest::Limit& budget = request.thinking_budget;
  if (budget.given && *budget.given >= limit && limit > kLeastThinking) {
    edits.replace(budget.at, fmt::to_string(limit - 1));
  }
}

Status read_request(const RequestFields& fields, InferenceRequest& request) {
  switch (dialect_of(request.endpoint)) {
    case Dialect::kAnthropic:
      return anthropic::read_request(fields, request);
    case Dialect::kResponses:
      return responses::read_request(fields, request);
    case Dialect::kOpenAi:
    case Dialect::kGemini:  // of no client
      break;
  }
  return openai::read_request(fields, request);
}

}  // namespace

int64_t InferenceRequest::choices() const {
  return std::min(std::min(n, kMaxResults) * std::min(prompts, kMaxResults), kMaxResults);
}

int64_t InferenceRequest::results() const {
  const int64_t each = std::min(std::max(n, best_of), kMaxResults);
  return std::min(each * std::min(prompts, kMaxResults), kMaxResults);
}

int64_t InferenceRequest::least_output_limit() const {
  if (endpoint == Endpoint::kResponses) return kLeastResponse;
  return thinking_budget.given.value_or(0) >= kLeastThinking ? kLeastThinking + 1 : 1;
}

bool InferenceRequest::adds_usage() const {
  return stream && !include_usage && dialect_of(endpoint) == Dialect::kOpenAi;
}

Result<InferenceRequest> understand(Endpoint endpoint, std::string body) {
  InferenceRequest request;
  request.endpoint = endpoint;
  request.body = std::move(body);
  const Result<RequestFields> fields = RequestFields::read(request.body);
  if (!fields) return std::unexpected(fields.error());
  Status read = fields->read_model(request);
  if (read) {
    read = read_request(*fields, request);
  }
  if (!read) return std::unexpected(std::move(read.error()));
  return request;
}

std::string_view upstream_body(const InferenceRequest& request, const UpstreamTerms& terms,
                               std::string& storage) {
  const InferenceRequest::Span at = request.model_at;
  Edits edits;
  std::string after_model;
  if (terms.model != request.model) {
    std::string model;
    json::append_string(model, terms.model);
    edits.replace(at, std::move(model));
  }
  if (request.adds_usage()) ask_for_usage(request, edits, after_model);
  if (terms.output_limit) lower_output(request, terms, edits, after_model);
  if (!after_model.empty()) edits.insert(at.offset + at.length, std::move(after_model));
  const std::string_view body = edits.apply(request.body, storage);
  std::string cleaned = without_foreign_thinking(request.endpoint, body);
  if (cleaned.empty()) return body;
  storage = std::move(cleaned);
  return storage;
}

}  // namespace sluice::dialect
