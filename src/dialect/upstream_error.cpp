#include "dialect/upstream_error.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "base/text.hpp"
#include "dialect/anthropic/errors.hpp"
#include "dialect/gemini/errors.hpp"
#include "dialect/openai/errors.hpp"
#include "json/slices.hpp"

namespace sluice::dialect {
namespace {

constexpr size_t kMaxDetailBytes = 1024;

using Phrases = std::span<const std::string_view>;

// What upstreams write when a prompt does not fit: OpenAI, Anthropic, Azure, vLLM, llama.cpp,
// TGI, Ollama, Mistral, Gemini, Copilot, Bedrock. Lower case.
constexpr std::array<std::string_view, 15> kContextPhrases = {
    "context_length_exceeded",
    "exceed_context_size",
    "maximum context length",
    "prompt is too long",
    "input is too long",
    "context length",
    "context window",
    "context size",
    "exceed context limit",
    "too long to fit into the model",
    "exceeds the maximum number of tokens",
    "prompt token count",
    "`inputs` tokens + `max_new_tokens`",
    "`inputs` must have less than",
    "input length and `max_tokens`",
};

constexpr std::array<std::string_view, 11> kPolicyPhrases = {
    "content_filter",
    "content_policy",
    "content management policy",
    "content filtering policy",
    "responsibleaipolicyviolation",
    "data_inspection_failed",
    "datainspectionfailed",
    "inappropriate content",
    "safety system",
    "bio_policy",
    "policy_violation",
};

constexpr std::array<std::string_view, 8> kQuotaPhrases = {
    "insufficient_quota",
    "exceeded your current quota",
    "credit balance is too low",
    "insufficient balance",
    "billing_error",
    "billing_hard_limit",
    "credit_balance_exhausted",
    "account is not active",
};

constexpr std::array<std::string_view, 7> kCredentialPhrases = {
    "api_key_invalid",   "api key expired",   "user location is not supported",
    "api key not found", "api key not valid", "incorrect api key",
    "invalid_api_key",
};

bool contains_any(std::string_view text, Phrases phrases) {
  return std::ranges::any_of(phrases,
                             [text](std::string_view phrase) { return text.contains(phrase); });
}

/// What an error says of itself, in whatever shape.
struct Report {
  std::string message;
  std::string type;
  std::string code;  // a number as its digits
  std::string param;
  gemini::ErrorDetails details;
  bool in_json = false;
  bool openai_shape = false;
  bool anthropic_shape = false;
};

/// What a log line bears of it, without half a character at its end.
std::string bounded(std::string_view text) {
  if (text.size() > kMaxDetailBytes) {
    size_t end = kMaxDetailBytes;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    text = text.substr(0, end);
  }
  return std::string(text);
}

/// A string, or a number's digits.
std::string text_of(json::Value value) {
  if (value.kind() == json::Kind::kNumber) return bounded(value.raw());
  return bounded(value.as_string().value_or(""));
}

void read_error_object(json::Value object, Report& report) {
  json::Members members(object);
  json::Member member;
  while (members.next(member)) {
    if (member.key == "message") {
      report.message = text_of(member.value);
    } else if (member.key == "type" || (member.key == "status" && report.type.empty())) {
      report.type = text_of(member.value);
    } else if (member.key == "code") {
      report.code = text_of(member.value);
    } else if (member.key == "param") {
      report.param = text_of(member.value);
    }
  }
}

Report read_report(std::string_view body) {
  Report report;
  json::Value whole(trim(body));
  report.in_json = json::valid(whole.raw());
  if (!report.in_json) {
    // Plain text is worth a line in the log; a page is not.
    if (!whole.raw().starts_with('<') && json::valid_utf8(whole.raw())) {
      report.message = bounded(whole.raw());
    }
    return report;
  }
  if (whole.kind() == json::Kind::kArray) {  // Gemini wraps the object into a list
    json::Value first;
    json::Elements(whole).next(first);
    whole = first;
  }
  if (whole.kind() != json::Kind::kObject) return report;
  // Of Responses: the response that failed, in the event that tells it or alone.
  const json::Value response = whole["response"];
  if (response["error"].exists()) whole = response;
  const bool failed = whole["object"].as_string() == "response";
  const json::Value error = whole["error"];
  const bool typed = whole["type"].as_string() == "error";
  if (error.kind() == json::Kind::kObject) {
    read_error_object(error, report);
    report.details = gemini::read_error_details(error);
    const bool has_message = error["message"].kind() == json::Kind::kString;
    report.openai_shape = has_message && !typed && !failed;
    report.anthropic_shape = has_message && typed && error["type"].kind() == json::Kind::kString;
  } else if (!failed) {
    read_error_object(whole, report);
    if (error.kind() == json::Kind::kString) report.message = text_of(error);
    if (report.message.empty()) report.message = bounded(gemini::failed_answer(whole));
  }
  return report;
}

FailureKind kind_of(int status, const Report& report) {
  using enum FailureKind;
  const std::string said = to_lower(report.type + '\n' + report.code + '\n' + report.message +
                                    '\n' + report.details.reason);
  if (status == 402) return kQuotaExhausted;
  // Gemini speaks of the quota also when it is one of a minute.
  if (status == 429 && report.details.retry_after && !report.details.daily) return kRateLimited;
  if (status == 400 || status == 403 || status == 429) {
    if (contains_any(said, kQuotaPhrases)) return kQuotaExhausted;
  }
  if (status == 429) return kRateLimited;
  if (status == 401) return kAuth;
  if (status == 400 || status == 403) {
    if (contains_any(said, kPolicyPhrases)) return kContentPolicy;
    if (status == 403 || contains_any(said, kCredentialPhrases)) return kAuth;
  }
  // Some servers of local models answer 500 to a prompt that is too long. Others do when they run
  // out of cache memory, which is no fault of the prompt, and speak of the context too.
  if (status == 400 || status == 413 || status == 422 ||
      (status == 500 && said.contains("exceed"))) {
    if (contains_any(said, kContextPhrases)) return kContextLength;
  }
  if (status == 503 || status == 529) return kOverloaded;
  if (status >= 500 || status < 400) return kServerError;
  if (said.contains("model_not_found") || said.contains("deploymentnotfound") ||
      (status == 404 && said.contains("model"))) {
    return kModelNotFound;
  }
  return kRequest;
}

ErrorCode code_of(FailureKind kind) {
  switch (kind) {
    case FailureKind::kRateLimited:
    case FailureKind::kQuotaExhausted:
      return ErrorCode::kUpstreamRateLimited;
    case FailureKind::kAuth:
      return ErrorCode::kUpstreamAuth;
    case FailureKind::kOverloaded:
    case FailureKind::kServerError:
      return ErrorCode::kUpstreamError;
    case FailureKind::kModelNotFound:
      return ErrorCode::kModelNotFound;
    case FailureKind::kContextLength:
    case FailureKind::kContentPolicy:
    case FailureKind::kRequest:
      return ErrorCode::kInvalidRequest;
  }
  return ErrorCode::kUpstreamError;
}

/// The fault is in the request, so the client gets to see what the upstream says of it.
bool is_clients_fault(FailureKind kind) {
  const ErrorCode code = code_of(kind);
  return code == ErrorCode::kInvalidRequest || code == ErrorCode::kModelNotFound;
}

UpstreamFailure classify(Dialect upstream, int status, Report report) {
  UpstreamFailure failure;
  failure.dialect = upstream;
  failure.kind = kind_of(status, report);
  failure.well_formed =
      upstream == Dialect::kAnthropic ? report.anthropic_shape : report.openai_shape;
  failure.error.code = code_of(failure.kind);
  failure.retry_after = report.details.retry_after;
  if (is_clients_fault(failure.kind) && report.in_json) {
    failure.error.message = report.message;
    failure.error.param = std::move(report.param);
  }
  failure.detail = std::move(report.message);
  return failure;
}

std::string_view anthropic_type(int status) {
  switch (status) {
    case 404:
      return "not_found_error";
    case 408:
      return "timeout_error";
    case 409:
      return "conflict_error";
    case 413:
      return "request_too_large";
    default:
      return "invalid_request_error";
  }
}

/// The numbers in a text, without those that are larger than any count of tokens.
std::vector<uint64_t> numbers_in(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789";
  std::vector<uint64_t> numbers;
  while (true) {
    const size_t begin = text.find_first_of(kDigits);
    if (begin == std::string_view::npos) return numbers;
    text.remove_prefix(begin);
    const size_t length = std::min(text.find_first_not_of(kDigits), text.size());
    if (const auto number = parse_u64(text.substr(0, length))) numbers.push_back(*number);
    text.remove_prefix(length);
  }
}

/// Clients shorten the conversation by themselves, but only when they read Anthropic's words:
/// "prompt is too long: 210000 tokens > 200000 maximum".
std::string too_long(const std::string& message) {
  constexpr std::string_view kTooLong = "prompt is too long: ";
  if (message.starts_with(kTooLong)) return message;
  const std::string lower = to_lower(message);
  const size_t maximum = lower.find("maximum");
  if (maximum != std::string::npos) {
    const std::vector<uint64_t> after = numbers_in(std::string_view(lower).substr(maximum));
    const std::vector<uint64_t> all = numbers_in(lower);
    const uint64_t most = all.empty() ? 0 : *std::ranges::max_element(all);
    if (!after.empty() && most > after.front()) {
      return std::string(kTooLong) + std::to_string(most) + " tokens > " +
             std::to_string(after.front()) + " maximum";
    }
  }
  return std::string(kTooLong) + message;
}

/// The status that an error inside a success would have had.
int status_told(const Report& report) {
  if (const auto code = parse_u64(report.code); code && *code >= 400 && *code < 600) {
    return static_cast<int>(*code);
  }
  struct Row {
    std::string_view word;
    int status;
  };
  static constexpr std::array kRows = {
      Row{"rate_limit", 429},       Row{"insufficient_quota", 429},
      Row{"tokens", 429},           Row{"overloaded", 503},
      Row{"billing_error", 402},    Row{"authentication_error", 401},
      Row{"permission_error", 403}, Row{"image", 400},
      Row{"not_found", 404},        Row{"invalid_request", 400},
      Row{"invalid_prompt", 400},   Row{"content_filter", 400},
      Row{"context_length", 400},   Row{"request_too_large", 413},
      Row{"policy", 400},           Row{"invalid_api_key", 401},
  };
  for (const std::string_view said :
       {std::string_view(report.type), std::string_view(report.code)}) {
    for (const Row& row : kRows) {
      if (said.contains(row.word)) return row.status;
    }
  }
  return 500;
}

}  // namespace

std::string_view to_string(FailureKind kind) {
  switch (kind) {
    case FailureKind::kRateLimited:
      return "rate_limited";
    case FailureKind::kQuotaExhausted:
      return "quota_exhausted";
    case FailureKind::kAuth:
      return "auth";
    case FailureKind::kOverloaded:
      return "overloaded";
    case FailureKind::kServerError:
      return "server_error";
    case FailureKind::kContextLength:
      return "context_length";
    case FailureKind::kContentPolicy:
      return "content_policy";
    case FailureKind::kModelNotFound:
      return "model_not_found";
    case FailureKind::kRequest:
      return "request";
  }
  return "server_error";
}

UpstreamFailure classify_upstream_error(Dialect upstream, int status, std::string_view body) {
  return classify(upstream, status, read_report(body));
}

UpstreamFailure classify_reported_error(Dialect upstream, std::string_view body) {
  Report report = read_report(body);
  const int status = status_told(report);
  return classify(upstream, status, std::move(report));
}

ErrorAnswer map_upstream_error(Dialect client, int status, std::string_view body,
                               const UpstreamFailure& failure, std::string_view request_id) {
  ErrorAnswer answer;
  if (!is_clients_fault(failure.kind)) {
    answer = render_error(client, failure.error, request_id);
    if (failure.kind == FailureKind::kQuotaExhausted) {
      // Clients would try a 429 again, and the account will not have been filled by then.
      answer.should_retry = false;
      answer.wants_retry_after = false;
    }
    return answer;
  }
  answer.status = status < 500 ? status : 400;
  // An event before all content leaves no body.
  if (failure.well_formed && failure.dialect == client && status < 500 && !body.empty()) {
    answer.body = body;
    return answer;
  }
  std::string message = failure.error.message;
  if (message.empty()) message = "The model's provider rejected the request.";
  if (client == Dialect::kAnthropic) {
    if (status == 422 && failure.dialect != client) answer.status = 400;
    if (status == 408 && failure.dialect != client) answer.status = 504;
    if (failure.kind == FailureKind::kContextLength) message = too_long(message);
    answer.body = anthropic::error_envelope(anthropic_type(status), {}, message, request_id);
    return answer;
  }
  std::string_view code;
  if (failure.kind == FailureKind::kContextLength) code = "context_length_exceeded";
  if (failure.kind == FailureKind::kContentPolicy) code = "content_policy_violation";
  if (failure.kind == FailureKind::kModelNotFound) code = "model_not_found";
  if (code.empty() && status == 413) code = "request_too_large";
  const std::string_view type = status == 409 ? "conflict_error" : "invalid_request_error";
  answer.body = openai::error_envelope(type, code, message, failure.error.param);
  return answer;
}

}  // namespace sluice::dialect
