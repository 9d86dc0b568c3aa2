#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "store/test_store.hpp"

namespace sluice::store {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::must_open;
using testing::settlement;
using testing::Shell;
using testing::Tally;
using testing::TempFolder;

std::vector<std::string> files_in(const std::string& folder) {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    out.push_back(entry.path().filename().string());
  }
  std::ranges::sort(out);
  return out;
}

std::string contents(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Backup, UnderLoadHoldsAllThatWasDurableAndAddsUp) {
  const TempFolder folder;
  const TempFolder other;
  Tally durable;
  size_t before = 0;
  {
    const auto database = must_open(folder.options());
    const Wallet wallet = database->ensure_wallet("alice").value();
    const int64_t key = database->create_key(testing::key("demo", wallet.user_id)).value().id;
    std::atomic<bool> enough{false};
    std::thread load([&] {
      for (size_t i = 0; !enough.load(); ++i) {
        const std::string id = fmt::format("use_{}", i);
        database->ledger().opened(testing::lease(id, key, wallet.id));
        database->ledger().settle(settlement(id, key, wallet.id), durable.adder());
        if (i >= 50) durable.wait_for(i - 50);
      }
    });
    durable.wait_for(500);
    before = durable.count();
    EXPECT_TRUE(database->backup(folder.file("copy.db")));
    durable.wait_for(before + 100);  // the writer was not stopped
    EXPECT_TRUE(database->backup(folder.file("copy.db"))) << "an older copy is replaced";
    enough = true;
    load.join();
    EXPECT_TRUE(database->ledger().healthy());
  }
  struct stat status{};
  ASSERT_EQ(::stat(folder.file("copy.db").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  ASSERT_TRUE(Database::restore(other.options(), folder.file("copy.db")));
  const auto database = must_open(other.options());
  EXPECT_THAT(database->verify().value(), IsEmpty());
  Shell shell(other.database());
  EXPECT_GE(shell.integer("SELECT COUNT(*) FROM usage_logs"), static_cast<int64_t>(before + 100));
}

TEST(Backup, LeavesAnOldCopyAloneWhenItCannotMakeANewOne) {
  const TempFolder folder;
  const auto database = must_open(folder.options());
  EXPECT_EQ(database->backup(folder.file("no/such/folder/copy.db")).error().code, ErrorCode::kIo);
  EXPECT_EQ(database->backup(folder.database()).error().code, ErrorCode::kInvalidRequest);
  EXPECT_TRUE(database->wallets());
  EXPECT_THAT(files_in(folder.file("")), ::testing::ElementsAre("data dir"));
}

TEST(Restore, BringsBackWhatWasAndKeepsWhatIs) {
  const TempFolder folder;
  {
    const auto database = must_open(folder.options());
    database->ensure_wallet("alice").value();
    ASSERT_TRUE(database->backup(folder.file("copy.db")));
    database->ensure_wallet("bob").value();
  }
  ASSERT_TRUE(Database::restore(folder.options(), folder.file("copy.db")));
  EXPECT_EQ(must_open(folder.options())->wallets().value().size(), 1u);
  std::string aside;
  for (const std::string& name : files_in(folder.file("data dir"))) {
    if (name.starts_with("sluice.db.before-restore-")) aside = name;
    EXPECT_THAT(name, ::testing::Not(HasSubstr("draft")));
  }
  ASSERT_FALSE(aside.empty());
  EXPECT_EQ(Shell(folder.file("data dir/" + aside)).integer("SELECT COUNT(*) FROM users"), 2);
}

TEST(Restore, IsRefusedWhileTheFolderIsInUse) {
  const TempFolder folder;
  const auto database = must_open(folder.options());
  ASSERT_TRUE(database->backup(folder.file("copy.db")));
  const Status restored = Database::restore(folder.options(), folder.file("copy.db"));
  ASSERT_FALSE(restored);
  EXPECT_EQ(restored.error().code, ErrorCode::kConfig);
  EXPECT_THAT(restored.error().message, HasSubstr("in use by process"));
}

TEST(Restore, RefusesWhatIsNoSoundDatabaseOfOursAndChangesNothing) {
  const TempFolder folder;
  {
    const auto database = must_open(folder.options());
    database->ensure_wallet("alice").value();
    ASSERT_TRUE(database->backup(folder.file("copy.db")));
  }
  const std::string copy = contents(folder.file("copy.db"));
  std::ofstream(folder.file("garbage.db"), std::ios::binary) << std::string(50'000, 'g');
  std::ofstream(folder.file("empty.db"), std::ios::binary).flush();
  std::ofstream(folder.file("cut.db"), std::ios::binary) << copy.substr(0, copy.size() / 2);
  std::string damaged = copy;
  for (size_t at = 8192; at < damaged.size() - 4096; at += 4096)
    damaged.replace(at, 64, 64, '\xff');
  std::ofstream(folder.file("damaged.db"), std::ios::binary) << damaged;
  std::ofstream(folder.file("newer.db"), std::ios::binary) << copy;
  Shell(folder.file("newer.db")).run("INSERT INTO schema_migrations VALUES (999, 'future', 0)");
  std::ofstream(folder.file("foreign.db"), std::ios::binary) << copy;
  Shell(folder.file("foreign.db")).run("PRAGMA application_id = 1");

  const std::string before = contents(folder.database());
  const std::vector<std::string> files = files_in(folder.file("data dir"));
  for (const char* name :
       {"garbage.db", "empty.db", "cut.db", "damaged.db", "newer.db", "foreign.db", "missing.db"}) {
    const Status restored = Database::restore(folder.options(), folder.file(name));
    ASSERT_FALSE(restored) << name;
    EXPECT_EQ(restored.error().code, ErrorCode::kConfig) << name;
    EXPECT_THAT(restored.error().message, HasSubstr(name));
  }
  EXPECT_EQ(contents(folder.database()), before);
  EXPECT_EQ(files_in(folder.file("data dir")), files);
  EXPECT_TRUE(must_open(folder.options())->wallet("alice"));
}

}  // namespace
}  // namespace sluice::store
