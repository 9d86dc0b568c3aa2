#include "admin/identity.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "admin/person.hpp"
#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"
#include "crypto/digest.hpp"
#include "crypto/password.hpp"
#include "crypto/random.hpp"
#include "observe/log.hpp"

namespace sluice::admin {

namespace {

constexpr int64_t kDayMs = 86'400'000;
constexpr int64_t kReuseGraceMs = 10'000;  // two tabs of a browser that ask at once
constexpr size_t kShortestSecret = 16;

int64_t unix_ms() { return wall_nanos() / 1'000'000; }
int64_t unix_seconds() { return wall_nanos() / 1'000'000'000; }

crypto::SigningKey key_of(Secret secret) {
  return {.id = crypto::short_hash("jwt " + std::string(secret.expose())),
          .secret = std::move(secret)};
}

/// A secret that is made once and kept in a file that nobody else may read.
Result<Secret> kept_secret(const std::string& data_dir) {
  const std::string file = data_dir + "/jwt_secret";
  const auto wrong = [&](std::string_view what) {
    return fail(ErrorCode::kConfig, fmt::format("{} {}", file, what));
  };
  if (std::ifstream there(file); there) {
    std::string text;
    std::getline(there, text);
    if (text.size() < kShortestSecret) return wrong("is damaged: remove it to have a new one made");
    return Secret(text);
  }
  auto made = crypto::random_token("", 32);
  if (!made) return std::unexpected(made.error());
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return wrong("cannot be made");
  const std::string line = *made + "\n";
  const bool written = ::write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  ::close(fd);
  if (!written) return wrong("cannot be written");
  return Secret(*made);
}

Status check_password(std::string_view name, std::string_view password) {
  if (password.size() < Identity::kShortestPassword) {
    return fail(ErrorCode::kInvalidRequest,
                fmt::format("A password has at least {} characters.", Identity::kShortestPassword),
                "password");
  }
  if (password.size() > Identity::kLongestPassword) {
    return fail(ErrorCode::kInvalidRequest,
                fmt::format("A password has at most {} bytes.", Identity::kLongestPassword),
                "password");
  }
  if (iequals(password, name)) {
    return fail(ErrorCode::kInvalidRequest, "A password must not be the name.", "password");
  }
  return {};
}

std::unexpected<Error> wrong_credentials() { return fail(ErrorCode::kInvalidCredentials, {}); }

std::unexpected<Error> not_logged_in() {
  return fail(ErrorCode::kUnauthenticated, "The login has ended: log in again.");
}

}  // namespace

Identity::Options Identity::options_of(const config::Config& config) {
  return {.auth = config.auth, .data_dir = config.data_dir};
}

Identity::Identity(store::Identities& identities, std::string key_secret, Options options)
    : identities_(identities), key_secret_(std::move(key_secret)), options_(std::move(options)) {}

Result<std::unique_ptr<Identity>> Identity::open(store::Identities& identities,
                                                 std::string key_secret, Options options) {
  std::unique_ptr<Identity> identity(
      new Identity(identities, std::move(key_secret), std::move(options)));
  if (Status read = identity->read_secret(); !read) return std::unexpected(read.error());
  auto token = crypto::random_token("setup_", 18);
  if (!token) return std::unexpected(token.error());
  identity->setup_token_ = std::move(*token);
  identity->no_password_ = crypto::hash_of_nobody(identity->options_.cost);
  if (Status heard = identity->refresh(); !heard) return std::unexpected(heard.error());
  return identity;
}

Status Identity::read_secret() {
  Secret secret = options_.auth.jwt_secret;
  if (secret.empty()) {
    auto kept = kept_secret(options_.data_dir);
    if (!kept) return std::unexpected(kept.error());
    secret = std::move(*kept);
  }
  crypto::SigningKey key = key_of(std::move(secret));
  std::erase_if(keys_, [&](const auto& each) { return each.id == key.id; });
  keys_.insert(keys_.begin(), std::move(key));
  // Tokens of the one before may live yet; those before it have had a restart or a reload of time.
  if (keys_.size() > 2) keys_.resize(2);
  return {};
}

Status Identity::use(Options options) {
  const std::unique_lock lock(mutex_);
  options.cost = options_.cost;
  options_ = std::move(options);
  return read_secret();
}

Status Identity::refresh() {
  if (Status forgot = identities_.forget_logins(unix_ms() - kLoginDays * kDayMs - token_life());
      !forgot) {
    return forgot;
  }
  return hear();
}

int64_t Identity::token_life() const {
  const std::shared_lock lock(mutex_);
  return std::chrono::duration_cast<std::chrono::milliseconds>(options_.auth.jwt_expiry).count();
}

Status Identity::hear() {
  const int64_t now = unix_ms();
  const int64_t life = token_life();
  const auto changed = identities_.changed_since(now - life);
  if (!changed) return std::unexpected(changed.error());
  auto ended = identities_.ended_since(now - life);
  if (!ended) return std::unexpected(ended.error());
  const std::unique_lock lock(mutex_);
  users_.clear();
  for (const store::User& user : *changed) {
    users_[user.id] = {.tokens_since = user.tokens_since / 1000, .disabled = user.disabled};
  }
  ended_ = {ended->begin(), ended->end()};
  return {};
}

Result<Principal> Identity::authenticate(std::string_view token, std::string address) {
  const std::shared_lock lock(mutex_);
  auto claims = crypto::verify_jwt(token, keys_, unix_seconds());
  const auto id =
      claims ? parse_u64(claims->subject.substr(0, claims->subject.find(' '))) : std::nullopt;
  if (!id) return not_logged_in();
  const auto user_id = static_cast<int64_t>(*id);
  if (const auto standing = users_.find(user_id); standing != users_.end()) {
    const Standing& user = standing->second;
    if (user.disabled || claims->issued_at < user.tokens_since) return not_logged_in();
  }
  if (ended_.contains(claims->session)) return not_logged_in();
  Principal principal;
  principal.kind = Principal::Kind::kUser;
  principal.user_id = user_id;
  const size_t blank = claims->subject.find(' ');
  principal.name = blank == std::string::npos ? "" : claims->subject.substr(blank + 1);
  principal.administrator = claims->role == "administrator";
  principal.session = std::move(claims->session);
  principal.address = std::move(address);
  return principal;
}

std::optional<int64_t> Identity::user_of(std::string_view token) {
  const auto user = authenticate(token, {});
  return user ? std::optional(user->user_id) : std::nullopt;
}

Result<Identity::Tokens> Identity::tokens_for(const store::User& user, const store::Login& login,
                                              std::string refresh) const {
  const std::shared_lock lock(mutex_);
  const Duration life =
      login.console ? std::min(kConsoleToken, options_.auth.jwt_expiry) : options_.auth.jwt_expiry;
  const int64_t now = unix_seconds();
  const int64_t expires = now + std::chrono::duration_cast<std::chrono::seconds>(life).count();
  return Tokens{.access = crypto::sign_jwt({.subject = fmt::format("{} {}", user.id, user.name),
                                            .session = login.id,
                                            .role = user.role,
                                            .issued_at = now,
                                            .expires_at = expires},
                                           keys_.front()),
                .expires_at = expires,
                .refresh = std::move(refresh),
                .user = user};
}

Result<Identity::Tokens> Identity::login(std::string_view name, std::string_view password,
                                         const Client& client, Duration& wait) {
  const TimePoint now = sluice::now();
  const std::string account(name.substr(0, 64));
  const std::string pair = account + '\n' + client.address;
  const std::pair<Throttle*, const std::string*> counted[] = {
      {&pairs_, &pair}, {&addresses_, &client.address}, {&accounts_, &account}};
  for (const auto& [throttle, counts] : counted) {
    const auto blocked = throttle->enter(*counts, now);
    if (!blocked) continue;
    wait = *blocked;
    return fail(ErrorCode::kRateLimitExceeded, "Too many attempts to log in: wait a little.");
  }
  const auto found = identities_.user(name);
  if (!found) return std::unexpected(found.error());
  // As long for a name that is not there.
  const bool can = *found && !(*found)->password_hash.empty();
  const std::string& hash = can ? (*found)->password_hash : no_password_;
  const bool right = password.size() <= kLongestPassword && crypto::verify_password(password, hash);
  if (!can || !right) {
    log::warn("a login failed", {{"user", name.substr(0, 64)}, {"client", client.address}});
    return wrong_credentials();
  }
  if ((*found)->disabled) {
    return fail(ErrorCode::kPermissionDenied, "This account has been disabled.");
  }
  for (const auto& [throttle, counts] : counted) throttle->forgive(*counts);
  auto refresh = crypto::random_token("ref_", 32);
  if (!refresh) return std::unexpected(refresh.error());
  store::Login login;
  login.created_at = unix_ms();
  login.id = make_ordered_id("ses_", login.created_at);
  login.user_id = (*found)->id;
  login.address = client.address;
  login.user_agent = client.user_agent.substr(0, 512);
  login.console = client.console;
  login.expires_at = login.created_at + kLoginDays * kDayMs;
  if (Status begun = identities_.begin_login(login, digest_of(*refresh)); !begun) {
    return std::unexpected(begun.error());
  }
  if (crypto::needs_rehash(hash, options_.cost)) {
    store::User user = **found;
    if (auto anew = crypto::hash_password(password, options_.cost)) {
      user.password_hash = std::move(*anew);
      // It is no change that anybody must hear of, and may lose against one that is.
      (void)identities_.change_user(user);
    }
  }
  return tokens_for(**found, login, std::move(*refresh));
}

Result<Identity::Tokens> Identity::refresh_login(std::string_view refresh_token,
                                                 const Client& client) {
  auto next = crypto::random_token("ref_", 32);
  if (!next) return std::unexpected(next.error());
  const auto refreshed =
      identities_.refresh(digest_of(refresh_token), digest_of(*next), unix_ms(), kReuseGraceMs);
  if (!refreshed) return std::unexpected(refreshed.error());
  if (refreshed->kind == store::Identities::Refreshed::kReused) {
    log::warn("a refresh token came twice, and its login was ended",
              {{"login", refreshed->login.id}, {"client", client.address}});
    remember_ended({refreshed->login.id});
  }
  if (refreshed->kind != store::Identities::Refreshed::kGood) return not_logged_in();
  const auto user = identities_.user(refreshed->login.user_id);
  if (!user) return std::unexpected(user.error());
  if (!*user || (*user)->disabled) return not_logged_in();
  return tokens_for(**user, refreshed->login, std::move(*next));
}

Status Identity::logout(std::string_view refresh_token) {
  const auto login = identities_.login_of(digest_of(refresh_token));
  if (!login) return std::unexpected(login.error());
  if (!*login || (*login)->ended_at) return {};
  return end_login((*login)->id, (*login)->user_id);
}

Status Identity::end_login(std::string_view id, int64_t user_id) {
  if (Status ended = identities_.end_login(id, user_id, unix_ms()); !ended) return ended;
  remember_ended({std::string(id)});
  return {};
}

Result<size_t> Identity::end_others(int64_t user_id, std::string_view kept) {
  const auto ended = identities_.end_logins(user_id, kept, unix_ms());
  if (!ended) return std::unexpected(ended.error());
  remember_ended(*ended);
  return ended->size();
}

Result<store::User> Identity::add(const Registration& registration) {
  const auto first = first_run();
  if (!first) return std::unexpected(first.error());
  if (*first) {
    const Secret expected(setup_token_);
    if (!registration.local && !expected.equals(registration.setup_token)) {
      return fail(ErrorCode::kPermissionDenied,
                  "The first user registers on the gateway's own machine, or with the setup token "
                  "that its log shows.",
                  "setup_token");
    }
    auto made = add(registration, "administrator");
    if (made || made.error().code != ErrorCode::kPermissionDenied) return made;
    // Somebody else has been the first meanwhile.
  }
  switch (this->registration()) {
    case config::Registration::kOpen:
      break;
    case config::Registration::kInvite:
      if (!registration.invite.empty()) break;
      return fail(ErrorCode::kPermissionDenied, "Registration needs an invitation.", "invite");
    case config::Registration::kClosed:
      return fail(ErrorCode::kPermissionDenied, "Registration is closed.");
  }
  return add(registration, "user");
}

Result<store::User> Identity::add(const Registration& registration, std::string_view role) {
  if (Status good = check_name(registration.name, "username"); !good) {
    return std::unexpected(good.error());
  }
  auto hashed = hash(registration.name, registration.password);
  if (!hashed) return std::unexpected(hashed.error());
  store::User user;
  user.name = registration.name;
  user.email = registration.email;
  user.password_hash = std::move(*hashed);
  user.role = role;
  std::optional<std::string> invite;
  if (!registration.invite.empty()) invite = digest_of(registration.invite);
  const bool first =
      role == "administrator" && (registration.local || !registration.setup_token.empty());
  return identities_.add_user(user, std::move(invite), first);
}

Status Identity::change_password(int64_t user_id, std::string_view old_password,
                                 std::string_view new_password, std::string_view login) {
  const auto found = identities_.user(user_id);
  if (!found) return std::unexpected(found.error());
  if (!*found) return not_logged_in();
  const std::string account = (*found)->name + "\npassword";
  if (const auto blocked = pairs_.enter(account, sluice::now())) {
    return fail(ErrorCode::kRateLimitExceeded, "Too many attempts: wait a little.");
  }
  if (!crypto::verify_password(old_password, (*found)->password_hash)) return wrong_credentials();
  pairs_.forgive(account);
  auto hashed = hash((*found)->name, new_password);
  if (!hashed) return std::unexpected(hashed.error());
  store::User user = **found;
  user.password_hash = std::move(*hashed);
  const auto changed = identities_.change_user(user);
  if (!changed) return std::unexpected(changed.error());
  const auto ended = end_others(user_id, login);
  return ended ? Status{} : std::unexpected(ended.error());
}

Result<store::User> Identity::change(const store::User& user) {
  store::User changed = user;
  // To the second, as tokens tell it. Those of the same second end with their logins.
  changed.tokens_since = unix_seconds() * 1000;
  auto done = identities_.change_user(changed);
  if (!done) return done;
  remember(*done);
  if (const auto ended = end_others(done->id, ""); !ended) return std::unexpected(ended.error());
  return done;
}

Result<std::string> Identity::hash(std::string_view name, std::string_view password) const {
  if (Status good = check_password(name, password); !good) return std::unexpected(good.error());
  return crypto::hash_password(password, options_.cost);
}

Result<std::pair<std::string, std::string>> Identity::make_code(std::string_view prefix) const {
  auto code = crypto::random_token(prefix, 24);
  if (!code) return std::unexpected(code.error());
  std::string digest = digest_of(*code);
  return std::pair(std::move(*code), std::move(digest));
}

std::string Identity::digest_of(std::string_view code) const {
  const crypto::Digest digest = crypto::hmac_sha256(key_secret_, code);
  return crypto::base64url({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

Result<bool> Identity::first_run() const {
  const auto anybody = identities_.anybody();
  if (!anybody) return std::unexpected(anybody.error());
  return !*anybody;
}

config::Registration Identity::registration() const {
  const std::shared_lock lock(mutex_);
  return options_.auth.registration;
}

void Identity::remember(const store::User& user) {
  const std::unique_lock lock(mutex_);
  users_[user.id] = {.tokens_since = user.tokens_since / 1000, .disabled = user.disabled};
}

void Identity::remember_ended(const std::vector<std::string>& logins) {
  const std::unique_lock lock(mutex_);
  ended_.insert(logins.begin(), logins.end());
}

}  // namespace sluice::admin
