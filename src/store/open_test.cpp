// Opening: the folder, the lock, the schema.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "store/sqlite/file.hpp"
#include "store/test_store.hpp"

namespace sluice::store {
namespace {

using ::testing::HasSubstr;
using testing::must_open;
using testing::Shell;
using testing::TempFolder;

unsigned mode_of(const std::string& path) {
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 0777;
}

std::string refusal(const Options& options) {
  const auto database = Database::open(options);
  if (database) return "opened";
  EXPECT_EQ(database.error().code, ErrorCode::kConfig);
  return database.error().message;
}

TEST(Open, NobodyElseCanReadTheFiles) {
  const TempFolder folder;
  const auto database = must_open(folder.options());
  database->ensure_wallet("alice").value();
  EXPECT_EQ(mode_of(folder.file("data dir")), 0700u);
  EXPECT_EQ(mode_of(folder.database()), 0600u);
  EXPECT_EQ(mode_of(folder.database() + "-wal"), 0600u);
  EXPECT_EQ(mode_of(folder.database() + "-shm"), 0600u);
  EXPECT_EQ(mode_of(folder.file("data dir/sluice.lock")), 0600u);
}

TEST(Open, TakesAwayWhatOthersMayDoWithAnOldFile) {
  const TempFolder folder;
  must_open(folder.options());
  ASSERT_EQ(::chmod(folder.database().c_str(), 0644), 0);
  must_open(folder.options());
  EXPECT_EQ(mode_of(folder.database()), 0600u);
}

TEST(Open, ASecondProcessIsToldWhoHasTheFolder) {
  const TempFolder folder;
  auto database = must_open(folder.options());
  EXPECT_EQ(refusal(folder.options()), fmt::format("data_dir {} is in use by process {}",
                                                   folder.file("data dir"), ::getpid()));
  database.reset();
  EXPECT_EQ(refusal(folder.options()), "opened");
}

TEST(Open, TwoFoldersDoNotShareADatabase) {
  const TempFolder folder;
  const auto database = must_open(folder.options());
  Options other = folder.options();
  other.data_dir = folder.file("other");
  EXPECT_THAT(refusal(other), HasSubstr("is in use by process"));
}

TEST(Open, ADatabaseElsewhereThanItsFolderWorks) {
  const TempFolder folder;
  Options options = folder.options();
  options.url = "sqlite:" + folder.file("elsewhere.db");
  must_open(options)->ensure_wallet("alice").value();
  EXPECT_TRUE(must_open(options)->wallet("alice"));
}

TEST(Open, TheSecretOfKeysIsMadeOnce) {
  const TempFolder folder;
  const std::string secret = must_open(folder.options())->key_secret();
  EXPECT_EQ(secret.size(), 32u);
  EXPECT_EQ(must_open(folder.options())->key_secret(), secret);
  EXPECT_NE(must_open(TempFolder().options())->key_secret(), secret);
}

TEST(Open, ANewerDatabaseIsRefusedAndLeftAlone) {
  const TempFolder folder;
  must_open(folder.options());
  {
    Shell shell(folder.database());
    EXPECT_EQ(shell.integer("SELECT MAX(version) FROM schema_migrations"),
              sqlite::books_schema().latest());
    shell.run("INSERT INTO schema_migrations VALUES (999, 'future', 0)");
  }
  EXPECT_THAT(refusal(folder.options()),
              AllOf(HasSubstr("written by a newer sluice"), HasSubstr("999")));
  EXPECT_EQ(Shell(folder.database()).integer("SELECT COUNT(*) FROM schema_migrations"),
            sqlite::books_schema().latest() + 1);
}

TEST(Open, AForeignDatabaseIsRefusedAndLeftAlone) {
  const TempFolder folder;
  ASSERT_TRUE(std::filesystem::create_directory(folder.file("data dir")));
  {
    Result<sqlite::Connection> foreign = sqlite::Connection::open(
        folder.database(), sqlite::Connection::Mode::kCreate, sqlite::kBusyMs);
    ASSERT_TRUE(foreign->run("CREATE TABLE songs (name TEXT)"));
  }
  EXPECT_THAT(refusal(folder.options()), HasSubstr("is not a database of sluice"));
  EXPECT_EQ(Shell(folder.database()).integer("SELECT COUNT(*) FROM sqlite_schema"), 1);
}

TEST(Open, WhatIsNoDatabaseIsRefused) {
  const TempFolder folder;
  ASSERT_TRUE(std::filesystem::create_directory(folder.file("data dir")));
  std::ofstream(folder.database()) << std::string(5000, 'x');
  EXPECT_THAT(refusal(folder.options()), HasSubstr("is not a database of sluice"));
  Options options = folder.options();
  options.url = "oracle://localhost/sluice";
  EXPECT_THAT(refusal(options), HasSubstr("sqlite:PATH"));
  options.url = "sqlite:" + folder.file("no/such/folder/sluice.db");
  EXPECT_NE(refusal(options), "opened");
}

TEST(Open, AFailedMigrationLeavesNothingBehind) {
  const TempFolder folder;
  ASSERT_TRUE(std::filesystem::create_directory(folder.file("data dir")));
  Result<sqlite::Connection> connection = sqlite::Connection::open(
      folder.database(), sqlite::Connection::Mode::kCreate, sqlite::kBusyMs);
  ASSERT_TRUE(connection->run("PRAGMA max_page_count = 4"));
  EXPECT_FALSE(sqlite::migrate(*connection, folder.database()));
  EXPECT_EQ(connection->integer("SELECT COUNT(*) FROM sqlite_schema"), 0);
  EXPECT_EQ(connection->integer("PRAGMA application_id"), 0);
}

}  // namespace
}  // namespace sluice::store
