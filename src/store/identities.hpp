// Users who log in, their logins, and the invitations by which they come.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace sluice::store {

/// Times are Unix milliseconds.
struct User {
  int64_t id = 0;
  std::string name;  // unique
  std::string email;
  std::string password_hash;  // empty: cannot log in
  std::string role = "user";  // or "administrator"
  bool disabled = false;
  int64_t version = 1;       // counts changes
  int64_t tokens_since = 0;  // tokens of logins from before count no more
  int64_t created_at = 0;
  int64_t updated_at = 0;
  std::optional<int64_t> last_login_at;

  bool administrator() const { return role == "administrator"; }
};

/// A login. Its refresh tokens replace each other.
struct Login {
  std::string id;
  int64_t user_id = 0;
  std::string address;
  std::string user_agent;
  bool console = false;
  int64_t created_at = 0;
  int64_t last_used_at = 0;
  int64_t expires_at = 0;
  std::optional<int64_t> ended_at;
};

struct Invite {
  int64_t id = 0;
  std::string digest;  // of the code, which is nowhere
  std::string prefix;  // of the code, for people
  std::string role = "user";
  std::string created_by;
  int64_t created_at = 0;
  std::optional<int64_t> expires_at;
  std::optional<int64_t> used_by;  // user id
  std::optional<int64_t> used_at;
};

/// All functions block, and any thread may call them. kLedgerUnavailable when the database cannot
/// be read or written now.
class Identities {
 public:
  virtual ~Identities() = default;

  /// kConflict when the name is taken, be it by a wallet that nobody logs in to. `invite`: the
  /// digest of the invitation that this uses up, which also tells the role; kPermissionDenied when
  /// there is none that is good. `first`: only while nobody can log in; kPermissionDenied after
  /// that.
  virtual Result<User> add_user(const User& user, std::optional<std::string> invite = {},
                                bool first = false) = 0;
  virtual Result<std::optional<User>> user(int64_t id) = 0;
  virtual Result<std::optional<User>> user(std::string_view name) = 0;
  /// In the order of their ids, behind `after`, or where a prefix of the name is given in that of
  /// their names.
  virtual Result<std::vector<User>> users(int64_t after, int limit, std::string_view prefix) = 0;
  /// Somebody can log in.
  virtual Result<bool> anybody() = 0;
  /// Everything but id, name and created_at becomes the given. kPreconditionFailed when its version
  /// is another than there, kNotFound. Returns what is there then.
  virtual Result<User> change_user(const User& user) = 0;
  /// Of those whose earlier tokens still count no more at `now`: users changed after `since`.
  virtual Result<std::vector<User>> changed_since(int64_t since) = 0;

  /// Notes the login, and the digest of its first refresh token.
  virtual Status begin_login(const Login& login, std::string_view refresh_digest) = 0;
  struct Refreshed {
    enum Kind : uint8_t { kGood, kUnknown, kReused } kind = kUnknown;
    Login login;  // unless kUnknown; of kReused it has been ended
  };
  /// Replaces a refresh token by the next. One that was replaced before ends its login, unless that
  /// was less than `grace_ms` ago: two tabs of a browser may ask at once.
  virtual Result<Refreshed> refresh(std::string_view digest, std::string_view next_digest,
                                    int64_t now, int64_t grace_ms) = 0;
  /// Who holds the token, without changing anything.
  virtual Result<std::optional<Login>> login_of(std::string_view refresh_digest) = 0;
  /// Those that have not ended, newest first.
  virtual Result<std::vector<Login>> logins(int64_t user_id, int64_t now) = 0;
  /// kNotFound when it is not the user's, or has ended.
  virtual Status end_login(std::string_view id, int64_t user_id, int64_t now) = 0;
  /// All of a user's but `except`. Returns their ids.
  virtual Result<std::vector<std::string>> end_logins(int64_t user_id, std::string_view except,
                                                      int64_t now) = 0;
  /// Logins that ended after `since`.
  virtual Result<std::vector<std::string>> ended_since(int64_t since) = 0;
  /// Forgets what expired or ended before.
  virtual Status forget_logins(int64_t before) = 0;

  virtual Result<Invite> add_invite(const Invite& invite) = 0;
  virtual Result<std::vector<Invite>> invites() = 0;
  virtual Status delete_invite(int64_t id) = 0;  // kNotFound
};

}  // namespace sluice::store
