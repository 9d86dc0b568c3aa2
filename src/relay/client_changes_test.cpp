#include "relay/client_changes.hpp"

#include <gtest/gtest.h>

#include "store/test_store.hpp"

namespace sluice::relay {
namespace {

/// Whether a key whose user is `user` is let in.
bool lets_in(const Clients& clients, int64_t user, int64_t key) {
  return clients.keys.authenticate(user, key, IpAddress{}, 0).has_value();
}

TEST(ClientChanges, ATeamThatWasDeletedIsDisabledAsAtAStart) {
  const store::testing::TempFolder folder;
  const auto database = store::testing::must_open(folder.options());
  quota::Registry registry;
  const config::Config config;
  const int64_t alice = database->ensure_wallet("alice").value().user_id;
  const int64_t team = database->teams().add_team("red", alice).value().id;
  const int64_t hers = database->create_key(store::testing::key("hers", alice)).value().id;
  // As a key in a file whose `user` is the team's name.
  const int64_t key = database->create_key(store::testing::key("the team's", team)).value().id;
  const std::vector<int64_t> users = {alice, team};
  const auto reread = [&](Clients clients) {
    EXPECT_TRUE(reread_users(clients, users, *database));
    return clients;
  };
  const Clients before = reread(load_clients(config, *database, registry).value());
  EXPECT_TRUE(lets_in(before, alice, hers));
  EXPECT_TRUE(lets_in(before, team, key));

  ASSERT_TRUE(database->teams().delete_team(team, alice));
  const Clients after = reread(before);
  EXPECT_TRUE(lets_in(after, alice, hers));
  EXPECT_FALSE(lets_in(after, team, key));
  const Clients started = load_clients(config, *database, registry).value();
  EXPECT_FALSE(lets_in(started, team, key));
  EXPECT_FALSE(lets_in(reread(started), team, key));
}

}  // namespace
}  // namespace sluice::relay
