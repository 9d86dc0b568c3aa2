// Values as the bytes in which they stand, so that one member of an object can be read or
// replaced while the rest stays as it was.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "json/reader.hpp"

namespace sluice::json {

/// A slice of JSON text that holds one value, without white space around it; empty when there
/// is no such value. A view: the text must outlive it. The accessors give nullopt when the value
/// is of another kind.
class Value {
 public:
  Value() = default;
  explicit Value(std::string_view raw) : raw_(raw) {}

  std::string_view raw() const { return raw_; }
  bool exists() const { return !raw_.empty(); }
  Kind kind() const;
  bool is_null() const { return kind() == Kind::kNull; }
  /// Of a string, array or object: holds nothing.
  bool is_empty() const;

  std::optional<std::string> as_string() const;
  /// Only of a number written as an integer that fits; 1.0 and 1e3 are not.
  std::optional<int64_t> as_int() const;
  std::optional<double> as_double() const;
  std::optional<bool> as_bool() const;

  /// The value of an object's last member of that name (the one most parsers keep).
  Value operator[](std::string_view key) const;

 private:
  std::string_view raw_;
};

struct Member {
  String key;
  Value value;
  size_t value_offset = 0;  // of the value's first byte in the object's text
};

/// The members of an object in their order. Checks the grammar as it goes and stops where the
/// text is not valid, so the text need not have been validated.
///
///   Members members(body);
///   Member member;
///   while (members.next(member)) ...
///   if (!members.complete()) ...
class Members {
 public:
  explicit Members(std::string_view object);
  explicit Members(Value object) : Members(object.raw()) {}

  bool next(Member& member);
  /// After next() returned false: the text was one valid object to its end.
  bool complete() { return reader_.finish(); }

 private:
  std::string_view text_;
  Reader reader_;
};

/// The elements of an array, in the same way.
class Elements {
 public:
  explicit Elements(std::string_view array);
  explicit Elements(Value array) : Elements(array.raw()) {}

  bool next(Value& element);
  bool complete() { return reader_.finish(); }

 private:
  Reader reader_;
};

}  // namespace sluice::json
