#include "store/server/books.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_set>
#include <vector>

#include "base/clock.hpp"
#include "json/reader.hpp"
#include "store/server/changes.hpp"
#include "store/spent_sums.hpp"
#include "store/sql_rollups.hpp"
#include "store/sqlite/settler.hpp"
#include "store/usage_row.hpp"

namespace sluice::store::server {
namespace {

/// Rows in one INSERT: its text is parsed each time.
constexpr size_t kRows = 25;
constexpr size_t kIds = 250;

int64_t unix_ms() { return wall_nanos() / 1'000'000; }

/// "(:v0, :v1), (:v2, :v3)".
std::string placeholders(size_t rows, size_t columns) {
  std::string text;
  for (size_t i = 0; i < rows * columns; ++i) {
    text += i % columns == 0 ? (i == 0 ? "(" : ", (") : ", ";
    text += fmt::format(":v{}", i);
    if (i % columns == columns - 1) text += ')';
  }
  return text;
}

bool sound(const std::string& text) { return !text.contains('\0') && json::valid_utf8(text); }

/// Neither server takes a 0, nor what is no UTF-8; the spool does.
void make_text(std::string& text) {
  if (sound(text)) return;
  std::ranges::replace_if(
      text, [](char c) { return c == '\0' || static_cast<unsigned char>(c) >= 0x80; }, '?');
}

std::unordered_set<std::string> known_ids(soci::session& sql,
                                          std::span<const Settlement> settlements) {
  std::unordered_set<std::string> known;
  while (!settlements.empty()) {
    const size_t count = std::min(kIds, settlements.size());
    std::string id;
    soci::details::prepare_temp_type query = sql.prepare << "SELECT id FROM usage_logs WHERE id IN "
                                                         << placeholders(1, count);
    for (const Settlement& each : settlements.first(count)) query, soci::use(each.id);
    query, soci::into(id);
    soci::statement statement(query);
    statement.execute();
    while (statement.fetch()) known.insert(id);
    settlements = settlements.subspan(count);
  }
  return known;
}

void insert_usage(soci::session& sql, std::span<UsageRow> rows) {
  while (!rows.empty()) {
    const size_t count = std::min(kRows, rows.size());
    soci::details::prepare_temp_type query =
        sql.prepare << "INSERT INTO usage_logs (" << UsageRow::kColumns << ") VALUES "
                    << placeholders(count, UsageRow::kColumnCount);
    for (UsageRow& row : rows.first(count)) row.use(query);
    soci::statement(query).execute(true);
    rows = rows.subspan(count);
  }
}

struct Charge {
  int64_t wallet = 0;
  int64_t amount = 0;
  int64_t after = 0;
  std::string reference;
};

/// What a statement takes, for as long as it runs.
class Values {
 public:
  auto adder() {
    return [this](int64_t value) { values_.push_back(value); };
  }
  void run(soci::session& sql, const std::string& text) const {
    soci::details::prepare_temp_type query = sql.prepare << text;
    for (const int64_t& value : values_) query, soci::use(value);
    soci::statement(query).execute(true);
  }

 private:
  std::vector<int64_t> values_;
};

/// What the books change beyond the rows of usage.
class Sums {
 public:
  void add(const Settlement& settlement) {
    if (settlement.wallet_id != 0 && !settlement.cost.is_zero()) {
      if (settlement.cost.nanos == INT64_MIN) {
        throw BadRow{"the cost does not fit into 64 bits"};
      }
      charges_.push_back({.wallet = settlement.wallet_id,
                          .amount = -settlement.cost.nanos,
                          .reference = settlement.id});
    }
    if (!keys_.add(settlement) || !members_.add(settlement)) {
      throw BadRow{"what its key has used does not fit into 64 bits"};
    }
  }

