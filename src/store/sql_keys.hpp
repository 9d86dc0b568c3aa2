// Keys in SQL.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/keys.hpp"
#include "store/sessions.hpp"

namespace sluice::store {

class SqlKeys final : public Keys {
 public:
  explicit SqlKeys(Sessions& sessions) : sessions_(sessions) {}

  Result<std::optional<Key>> key(int64_t id) override;
  Result<std::vector<Key>> page(const Page& page) override;
  Result<Key> add(const Key& key, int64_t most) override;
  Result<Key> change(const Key& key) override;
  Result<Replaced> replace(const Key& old, int64_t expires_at, const Key& fresh,
                           int64_t most) override;
  Status note_used(std::span<const Used> used) override;
  Result<std::optional<Wallet>> wallet_of(int64_t user_id) override;
  Result<std::optional<Wallet>> wallet(int64_t wallet_id) override;
  Result<std::vector<int64_t>> disabled_users() override;

 private:
  Sessions& sessions_;
};

}  // namespace sluice::store
