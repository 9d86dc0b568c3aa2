// What a relay must know of a request of OpenAI's Responses.
#pragma once

#include "dialect/request_fields.hpp"

namespace sluice::dialect::responses {

Status read_request(const RequestFields& fields, InferenceRequest& request);

}  // namespace sluice::dialect::responses
