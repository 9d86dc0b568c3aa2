// What the database keeps, as plain values. Ids are the database's own; 0 is "none". Times are
// Unix milliseconds.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/money.hpp"
#include "base/token_counts.hpp"

namespace sluice::store {

struct Wallet {
  int64_t id = 0;
  int64_t user_id = 0;
  std::string user;  // name
  Money balance;     // sum of its entries
};

/// An entry of wallet_transactions, which is append-only.
struct Transaction {
  int64_t id = 0;
  int64_t wallet_id = 0;
  std::string kind;  // top_up, charge, refund, adjust, grant
  Money amount;      // signed
  Money balance_after;
  std::string reference;  // unique per kind: usage id or idempotency key
  std::string actor;
  std::string reason;
  int64_t at = 0;
};

/// What a key, or a member of a team, has spent in the day, week and month of the last request that
/// cost something.
struct Spent {
  int64_t on = 0;  // that day (UTC), counted from 1970-01-01
  Money day, week, month;
};

/// A key, from the configuration or made by `sluice key create`; its text is kept nowhere.
struct Key {
  int64_t id = 0;
  std::string digest;  // 32 bytes: HMAC-SHA-256 of the key under the database's key_secret
  std::string prefix;  // the first 6 characters
  std::string name;
  int64_t user_id = 0;      // whose it is, and whose wallet pays unless a team does
  bool configured = false;  // listed in the configuration file
  bool enabled = true;
  std::optional<int64_t> quota_tokens;  // granted in all; none: unlimited
  int64_t used_tokens = 0;              // settled so far
  int64_t rpm = 0;
  int64_t tpm = 0;
  int64_t max_parallel = 0;
  std::vector<std::string> models;
  std::vector<std::string> allow_ips;
  std::optional<int64_t> expires_at;  // Unix seconds
  int64_t created_at = 0;
  std::optional<Money> quota_money{};  // granted in all; none: unlimited
  Money used_money{};                  // settled so far
  std::optional<Money> budget_day{}, budget_week{}, budget_month{};  // none: no limit
  Spent spent{};
  std::string mode{};       // of conversion: strict, lenient; empty: the configuration's
  int64_t replaces_id = 0;  // the key in whose place it was made
  int64_t payer_id = 0;     // the team that pays; 0: its owner does
  bool payer_gone = false;  // it does so no more, or is not there, and nobody else pays
  std::string payer{};      // the team's name; read only
  std::optional<int64_t> last_used_at{};  // to some minutes
  int64_t version = 1;                    // counts changes
  int64_t updated_at = 0;
};

/// A version of a price.
struct Rate {
  static constexpr std::string_view kConfigured = "configuration";

  int64_t id = 0;
  std::string scope;  // "": everybody; user:NAME, group:NAME; upstream:PROVIDER: what that charges
  std::string model;  // "*": all that have none of their own in the scope
  std::string created_by = std::string(kConfigured);
  bool withdrawn = false;                        // there is no price from then on
  Money input, output, cache_read, cache_write;  // per 1M tokens
  int64_t valid_from = 0;
};

/// Written when a lease is taken; found again when the process died with it.
struct LeaseOpened {
  std::string id;  // becomes usage_logs.id
  std::string request_id;
  int64_t key_id = 0;
  int64_t wallet_id = 0;
  int64_t price_id = 0;
  std::string requested_model;
  std::string upstream_model;
  std::string provider;
  bool stream = false;
  int64_t prompt_tokens = 0;  // as estimated
  int64_t opened_at = 0;
};

/// The id of a usage row, in place: marks are made while streams run, and must not allocate.
class UsageId {
 public:
  static constexpr size_t kMax = 47;

  UsageId() = default;
  UsageId(std::string_view id) : size_(static_cast<uint8_t>(id.copy(bytes_.data(), kMax))) {}
  UsageId(const std::string& id) : UsageId(std::string_view(id)) {}
  UsageId(const char* id) : UsageId(std::string_view(id)) {}
  operator std::string_view() const { return {bytes_.data(), size_}; }
  std::string str() const { return std::string(std::string_view(*this)); }

 private:
  std::array<char, kMax> bytes_{};
  uint8_t size_ = 0;
};

/// What has gone to the client so far: absolute numbers, so that any mark may be lost.
struct LeaseProgress {
  UsageId id;
  TokenCounts counts;
  Money cost;
};

/// One row of usage_logs and all that follows from it: the charge, and the key's used tokens.
struct Settlement {
  /// Made by the gateway; the only key of idempotency. Where ids begin with the time, what the
  /// indexes grow by stays together, and a settlement costs up to a sixth less.
  std::string id;
  std::string request_id;
  int64_t key_id = 0;
  int64_t user_id = 0;
  int64_t wallet_id = 0;
  std::string key_name;
  std::string dialect;
  std::string requested_model;
  std::string upstream_model;
  std::string provider;
  std::string worker;
  int attempts = 0;
  TokenCounts charged;
  int64_t counted_input = 0;
  int64_t counted_output = 0;
  std::optional<TokenCounts> reported;
  std::string basis;  // reported, counted, estimated, none
  int64_t price_id = 0;
  Money cost;
  Money upstream_cost{};  // what the provider charges for it, where its price is known
  std::string outcome;  // finished, cut, client_gone, upstream_failed, deadline, drained, recovered
  int status = 0;
  bool stream = false;
  int64_t ttft_us = -1;  // -1: no content
  int64_t duration_us = 0;
  int64_t started_at = 0;
  /// Why it went where it went: a JSON object of some 600 bytes, never prompt or answer text.
  std::string decision;
};

}  // namespace sluice::store
