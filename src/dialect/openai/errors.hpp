// OpenAI's error envelope.
#pragma once

#include <string>
#include <string_view>

namespace sluice::dialect::openai {

/// {"error":{"message","type","param","code"}}; an empty param or code becomes null.
std::string error_envelope(std::string_view type, std::string_view code, std::string_view message,
                           std::string_view param);

}  // namespace sluice::dialect::openai
