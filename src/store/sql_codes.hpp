// Codes in SQL.
#pragma once

#include <vector>

#include "store/codes.hpp"
#include "store/sessions.hpp"

namespace sluice::store {

class SqlCodes final : public Codes {
 public:
  explicit SqlCodes(Sessions& sessions) : sessions_(sessions) {}

  Result<std::vector<Code>> add_codes(std::span<const Code> codes) override;
  Result<std::vector<Code>> codes(int64_t before_id, int limit) override;
  Status delete_code(int64_t id) override;
  Result<Transaction> redeem(std::string_view digest, int64_t user_id,
                             std::string_view actor) override;

 private:
  Sessions& sessions_;
};

}  // namespace sluice::store
