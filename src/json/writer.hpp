// Writes JSON by appending to a string. Puts the commas; that containers are closed and keys
// stand only in objects is the caller's part.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::json {

/// Appends `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD, so
/// what is written is always valid.
void append_string(std::string& out, std::string_view text);

///   Writer json(body);
///   json.begin_object().member("id", id).key("data").begin_array() ... .end_array().end_object();
class Writer {
 public:
  /// Appends to `out`, which must outlive the writer.
  explicit Writer(std::string& out) : out_(out) {}

  Writer& begin_object();
  Writer& end_object();
  Writer& begin_array();
  Writer& end_array();
  Writer& key(std::string_view name);

  Writer& string(std::string_view text);
  Writer& number(int64_t value);
  Writer& number(uint64_t value);
  /// The shortest form that reads back as the same value; null when it is not finite.
  Writer& number(double value);
  Writer& boolean(bool value);
  Writer& null();
  /// Bytes that are already one JSON value.
  Writer& raw(std::string_view json);

  Writer& member(std::string_view name, std::string_view text) { return key(name).string(text); }
  Writer& member(std::string_view name, const char* text) { return key(name).string(text); }
  Writer& member(std::string_view name, const std::string& text) { return key(name).string(text); }
  Writer& member(std::string_view name, bool value) { return key(name).boolean(value); }
  Writer& member(std::string_view name, double value) { return key(name).number(value); }
  template <std::signed_integral T>
  Writer& member(std::string_view name, T value) {
    return key(name).number(static_cast<int64_t>(value));
  }
  template <std::unsigned_integral T>
    requires(!std::same_as<T, bool>)
  Writer& member(std::string_view name, T value) {
    return key(name).number(static_cast<uint64_t>(value));
  }
  Writer& null_member(std::string_view name) { return key(name).null(); }
  Writer& raw_member(std::string_view name, std::string_view json) { return key(name).raw(json); }

 private:
  void separate();

  std::string& out_;
  bool comma_due_ = false;
};

}  // namespace sluice::json
