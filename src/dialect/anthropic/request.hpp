// Anthropic's request body: messages.
#pragma once

#include "dialect/request_fields.hpp"

namespace sluice::dialect::anthropic {

/// Checks and takes over what is particular to the dialect; the model is already read.
Status read_request(const RequestFields& fields, InferenceRequest& request);

}  // namespace sluice::dialect::anthropic
