// A database in memory, for the tests of what acts on one.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <ranges>

#include "store/database.hpp"
#include "store/test_ledger.hpp"

namespace sluice::admin {

/// For one thread.
class TestKeys final : public store::Keys {
 public:
  TestKeys(const bool& broken, const std::vector<store::Wallet>& wallets)
      : broken_(broken), wallets_(wallets) {}

  Result<std::optional<store::Key>> key(int64_t id) override {
    if (broken_) return away();
    const auto found = std::ranges::find(all, id, &store::Key::id);
    return found == all.end() ? std::nullopt : std::optional(*found);
  }
  Result<std::vector<store::Key>> page(const Page& page) override {
    if (broken_) return away();
    std::vector<store::Key> out;
    for (const store::Key& each : all) {
      if (each.id <= page.after || out.size() == static_cast<size_t>(page.limit)) continue;
      if (!page.user_id || *page.user_id == each.user_id) out.push_back(each);
    }
    return out;
  }
  Result<store::Key> add(const store::Key& key, int64_t) override {
    if (broken_) return away();
    const bool taken = std::ranges::any_of(all, [&](const store::Key& each) {
      return each.name == key.name && each.user_id == key.user_id;
    });
    if (taken) return fail(ErrorCode::kConflict, "there is a key of this name already", "name");
    return insert(key);
  }
  Result<store::Key> change(const store::Key& key) override {
    if (broken_) return away();
    const auto found = std::ranges::find(all, key.id, &store::Key::id);
    if (found == all.end()) return fail(ErrorCode::kNotFound, "There is no such key.");
    *found = key;
    ++found->version;
    return *found;
  }
  Result<Replaced> replace(const store::Key& old, int64_t expires_at, const store::Key& fresh,
                           int64_t) override {
    store::Key ended = old;
    ended.expires_at = expires_at;
    const auto changed = change(ended);
    if (!changed) return std::unexpected(changed.error());
    store::Key made = fresh;
    made.replaces_id = old.id;
    return Replaced{.old = *changed, .fresh = insert(made)};
  }
  Status note_used(std::span<const Used>) override { return {}; }
  Result<std::optional<store::Wallet>> wallet_of(int64_t user_id) override {
    const auto found = std::ranges::find(wallets_, user_id, &store::Wallet::user_id);
    return found == wallets_.end() ? std::nullopt : std::optional(*found);
  }
  Result<std::optional<store::Wallet>> wallet(int64_t wallet_id) override {
    const auto found = std::ranges::find(wallets_, wallet_id, &store::Wallet::id);
    return found == wallets_.end() ? std::nullopt : std::optional(*found);
  }
  Result<std::vector<int64_t>> disabled_users() override { return std::vector<int64_t>(); }

  store::Key insert(const store::Key& key) {
    all.push_back(key);
    all.back().id = ++last_;
    return all.back();
  }

  std::vector<store::Key> all;

 private:
  static std::unexpected<Error> away() {
    return fail(ErrorCode::kLedgerUnavailable, "the database is away");
  }

  const bool& broken_;
  const std::vector<store::Wallet>& wallets_;
  int64_t last_ = 0;
};

/// Keeps what was noted.
class TestAudit final : public store::Audit {
 public:
  Status note(const store::AuditEntry& entry) override {
    const std::lock_guard lock(mutex_);
    noted.push_back(entry);
    return {};
  }
  Result<std::vector<store::AuditEntry>> entries(const store::AuditFilter&) override {
    return std::vector<store::AuditEntry>();
  }

  std::vector<store::AuditEntry> noted;

 private:
  std::mutex mutex_;
};

/// Keeps what it is told. While `broken` is set everything fails.
class TestDatabase final : public store::Database {
 public:
  store::Ledger& ledger() override { return ledger_; }
  size_t recovered() const override { return 0; }
  std::string key_secret() override { return "secret of the keys"; }
  store::Identities& identities() override { std::abort(); }  // none are kept here
  store::Catalog& catalog() override { std::abort(); }        // as above
  store::Audit& audit() override { return audited; }
  store::Codes& codes() override { std::abort(); }
  store::Teams& teams() override { std::abort(); }

