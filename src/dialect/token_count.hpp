// Requests that ask how many tokens a prompt is: POST /v1/messages/count_tokens (Anthropic) and
// POST /v1/responses/input_tokens (OpenAI).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "dialect/request.hpp"
#include "tokens/model_table.hpp"

namespace sluice::dialect {

enum class CountEndpoint : uint8_t { kMessages, kResponses };

Dialect dialect_of(CountEndpoint endpoint);

/// Behind the path of messages, where Anthropic counts them.
inline constexpr std::string_view kCountPath = "/count_tokens";

/// Reads and checks a body as understand() does. What comes is a request for the endpoint whose
/// prompt would be counted, as far as that is one of ours; its body is the client's.
Result<InferenceRequest> understand_count(CountEndpoint endpoint, std::string body);

/// How many tokens a body that was understood is, corrected by `factor` and rounded up.
int64_t count_tokens(CountEndpoint endpoint, std::string_view body, const tokens::ModelFacts& model,
                     double factor);

/// {"input_tokens":N}, and for OpenAI its "object".
std::string render_count(CountEndpoint endpoint, int64_t tokens);

}  // namespace sluice::dialect
