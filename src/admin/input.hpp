// What a request to the administration says, checked: bodies, queries, names, times.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
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

inline constexpr size_t kMaxItems = 100;  // of a list in a body

/// What a field of a body, or a parameter of a query, is; for reading and for documenting.
enum class FieldKind : uint8_t {
  kText,
  kSecret,  // a text that nothing repeats
  kMoney,   // USD, a decimal number as a string
  kCount,   // a whole number, not negative
  kFlag,
  kTexts,  // a list
  kTime,   // RFC 3339
  kObject,
  kInteger,  // a whole number
  kObjects,  // a list
};

struct Field {
  std::string_view name;
  FieldKind kind = FieldKind::kText;
  std::string_view help = {};
  bool required = false;
};

/// The fields of a JSON body. All errors are kInvalidRequest and name the field.
class Fields {
 public:
  /// `body` must outlive the result. An empty body is an object without fields. Refused: anything
  /// that is no object, bad UTF-8, fields that are not known or stand there twice, and that a
  /// required one is missing.
  static Result<Fields> parse(std::string_view body, std::span<const Field> known);

  /// A field that is null counts as absent.
  bool has(std::string_view name) const { return find(name).exists(); }
  /// It stands there, be it null: for changes, which tell null from absent.
  bool given(std::string_view name) const;
  /// The JSON of a value as it stands; empty when absent.
  std::string_view raw(std::string_view name) const;
  /// One line of text of at most `most` bytes; empty only when the field is absent.
  Result<std::string> text(std::string_view name, size_t most) const;
  Result<std::string> required_text(std::string_view name, size_t most) const;
  /// A required string that may hold anything that is UTF-8; its error never shows it.
  Result<std::string> secret(std::string_view name, size_t most) const;
  /// From a string, or from the text of a number, so that it is exact.
  Result<Money> money(std::string_view name) const;
  /// A whole number from 0 to kMaxCount; absent is nullopt.
  Result<std::optional<int64_t>> count(std::string_view name) const;
  /// true or false; absent is nullopt.
  Result<std::optional<bool>> flag(std::string_view name) const;
  /// At most `most_items` lines of text, each of at most `most` bytes.
  Result<std::vector<std::string>> list(std::string_view name, size_t most,
                                        size_t most_items = kMaxItems) const;
  /// Unix seconds: an RFC 3339 time, a date in UTC, or a number.
  Result<std::optional<int64_t>> time(std::string_view name) const;

 private:
  json::Value find(std::string_view name) const;

  std::vector<std::pair<std::string, json::Value>> fields_;
};

/// The parameters of a query, decoded; refuses those that are not known or stand there twice.
class Query {
 public:
  static Result<Query> parse(std::string_view query, std::span<const Field> known);

  bool given(std::string_view name) const { return !find(name).empty(); }
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
