// API keys. Their text is nowhere here: a key is known by its digest.
#include <fmt/format.h>

#include <algorithm>

#include "store/hex.hpp"
#include "store/key_row.hpp"
#include "store/posting.hpp"
#include "store/sql_database.hpp"
#include "store/sql_keys.hpp"

namespace sluice::store {
namespace {

/// Notes of a transaction at most: meanwhile settlements wait.
constexpr size_t kNotes = 500;

std::optional<Key> find_digest(soci::session& sql, const std::string& digest) {
  const std::string hex = to_hex(digest);
  return find_key(sql, "digest = :digest", hex);
}

std::vector<Key> select_keys(soci::session& sql, const char* where, const Keys::Page& page) {
  std::vector<Key> all;
  KeyRow row;
  const int64_t user = page.user_id.value_or(0);
  soci::details::prepare_temp_type query = sql.prepare << "SELECT " << KeyRow::kColumns
                                                       << " FROM api_keys WHERE " << where
                                                       << "id > :after ORDER BY id LIMIT :most";
  if (page.user_id.value_or(0) != 0) query, soci::use(user);
  query, soci::use(page.after), soci::use(page.limit);
  row.into(query);
  soci::statement statement(query);
  statement.execute();
  while (statement.fetch()) all.push_back(row.fetched());
  return all;
}

std::unexpected<Error> no_key() { return fail(ErrorCode::kNotFound, "There is no such key."); }

/// Nobody adds a key for the same owner before this transaction has ended.
void lock_owner(soci::session& sql, int64_t user_id, const char* lock) {
  int64_t found = 0;
  if (user_id != 0) {
    sql << "SELECT id FROM users WHERE id = :id" << lock, soci::use(user_id), soci::into(found);
  } else {
    std::string value;
    sql << "SELECT value FROM settings WHERE name = 'key_secret'" << lock, soci::into(value);
  }
}

/// Who is to pay does so, and goes on until this transaction has ended. Before lock_owner(), in the
/// order in which a team takes its members in.
Status lock_payer(soci::session& sql, const Key& key, const char* lock) {
  if (key.payer_id == 0 || key.payer_gone) return {};
  int64_t found = 0;
  sql << "SELECT id FROM users WHERE id = :id" << lock, soci::use(key.payer_id), soci::into(found);
  sql << "SELECT id FROM team_members WHERE team_id = :team AND user_id = :user",
      soci::use(key.payer_id), soci::use(key.user_id), soci::into(found);
  if (sql.got_data()) return {};
  return fail(ErrorCode::kInvalidRequest, "The key's owner is no member of this team.", "team");
}

/// Of the same owner, but for one id.
bool name_taken(soci::session& sql, const Key& key, int64_t except) {
  int64_t found = 0;
  if (key.user_id != 0) {
    sql << "SELECT id FROM api_keys WHERE name = :name AND user_id = :user AND id <> :id LIMIT 1",
        soci::use(key.name), soci::use(key.user_id), soci::use(except), soci::into(found);
  } else {
    sql << "SELECT id FROM api_keys WHERE name = :name AND user_id IS NULL AND id <> :id LIMIT 1",
        soci::use(key.name), soci::use(except), soci::into(found);
  }
  return sql.got_data();
}

std::unexpected<Error> taken(const Key& key) {
  return fail(ErrorCode::kConflict, fmt::format("there is a key named \"{}\" already", key.name),
              "name");
}

Status check_room(soci::session& sql, const Key& key, int64_t most) {
  if (find_digest(sql, key.digest)) {
    return fail(ErrorCode::kInvalidRequest, "There is such a key already.");
  }
  if (key.user_id == 0) return {};
  int64_t count = 0;
  sql << "SELECT COUNT(*) FROM api_keys WHERE user_id = :user", soci::use(key.user_id),
      soci::into(count);
  if (count < most) return {};
  return fail(ErrorCode::kInvalidRequest,
              fmt::format("There are {} keys already, and more are not allowed.", count));
}

/// Locked, and of the version that is expected.
Result<Key> find_version(soci::session& sql, int64_t id, int64_t version, const char* lock) {
  auto there = find_key(sql, "id = :id", id, lock);
  if (!there) return no_key();
  if (there->version != version) {
    return fail(ErrorCode::kPreconditionFailed, "The key has changed since.");
  }
  return std::move(*there);
}

}  // namespace

Result<std::optional<Key>> SqlKeys::key(int64_t id) {
  return sessions_.read([&](soci::session& sql) -> Result<std::optional<Key>> {
    return find_key(sql, "id = :id", id);
  });
}

Result<std::vector<Key>> SqlKeys::page(const Page& page) {
  const char* where = !page.user_id        ? ""
                      : *page.user_id == 0 ? "user_id IS NULL AND "
                                           : "user_id = :user AND ";
  return sessions_.read([&](soci::session& sql) -> Result<std::vector<Key>> {
    return select_keys(sql, where, page);
  });
}

Result<Key> SqlKeys::add(const Key& key, int64_t most) {
  if (Status sound = check_key(key); !sound) return std::unexpected(sound.error());
  return sessions_.write([&](soci::session& sql) -> Result<Key> {
    const char* lock = sessions_.dialect().for_update;
    if (Status pays = lock_payer(sql, key, lock); !pays) return std::unexpected(pays.error());
    lock_owner(sql, key.user_id, lock);
    if (name_taken(sql, key, 0)) return taken(key);
    if (Status room = check_room(sql, key, most); !room) return std::unexpected(room.error());
    return insert_key(sql, key);
  });
}

Result<Key> SqlKeys::change(const Key& key) {
  if (Status sound = check_key(key); !sound) return std::unexpected(sound.error());
  return sessions_.write([&](soci::session& sql) -> Result<Key> {
    const char* lock = sessions_.dialect().for_update;
    const Status pays = lock_payer(sql, key, lock);
    lock_owner(sql, key.user_id, lock);
    const auto there = find_version(sql, key.id, key.version, lock);
    if (!there) return there;
    if (!pays) return std::unexpected(pays.error());
    // The one that it replaced may bear its name.
    if (key.name != there->name && name_taken(sql, key, key.id)) return taken(key);
    update_key(sql, key);
    return *find_key(sql, "id = :id", key.id);
  });
}

Result<Keys::Replaced> SqlKeys::replace(const Key& old, int64_t expires_at, const Key& fresh,
                                        int64_t most) {
  if (Status sound = check_key(fresh); !sound) return std::unexpected(sound.error());
  return sessions_.write([&](soci::session& sql) -> Result<Replaced> {
    const char* lock = sessions_.dialect().for_update;
    lock_owner(sql, old.user_id, lock);
    auto there = find_version(sql, old.id, old.version, lock);
    if (!there) return std::unexpected(there.error());
    if (Status room = check_room(sql, fresh, most); !room) return std::unexpected(room.error());
    there->expires_at = std::min(there->expires_at.value_or(expires_at), expires_at);
    update_key(sql, *there);
    Key made = fresh;
    made.replaces_id = old.id;
    made = insert_key(sql, made);
    // Or a new key would open the budgets of today once more.
    const Spent& spent = there->spent;
    sql << "UPDATE api_keys SET spent_on = :on, spent_day = :day, spent_week = :week,"
           " spent_month = :month WHERE id = :id",
        soci::use(spent.on), soci::use(spent.day.nanos), soci::use(spent.week.nanos),
        soci::use(spent.month.nanos), soci::use(made.id);
    return Replaced{.old = *find_key(sql, "id = :id", old.id),
                    .fresh = *find_key(sql, "id = :id", made.id)};
  });
}

Status SqlKeys::note_used(std::span<const Used> used) {
  while (!used.empty()) {
    const auto some = used.first(std::min(used.size(), kNotes));
    Status noted = sessions_.write([&](soci::session& sql) -> Status {
      Used each;
      soci::statement statement =
          (sql.prepare << "UPDATE api_keys SET last_used_at = :at WHERE id = :id",
           soci::use(each.at), soci::use(each.id));
      for (const Used& one : some) {
        each = one;
        statement.execute(true);
      }
      return {};
    });
    if (!noted) return noted;
    used = used.subspan(some.size());
  }
  return {};
}

Result<std::optional<Wallet>> SqlKeys::wallet_of(int64_t user_id) {
  return sessions_.read([&](soci::session& sql) -> Result<std::optional<Wallet>> {
    return find_wallet(sql, user_id);
  });
}

Result<std::optional<Wallet>> SqlKeys::wallet(int64_t wallet_id) {
  return sessions_.read([&](soci::session& sql) -> Result<std::optional<Wallet>> {
    int64_t owner = 0;
    sql << "SELECT user_id FROM wallets WHERE id = :id", soci::use(wallet_id), soci::into(owner);
    if (!sql.got_data()) return std::nullopt;
    return find_wallet(sql, owner);
  });
}

Result<std::vector<int64_t>> SqlKeys::disabled_users() {
  return sessions_.read([](soci::session& sql) -> Result<std::vector<int64_t>> {
    std::vector<int64_t> all;
    int64_t id = 0;
    soci::statement statement =
        (sql.prepare << "SELECT id FROM users WHERE disabled <> 0 ORDER BY id", soci::into(id));
    statement.execute();
    while (statement.fetch()) all.push_back(id);
    return all;
  });
}

Result<std::vector<Key>> SqlDatabase::keys() { return keys_->page({.limit = INT32_MAX}); }

Result<Key> SqlDatabase::ensure_configured_key(const Key& key) {
  if (Status sound = check_key(key); !sound) return std::unexpected(sound.error());
  return sessions_->write([&](soci::session& sql) -> Result<Key> {
    Key wanted = key;
    wanted.configured = true;
    if (!find_digest(sql, key.digest)) return insert_key(sql, wanted);
    update_key(sql, wanted);
    return *find_digest(sql, key.digest);
  });
}

Result<Key> SqlDatabase::create_key(const Key& key) {
  if (Status sound = check_key(key); !sound) return std::unexpected(sound.error());
  return sessions_->write([&](soci::session& sql) -> Result<Key> {
    if (find_digest(sql, key.digest)) {
      return fail(ErrorCode::kInvalidRequest, "There is such a key already.");
    }
    return insert_key(sql, key);
  });
}

Status SqlDatabase::delete_key(int64_t id) {
  return sessions_->write([&](soci::session& sql) -> Status {
    soci::statement statement =
        (sql.prepare << "DELETE FROM api_keys WHERE id = :id", soci::use(id));
    statement.execute(true);
    if (statement.get_affected_rows() > 0) return {};
    return no_key();
  });
}

}  // namespace sluice::store
