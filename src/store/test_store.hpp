// A database in a folder of its own, for tests.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/ids.hpp"
#include "http/database_url.hpp"
#include "store/database.hpp"
#include "store/server/connect.hpp"
#include "store/sqlite/connection.hpp"
#include "store/test_server.hpp"

namespace sluice::store::testing {

/// Removed with all that is in it.
class TempFolder {
 public:
  TempFolder() : path_(std::filesystem::temp_directory_path() / make_id("sluice_store_")) {
    std::filesystem::create_directory(path_);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  std::string file(const std::string& name) const { return (path_ / name).string(); }
  Options options(Durability durability = Durability::kProcess) const {
    return {.url = "sqlite:" + file("data dir/sluice.db"),
            .data_dir = file("data dir"),
            .durability = durability};
  }
  std::string database() const { return file("data dir/sluice.db"); }

 private:
  std::filesystem::path path_;
};

/// A database of a kind, in a folder of its own.
class TestPlace : public TempFolder {
 public:
  explicit TestPlace(Server kind)
      : kind_(kind),
        url_(kind == Server::kSqlite ? TempFolder::options().url
                                     : TestServer::of(kind).make_database()) {}

  Server kind() const { return kind_; }
  const std::string& url() const { return url_; }
  Options options(Durability durability = Durability::kProcess) const {
    return {.url = url_,
            .data_dir = file("data dir"),
            .durability = durability,
            .pool = 4,
            .spool = file("data dir/spool.db")};
  }
  /// In which leases lie.
  std::string ledger_file() const {
    return kind_ == Server::kSqlite ? database() : file("data dir/spool.db");
  }

 private:
  const Server kind_;
  const std::string url_;
};

/// For INSTANTIATE_TEST_SUITE_P: what is true on each.
inline auto all_databases() {
  return ::testing::Values(Server::kSqlite, Server::kPostgresql, Server::kMysql);
}
inline auto servers() { return ::testing::Values(Server::kPostgresql, Server::kMysql); }
inline std::string database_name(const ::testing::TestParamInfo<Server>& info) {
  return info.param == Server::kSqlite       ? "Sqlite"
         : info.param == Server::kPostgresql ? "Postgresql"
                                             : "Mysql";
}

/// Waits for things that happen on another thread.
class Tally {
 public:
  void add() {
    // Under the lock: who waits may destroy this as soon as it gets it.
    const std::lock_guard lock(mutex_);
    ++count_;
    changed_.notify_all();
  }
  auto adder() {
    return [this] { add(); };
  }
  void wait_for(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return count_ >= count; });
  }
  size_t count() {
    const std::lock_guard lock(mutex_);
    return count_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t count_ = 0;
};

inline std::unique_ptr<Database> must_open(const Options& options) {
  Result<std::unique_ptr<Database>> database = Database::open(options);
  if (!database) throw std::runtime_error(database.error().message);
  return std::move(*database);
}

inline Settlement settlement(std::string id, int64_t key_id = 0, int64_t wallet_id = 0) {
  Settlement out;
  out.id = std::move(id);
  out.request_id = "req_1";
  out.key_id = key_id;
  out.wallet_id = wallet_id;
  out.key_name = "demo";
  out.dialect = "openai";
  out.requested_model = "gpt-4o";
  out.upstream_model = "gpt-4o-2024-08-06";
  out.provider = "openai";
  out.attempts = 1;
  out.charged = {.input = 100, .cache_read = 20, .cache_write = 3, .output = 40, .reasoning = 5};
  out.counted_input = 121;
  out.counted_output = 41;
  out.reported = out.charged;
  out.basis = "reported";
  out.cost = Money{1'234'567};
  out.outcome = "finished";
  out.status = 200;
  out.stream = true;
  out.ttft_us = 250'000;
  out.duration_us = 2'000'000;
  out.started_at = 1'767'225'600'000;  // 2026-01-01
  out.decision = R"({"rule":"default"})";
  return out;
}

inline LeaseOpened lease(std::string id, int64_t key_id = 0, int64_t wallet_id = 0) {
  LeaseOpened out;
  out.id = std::move(id);
  out.request_id = "req_1";
  out.key_id = key_id;
  out.wallet_id = wallet_id;
  out.requested_model = "gpt-4o";
  out.upstream_model = "gpt-4o";
  out.provider = "openai";
  out.stream = true;
  out.prompt_tokens = 50;
  out.opened_at = 1'767'225'600'000;
  return out;
}

inline Key key(const std::string& name, int64_t user_id = 0) {
  Key out;
  out.digest = std::string(32 - name.size(), '\0') + name;
  out.prefix = "sk-tes";
  out.name = name;
  out.user_id = user_id;
  return out;
}

/// What a person with sqlite3 could do.
class Shell {
 public:
  explicit Shell(const std::string& file)
      : connection_(
            sqlite::Connection::open(file, sqlite::Connection::Mode::kReadWrite, 5000).value()) {}

