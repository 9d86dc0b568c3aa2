#include "store/server/changes.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "base/text.hpp"

namespace sluice::store::server {
namespace {

/// Ids in one query.
constexpr size_t kIds = 500;
constexpr std::string_view kSpent = "spent_on, spent_day, spent_week, spent_month";

struct ChangeRow {
  int64_t seq = 0;
  std::string kind;
  int64_t subject = 0;
  std::string touched;
};

int64_t newest(soci::session& sql) {
  int64_t seq = 0;
  sql << "SELECT seq FROM change_turn WHERE id = 1", soci::into(seq);
  return seq;
}

/// What stands before the next `end`, or all; it is taken off with the end.
std::string_view take_up_to(char end, std::string_view& list) {
  const std::string_view part = list.substr(0, list.find(end));
  list.remove_prefix(std::min(part.size() + 1, list.size()));
  return part;
}

void add_numbers(std::string_view list, std::vector<int64_t>& to) {
  while (!list.empty()) {
    if (const auto number = parse_u64(take_up_to(',', list))) {
      to.push_back(static_cast<int64_t>(*number));
    }
  }
}

/// As note_settled() has written it.
void add_touched(std::string_view touched, News& news) {
  add_numbers(take_up_to(';', touched), news.wallets);
  add_numbers(take_up_to(';', touched), news.used_keys);
  while (!touched.empty()) {
    std::string_view user = take_up_to(',', touched);
    const auto wallet_id = parse_u64(take_up_to(':', user));
    const auto user_id = parse_u64(user);
    if (!wallet_id || !user_id) continue;
    news.members.push_back({static_cast<int64_t>(*wallet_id), static_cast<int64_t>(*user_id)});
  }
}

void add(const ChangeRow& row, News& news) {
  if (row.kind == "settled") {
    add_touched(row.touched, news);
  } else if (row.kind == "key") {
    news.keys.push_back(row.subject);
  } else if (row.kind == "user") {
    news.users.push_back(row.subject);
  } else if (row.kind == "wallet") {
    news.wallets.push_back(row.subject);
  } else if (row.kind == "team") {
    news.teams.push_back(row.subject);
  } else if (row.kind == "login") {
    news.logins = true;
  } else if (row.kind == "price") {
    news.prices = true;
  } else if (row.kind == "catalog") {
    news.catalog = true;
  } else {
    news.all = true;  // of a newer gateway
  }
  // Noted without a trigger.
  const bool unknown = row.subject == 0 && (row.kind == "key" || row.kind == "user" ||
                                            row.kind == "wallet" || row.kind == "team");
  if (unknown) news.all = true;
}

template <typename Id>
void keep_each_once(std::vector<Id>& ids) {
  std::ranges::sort(ids);
  const auto [first, last] = std::ranges::unique(ids);
  ids.erase(first, last);
}

/// `read` for some ids at a time.
template <typename Read>
void in_pieces(std::span<const int64_t> ids, Read read) {
  while (!ids.empty()) {
    const auto some = ids.first(std::min(kIds, ids.size()));
    read(fmt::format("{}", fmt::join(some, ", ")));
    ids = ids.subspan(some.size());
  }
}

}  // namespace

void note_settled(soci::session& sql, std::span<const Settlement> settlements,
                  const std::set<PaidFor>& members, const std::string& origin) {
  std::set<int64_t> wallets;
  std::set<int64_t> keys;
  for (const Settlement& each : settlements) {
    if (each.wallet_id != 0 && !each.cost.is_zero()) wallets.insert(each.wallet_id);
    if (each.key_id != 0) keys.insert(each.key_id);
  }
  if (wallets.empty() && keys.empty()) return;
  std::string touched = fmt::format("{};{}", fmt::join(wallets, ","), fmt::join(keys, ","));
  char before = ';';
  for (const PaidFor& each : members) {
    touched += fmt::format("{}{}:{}", std::exchange(before, ','), each.wallet_id, each.user_id);
  }
  sql << "UPDATE change_turn SET seq = seq + 1 WHERE id = 1";
  sql << "INSERT INTO changes (seq, kind, subject, origin, touched)"
         " SELECT seq, 'settled', 0, :origin, :touched FROM change_turn WHERE id = 1",
      soci::use(origin), soci::use(touched);
}

Result<int64_t> ServerChanges::now() {
  int64_t seq = 0;
  const auto done = server_.try_read([&](soci::session& sql) { seq = newest(sql); });
  if (!done) return std::unexpected(done.error().error);
  return seq;
}

Result<News> ServerChanges::since(int64_t cursor) {
  News news;
  const auto done = server_.try_read([&](soci::session& sql) {
    news = {};
    news.cursor = newest(sql);
    if (news.cursor == cursor) return;
    int64_t oldest = 0;
    sql << "SELECT COALESCE(MIN(seq), 0) FROM changes WHERE seq > :cursor", soci::use(cursor),
        soci::into(oldest);
    // Numbers have no gaps: what is missing has been forgotten, or it is another database.
    news.all = news.cursor < cursor || oldest != cursor + 1;
    if (news.all) return;
    ChangeRow row;
    soci::indicator has_touched = soci::i_ok;
    const int most = kMost;
    soci::statement statement =
        (sql.prepare << "SELECT seq, kind, subject, touched FROM changes WHERE seq > :cursor"
                        " AND origin <> :origin ORDER BY seq LIMIT :most",
         soci::use(cursor), soci::use(carrier_.origin()), soci::use(most), soci::into(row.seq),
         soci::into(row.kind), soci::into(row.subject), soci::into(row.touched, has_touched));
    statement.execute();
    int read = 0;
    int64_t first = 0;
    for (; statement.fetch(); ++read) {
      if (read == 0) first = row.seq;
      if (has_touched == soci::i_null) row.touched.clear();
      add(row, news);
    }
    if (read < kMost) return;
    // A transaction may have many under one number; the last one's come once more.
    news.all = row.seq == first;
    news.more = !news.all;
    if (news.more) news.cursor = row.seq - 1;
  });
  if (!done) return std::unexpected(done.error().error);
  for (auto* ids : {&news.keys, &news.users, &news.teams, &news.wallets, &news.used_keys}) {
    keep_each_once(*ids);
  }
  keep_each_once(news.members);
  return news;
}

Status ServerChanges::forget(int64_t cursor) {
  const auto done = server_.try_write([&](soci::session& sql) {
    sql << "DELETE FROM changes WHERE seq <= :cursor", soci::use(cursor);
    return true;
  });
  if (!done) return std::unexpected(done.error().error);
  return {};
}

Status ServerChanges::look(std::span<const int64_t> wallets, std::span<const int64_t> keys,
                           std::span<const int64_t> memberships,
                           const std::function<void(const Figures&)>& take) {
  const auto turn = carrier_.pause();
  Figures figures;
  const auto done = server_.try_read([&](soci::session& sql) {
    figures = {};
    in_pieces(wallets, [&](const std::string& ids) {
      WalletFigure row;
      soci::statement statement =
          (sql.prepare << "SELECT id, user_id, balance FROM wallets WHERE id IN (" << ids << ")",
           soci::into(row.id), soci::into(row.user_id), soci::into(row.balance.nanos));
      statement.execute();
      while (statement.fetch()) figures.wallets.push_back(row);
    });
    in_pieces(keys, [&](const std::string& ids) {
      KeyFigure row;
      soci::statement statement =
          (sql.prepare << "SELECT id, used_tokens, used_nanos, " << kSpent
                       << " FROM api_keys WHERE id IN (" << ids << ")",
           soci::into(row.id), soci::into(row.used_tokens), soci::into(row.used_money.nanos),
           soci::into(row.spent.on), soci::into(row.spent.day.nanos),
           soci::into(row.spent.week.nanos), soci::into(row.spent.month.nanos));
      statement.execute();
      while (statement.fetch()) figures.keys.push_back(row);
    });
    std::unordered_set<int64_t> there;
    in_pieces(memberships, [&](const std::string& ids) {
      MemberFigure row;
      soci::statement statement =
          (sql.prepare << "SELECT id, " << kSpent << " FROM team_members WHERE id IN (" << ids
                       << ")",
           soci::into(row.id), soci::into(row.spent.on), soci::into(row.spent.day.nanos),
           soci::into(row.spent.week.nanos), soci::into(row.spent.month.nanos));
      statement.execute();
      while (statement.fetch()) {
        figures.members.push_back(row);
        there.insert(row.id);
      }
    });
    std::ranges::copy_if(memberships, std::back_inserter(figures.left),
                         [&](int64_t id) { return !there.contains(id); });
  });
  if (!done) return std::unexpected(done.error().error);
  take(figures);
  return {};
}

void ServerChanges::on_carried(std::function<void(const Carried&)> told) {
  carrier_.on_carried(std::move(told));
}

}  // namespace sluice::store::server
