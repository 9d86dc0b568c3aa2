// Who has logged in: passwords, tokens and logins.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "accounts/logins.hpp"
#include "admin/principal.hpp"
#include "admin/throttle.hpp"
#include "config/config.hpp"
#include "crypto/jwt.hpp"
#include "crypto/password.hpp"
#include "store/identities.hpp"

namespace sluice::admin {

/// Thread-safe. All but authenticate() blocks on the database, or on hashing.
///
/// An access token is believed until it expires, but for what is remembered here: logins that have
/// ended, and users whose earlier tokens count no more since their password or role has changed or
/// they were disabled.
class Identity final : public Authenticator, public accounts::Logins {
 public:
  static constexpr int64_t kLoginDays = 30;  // without being used
  static constexpr Duration kConsoleToken = std::chrono::minutes(15);
  static constexpr size_t kShortestPassword = 8;
  static constexpr size_t kLongestPassword = 256;

  struct Options {
    config::Auth auth;
    std::string data_dir;
    crypto::PasswordCost cost = {};
  };
  static Options options_of(const config::Config& config);

  /// Reads the signing secret, or makes one in data_dir, and what must be remembered. `identities`
  /// outlives it.
  static Result<std::unique_ptr<Identity>> open(store::Identities& identities,
                                                std::string key_secret, Options options);
  /// After a reload. A former jwt_secret is believed as long as its last token lives.
  Status use(Options options);
  /// Hears of what other gateways on the same database have done.
  Status hear();
  /// The same, now and then, and forgets old logins.
  Status refresh();

  Result<Principal> authenticate(std::string_view token, std::string address) override;
  std::optional<int64_t> user_of(std::string_view token) override;

  struct Tokens {
    std::string access;
    int64_t expires_at = 0;  // Unix seconds
    std::string refresh;
    store::User user;
  };
  /// What a caller is known by.
  struct Client {
    std::string address;
    std::string user_agent;
    bool console = false;
  };
  /// kInvalidCredentials; kRateLimitExceeded with how long to wait in `wait`.
  Result<Tokens> login(std::string_view name, std::string_view password, const Client& client,
                       Duration& wait);
  /// kUnauthenticated.
  Result<Tokens> refresh_login(std::string_view refresh_token, const Client& client);
  Status logout(std::string_view refresh_token);
  /// kNotFound when it is not the user's, or has ended.
  Status end_login(std::string_view id, int64_t user_id);
  /// All of a user's but one; how many.
  Result<size_t> end_others(int64_t user_id, std::string_view kept);

  struct Registration {
    std::string name;
    std::string email;
    std::string password;
    std::string invite;
    std::string setup_token;
    bool local = false;  // from this machine
  };
  /// How long an address has to wait before it registers another user; nullopt: it may.
  std::optional<Duration> delay_registration(std::string_view address) {
    return registrations_.enter(address, sluice::now());
  }
  /// kPermissionDenied where registration does not allow it, kConflict, kInvalidRequest.
  Result<store::User> add(const Registration& registration);
  /// By an administrator, whatever registration allows.
  Result<store::User> add(const Registration& registration, std::string_view role);
  /// Checks the old password, and ends all other logins. kInvalidCredentials.
  Status change_password(int64_t user_id, std::string_view old_password,
                         std::string_view new_password, std::string_view login);
  /// Changes what `change` changes in a user; its tokens from before count no more where role,
  /// password or disabled changed.
  Result<store::User> change(const store::User& user);
  Result<std::string> hash(std::string_view name, std::string_view password) const;

  /// A code of an invitation, shown once, and the digest that it is kept as.
  Result<std::pair<std::string, std::string>> make_code(std::string_view prefix) const;
  std::string digest_of(std::string_view code) const;

  /// Nobody can log in yet.
  Result<bool> first_run() const;
  /// With which the first user may register from afar. Made once a process.
  const std::string& setup_token() const { return setup_token_; }
  config::Registration registration() const;

 private:
  Identity(store::Identities& identities, std::string key_secret, Options options);
  Status read_secret();
  int64_t token_life() const;  // in milliseconds
  Result<Tokens> tokens_for(const store::User& user, const store::Login& login,
                            std::string refresh) const;
  void remember(const store::User& user);
  void remember_ended(const std::vector<std::string>& logins);

  store::Identities& identities_;
  const std::string key_secret_;
  std::string setup_token_;
  std::string no_password_;  // a hash that no password has
  // One who guesses must not keep the owner out: what one address does to an account is counted
  // strictly, what all do to it generously.
  Throttle pairs_{5};
  Throttle addresses_{20};
  Throttle accounts_{100};
  Throttle registrations_{30};  // of an address; each costs a hash, and a row for good

  mutable std::shared_mutex mutex_;
  Options options_;
  std::vector<crypto::SigningKey> keys_;  // the first one signs
  struct Standing {
    int64_t tokens_since = 0;  // Unix seconds
    bool disabled = false;
  };
  std::unordered_map<int64_t, Standing> users_;
  std::unordered_set<std::string> ended_;
};

}  // namespace sluice::admin
