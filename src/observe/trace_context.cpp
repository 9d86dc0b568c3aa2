#include "observe/trace_context.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/ids.hpp"

namespace sluice::observe {
namespace {

// Upper case is not allowed on the wire.
bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool all_zero(std::string_view text) { return text.find_first_not_of('0') == text.npos; }

uint8_t hex_byte(std::string_view two) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  return static_cast<uint8_t>(digit(two[0]) * 16 + digit(two[1]));
}

// 00-<32 hex>-<16 hex>-<2 hex>
constexpr size_t kLength = 55;

bool well_formed(std::string_view header) {
  if (header.size() < kLength) return false;
  const std::string_view version = header.substr(0, 2);
  if (!is_hex(version) || version == "ff") return false;
  // A later version may append fields; version 00 may not.
  if (header.size() > kLength && (version == "00" || header[kLength] != '-')) return false;
  if (header[2] != '-' || header[35] != '-' || header[52] != '-') return false;
  const std::string_view trace = header.substr(3, 32);
  const std::string_view parent = header.substr(36, 16);
  return is_hex(trace) && !all_zero(trace) && is_hex(parent) && !all_zero(parent) &&
         is_hex(header.substr(53, 2));
}

}  // namespace

std::string TraceContext::header() const {
  return fmt::format("00-{}-{}-{:02x}", trace_id, span_id, flags);
}

TraceContext continue_trace(std::string_view traceparent) {
  TraceContext out;
  out.span_id = random_hex(8);
  if (!well_formed(traceparent)) {
    out.trace_id = random_hex(16);
    return out;
  }
  out.continued = true;
  out.trace_id = traceparent.substr(3, 32);
  out.parent_id = traceparent.substr(36, 16);
  out.flags = hex_byte(traceparent.substr(53, 2));
  // Other bits have no meaning in the version that goes out.
  out.flags &= 1;
  return out;
}

bool valid_request_id(std::string_view id) {
  if (id.empty() || id.size() > 64) return false;
  return std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '_' || c == '-';
  });
}

std::string request_id(std::string_view from_client) {
  return valid_request_id(from_client) ? std::string(from_client) : make_id("req_");
}

}  // namespace sluice::observe