  void run(const std::string& sql) {
    if (Status done = connection_.run(sql.c_str()); !done) {
      throw std::runtime_error(done.error().message);
    }
  }
  Status attempt(const std::string& sql) { return connection_.run(sql.c_str()); }
  int64_t integer(const std::string& sql) { return connection_.integer(sql.c_str()).value(); }
  std::string text(const std::string& sql) { return connection_.text(sql.c_str()).value(); }
  /// The first column of all rows.
  std::vector<std::string> texts(const std::string& sql) {
    std::vector<std::string> all;
    sqlite::Statement statement = sqlite::Statement::prepare(connection_, sql.c_str()).value();
    while (statement.step() == kRow) all.emplace_back(statement.text(0));
    return all;
  }

 private:
  static constexpr int kRow = 100;  // SQLITE_ROW
  sqlite::Connection connection_;
};

/// What a person with the server's own shell could do.
class ServerShell {
 public:
  explicit ServerShell(const std::string& url)
      : session_(server::connect(http::parse_database_url(url).value(), server::Patience::kQuick)
                     .value()) {}

  /// Statements with semicolons between them.
  void run(std::string_view sql) {
    while (!sql.empty()) {
      const size_t end = std::min(sql.find(';'), sql.size());
      *session_ << std::string(sql.substr(0, end));
      sql.remove_prefix(std::min(end + 1, sql.size()));
    }
  }
  Status attempt(const std::string& sql) {
    try {
      run(sql);
    } catch (const std::exception& error) {
      return fail(ErrorCode::kLedgerUnavailable, message_of(error));
    }
    return {};
  }
  template <typename Value>
  Value get(const std::string& sql) {
    Value value{};
    *session_ << sql, soci::into(value);
    return value;
  }
  std::vector<std::string> texts(const std::string& sql) {
    std::vector<std::string> all;
    std::string value;
    soci::statement statement = (session_->prepare << sql, soci::into(value));
    statement.execute();
    while (statement.fetch()) all.push_back(value);
    return all;
  }

 private:
  std::unique_ptr<soci::session> session_;
};

/// On any database.
class AnyShell {
 public:
  explicit AnyShell(const TestPlace& place) {
    if (place.kind() == Server::kSqlite) {
      file_ = std::make_unique<Shell>(place.database());
    } else {
      server_ = std::make_unique<ServerShell>(place.url());
    }
  }

  void run(const std::string& sql) { file_ ? file_->run(sql) : server_->run(sql); }
  Status attempt(const std::string& sql) {
    return file_ ? file_->attempt(sql) : server_->attempt(sql);
  }
  int64_t integer(const std::string& sql) {
    return file_ ? file_->integer(sql) : server_->get<int64_t>(sql);
  }
  std::string text(const std::string& sql) {
    return file_ ? file_->text(sql) : server_->get<std::string>(sql);
  }
  std::vector<std::string> texts(const std::string& sql) {
    return file_ ? file_->texts(sql) : server_->texts(sql);
  }

 private:
  std::unique_ptr<Shell> file_;
  std::unique_ptr<ServerShell> server_;
};

/// Settles, and waits until it is durable and has arrived.
inline void settle_now(Database& database, Settlement what) {
  Tally done;
  database.ledger().settle(std::move(what), done.adder());
  done.wait_for(1);
  database.wallets().value();
}

}  // namespace sluice::store::testing
