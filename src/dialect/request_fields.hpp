// The fields of a request body that the gateway reads, found in one pass.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "dialect/request.hpp"
#include "json/slices.hpp"

namespace sluice::dialect {

enum class Field : uint8_t {
  kModel,
  kStream,
  kStreamOptions,
  kMaxTokens,
  kMaxCompletionTokens,
  kN,
  kBestOf,
  kPrompt,
  kThinking,
  kMessages,
  kInput,
  kMaxOutputTokens,
  kBackground,
  kTools,
  kFunctions,
};
inline constexpr size_t kFieldCount = 15;

std::string_view to_string(Field field);

/// An error that names the field at fault.
inline std::unexpected<Error> bad_field(std::string_view field, std::string_view problem) {
  std::string message = "'";
  message += field;
  message += "' ";
  message += problem;
  return fail(ErrorCode::kInvalidRequest, std::move(message), std::string(field));
}

class RequestFields {
 public:
  /// Fails on malformed JSON and on one of the fields standing twice.
  static Result<RequestFields> read(std::string_view body);

  json::Value value(Field field) const { return values_[static_cast<size_t>(field)].value; }
  InferenceRequest::Span at(Field field) const {
    const json::Member& member = values_[static_cast<size_t>(field)];
    return {member.value_offset, member.value.raw().size()};
  }
  /// Neither absent nor null.
  bool given(Field field) const { return value(field).exists() && !value(field).is_null(); }

  /// Takes the model's name and its place over into `request`; an error when there is none that
  /// can be used.
  Status read_model(InferenceRequest& request) const;
  /// Its value; `otherwise` when it is not given; an error when it is no boolean.
  Result<bool> boolean(Field field, bool otherwise) const;
  /// Its value; nullopt when it is not given; an error when it is no integer of at least `least`.
  Result<std::optional<int64_t>> integer(Field field, int64_t least) const;
  /// An error unless it is an array with at least one element.
  Status require_elements(Field field) const;
  /// The integer with its place, in the same way.
  Result<InferenceRequest::Limit> limit(Field field, int64_t least) const;

 private:
  std::array<json::Member, kFieldCount> values_;
};

}  // namespace sluice::dialect
