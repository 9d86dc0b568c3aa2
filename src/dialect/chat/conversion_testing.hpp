// How test data names endpoints.
#pragma once

#include <gtest/gtest.h>

#include "dialect/dialect.hpp"
#include "json/slices.hpp"

namespace sluice::dialect::chat::testing {

/// By its dialect: "openai", "anthropic", "responses", "gemini". Absent: `otherwise`.
inline Endpoint endpoint_named(json::Value name, Endpoint otherwise = Endpoint::kChatCompletions) {
  if (!name.exists()) return otherwise;
  for (const Endpoint endpoint : {Endpoint::kChatCompletions, Endpoint::kMessages,
                                  Endpoint::kResponses, Endpoint::kGenerateContent}) {
    if (name.as_string() == to_string(dialect_of(endpoint))) return endpoint;
  }
  ADD_FAILURE() << "no dialect: " << name.raw();
  return otherwise;
}

/// The other side where a case names none.
inline Endpoint counterpart(Endpoint endpoint) {
  return endpoint == Endpoint::kChatCompletions ? Endpoint::kMessages : Endpoint::kChatCompletions;
}

}  // namespace sluice::dialect::chat::testing
