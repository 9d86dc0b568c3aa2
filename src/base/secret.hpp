// A credential that cannot be printed by accident: no operator<<, no fmt formatter, and the
// bytes are wiped when it dies.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace sluice {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept : value_(std::exchange(other.value_, {})) {}
  Secret& operator=(const Secret& other) = default;
  Secret& operator=(Secret&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Secret();

  /// The bytes themselves: only for putting them on a wire or into a hash.
  std::string_view expose() const { return value_; }
  bool empty() const { return value_.empty(); }

  /// What a log may show: the first 6 characters, and fewer of a short one.
  std::string redacted() const;

  /// Compares in a time that depends on the lengths alone.
  bool equals(std::string_view candidate) const;

 private:
  std::string value_;
};

}  // namespace sluice
