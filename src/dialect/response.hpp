// What a whole (not streamed) answer reports about itself.
#pragma once

#include <string>
#include <string_view>

#include "dialect/dialect.hpp"
#include "dialect/upstream_error.hpp"
#include "dialect/usage.hpp"

namespace sluice::dialect {

struct ResponseFacts {
  bool valid = false;  // the body is one JSON object; if not, the rest is empty
  /// The body is an error although its status said success.
  bool is_error = false;
  UpstreamFailure failure;  // when is_error
  Usage usage;
  FinishReason finish_reason = FinishReason::kNone;  // of the first choice
  std::string model;                                 // the upstream's name of it
};

/// Reads the body of a successful answer.
ResponseFacts inspect_response(Endpoint endpoint, std::string_view body);

}  // namespace sluice::dialect
