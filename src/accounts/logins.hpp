// Users who have logged in, as callers of the inference routes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::accounts {

/// Any thread; never blocks.
class Logins {
 public:
  virtual ~Logins() = default;
  /// The user of a token that is good now.
  virtual std::optional<int64_t> user_of(std::string_view token) = 0;
};

}  // namespace sluice::accounts
