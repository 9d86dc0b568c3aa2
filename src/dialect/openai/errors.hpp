// OpenAI's error envelope.
#pragma once

#include <string>
#include <string_view>

namespace sluice::dialect::openai {

/// {"error":{"message","type","param","code"}}; an empty param or code becomes null.
std::string error_envelope(std::string_view type, std::string_view code, std::string_view message,
                           std::string_view param);

/// The error event of a stream of Responses, in both forms that there are of it: with the error's
/// members at the top, as it is documented, and in `error`, as OpenAI sends it. SDKs raise it by
/// either.
std::string error_event(std::string_view type, std::string_view code, std::string_view message,
                        std::string_view param, int64_t sequence);

}  // namespace sluice::dialect::openai
