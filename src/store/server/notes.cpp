#include "store/server/notes.hpp"

#include <algorithm>
#include <cstdint>

namespace sluice::store::server {
namespace {

constexpr int64_t kTriggers = 27;

struct Table {
  std::string_view name;
  std::string_view kind;
};

constexpr Table kTables[] = {
    {"api_keys", "key"},
    {"users", "user"},
    {"sessions", "login"},
    {"wallets", "wallet"},
    {"wallet_transactions", "wallet"},
    {"team_members", "team"},
    {"model_rates", "price"},
    {"providers", "catalog"},
    {"routing_rules", "catalog"},
    {"load_balance_groups", "catalog"},
    {"load_balance_members", "catalog"},
};

// Of no interest to others: when something was used, and what wallet_transactions says as well.
constexpr std::string_view kQuiet[] = {
    "UPDATE api_keys SET last_used_at", "UPDATE users SET last_login_at", "INSERT INTO sessions",
    "UPDATE sessions SET last_used_at", "DELETE FROM sessions",           "UPDATE wallets",
};

}  // namespace

std::string_view kind_of(std::string_view statement) {
  const auto begins = [&](std::string_view with) { return statement.starts_with(with); };
  if (std::ranges::any_of(kQuiet, begins)) return {};
  for (const std::string_view verb : {"INSERT INTO ", "UPDATE ", "DELETE FROM "}) {
    if (!statement.starts_with(verb)) continue;
    std::string_view table = statement.substr(verb.size());
    table = table.substr(0, table.find_first_of(" ("));
    const auto* found = std::ranges::find(kTables, table, &Table::name);
    return found == std::end(kTables) ? std::string_view{} : found->kind;
  }
  return {};
}

bool has_triggers(soci::session& mysql) {
  int64_t there = 0;
  mysql << "SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = DATABASE()"
           " AND trigger_name LIKE '%\\\\_note%'",
      soci::into(there);
  return there >= kTriggers;
}

class Notes::Logger final : public soci::logger_impl {
 public:
  explicit Logger(std::string& kinds) : kinds_(kinds) {}
  void start_query(const std::string& query) override {
    const std::string_view kind = kind_of(query);
    if (kind.empty() || kinds_.contains(kind)) return;
    kinds_ += kind;
    kinds_ += ' ';
  }

 private:
  soci::logger_impl* do_clone() const override { return new Logger(kinds_); }

  std::string& kinds_;
};

Notes::Notes(soci::session& session) : session_(session), before_(session.get_logger()) {
  session_.set_logger(new Logger(kinds_));
}

Notes::~Notes() { session_.set_logger(before_); }

void Notes::write(const std::string& origin) {
  std::string_view rest = kinds_;
  while (!rest.empty()) {
    const std::string kind(rest.substr(0, rest.find(' ')));
    rest.remove_prefix(kind.size() + 1);
    session_ << "UPDATE change_turn SET seq = seq + 1 WHERE id = 1";
    session_ << "INSERT INTO changes (seq, kind, subject, origin)"
                " SELECT seq, :kind, 0, :origin FROM change_turn WHERE id = 1",
        soci::use(kind), soci::use(origin);
  }
}

}  // namespace sluice::store::server
