// Secrets as they are kept: encrypted with AES-256-GCM, so that a copy of the database alone gives
// none away.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/secret.hpp"

namespace sluice::crypto {

/// Thread-safe.
class Sealer {
 public:
  /// With a key that is derived from `secret`.
  explicit Sealer(const Secret& secret);
  /// With the secret in `file`, which is made, mode 0600, where it is not there. kConfig when it
  /// can be neither read nor made, or is damaged.
  static Result<Sealer> from_file(const std::string& file);

  /// "sealed:v1:" and base64url. The same text becomes another one each time. kInternal when there
  /// is no randomness.
  Result<std::string> seal(std::string_view text) const;
  /// kConfig for what another secret has sealed, or somebody has changed.
  Result<std::string> open(std::string_view sealed) const;
  /// 8 hex digits that are the same for the same text, and tell nothing of it to who has not this
  /// secret.
  std::string mark(std::string_view text) const;
  static bool is_sealed(std::string_view text) { return text.starts_with(kPrefix); }

 private:
  static constexpr std::string_view kPrefix = "sealed:v1:";
  Secret key_;  // 32 bytes
};

}  // namespace sluice::crypto
