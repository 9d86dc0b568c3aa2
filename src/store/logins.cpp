#include "store/sql_identities.hpp"

namespace sluice::store {
namespace {

struct LoginRow {
  Login login;
  int console = 0;
  int64_t ended = 0;
  soci::indicator has_end = soci::i_null;

  static constexpr const char* kColumns =
      "s.id, s.user_id, s.address, s.user_agent, s.console, s.created_at, s.last_used_at,"
      " s.expires_at, s.ended_at";

  void into(soci::details::prepare_temp_type& query) {
    query, soci::into(login.id), soci::into(login.user_id), soci::into(login.address),
        soci::into(login.user_agent), soci::into(console), soci::into(login.created_at),
        soci::into(login.last_used_at), soci::into(login.expires_at), soci::into(ended, has_end);
  }
  Login fetched() const {
    Login out = login;
    out.console = console != 0;
    if (has_end == soci::i_ok) out.ended_at = ended;
    return out;
  }
};

std::optional<Login> find_login(soci::session& sql, const std::string& digest, const char* lock) {
  LoginRow row;
  soci::details::prepare_temp_type query =
      sql.prepare << "SELECT " << LoginRow::kColumns
                  << " FROM sessions s JOIN refresh_tokens t ON t.session_id = s.id"
                     " WHERE t.digest = :digest"
                  << lock;
  query, soci::use(digest);
  row.into(query);
  soci::statement statement(query);
  if (!statement.execute(true)) return std::nullopt;
  return row.fetched();
}

std::vector<std::string> ids(soci::session& sql, const std::string& query, int64_t value) {
  std::vector<std::string> all;
  std::string id;
  soci::statement statement = (sql.prepare << query, soci::use(value), soci::into(id));
  statement.execute();
  while (statement.fetch()) all.push_back(id);
  return all;
}

void add_token(soci::session& sql, const std::string& digest, const std::string& login,
               int64_t now) {
  sql << "INSERT INTO refresh_tokens (digest, session_id, issued_at) VALUES (:digest, :id, :now)",
      soci::use(digest), soci::use(login), soci::use(now);
}

}  // namespace

Status SqlIdentities::begin_login(const Login& login, std::string_view refresh_digest) {
  const std::string digest(refresh_digest);
  const auto done = sessions_.write([&](soci::session& sql) -> Result<bool> {
    const int console = login.console;
    sql << "INSERT INTO sessions (id, user_id, address, user_agent, console, created_at,"
           " last_used_at, expires_at) VALUES (:id, :user, :address, :agent, :console, :created,"
           " :used, :expires)",
        soci::use(login.id), soci::use(login.user_id), soci::use(login.address),
        soci::use(login.user_agent), soci::use(console), soci::use(login.created_at),
        soci::use(login.created_at), soci::use(login.expires_at);
    add_token(sql, digest, login.id, login.created_at);
    sql << "UPDATE users SET last_login_at = :now WHERE id = :id", soci::use(login.created_at),
        soci::use(login.user_id);
    return true;
  });
  return done ? Status{} : std::unexpected(done.error());
}

Result<Identities::Refreshed> SqlIdentities::refresh(std::string_view digest,
                                                     std::string_view next_digest, int64_t now,
                                                     int64_t grace_ms) {
  const std::string old_digest(digest);
  const std::string new_digest(next_digest);
  return sessions_.write([&](soci::session& sql) -> Result<Refreshed> {
    const auto login = find_login(sql, old_digest, sessions_.dialect().for_update);
    if (!login || login->ended_at || login->expires_at <= now) return Refreshed{};
    int64_t used = 0;
    soci::indicator has_use = soci::i_null;
    sql << "SELECT used_at FROM refresh_tokens WHERE digest = :digest", soci::use(old_digest),
        soci::into(used, has_use);
    if (has_use == soci::i_ok && now - used > grace_ms) {
      sql << "UPDATE sessions SET ended_at = :now WHERE id = :id", soci::use(now),
          soci::use(login->id);
      return Refreshed{.kind = Refreshed::kReused, .login = *login};
    }
    if (has_use != soci::i_ok) {
      sql << "UPDATE refresh_tokens SET used_at = :now WHERE digest = :digest", soci::use(now),
          soci::use(old_digest);
    }
    add_token(sql, new_digest, login->id, now);
    sql << "UPDATE sessions SET last_used_at = :now WHERE id = :id", soci::use(now),
        soci::use(login->id);
    return Refreshed{.kind = Refreshed::kGood, .login = *login};
  });
}

Result<std::optional<Login>> SqlIdentities::login_of(std::string_view refresh_digest) {
  const std::string digest(refresh_digest);
  return sessions_.read([&](soci::session& sql) -> Result<std::optional<Login>> {
    return find_login(sql, digest, "");
  });
}

Result<std::vector<Login>> SqlIdentities::logins(int64_t user_id, int64_t now) {
  return sessions_.read([&](soci::session& sql) -> Result<std::vector<Login>> {
    std::vector<Login> all;
    LoginRow row;
    soci::details::prepare_temp_type query =
        sql.prepare << "SELECT " << LoginRow::kColumns
                    << " FROM sessions s WHERE s.user_id = :user AND s.ended_at IS NULL"
                       " AND s.expires_at > :now ORDER BY s.created_at DESC, s.id LIMIT 1000";
    query, soci::use(user_id), soci::use(now);
    row.into(query);
    soci::statement statement(query);
    statement.execute();
    while (statement.fetch()) all.push_back(row.fetched());
    return all;
  });
}

Status SqlIdentities::end_login(std::string_view id, int64_t user_id, int64_t now) {
  const std::string login(id);
  const auto ended = sessions_.write([&](soci::session& sql) -> Result<bool> {
    soci::statement statement =
        (sql.prepare << "UPDATE sessions SET ended_at = :now WHERE id = :id AND user_id = :user"
                        " AND ended_at IS NULL",
         soci::use(now), soci::use(login), soci::use(user_id));
    statement.execute(true);
    return statement.get_affected_rows() > 0;
  });
  if (!ended) return std::unexpected(ended.error());
  if (!*ended) return fail(ErrorCode::kNotFound, "There is no such login.");
  return {};
}

Result<std::vector<std::string>> SqlIdentities::end_logins(int64_t user_id, std::string_view except,
                                                           int64_t now) {
  const std::string kept(except);
  return sessions_.write([&](soci::session& sql) -> Result<std::vector<std::string>> {
    std::vector<std::string> all =
        ids(sql, "SELECT id FROM sessions WHERE user_id = :user AND ended_at IS NULL", user_id);
    std::erase(all, kept);
    sql << "UPDATE sessions SET ended_at = :now WHERE user_id = :user AND ended_at IS NULL"
           " AND id <> :kept",
        soci::use(now), soci::use(user_id), soci::use(kept);
    return all;
  });
}

Result<std::vector<std::string>> SqlIdentities::ended_since(int64_t since) {
  return sessions_.read([&](soci::session& sql) -> Result<std::vector<std::string>> {
    return ids(sql, "SELECT id FROM sessions WHERE ended_at > :since", since);
  });
}

Status SqlIdentities::forget_logins(int64_t before) {
  const auto done = sessions_.write([&](soci::session& sql) -> Result<bool> {
    sql << "DELETE FROM refresh_tokens WHERE session_id IN (SELECT id FROM sessions"
           " WHERE expires_at < :before OR ended_at < :before2)",
        soci::use(before), soci::use(before);
    sql << "DELETE FROM sessions WHERE expires_at < :before OR ended_at < :before2",
        soci::use(before), soci::use(before);
    return true;
  });
  return done ? Status{} : std::unexpected(done.error());
}

}  // namespace sluice::store
