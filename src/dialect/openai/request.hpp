// OpenAI's request bodies: chat completions, legacy completions, embeddings.
#pragma once

#include "dialect/request_fields.hpp"

namespace sluice::dialect::openai {

/// Checks and takes over what is particular to the dialect; the model is already read.
Status read_request(const RequestFields& fields, InferenceRequest& request);

}  // namespace sluice::dialect::openai
