// Anthropic's error envelope.
#pragma once

#include <string>
#include <string_view>

namespace sluice::dialect::anthropic {

/// {"type":"error","error":{"type","message","details":{"error_code"}},"request_id"}. The
/// dialect has no field for a code of its own; `details` holds it, and is left out when `code`
/// is empty.
std::string error_envelope(std::string_view type, std::string_view code, std::string_view message,
                           std::string_view request_id);

}  // namespace sluice::dialect::anthropic
