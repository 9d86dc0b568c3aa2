// Identities in SQL: users and invitations in identities.cpp, logins in logins.cpp.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/identities.hpp"
#include "store/sql_database.hpp"

namespace sluice::store {

class SqlIdentities final : public Identities {
 public:
  explicit SqlIdentities(Sessions& sessions) : sessions_(sessions) {}

  Result<User> add_user(const User& user, std::optional<std::string> invite, bool first) override;
  Result<std::optional<User>> user(int64_t id) override;
  Result<std::optional<User>> user(std::string_view name) override;
  Result<std::vector<User>> users(int64_t after, int limit, std::string_view prefix) override;
  Result<bool> anybody() override;
  Result<User> change_user(const User& user) override;
  Result<std::vector<User>> changed_since(int64_t since) override;

  Status begin_login(const Login& login, std::string_view refresh_digest) override;
  Result<Refreshed> refresh(std::string_view digest, std::string_view next_digest, int64_t now,
                            int64_t grace_ms) override;
  Result<std::optional<Login>> login_of(std::string_view refresh_digest) override;
  Result<std::vector<Login>> logins(int64_t user_id, int64_t now) override;
  Status end_login(std::string_view id, int64_t user_id, int64_t now) override;
  Result<std::vector<std::string>> end_logins(int64_t user_id, std::string_view except,
                                              int64_t now) override;
  Result<std::vector<std::string>> ended_since(int64_t since) override;
  Status forget_logins(int64_t before) override;

  Result<Invite> add_invite(const Invite& invite) override;
  Result<std::vector<Invite>> invites() override;
  Status delete_invite(int64_t id) override;

 private:
  Sessions& sessions_;
};

}  // namespace sluice::store
