// What of a provider in the database nobody may read there: its keys, and the values of its header
// fields.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "crypto/sealer.hpp"
#include "store/catalog.hpp"

namespace sluice::admin {

/// Thread-safe.
class ProviderSecrets {
 public:
  /// Names and values, in the order in which they are sent.
  using Headers = std::vector<std::pair<std::string, std::string>>;

  explicit ProviderSecrets(crypto::Sealer sealer) : sealer_(std::move(sealer)) {}

  /// As the column holds them, be it in plain text: those are rows written by hand. kConfig with
  /// the field at fault.
  Result<std::vector<std::string>> keys(const store::ProviderRow& row) const;
  Result<Headers> headers(const store::ProviderRow& row) const;

  /// As the column keeps them. kInternal.
  Result<std::string> sealed(const std::vector<std::string>& keys) const;
  Result<std::string> sealed(const Headers& headers) const;

  /// Seals what stands there in plain text; false: nothing did.
  Result<bool> hide(store::ProviderRow& row) const;

  /// By which a key is named where it must not be shown.
  std::string id_of(std::string_view key) const { return sealer_.mark(key); }

 private:
  Result<std::string> hidden_keys(std::string_view column) const;

  crypto::Sealer sealer_;
};

}  // namespace sluice::admin
