// A shell that asks as a user, and everybody else who says that he does.
#include <gmock/gmock.h>

#include "admin/identity.hpp"
#include "admin/service.hpp"
#include "store/test_store.hpp"

namespace sluice::admin {
namespace {

using testing::HasSubstr;

class ActingTest : public testing::Test {
 protected:
  ActingTest() {
    for (const char* name : {"ann", "ben"}) {
      store::User user;
      user.name = name;
      ids.push_back(database->identities().add_user(user).value().id);
    }
  }
  /// The body, or the code of the refusal.
  std::string ask(Principal who, std::string as, std::string method, std::string target,
                  std::string body = {}) {
    const auto answer = service.handle({.method = std::move(method),
                                        .target = std::move(target),
                                        .body = std::move(body),
                                        .who = std::move(who),
                                        .headers = {{"x-sluice-user", std::move(as)}}});
    return answer ? answer->body : std::string(to_string(answer.error().code));
  }
  std::string shell(std::string as, std::string method, std::string target, std::string body = {}) {
    return ask(Principal::shell("shell:7"), std::move(as), std::move(method), std::move(target),
               std::move(body));
  }

  store::testing::TempFolder folder;
  std::unique_ptr<store::Database> database = store::testing::must_open(folder.options());
  std::unique_ptr<Identity> identity =
      Identity::open(database->identities(), database->key_secret(),
                     Identity::Options{.auth = {}, .data_dir = folder.options().data_dir})
          .value();
  Service service{*database, {.identity = identity.get()}};
  std::vector<int64_t> ids;
};

TEST_F(ActingTest, AShellDoesForAUserWhatIsHisOwn) {
  EXPECT_THAT(shell("ann", "GET", "/api/me"), HasSubstr(R"("username":"ann")"));
  EXPECT_THAT(shell(std::to_string(ids[1]), "GET", "/api/me"), HasSubstr(R"("username":"ben")"));
  EXPECT_THAT(shell("ann", "POST", "/api/teams", R"({"name":"red"})"), HasSubstr("owner"));
  EXPECT_THAT(shell("ben", "GET", "/api/teams"), HasSubstr(R"("data":[])"));
  EXPECT_THAT(shell({}, "GET", "/api/admin/audit"), HasSubstr(R"("actor":"shell:7 for ann")"));
}

TEST_F(ActingTest, AsAUserAShellIsNoAdministrator) {
  EXPECT_EQ(shell("ann", "GET", "/api/admin/users"), "permission_denied");
  EXPECT_EQ(shell({}, "GET", "/api/me"), "unauthenticated");
  for (const char* nobody : {"carl", "4711", "%", "%00", "a%2Fb", "' OR 1=1", "\xff"}) {
    EXPECT_EQ(shell(nobody, "GET", "/api/me"), "not_found") << nobody;
  }
}

TEST_F(ActingTest, FromAnybodyElseItMeansNothing) {
  EXPECT_EQ(ask(Principal::token("203.0.113.9"), "ann", "GET", "/api/me"), "unauthenticated");
  EXPECT_EQ(ask({}, "ann", "GET", "/api/me"), "unauthenticated");
  Principal ben;
  ben.kind = Principal::Kind::kUser;
  ben.user_id = ids[1];
  ben.name = "ben";
  EXPECT_THAT(ask(ben, "ann", "GET", "/api/me"), HasSubstr(R"("username":"ben")"));
}

}  // namespace
}  // namespace sluice::admin
