#include "store/sql_identities.hpp"

#include <fmt/format.h>

namespace sluice::store {
namespace {

std::optional<int64_t> optional_of(int64_t value, soci::indicator indicator) {
  return indicator == soci::i_ok ? std::optional(value) : std::nullopt;
}

/// A user as its columns; what runs fills it at each fetch.
struct UserRow {
  User user;
  int disabled = 0;
  int64_t last_login = 0;
  soci::indicator has_login = soci::i_null;

  static constexpr const char* kColumns =
      "id, name, email, password_hash, role, disabled, version, tokens_since, created_at,"
      " updated_at, last_login_at";

  void into(soci::details::prepare_temp_type& query) {
    query, soci::into(user.id), soci::into(user.name), soci::into(user.email),
        soci::into(user.password_hash), soci::into(user.role), soci::into(disabled),
        soci::into(user.version), soci::into(user.tokens_since), soci::into(user.created_at),
        soci::into(user.updated_at), soci::into(last_login, has_login);
  }
  User fetched() const {
    User out = user;
    out.disabled = disabled != 0;
    out.last_login_at = optional_of(last_login, has_login);
    return out;
  }
};

template <typename Bind>
std::vector<User> select_users(soci::session& sql, const std::string& where, Bind bind) {
  std::vector<User> all;
  UserRow row;
  soci::details::prepare_temp_type query = sql.prepare << "SELECT " << UserRow::kColumns
                                                       << " FROM users " << where;
  bind(query);
  row.into(query);
  soci::statement statement(query);
  statement.execute();
  while (statement.fetch()) all.push_back(row.fetched());
  return all;
}

/// Of a person or a team.
std::optional<User> find_user(soci::session& sql, const std::string& name, const char* more = "") {
  auto found = select_users(sql, std::string("WHERE name = :name") + more,
                            [&](auto& query) { query, soci::use(name); });
  return found.empty() ? std::nullopt : std::optional(std::move(found.front()));
}

std::optional<User> find_user(soci::session& sql, int64_t id, const char* lock = "") {
  auto found = select_users(sql, std::string("WHERE id = :id AND kind = 'person'") + lock,
                            [&](auto& query) { query, soci::use(id); });
  return found.empty() ? std::nullopt : std::optional(std::move(found.front()));
}

bool somebody(soci::session& sql) {
  int64_t id = 0;
  sql << "SELECT id FROM users WHERE password_hash <> '' LIMIT 1", soci::into(id);
  return sql.got_data();
}

/// Uses an invitation up; the role that it tells.
Result<std::string> use_invite(soci::session& sql, const std::string& digest, int64_t now,
                               const char* lock) {
  Invite invite;
  int64_t expires = 0;
  soci::indicator has_expiry = soci::i_null;
  sql << "SELECT id, role, expires_at FROM invites WHERE digest = :digest AND used_at IS NULL"
      << lock,
      soci::use(digest), soci::into(invite.id), soci::into(invite.role),
      soci::into(expires, has_expiry);
  if (!sql.got_data() || (has_expiry == soci::i_ok && expires <= now)) {
    return fail(ErrorCode::kPermissionDenied, "This invitation is not valid.", "invite");
  }
  sql << "UPDATE invites SET used_at = :now WHERE id = :id", soci::use(now), soci::use(invite.id);
  return invite.role;
}

}  // namespace

Result<User> SqlIdentities::add_user(const User& user, std::optional<std::string> invite,
                                     bool first) {
  if (user.name.empty())
    return fail(ErrorCode::kInvalidRequest, "A user needs a name.", "username");
  return sessions_.write([&](soci::session& sql) -> Result<User> {
    const int64_t now = unix_ms();
    const char* lock = sessions_.dialect().for_update;
    // Who comes at the same moment waits here for the other's end.
    if (first) sql << "UPDATE settings SET value = value WHERE name = 'key_secret'";
    if (first && somebody(sql)) {
      return fail(ErrorCode::kPermissionDenied, "There is an administrator already.");
    }
    if (find_user(sql, user.name)) {
      return fail(ErrorCode::kConflict, "This name is taken.", "username");
    }
    std::string role = user.role;
    if (invite) {
      auto told = use_invite(sql, *invite, now, lock);
      if (!told) return std::unexpected(told.error());
      role = std::move(*told);
    }
    const int disabled = user.disabled;
    sql << "INSERT INTO users (name, email, password_hash, role, disabled, version, tokens_since,"
           " created_at, updated_at) VALUES (:name, :email, :hash, :role, :disabled, 1, 0, :now,"
           " :now2)",
        soci::use(user.name), soci::use(user.email), soci::use(user.password_hash), soci::use(role),
        soci::use(disabled), soci::use(now), soci::use(now);
    const std::optional<User> made = find_user(sql, user.name);
    sql << "INSERT INTO wallets (user_id, balance, created_at) VALUES (:user, 0, :now)",
        soci::use(made->id), soci::use(now);
    if (invite) {
      sql << "UPDATE invites SET used_by = :user WHERE digest = :digest", soci::use(made->id),
          soci::use(*invite);
    }
    return *made;
  });
}

Result<std::optional<User>> SqlIdentities::user(int64_t id) {
  return sessions_.read(
      [&](soci::session& sql) -> Result<std::optional<User>> { return find_user(sql, id); });
}

Result<std::optional<User>> SqlIdentities::user(std::string_view name) {
  const std::string wanted(name);
  return sessions_.read([&](soci::session& sql) -> Result<std::optional<User>> {
    return find_user(sql, wanted, " AND kind = 'person'");
  });
}

Result<std::vector<User>> SqlIdentities::users(int64_t after, int limit, std::string_view prefix) {
  // Names from the prefix to the last that begins with it: an index serves that, where a pattern
  // would scan. No valid text has this byte. They are in the order of that index.
  const std::string prefix_of_all(prefix);
  const std::string to = prefix_of_all + "\U0010FFFF";
  return sessions_.read([&](soci::session& sql) -> Result<std::vector<User>> {
    if (prefix_of_all.empty()) {
      return select_users(sql, "WHERE id > :after AND kind = 'person' ORDER BY id LIMIT :most",
                          [&](auto& query) { query, soci::use(after), soci::use(limit); });
    }
    std::string last;
    sql << "SELECT name FROM users WHERE id = :after", soci::use(after), soci::into(last);
    const bool goes_on = sql.got_data() && last >= prefix_of_all;
    const std::string& from = goes_on ? last : prefix_of_all;
    return select_users(
        sql,
        std::string("WHERE name ") + (goes_on ? ">" : ">=") +
            " :from AND name <= :to AND kind = 'person' ORDER BY name LIMIT :most",
        [&](auto& query) { query, soci::use(from), soci::use(to), soci::use(limit); });
  });
}

Result<bool> SqlIdentities::anybody() {
  return sessions_.read([](soci::session& sql) -> Result<bool> { return somebody(sql); });
}

Result<User> SqlIdentities::change_user(const User& user) {
  return sessions_.write([&](soci::session& sql) -> Result<User> {
    const std::optional<User> there = find_user(sql, user.id, sessions_.dialect().for_update);
    if (!there) return fail(ErrorCode::kNotFound, "There is no such user.");
    if (there->version != user.version) {
      return fail(ErrorCode::kPreconditionFailed, "The user has changed since.");
    }
    const int64_t now = unix_ms();
    const int disabled = user.disabled;
    const int64_t last_login = user.last_login_at.value_or(0);
    soci::indicator has_login = user.last_login_at ? soci::i_ok : soci::i_null;
    sql << "UPDATE users SET email = :email, password_hash = :hash, role = :role,"
           " disabled = :disabled, version = version + 1, tokens_since = :since,"
           " updated_at = :now, last_login_at = :login WHERE id = :id",
        soci::use(user.email), soci::use(user.password_hash), soci::use(user.role),
        soci::use(disabled), soci::use(user.tokens_since), soci::use(now),
        soci::use(last_login, has_login), soci::use(user.id);
    return *find_user(sql, user.id);
  });
}

Result<std::vector<User>> SqlIdentities::changed_since(int64_t since) {
  return sessions_.read([&](soci::session& sql) -> Result<std::vector<User>> {
    return select_users(sql, "WHERE tokens_since > :since OR disabled = 1",
                        [&](auto& query) { query, soci::use(since); });
  });
}

Result<Invite> SqlIdentities::add_invite(const Invite& invite) {
  return sessions_.write([&](soci::session& sql) -> Result<Invite> {
    Invite made = invite;
    made.created_at = unix_ms();
    const int64_t expires = invite.expires_at.value_or(0);
    soci::indicator has_expiry = invite.expires_at ? soci::i_ok : soci::i_null;
    sql << "INSERT INTO invites (digest, prefix, role, created_by, created_at, expires_at)"
           " VALUES (:digest, :prefix, :role, :by, :at, :expires)",
        soci::use(made.digest), soci::use(made.prefix), soci::use(made.role),
        soci::use(made.created_by), soci::use(made.created_at), soci::use(expires, has_expiry);
    sql << "SELECT id FROM invites WHERE digest = :digest", soci::use(made.digest),
        soci::into(made.id);
    return made;
  });
}

Result<std::vector<Invite>> SqlIdentities::invites() {
  return sessions_.read([](soci::session& sql) -> Result<std::vector<Invite>> {
    std::vector<Invite> all;
    Invite row;
    int64_t expires = 0;
    int64_t used_by = 0;
    int64_t used_at = 0;
    soci::indicator has_expiry = soci::i_null;
    soci::indicator has_user = soci::i_null;
    soci::indicator has_use = soci::i_null;
    soci::statement statement =
        (sql.prepare << "SELECT id, prefix, role, created_by, created_at, expires_at, used_by,"
                        " used_at FROM invites ORDER BY id DESC LIMIT 1000",
         soci::into(row.id), soci::into(row.prefix), soci::into(row.role),
         soci::into(row.created_by), soci::into(row.created_at), soci::into(expires, has_expiry),
         soci::into(used_by, has_user), soci::into(used_at, has_use));
    statement.execute();
    while (statement.fetch()) {
      row.expires_at = optional_of(expires, has_expiry);
      row.used_by = optional_of(used_by, has_user);
      row.used_at = optional_of(used_at, has_use);
      all.push_back(row);
    }
    return all;
  });
}

Status SqlIdentities::delete_invite(int64_t id) {
  const auto deleted = sessions_.write([&](soci::session& sql) -> Result<bool> {
    soci::statement statement =
        (sql.prepare << "DELETE FROM invites WHERE id = :id", soci::use(id));
    statement.execute(true);
    return statement.get_affected_rows() > 0;
  });
  if (!deleted) return std::unexpected(deleted.error());
  if (!*deleted) return fail(ErrorCode::kNotFound, "There is no such invitation.");
  return {};
}

}  // namespace sluice::store
