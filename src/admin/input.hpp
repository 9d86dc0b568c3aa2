// What a request to the administration says, checked: bodies, queries, names, times.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/money.hpp"
#include "json/slices.hpp"
#include "store/database.hpp"

namespace sluice::admin {

inline constexpr size_t kMaxName = 128;                                // bytes, of users and keys
inline constexpr size_t kMaxReason = 500;                              // bytes
inline constexpr int64_t kMaxPage = store::Database::kMostListed - 1;  // rows of a list
inline constexpr int64_t kMaxCount = 1'000'000'000'000'000;            // of tokens and requests

/// The fields of a JSON body. All errors are kInvalidRequest and name the field.
class Fields {
 public:
  /// `body` must outlive the result. An empty body is an object without fields. Refused: anything
  /// that is no object, bad UTF-8, fields that are not known or stand there twice.
  static Result<Fields> parse(std::string_view body, std::initializer_list<std::string_view> known);

  /// A field that is null counts as absent.
  bool has(std::string_view name) const { return find(name).exists(); }
  /// One line of text of at most `most` bytes; empty only when the field is absent.
  Result<std::string> text(std::string_view name, size_t most) const;
  Result<std::string> required_text(std::string_view name, size_t most) const;
  /// From a string, or from the text of a number, so that it is exact.
  Result<Money> money(std::string_view name) const;
  /// A whole number from 0 to kMaxCount; absent is nullopt.
  Result<std::optional<int64_t>> count(std::string_view name) const;
  /// At most 100 lines of text.
  Result<std::vector<std::string>> list(std::string_view name, size_t most) const;
  /// Unix seconds: an RFC 3339 time, a date in UTC, or a number.
  Result<std::optional<int64_t>> time(std::string_view name) const;

 private:
  json::Value find(std::string_view name) const;

  std::vector<std::pair<std::string, json::Value>> fields_;
};

/// The parameters of a query, decoded; refuses those that are not known or stand there twice.
class Query {
 public:
  static Result<Query> parse(std::string_view query, std::initializer_list<std::string_view> known);

  /// Empty when absent.
  Result<std::string> text(std::string_view name, size_t most = kMaxName) const;
  /// From 1 to kMaxPage; 50 when absent.
  Result<int> limit() const;
  /// Unix milliseconds; `otherwise` when absent.
  Result<int64_t> time(std::string_view name, int64_t otherwise) const;
  /// A positive whole number; 0 when absent.
  Result<int64_t> number(std::string_view name) const;

 private:
  std::string_view find(std::string_view name) const;

  std::vector<std::pair<std::string, std::string>> pairs_;
};

/// One line of valid UTF-8 without control characters and without blanks at its ends, 1 to `most`
/// bytes. The error names `field`.
Status check_text(std::string_view text, std::string_view field, size_t most);

}  // namespace sluice::admin