  /// Returns which members' sums it has changed.
  std::set<PaidFor> write(soci::session& sql, const Dialect& dialect) {
    // Locked in the order of their ids, so that two gateways do not wait for each other.
    std::map<int64_t, int64_t> balances;
    std::map<int64_t, int64_t> owners;
    for (const Charge& charge : charges_) balances.emplace(charge.wallet, 0);
    for (auto& [id, balance] : balances) {
      sql << "SELECT balance, user_id FROM wallets WHERE id = :id" << dialect.for_update,
          soci::use(id), soci::into(balance), soci::into(owners[id]);
      if (!sql.got_data()) throw BadRow{"there is no such wallet"};
    }
    for (Charge& charge : charges_) {
      int64_t& balance = balances.at(charge.wallet);
      if (__builtin_add_overflow(balance, charge.amount, &balance)) {
        throw BadRow{"the balance does not fit into 64 bits"};
      }
      charge.after = balance;
    }
    for (const auto& [id, balance] : balances) {
      sql << "UPDATE wallets SET balance = :balance WHERE id = :id", soci::use(balance),
          soci::use(id);
    }
    insert_charges(sql);
    for (const auto& [place, sum] : keys_) {
      Values values;
      KeySums::values(place, sum, values.adder());
      // No row: the key was deleted while its request ran.
      values.run(sql, KeySums::update());
    }
    std::set<PaidFor> members;
    for (const auto& [place, nanos] : members_) {
      const int64_t team = owners.at(place.wallet);
      if (team == place.user) continue;
      Values values;
      MemberSums::values(place, nanos, team, values.adder());
      values.run(sql, MemberSums::update());
      members.insert({place.wallet, place.user});
    }
    return members;
  }

 private:
  void insert_charges(soci::session& sql) const {
    const std::string kind = "charge";
    const std::string actor = "gateway";
    const std::string reason;
    const int64_t at = unix_ms();
    std::span<const Charge> charges = charges_;
    while (!charges.empty()) {
      const size_t count = std::min(kRows, charges.size());
      soci::details::prepare_temp_type query =
          sql.prepare << "INSERT INTO wallet_transactions (wallet_id, kind, amount, balance_after,"
                         " reference, actor, reason, created_at) VALUES "
                      << placeholders(count, 8);
      for (const Charge& each : charges.first(count)) {
        query, soci::use(each.wallet), soci::use(kind), soci::use(each.amount),
            soci::use(each.after), soci::use(each.reference), soci::use(actor), soci::use(reason),
            soci::use(at);
      }
      soci::statement(query).execute(true);
      charges = charges.subspan(count);
    }
  }

  std::vector<Charge> charges_;  // in their order
  KeySums keys_;
  MemberSums members_;
};

UsageRow row_of(const Settlement& settlement) {
  UsageRow row(settlement);
  for (std::string* text :
       {&row.what.request_id, &row.what.key_name, &row.what.dialect, &row.what.requested_model,
        &row.what.upstream_model, &row.what.provider, &row.what.worker, &row.what.decision}) {
    make_text(*text);
  }
  return row;
}

}  // namespace

void settle(soci::session& sql, const Dialect& dialect, std::span<const Settlement> settlements,
            const std::string& origin) {
  enter_usage_turn(sql, dialect);
  const std::unordered_set<std::string> known = known_ids(sql, settlements);
  std::vector<UsageRow> rows;
  Sums sums;
  for (const Settlement& each : settlements) {
    if (each.id.empty()) throw BadRow{"it has no id"};
    if (known.contains(each.id)) continue;
    rows.push_back(row_of(each));
    sums.add(each);
  }
  insert_usage(sql, rows);
  const std::set<PaidFor> members = sums.write(sql, dialect);
  if (!rows.empty()) note_settled(sql, settlements, members, origin);
}

void bury(soci::session& sql, const Settlement& settlement, std::string_view why) {
  std::string id = settlement.id;
  std::string failure(why);
  std::string record = sqlite::to_json(settlement);
  for (std::string* text : {&id, &failure, &record}) make_text(*text);
  int64_t buried = 0;
  sql << "SELECT COUNT(*) FROM dead_letters WHERE usage_id = :id", soci::use(id),
      soci::into(buried);
  if (buried > 0) return;
  sql << "SELECT COUNT(*) FROM dead_letters", soci::into(buried);
  if (buried >= sqlite::Settler::kMostBuried) throw BadRow{"dead_letters is full"};
  const int64_t at = unix_ms();
  sql << "INSERT INTO dead_letters (usage_id, failure, record, created_at)"
         " VALUES (:id, :failure, :record, :at)",
      soci::use(id), soci::use(failure), soci::use(record), soci::use(at);
}

}  // namespace sluice::store::server
