#include "store/writer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "store/test_store.hpp"

namespace sluice::store {
namespace {

using testing::lease;
using testing::must_open;
using testing::settlement;
using testing::Shell;
using testing::Tally;
using testing::TempFolder;

/// The writer alone, so that its connection can be made to fail.
class Writer : public ::testing::Test {
 protected:
  Writer() {
    const auto database = must_open(folder_.options());
    const Wallet wallet = database->ensure_wallet("alice").value();
    wallet_ = wallet.id;
    key_ = database->create_key(testing::key("demo", wallet.user_id)).value().id;
  }
  void start(Duration stop_patience = LedgerWriter::kStopPatience, sqlite::WalLimits limits = {}) {
    settler_.emplace(sqlite::Settler::open(folder_.database(), false, limits).value());
    writer_.emplace(*settler_, turn_, stop_patience);
  }
  void stop() {
    writer_.reset();
    settler_.reset();
  }
  void settle(const std::string& id) {
    writer_->settle(settlement(id, key_, wallet_), durable_.adder());
  }
  /// On the writer's own connection, between two groups.
  void pragma(const char* text) {
    const std::lock_guard turn(turn_);
    ASSERT_TRUE(settler_->connection().run(text));
  }
  /// Settles `bytes` without a pause, 128 at a time, and looks each time 64 are durable.
  void load(size_t bytes, const std::function<void()>& look) {
    Settlement big = settlement("", key_, wallet_);
    big.decision = std::string(20'000, 'x');
    const size_t durable = durable_.count();
    for (size_t i = 0; i * big.decision.size() < bytes; ++i) {
      big.id = fmt::format("use_{}", loaded_++);
      writer_->settle(big, durable_.adder());
      if (i % 64 != 63 || i < 128) continue;
      durable_.wait_for(durable + i - 64);
      look();
    }
    durable_.wait_for(durable + (bytes + big.decision.size() - 1) / big.decision.size());
  }
  std::string wal() const { return folder_.database() + "-wal"; }
  sqlite::Settler::Checkpoints checkpoints() {
    const std::lock_guard turn(turn_);
    return settler_->checkpoints();
  }
  void wait_until_unhealthy() {
    while (writer_->healthy()) std::this_thread::yield();
  }
  int64_t rows(const std::string& what) { return shell().integer("SELECT COUNT(*) FROM " + what); }
  Shell& shell() {
    if (!shell_) shell_.emplace(folder_.database());
    return *shell_;
  }
  std::vector<Database::Difference> verify() {
    stop();
    shell_.reset();
    return must_open(folder_.options())->verify().value();
  }
  /// Settles while the database is made unwritable by `fail` and again writable by `mend`.
  void survive(const std::function<void()>& fail, const std::function<void()>& mend) {
    start();
    settle("before");
    durable_.wait_for(1);
    fail();
    for (int i = 0; i < 100; ++i) {
      Settlement big = settlement(fmt::format("during_{}", i), key_, wallet_);
      big.decision = std::string(10'000, 'x');  // no page has room for it
      writer_->settle(std::move(big), durable_.adder());
    }
    wait_until_unhealthy();
    EXPECT_GT(writer_->lag(), Duration(0));
    EXPECT_EQ(durable_.count(), 1u) << "durable was told of what was not";
    EXPECT_EQ(writer_->stats().waiting, 100u);
    EXPECT_GT(writer_->stats().failures, 0u);
    mend();
    durable_.wait_for(101);
    while (!writer_->healthy()) std::this_thread::yield();
    settle("after");
    durable_.wait_for(102);
    EXPECT_EQ(writer_->lag(), Duration(0));
    EXPECT_EQ(rows("usage_logs"), 102);
    EXPECT_EQ(rows("wallet_transactions"), 102);
    EXPECT_EQ(shell().integer("SELECT balance FROM wallets"), -102 * 1'234'567);
    // In the order in which they came.
    EXPECT_EQ(shell().text("SELECT reference FROM wallet_transactions WHERE id = 51"), "during_49");
    EXPECT_THAT(verify(), ::testing::IsEmpty());
  }

  TempFolder folder_;
  int64_t wallet_ = 0;
  int64_t key_ = 0;
  WriteTurn turn_;
  Tally durable_;  // outlives the writer
  size_t loaded_ = 0;
  std::optional<sqlite::Settler> settler_;
  std::optional<LedgerWriter> writer_;
  std::optional<Shell> shell_;
};

TEST_F(Writer, ASettlementIsDurableWithAllThatFollowsFromIt) {
  start();
  settle("use_1");
  durable_.wait_for(1);
  EXPECT_EQ(rows("usage_logs"), 1);
  EXPECT_EQ(shell().integer("SELECT balance FROM wallets"), -1'234'567);
  EXPECT_EQ(shell().integer("SELECT balance_after FROM wallet_transactions"), -1'234'567);
  EXPECT_EQ(shell().integer("SELECT used_tokens FROM api_keys"), 163);
}

TEST_F(Writer, TheSameIdChargesOnceAndIsDurableEachTime) {
  start();
  settle("use_1");
  durable_.wait_for(1);
  settle("use_1");
  durable_.wait_for(2);
  shell().run("BEGIN EXCLUSIVE");  // so that the next two share a group
  settle("use_2");
  settle("use_2");
  shell().run("COMMIT");
  durable_.wait_for(4);
  EXPECT_EQ(rows("usage_logs"), 2);
  EXPECT_EQ(rows("wallet_transactions"), 2);
  EXPECT_EQ(shell().integer("SELECT used_tokens FROM api_keys"), 2 * 163);
  EXPECT_THAT(verify(), ::testing::IsEmpty());
}

TEST_F(Writer, WithoutWalletOrCostThereIsNoCharge) {
  start();
  Settlement free = settlement("free", key_, wallet_);
  free.cost = {};
  writer_->settle(free, durable_.adder());
  writer_->settle(settlement("nobody"), durable_.adder());
  durable_.wait_for(2);
  EXPECT_EQ(rows("usage_logs"), 2);
  EXPECT_EQ(rows("wallet_transactions"), 0);
  EXPECT_EQ(shell().integer("SELECT used_tokens FROM api_keys"), 163);
}

TEST_F(Writer, WhatWaitsIsWrittenInGroups) {
  start();
  shell().run("BEGIN EXCLUSIVE");
  for (int i = 0; i < 1500; ++i) settle(fmt::format("use_{}", i));
  shell().run("COMMIT");
  durable_.wait_for(1500);
  const Ledger::Stats stats = writer_->stats();
  EXPECT_EQ(stats.settlements, 1500u);
  EXPECT_GE(stats.groups, 3u) << "a group is bounded";
  EXPECT_LE(stats.groups, 5u);
  EXPECT_EQ(stats.waiting, 0u);
}

TEST_F(Writer, AGroupChargesEachWalletAndKeyItsOwn) {
  shell().run("INSERT INTO users (id, name, created_at) VALUES (70, 'bob', 0)");
  shell().run("INSERT INTO wallets (id, user_id, balance, created_at) VALUES (7, 70, 50, 0)");
  shell().run(
      "INSERT INTO wallet_transactions (id, wallet_id, kind, amount, balance_after, reference,"
      " actor, reason, created_at) VALUES (1, 7, 'grant', 50, 50, 'g', '', '', 0)");
  shell().run(
      "INSERT INTO api_keys (id, digest, prefix, name, user_id, configured, enabled, rpm, tpm,"
      " max_parallel, models, allow_ips, created_at) SELECT 8, 'other', prefix, 'other', 70, 0, 1,"
      " 0, 0, 0, models, allow_ips, 0 FROM api_keys");
  start();
  shell().run("BEGIN EXCLUSIVE");
  for (int i = 0; i < 10; ++i) {
    Settlement one = settlement(fmt::format("use_{}", i), i % 2 ? 8 : key_, i % 2 ? 7 : wallet_);
    one.cost = Money{i % 2 ? 100 : 3};
    one.charged = {.output = i % 2 ? 10 : 1};
    writer_->settle(one, durable_.adder());
  }
  shell().run("COMMIT");
  durable_.wait_for(10);
  EXPECT_EQ(shell().integer("SELECT balance FROM wallets WHERE id = 7"), 50 - 500);
  EXPECT_EQ(shell().integer("SELECT balance FROM wallets WHERE id <> 7"), -15);
  EXPECT_EQ(shell().integer("SELECT used_tokens FROM api_keys WHERE id = 8"), 50);
  EXPECT_EQ(shell().integer("SELECT used_tokens FROM api_keys WHERE id <> 8"), 5);
  EXPECT_EQ(shell().integer("SELECT balance_after FROM wallet_transactions"
                            " WHERE reference = 'use_3'"),
            50 - 200);
  EXPECT_THAT(verify(), ::testing::IsEmpty());
}

TEST_F(Writer, AShortCallLeavesNoTraceOfItsLease) {
  shell().run(
      "CREATE TABLE seen (id TEXT); CREATE TRIGGER see AFTER INSERT ON open_leases"
      " BEGIN INSERT INTO seen VALUES (new.id); END");
  start();
  shell().run("BEGIN EXCLUSIVE");
  for (int i = 0; i < 50; ++i) {
    const std::string id = fmt::format("use_{}", i);
    writer_->opened(lease(id));
    writer_->progress({.id = id, .counts = {.output = 5}, .cost = {}});
    settle(id);
  }
  shell().run("COMMIT");
  durable_.wait_for(50);
  stop();
  EXPECT_EQ(rows("seen"), 0);
  EXPECT_EQ(rows("open_leases"), 0);
}

TEST_F(Writer, ALongCallIsMarkedWithItsLatestProgressUntilItIsSettled) {
  start();
  writer_->opened(lease("long"));
  // No settlement comes: the mark is written by itself.
  while (rows("open_leases") == 0) std::this_thread::yield();
  EXPECT_EQ(shell().integer("SELECT marks FROM open_leases"), 0);
  writer_->progress({.id = "long", .counts = {.input = 1, .output = 256}, .cost = Money{10}});
  writer_->progress({.id = "long", .counts = {.input = 1, .output = 512}, .cost = Money{20}});
  while (shell().integer("SELECT output_tokens FROM open_leases") != 512) {
    std::this_thread::yield();
  }
  EXPECT_EQ(shell().integer("SELECT cost FROM open_leases"), 20);
  settle("long");
  durable_.wait_for(1);
  EXPECT_EQ(rows("open_leases"), 0);
  // What comes late of a lease that is settled opens nothing.
  writer_->progress({.id = "long", .counts = {.output = 600}, .cost = Money{30}});
  stop();
  EXPECT_EQ(rows("open_leases"), 0);
}

TEST_F(Writer, AFullDiskLosesNothing) {
  survive(
      [&] {
        pragma("PRAGMA max_page_count = 1");  // means: as many as there are
      },
      [&] { pragma("PRAGMA max_page_count = 1000000"); });
}

TEST_F(Writer, ALockedDatabaseLosesNothing) {
  survive([&] { shell().run("BEGIN EXCLUSIVE"); }, [&] { shell().run("COMMIT"); });
}

TEST_F(Writer, AReadOnlyDatabaseLosesNothing) {
  survive([&] { pragma("PRAGMA query_only = ON"); }, [&] { pragma("PRAGMA query_only = OFF"); });
}

TEST_F(Writer, ADatabaseThatIsMovedAwayLosesNothing) {
  const std::string away = folder_.database() + ".away";
  survive([&] { std::filesystem::rename(folder_.database(), away); },
          [&] { std::filesystem::rename(away, folder_.database()); });
}

TEST_F(Writer, WritesNothingWhereAnotherFileHasTakenThePlaceOfTheDatabase) {
  start(std::chrono::milliseconds(1));
  settle("before");
  durable_.wait_for(1);
  const std::string away = folder_.database() + ".away";
  std::filesystem::rename(folder_.database(), away);
  std::filesystem::copy_file(away, folder_.database());
  settle("during");
  wait_until_unhealthy();
  {
    const std::lock_guard turn(turn_);
    EXPECT_THAT(settler_->failure(), ::testing::HasSubstr("moved, deleted or replaced"));
  }
  stop();
  EXPECT_EQ(durable_.count(), 1u);
}

TEST_F(Writer, FindsOutByItselfThatItCanWriteAgain) {
  start();
  pragma("PRAGMA query_only = ON");
  writer_->opened(lease("use_1"));
  wait_until_unhealthy();
  pragma("PRAGMA query_only = OFF");
  while (!writer_->healthy()) std::this_thread::yield();
  EXPECT_EQ(rows("open_leases"), 1);
}

TEST_F(Writer, ALeaseThatIsSettledWhileNothingCanBeWrittenDoesNotStayOpen) {
  start();
  pragma("PRAGMA query_only = ON");
  writer_->opened(lease("use_1"));
  wait_until_unhealthy();
  settle("use_1");
  pragma("PRAGMA query_only = OFF");
  durable_.wait_for(1);
  stop();
  EXPECT_EQ(rows("open_leases"), 0);
  EXPECT_EQ(rows("usage_logs"), 1);
}

TEST_F(Writer, ABadRowIsKeptAsideAndItsGroupIsWritten) {
  start();
  writer_->opened(lease("lost"));
  while (rows("open_leases") == 0) std::this_thread::yield();
  shell().run("BEGIN EXCLUSIVE");
  writer_->opened(lease(""));
  for (int i = 0; i < 5; ++i) settle(fmt::format("good_{}", i));
  writer_->settle(settlement("lost", key_, 4711), durable_.adder());  // no such wallet
  settle("");
  Settlement huge = settlement("huge", key_, wallet_);
  huge.cost = Money{INT64_MIN};
  writer_->settle(huge, durable_.adder());
  for (int i = 5; i < 9; ++i) settle(fmt::format("good_{}", i));
  shell().run("COMMIT");
  durable_.wait_for(12);
  EXPECT_TRUE(writer_->healthy());
  EXPECT_EQ(rows("usage_logs"), 9);
  EXPECT_EQ(rows("dead_letters"), 3);
  EXPECT_EQ(rows("open_leases"), 0);
  EXPECT_EQ(writer_->stats().dead_letters, 3u);
  EXPECT_EQ(writer_->stats().settlements, 9u);
  EXPECT_EQ(shell().integer("SELECT record ->> 'wallet_id' FROM dead_letters ORDER BY id LIMIT 1"),
            4711);
  EXPECT_EQ(shell().integer("SELECT balance FROM wallets"), -9 * 1'234'567);
  settle("good_9");
  durable_.wait_for(13);
  const std::vector<Database::Difference> found = verify();
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].what, "settlement lost, refused: there is no such wallet");
}

TEST_F(Writer, ABalanceBeyond64BitsIsRefusedAndNotRounded) {
  start();
  shell().run("UPDATE wallets SET balance = -9223372036854775000");
  settle("use_1");
  durable_.wait_for(1);
  EXPECT_EQ(shell().integer("SELECT balance FROM wallets"), -9223372036854775000);
  EXPECT_EQ(rows("dead_letters"), 1);
  EXPECT_EQ(rows("usage_logs"), 0);
}

TEST_F(Writer, WhatIsQueuedAtTheEndIsWritten) {
  start();
  for (int i = 0; i < 2000; ++i) settle(fmt::format("use_{}", i));
  writer_->opened(lease("still open"));
  stop();
  EXPECT_EQ(durable_.count(), 2000u);
  EXPECT_EQ(rows("usage_logs"), 2000);
  EXPECT_EQ(rows("open_leases"), 1);
}

TEST_F(Writer, EndsInBoundedTimeAlsoWhenNothingCanBeWritten) {
  start(std::chrono::milliseconds(20));
  shell().run("BEGIN EXCLUSIVE");
  settle("use_1");
  stop();
  EXPECT_EQ(durable_.count(), 0u);
}

TEST_F(Writer, ManyThreadsSettleEveryIdExactlyOnce) {
  start();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 300; ++i) {
        const std::string id = fmt::format("use_{}_{}", t, i);
        writer_->opened(lease(id));
        writer_->progress({.id = id, .counts = {.output = i}, .cost = Money{i}});
        settle(id);
        if (i % 3 == 0) settle(id);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  durable_.wait_for(1600);
  EXPECT_EQ(rows("usage_logs"), 1200);
  EXPECT_EQ(rows("open_leases"), 0);
  EXPECT_THAT(verify(), ::testing::IsEmpty());
}

TEST_F(Writer, TheWriteAheadLogBeginsAnewUnderLoadAndWhileReadersRead) {
  constexpr sqlite::WalLimits kLimits{.step = 100, .most = 1'000, .hard = 2'000};
  start(LedgerWriter::kStopPatience, kLimits);
  std::atomic<bool> ended{false};
  std::thread reader([&] {
    Shell other(folder_.database());
    while (!ended) other.integer("SELECT COUNT(*) FROM wallet_transactions");
  });
  size_t most = 0;
  load(size_t{96} << 20, [&] { most = std::max<size_t>(most, std::filesystem::file_size(wal())); });
  ended = true;
  reader.join();
  // Also when a checkpoint takes as long as writing many times what is allowed. A read that has
  // just begun may be in the way several times, and a group of 3 MiB comes on top.
  EXPECT_LT(most, size_t{64} << 20);
  EXPECT_GT(checkpoints().beside, 0u);
  EXPECT_THAT(verify(), ::testing::IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(wal())) << "an orderly end leaves the database alone";
}

TEST_F(Writer, TheWriterMovesNothingItselfWhileTheWriteAheadLogIsShort) {
  start();
  load(size_t{20} << 20, [] {});
  while (checkpoints().beside == 0) std::this_thread::yield();
  EXPECT_EQ(checkpoints().here, 0u);
}

TEST_F(Writer, AfterALongReadTheWriteAheadLogGivesItsRoomBack) {
  constexpr sqlite::WalLimits kLimits{.step = 100, .most = 1'000, .hard = 1'500};
  constexpr size_t kBytes = size_t{kLimits.most} * 4096;
  start(LedgerWriter::kStopPatience, kLimits);
  load(kBytes / 4, [] {});
  shell().run("BEGIN; SELECT COUNT(*) FROM usage_logs");
  load(3 * kBytes, [] {});
  EXPECT_GT(std::filesystem::file_size(wal()), 3 * kBytes);
  EXPECT_EQ(checkpoints().here, 0u) << "that would have been of no use";
  shell().run("COMMIT");
  for (int i = 0; i < 100 && std::filesystem::file_size(wal()) > 2 * kBytes; ++i) {
    load(kBytes / 2, [] {});
  }
  EXPECT_LE(std::filesystem::file_size(wal()), 2 * kBytes);
  EXPECT_THAT(verify(), ::testing::IsEmpty());
}

TEST(Durability, PowerSyncsAtEachCommitAndProcessDoesNot) {
  const TempFolder folder;
  must_open(folder.options());
  const auto synchronous = [&](bool power) {
    return sqlite::Settler::open(folder.database(), power)
        ->connection()
        .integer("PRAGMA synchronous")
        .value();
  };
  EXPECT_EQ(synchronous(false), 1);
  EXPECT_EQ(synchronous(true), 2);
}

}  // namespace
}  // namespace sluice::store
