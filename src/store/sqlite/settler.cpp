#include "store/sqlite/settler.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <utility>

#include "base/clock.hpp"
#include "store/sqlite/file.hpp"

namespace sluice::store::sqlite {
namespace {

constexpr int kReadersPatienceMs = 20;

const std::string kTexts[] = {
    "BEGIN IMMEDIATE",
    "COMMIT",
    "INSERT INTO usage_logs (id, request_id, key_id, user_id, wallet_id, key_name, dialect,"
    " requested_model, upstream_model, provider, worker, attempts, input_tokens,"
    " cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, counted_input,"
    " counted_output, reported_input, reported_cache_read, reported_cache_write, reported_output,"
    " reported_reasoning, basis, price_id, cost, outcome, status, stream, ttft_us, duration_us,"
    " started_at, decision, upstream_cost) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
    " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
    "SELECT balance, user_id FROM wallets WHERE id = ?",
    "UPDATE wallets SET balance = balance + ? WHERE id = ?",
    "INSERT INTO wallet_transactions (wallet_id, kind, amount, balance_after, reference, actor,"
    " reason, created_at) VALUES (?, 'charge', ?, ?, ?, 'gateway', '', ?)",
    KeySums::update(),
    MemberSums::update(),
    "INSERT INTO open_leases (id, request_id, key_id, wallet_id, price_id, requested_model,"
    " upstream_model, provider, stream, prompt_tokens, opened_at, marks, input_tokens,"
    " cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, cost)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
    "UPDATE open_leases SET marks = marks + 1, input_tokens = ?, cache_read_tokens = ?,"
    " cache_write_tokens = ?, output_tokens = ?, reasoning_tokens = ?, cost = ? WHERE id = ?",
    "DELETE FROM open_leases WHERE id = ?",
    "SELECT COUNT(*) FROM dead_letters",
    "INSERT INTO dead_letters (usage_id, failure, record, created_at) VALUES (?, ?, ?, ?)",
    "INSERT INTO settings (name, value) VALUES ('last_probe', ?)"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
};

void bind_counts(Statement& statement, const TokenCounts& counts) {
  statement.bind(counts.input).bind(counts.cache_read).bind(counts.cache_write);
  statement.bind(counts.output).bind(counts.reasoning);
}

int note_wal_pages(void* checkpointer, sqlite3*, const char*, int pages) {
  static_cast<Checkpointer*>(checkpointer)->grown_to(pages);
  return SQLITE_OK;
}

int64_t unix_ms() { return wall_nanos() / 1'000'000; }

}  // namespace

Result<Settler> Settler::open(const std::string& file, bool power, WalLimits limits, Scope scope) {
  Settler settler;
  settler.scope_ = scope;
  Result<Connection> connection = Connection::open(file, Connection::Mode::kReadWrite, kBusyMs);
  if (!connection) return std::unexpected(connection.error());
  settler.connection_ = std::move(*connection);
  settler.file_ = FileIdentity(file);
  if (Status set = settler.connection_.run(settings(power).c_str()); !set) {
    return std::unexpected(set.error());
  }
  // A WAL that a long read has let grow gives its room back when it begins anew. Whether a wallet
  // exists is asked once a group, and not once more for each of its entries.
  const std::string sizes = fmt::format(
      "PRAGMA journal_size_limit = {}; PRAGMA cache_size = -16384; PRAGMA foreign_keys = OFF",
      int64_t{limits.hard} * 4096);
  if (Status set = settler.connection_.run(sizes.c_str()); !set) {
    return std::unexpected(set.error());
  }
  Result<std::unique_ptr<Checkpointer>> checkpointer = Checkpointer::open(file, power, limits);
  if (!checkpointer) return std::unexpected(checkpointer.error());
  settler.checkpointer_ = std::move(*checkpointer);
  // Takes the place of SQLite's own checkpoints on this connection.
  sqlite3_wal_hook(settler.connection_.native(), note_wal_pages, settler.checkpointer_.get());
  static_assert(std::size(kTexts) == kSqlCount);
  for (size_t i = 0; i < kSqlCount; ++i) {
    if (scope == Scope::kSpool && is_of_books(i)) continue;
    Result<Statement> statement = Statement::prepare(settler.connection_, kTexts[i].c_str());
    if (!statement) return std::unexpected(statement.error());
    settler.sql_[i] = std::move(*statement);
  }
  return settler;
}

bool Settler::is_of_books(size_t sql) {
  return sql == kSelectWallet || sql == kUpdateWallet || sql == kInsertTransaction ||
         sql == kUpdateKey || sql == kUpdateMember;
}

// What was written into a file that nobody will find again would be no ledger.
Settler::Outcome Settler::begin() {
  if (file_.is_there()) return outcome_of(sql_[kBegin].run());
  failure_ =
      fmt::format("{} was moved, deleted or replaced; put it back, or restart", file_.file());
  return Outcome::kUnavailable;
}

Settler::Outcome Settler::write(std::span<const Entry> entries, std::span<const Mark> marks) {
  Outcome outcome = begin();
  if (outcome != Outcome::kWritten) return outcome;
  outcome = write_marks(marks);
  if (outcome == Outcome::kWritten) outcome = write_usage(entries);
  if (outcome == Outcome::kWritten) outcome = write_balances();
  if (outcome == Outcome::kWritten) outcome = write_sums();
  if (outcome == Outcome::kWritten) outcome = write_transactions();
  if (outcome == Outcome::kWritten) outcome = delete_leases(entries);
  return finish(outcome);
}

Settler::Outcome Settler::finish(Outcome outcome) {
  if (outcome == Outcome::kWritten) outcome = outcome_of(sql_[kCommit].run());
  if (outcome != Outcome::kWritten && sqlite3_get_autocommit(connection_.native()) == 0) {
    // SQLite itself rolls back after some errors; here it had not. failure_ stays the first one.
    sqlite3_exec(connection_.native(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
  return outcome;
}

Settler::Outcome Settler::write_marks(std::span<const Mark> marks) {
  for (const Mark& mark : marks) {
    Statement& statement = sql_[mark.opened ? kInsertLease : kUpdateLease];
    const TokenCounts counts = mark.progress ? mark.progress->counts : TokenCounts{};
    const Money cost = mark.progress ? mark.progress->cost : Money{};
    if (mark.opened) {
      const LeaseOpened& opened = *mark.opened;
      statement.bind(mark.id).bind(opened.request_id).bind(opened.key_id).bind(opened.wallet_id);
      statement.bind(opened.price_id).bind(opened.requested_model).bind(opened.upstream_model);
      statement.bind(opened.provider).bind(int64_t{opened.stream}).bind(opened.prompt_tokens);
      statement.bind(opened.opened_at).bind(int64_t{mark.progress != nullptr});
      bind_counts(statement, counts);
      statement.bind(cost.nanos);
    } else {
      bind_counts(statement, counts);
      statement.bind(cost.nanos).bind(mark.id);
    }
    if (const Outcome outcome = outcome_of(statement.run()); outcome != Outcome::kWritten) {
      return outcome;
    }
  }
  return Outcome::kWritten;
}

Settler::Outcome Settler::write_usage(std::span<const Entry> entries) {
  charges_.clear();
  wallets_.clear();
  keys_.clear();
  members_.clear();
  for (const Entry& entry : entries) {
    const Settlement& settlement = *entry.settlement;
    bool added = false;
    if (const Outcome outcome = insert_usage(settlement, added); outcome != Outcome::kWritten) {
      return outcome;
    }
    if (!added || scope_ == Scope::kSpool) continue;
    if (settlement.wallet_id != 0 && !settlement.cost.is_zero()) {
      int64_t& sum = wallets_[settlement.wallet_id].amount;
      if (__builtin_sub_overflow(sum, settlement.cost.nanos, &sum)) {
        return bad_row("the cost does not fit into 64 bits");
      }
      charges_.push_back(&settlement);
    }
    if (!keys_.add(settlement) || !members_.add(settlement)) {
      return bad_row("what its key has used does not fit into 64 bits");
    }
  }
  return Outcome::kWritten;
}

Settler::Outcome Settler::insert_usage(const Settlement& s, bool& added) {
  Statement& statement = sql_[kInsertUsage];
  statement.bind(s.id).bind(s.request_id).bind(s.key_id).bind(s.user_id).bind(s.wallet_id);
  statement.bind(s.key_name).bind(s.dialect).bind(s.requested_model).bind(s.upstream_model);
  statement.bind(s.provider).bind(s.worker).bind(int64_t{s.attempts});
  bind_counts(statement, s.charged);
  statement.bind(s.counted_input).bind(s.counted_output);
  if (s.reported) {
    bind_counts(statement, *s.reported);
  } else {
    for (int i = 0; i < 5; ++i) statement.bind_null();
  }
  statement.bind(s.basis).bind(s.price_id).bind(s.cost.nanos).bind(s.outcome);
  statement.bind(int64_t{s.status}).bind(int64_t{s.stream}).bind(s.ttft_us).bind(s.duration_us);
  statement.bind(s.started_at).bind(s.decision);
  statement.bind(s.upstream_cost.nanos);
  const Outcome outcome = outcome_of(statement.run());
  added = outcome == Outcome::kWritten && sqlite3_changes64(connection_.native()) > 0;
  return outcome;
}

Settler::Outcome Settler::write_balances() {
  for (auto& [id, sum] : wallets_) {
    Statement& statement = sql_[kSelectWallet];
    const int code = statement.bind(id).step();
    if (code == SQLITE_ROW) {
      sum.balance = statement.integer(0);
      sum.owner = statement.integer(1);
    }
    statement.reset();
    if (code == SQLITE_DONE) return bad_row("there is no such wallet");
    if (code != SQLITE_ROW) return outcome_of(code);
    const Outcome outcome = outcome_of(sql_[kUpdateWallet].bind(sum.amount).bind(id).run());
    if (outcome != Outcome::kWritten) return outcome;
  }
  return Outcome::kWritten;
}

Settler::Outcome Settler::write_sums() {
  for (const auto& [place, sum] : keys_) {
    Statement& statement = sql_[kUpdateKey];
    KeySums::values(place, sum, [&](int64_t value) { statement.bind(value); });
    // No row: the key was deleted while its request ran.
    const Outcome outcome = outcome_of(statement.run());
    if (outcome != Outcome::kWritten) return outcome;
  }
  for (const auto& [place, nanos] : members_) {
    const int64_t team = wallets_[place.wallet].owner;
    if (team == place.user) continue;
    Statement& statement = sql_[kUpdateMember];
    MemberSums::values(place, nanos, team, [&](int64_t value) { statement.bind(value); });
    const Outcome outcome = outcome_of(statement.run());
    if (outcome != Outcome::kWritten) return outcome;
  }
  return Outcome::kWritten;
}

Settler::Outcome Settler::write_transactions() {
  const int64_t at = unix_ms();
  for (const Settlement* settlement : charges_) {
    int64_t& balance = wallets_[settlement->wallet_id].balance;
    if (__builtin_sub_overflow(balance, settlement->cost.nanos, &balance)) {
      return bad_row("the balance does not fit into 64 bits");
    }
    Statement& statement = sql_[kInsertTransaction];
    statement.bind(settlement->wallet_id).bind(-settlement->cost.nanos).bind(balance);
    statement.bind(settlement->id).bind(at);
    if (const Outcome outcome = outcome_of(statement.run()); outcome != Outcome::kWritten) {
      return outcome;
    }
  }
  return Outcome::kWritten;
}

Settler::Outcome Settler::delete_leases(std::span<const Entry> entries) {
  for (const Entry& entry : entries) {
    if (!entry.has_lease) continue;
    const Outcome outcome = outcome_of(sql_[kDeleteLease].bind(entry.settlement->id).run());
    if (outcome != Outcome::kWritten) return outcome;
  }
  return Outcome::kWritten;
}

Settler::Outcome Settler::bury(const Entry& entry, std::string_view why) {
  Outcome outcome = begin();
  if (outcome != Outcome::kWritten) return outcome;
  const int code = sql_[kCountBuried].step();
  const int64_t buried = code == SQLITE_ROW ? sql_[kCountBuried].integer(0) : 0;
  sql_[kCountBuried].reset();
  const std::string record = to_json(*entry.settlement);
  if (code != SQLITE_ROW) {
    outcome = outcome_of(code);
  } else if (buried >= kMostBuried) {
    outcome = bad_row("dead_letters is full");
  } else {
    Statement& statement = sql_[kBury];
    statement.bind(entry.settlement->id).bind(why).bind(record).bind(unix_ms());
    outcome = outcome_of(statement.run());
    if (outcome == Outcome::kWritten) outcome = delete_leases({&entry, 1});
  }
  return finish(outcome);
}

Settler::Outcome Settler::probe() {
  const Outcome outcome = begin();
  if (outcome != Outcome::kWritten) return outcome;
  const std::string at = std::to_string(unix_ms());
  return finish(outcome_of(sql_[kProbe].bind(at).run()));
}

void Settler::checkpoint() {
  if (!checkpointer_->little_left()) return;
  ++checkpointed_;
  // Waits for reads that end soon. Where another keeps the WAL from beginning anew, there is a
  // next time.
  sqlite3_busy_timeout(connection_.native(), kReadersPatienceMs);
  sqlite3_wal_checkpoint_v2(connection_.native(), nullptr, SQLITE_CHECKPOINT_RESTART, nullptr,
                            nullptr);
  sqlite3_busy_timeout(connection_.native(), kBusyMs);
}

Settler::Outcome Settler::outcome_of(int code) {
  switch (code & 0xff) {
    case SQLITE_OK:
      return Outcome::kWritten;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
    case SQLITE_RANGE:
      failure_ = connection_.error().message;
      return Outcome::kBadRow;
    default:
      failure_ = connection_.error().message;
      return Outcome::kUnavailable;
  }
}

Settler::Outcome Settler::bad_row(std::string why) {
  failure_ = std::move(why);
  return Outcome::kBadRow;
}

}  // namespace sluice::store::sqlite