  Result<store::Wallet> ensure_wallet(std::string_view user) override {
    const std::lock_guard lock(mutex_);
    if (broken) return away();
    if (auto* found = find(user)) return *found;
    const auto id = static_cast<int64_t>(wallets_.size()) + 1;
    wallets_.push_back({.id = id, .user_id = 100 + id, .user = std::string(user), .balance = {}});
    return wallets_.back();
  }
  Result<store::Wallet> ensure_wallet_for(std::string_view user,
                                          std::string_view idempotency_key) override {
    const bool taken = std::ranges::any_of(entries, [&](const store::Transaction& entry) {
      return entry.kind == "top_up" && entry.reference == idempotency_key;
    });
    if (taken && find(user) == nullptr) {
      return fail(ErrorCode::kInvalidRequest, "the idempotency key stands for something else",
                  "idempotency_key");
    }
    return ensure_wallet(user);
  }
  Result<store::Wallet> wallet(std::string_view user) override {
    const std::lock_guard lock(mutex_);
    if (broken) return away();
    if (auto* found = find(user)) return *found;
    return fail(ErrorCode::kNotFound, "there is no user of this name");
  }
  Result<store::Wallet> wallet_of(int64_t user_id) override {
    const std::lock_guard lock(mutex_);
    if (broken) return away();
    const auto found = std::ranges::find(wallets_, user_id, &store::Wallet::user_id);
    if (found != wallets_.end()) return *found;
    return fail(ErrorCode::kNotFound, "there is no such user");
  }
  Result<std::vector<store::Wallet>> wallets() override {
    const std::lock_guard lock(mutex_);
    if (broken) return away();
    return wallets_;
  }
  Result<Posted> post(std::string_view user, std::string_view kind, Money amount,
                      std::string_view reason, std::string_view idempotency_key,
                      std::string_view actor) override {
    const std::lock_guard lock(mutex_);
    if (broken) return away();
    store::Wallet& wallet = *find(user);
    for (const store::Transaction& entry : entries) {
      if (entry.kind != kind || entry.reference != idempotency_key) continue;
      if (entry.wallet_id == wallet.id && entry.amount == amount) return Posted{entry, true};
      return fail(ErrorCode::kInvalidRequest, "the idempotency key stands for something else",
                  "idempotency_key");
    }
    const auto sum = checked_add(wallet.balance, amount);
    if (!sum) return fail(ErrorCode::kInvalidRequest, "the balance would not fit", "amount");
    wallet.balance = *sum;
    entries.push_back({.id = static_cast<int64_t>(entries.size()) + 1,
                       .wallet_id = wallet.id,
                       .kind = std::string(kind),
                       .amount = amount,
                       .balance_after = *sum,
                       .reference = std::string(idempotency_key),
                       .actor = std::string(actor),
                       .reason = std::string(reason),
                       .at = 1'790'000'000'000});
    return Posted{entries.back(), false};
  }
  Result<std::vector<store::Transaction>> transactions(int64_t wallet_id, int64_t before_id,
                                                       int limit) override {
    std::vector<store::Transaction> out;
    for (const store::Transaction& entry : entries | std::views::reverse) {
      if (entry.wallet_id != wallet_id || (before_id != 0 && entry.id >= before_id)) continue;
      if (out.size() == static_cast<size_t>(std::min(limit, kMostListed))) break;
      out.push_back(entry);
    }
    return out;
  }
  Result<std::vector<Difference>> verify() override {
    if (broken) return away();
    return differences;
  }

  store::Keys& api_keys() override { return keys_; }
  Result<std::vector<Difference>> verify_wallet(int64_t) override { return verify(); }

  Result<std::vector<store::Key>> keys() override {
    if (broken) return away();
    return keys_.all;
  }
  Result<store::Key> ensure_configured_key(const store::Key& key) override {
    return create_key(key);
  }
  Result<store::Key> create_key(const store::Key& key) override { return keys_.insert(key); }
  Status delete_key(int64_t id) override {
    std::erase_if(keys_.all, [id](const store::Key& key) { return key.id == id; });
    return {};
  }

  Result<store::Rate> ensure_rate(const store::Rate& rate) override { return rate; }
  store::Prices& prices() override { std::abort(); }  // none are kept here
  Result<std::vector<Factor>> factors() override { return std::vector<Factor>(); }
  Status keep_factors(std::span<const Factor>) override { return {}; }

  Result<std::vector<store::Settlement>> usage(const UsageFilter& filter) override {
    asked = filter;
    std::vector<store::Settlement> out;
    const auto most = static_cast<size_t>(std::min(filter.limit, kMostListed));
    bool started = filter.before_id.empty();
    for (const store::Settlement& row : rows) {  // newest first
      if (started && out.size() < most) out.push_back(row);
      if (row.id == filter.before_id) started = true;
    }
    return out;
  }
  Result<std::optional<store::Settlement>> usage_row(std::string_view id) override {
    const auto found = std::ranges::find(rows, id, &store::Settlement::id);
    return found == rows.end() ? std::nullopt : std::optional(*found);
  }
  Result<std::optional<store::Transaction>> charge_of(std::string_view usage_id) override {
    const auto found = std::ranges::find(entries, usage_id, &store::Transaction::reference);
    return found == entries.end() ? std::nullopt : std::optional(*found);
  }
  Result<std::vector<UsageSum>> usage_summary(std::span<const UsageBy> by,
                                              const UsageFilter& filter,
                                              const TimeZone& zone) override {
    asked_by.assign(by.begin(), by.end());
    asked_zone = zone;
    asked = filter;
    return sums;
  }

  store::Rollups& rollups() override { std::abort(); }  // as above

  Status backup(const std::string& file) override {
    if (broken) return fail(ErrorCode::kIo, "cannot write " + file);
    backed_up = file;
    return {};
  }

  bool broken = false;
  TestAudit audited;
  std::vector<store::Transaction> entries;
  std::vector<Difference> differences;
  std::vector<store::Settlement> rows;
  std::vector<UsageSum> sums;
  UsageFilter asked;
  std::vector<UsageBy> asked_by;
  TimeZone asked_zone;
  std::string backed_up;

 private:
  static std::unexpected<Error> away() {
    return fail(ErrorCode::kLedgerUnavailable, "the database is away");
  }
  store::Wallet* find(std::string_view user) {
    const auto found = std::ranges::find(wallets_, user, &store::Wallet::user);
    return found == wallets_.end() ? nullptr : &*found;
  }

  store::TestLedger ledger_;
  std::mutex mutex_;
  std::vector<store::Wallet> wallets_;
  TestKeys keys_{broken, wallets_};
};

}  // namespace sluice::admin
