// W3C Trace Context (https://www.w3.org/TR/trace-context/) and request ids.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::observe {

/// One hop of a trace: what goes upstream as `traceparent`.
struct TraceContext {
  std::string trace_id;   // 32 lower-case hex digits
  std::string parent_id;  // the caller's span, 16 digits; empty when the trace begins here
  std::string span_id;    // ours, 16 digits
  uint8_t flags = 0;      // bit 0: sampled
  bool continued = false;

  /// The header for the next hop: 00-<trace id>-<span id>-<flags>.
  std::string header() const;
};

/// Continues the trace of a `traceparent` header with a new span, or begins a new one when the
/// header is empty or breaks the format. With a new trace, `tracestate` must not be passed on.
TraceContext continue_trace(std::string_view traceparent);

/// 1 to 64 characters of [A-Za-z0-9._-].
bool valid_request_id(std::string_view id);

/// The client's id when it is valid, else a new one.
std::string request_id(std::string_view from_client);

}  // namespace sluice::observe
