// How a model is asked for JSON in words, where its server cannot be told to hold it to that.
#pragma once

#include <string>

#include "dialect/chat/model.hpp"

namespace sluice::dialect::chat {

/// Of kJsonObject and kJsonSchema.
std::string json_instruction(const OutputFormat& output);

}  // namespace sluice::dialect::chat
