// What a settlement costs: alone and in groups, with each durability; CPU time is per settlement
// where the name says group. And what requests see: settlements in flight from one thread.
//
// SLUICE_BENCH_DATABASE names a SQLite file, with users and keys in it, for BM_Large: settlements
// of random ones of them are added to what is there. SLUICE_BENCH_SQL is run on it before, more
// than once.
#include <benchmark/benchmark.h>
#include <sqlite3.h>

#include <atomic>
#include <cstdlib>
#include <random>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "store/database.hpp"
#include "store/sqlite/file.hpp"
#include "store/sqlite/settler.hpp"
#include "store/test_store.hpp"

namespace sluice::store {
namespace {

Durability durability_of(int64_t argument) {
  return argument == 0 ? Durability::kProcess : Durability::kPower;
}

/// A settlement as it is met in practice: a decision of some 600 bytes.
Settlement typical(int64_t key_id, int64_t wallet_id) {
  Settlement out = testing::settlement(make_id("use_"), key_id, wallet_id);
  out.decision = R"({"rule":")" + std::string(580, 'x') + R"("})";
  return out;
}

struct Accounts {
  explicit Accounts(Database& database) {
    for (int i = 0; i < 8; ++i) {
      const std::string name = "user" + std::to_string(i);
      const Wallet wallet = database.ensure_wallet(name).value();
      wallets.push_back(wallet.id);
      keys.push_back(database.create_key(testing::key(name, wallet.user_id)).value().id);
    }
  }
  Settlement settlement(size_t i) const {
    return typical(keys[i % keys.size()], wallets[i % wallets.size()]);
  }
  std::vector<int64_t> wallets, keys;
};

/// Arguments: settlements in a transaction; 0 process, 1 power.
void BM_Group(benchmark::State& state) {
  const testing::TempFolder folder;
  std::unique_ptr<Accounts> accounts;
  {
    const auto database = testing::must_open(folder.options());
    accounts = std::make_unique<Accounts>(*database);
  }
  auto settler =
      sqlite::Settler::open(folder.database(), durability_of(state.range(1)) == Durability::kPower);
  const auto size = static_cast<size_t>(state.range(0));
  std::vector<Settlement> settlements(size);
  std::vector<sqlite::Settler::Entry> entries(size);
  size_t made = 0;
  for (auto _ : state) {
    state.PauseTiming();
    for (size_t i = 0; i < size; ++i) {
      settlements[i] = accounts->settlement(made++);
      settlements[i].started_at += static_cast<int64_t>(made / 10);
      entries[i] = {&settlements[i], false};
    }
    state.ResumeTiming();
    if (settler->write(entries, {}) != sqlite::Settler::Outcome::kWritten) {
      state.SkipWithError(settler->failure().c_str());
      break;
    }
    settler->checkpoint();
  }
  state.SetItemsProcessed(static_cast<int64_t>(made));
  state.counters["cpu_each"] = benchmark::Counter(
      static_cast<double>(made), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(BM_Group)
    ->ArgNames({"group", "power"})
    ->ArgsProduct({{1, 8, 32, 256}, {0, 1}})
    ->Unit(benchmark::kMicrosecond);

/// What a database of some size adds to BM_Group. Argument: settlements in a transaction.
void BM_Large(benchmark::State& state) {
  const char* file = std::getenv("SLUICE_BENCH_DATABASE");
  if (!file) {
    for (auto _ : state) continue;
    state.SetLabel("SLUICE_BENCH_DATABASE names none");
    return;
  }
  auto connection = sqlite::Connection::open(file, sqlite::Connection::Mode::kReadWrite, 1000);
  if (const char* more = std::getenv("SLUICE_BENCH_SQL")) {
    if (Status done = connection->run(more); !done) {
      state.SkipWithError(done.error().message.c_str());
      return;
    }
  }
  struct Owner {
    int64_t key, user, wallet;
    std::string name;
  };
  std::vector<Owner> owners;
  {
    auto rows = sqlite::Statement::prepare(
        *connection,
        "SELECT k.id, k.user_id, w.id, k.name FROM api_keys k JOIN wallets w"
        " ON w.user_id = k.user_id");
    while (rows->step() == SQLITE_ROW) {
      owners.push_back(
          {rows->integer(0), rows->integer(1), rows->integer(2), std::string(rows->text(3))});
    }
  }
  auto settler = sqlite::Settler::open(file, false);
  const auto size = static_cast<size_t>(state.range(0));
  std::vector<Settlement> settlements(size);
  std::vector<sqlite::Settler::Entry> entries(size);
  std::mt19937 random(7);
  int64_t at = wall_nanos() / 1'000'000;
  size_t made = 0;
  for (auto _ : state) {
    state.PauseTiming();
    for (size_t i = 0; i < size; ++i) {
      const Owner& owner = owners[random() % owners.size()];
      Settlement& one = settlements[i] = typical(owner.key, owner.wallet);
      one.user_id = owner.user;
      one.key_name = owner.name;
      one.started_at = at += static_cast<int64_t>(++made % 2);
      entries[i] = {&one, false};
    }
    state.ResumeTiming();
    if (settler->write(entries, {}) != sqlite::Settler::Outcome::kWritten) {
      state.SkipWithError(settler->failure().c_str());
      break;
    }
    settler->checkpoint();
  }
  state.SetItemsProcessed(static_cast<int64_t>(made));
  state.counters["cpu_each"] = benchmark::Counter(
      static_cast<double>(made), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(BM_Large)->ArgName("group")->Arg(1)->Arg(8)->Arg(32)->Unit(benchmark::kMicrosecond);

/// Arguments: settlements in flight; 0 process, 1 power. Each has an open mark, as requests have.
void BM_Ledger(benchmark::State& state) {
  const testing::TempFolder folder;
  const auto database = testing::must_open(folder.options(durability_of(state.range(1))));
  const Accounts accounts(*database);
  const auto in_flight = static_cast<size_t>(state.range(0));
  std::atomic<size_t> durable{0};
  size_t made = 0;
  for (auto _ : state) {
    for (;;) {
      const size_t seen = durable.load();
      if (made - seen < in_flight) break;
      durable.wait(seen);
    }
    Settlement settlement = accounts.settlement(made++);
    database->ledger().opened(testing::lease(settlement.id));
    database->ledger().settle(std::move(settlement), [&] {
      durable.fetch_add(1);
      durable.notify_one();
    });
  }
  for (size_t seen = durable.load(); seen < made; seen = durable.load()) durable.wait(seen);
  const Ledger::Stats stats = database->ledger().stats();
  state.SetItemsProcessed(static_cast<int64_t>(made));
  state.counters["per_group"] =
      static_cast<double>(stats.settlements) / static_cast<double>(stats.groups);
}
BENCHMARK(BM_Ledger)
    ->ArgNames({"in_flight", "power"})
    ->ArgsProduct({{1, 32, 1000}, {0, 1}})
    ->UseRealTime()
    ->MeasureProcessCPUTime()
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace sluice::store
