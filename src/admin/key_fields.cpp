#include "admin/key_fields.hpp"

#include <algorithm>
#include <utility>

#include "admin/person.hpp"
#include "admin/wallet_view.hpp"
#include "base/cidr.hpp"
#include "base/clock.hpp"

namespace sluice::admin {

namespace {

constexpr size_t kMaxPattern = 256;  // bytes of a model name

constexpr Field kBudgets[] = {
    {"day", FieldKind::kMoney, "In a day (UTC); null: no limit."},
    {"week", FieldKind::kMoney, "From Monday to Sunday (UTC); null: no limit."},
    {"month", FieldKind::kMoney, "In a month (UTC); null: no limit."},
};

void write_list(json::Writer& json, std::string_view name, const std::vector<std::string>& list) {
  json.key(name).begin_array();
  for (const std::string& each : list) json.string(each);
  json.end_array();
}

void write_money(json::Writer& json, std::string_view name, const std::optional<Money>& money) {
  if (money) {
    json.member(name, to_string(*money));
  } else {
    json.null_member(name);
  }
}

void write_time(json::Writer& json, std::string_view name, const std::optional<int64_t>& at_ms) {
  if (at_ms) {
    json.member(name, rfc3339(*at_ms * 1'000'000));
  } else {
    json.null_member(name);
  }
}

/// The team that pays, or that has ceased to.
void write_payer(json::Writer& json, const store::Key& key) {
  if (key.payer_id == 0 && !key.payer_gone) {
    json.null_member("team");
    return;
  }
  json.key("team")
      .begin_object()
      .member("id", key.payer_id)  // 0: a configuration file names one that is not there
      .member("name", key.payer)
      .member("pays", !key.payer_gone)
      .end_object();
}

/// Absent: what `money` is; null: none.
Status read_money(const Fields& fields, std::string_view name, std::optional<Money>& money) {
  if (!fields.given(name)) return {};
  money.reset();
  if (!fields.has(name)) return {};
  const auto amount = fields.money(name);
  if (!amount) return std::unexpected(amount.error());
  if (amount->nanos < 0) {
    return fail(ErrorCode::kInvalidRequest, std::string(name) + " must not be negative",
                std::string(name));
  }
  money = *amount;
  return {};
}

Status read_budgets(const Fields& fields, store::Key& key) {
  if (!fields.given("budgets")) return {};
  if (!fields.has("budgets")) {
    key.budget_day = key.budget_week = key.budget_month = std::nullopt;
    return {};
  }
  const auto budgets = Fields::parse(fields.raw("budgets"), kBudgets);
  if (!budgets) {
    return fail(ErrorCode::kInvalidRequest, "budgets: " + budgets.error().message, "budgets");
  }
  for (const auto& [name, budget] : {std::pair{"day", &key.budget_day},
                                     {"week", &key.budget_week},
                                     {"month", &key.budget_month}}) {
    if (Status read = read_money(*budgets, name, *budget); !read) return read;
  }
  return {};
}

Status read_models(const Fields& fields, store::Key& key) {
  if (!fields.given("models")) return {};
  auto models = fields.list("models", kMaxPattern);
  if (!models) return std::unexpected(models.error());
  for (const std::string& pattern : *models) {
    if (pattern.find('*') < pattern.size() - 1) {
      return fail(ErrorCode::kInvalidRequest, "models: a * may stand only at the end", "models");
    }
  }
  key.models = std::move(*models);
  return {};
}

Status read_addresses(const Fields& fields, store::Key& key) {
  if (!fields.given("allow_ips")) return {};
  auto allow_ips = fields.list("allow_ips", kMaxName);
  if (!allow_ips) return std::unexpected(allow_ips.error());
  if (const auto networks = parse_cidrs(*allow_ips); !networks) {
    return fail(ErrorCode::kInvalidRequest, "allow_ips: " + networks.error().message, "allow_ips");
  }
  key.allow_ips = std::move(*allow_ips);
  return {};
}

Status read_mode(const Fields& fields, store::Key& key) {
  if (!fields.given("mode")) return {};
  auto mode = fields.text("mode", kMaxName);
  if (!mode) return std::unexpected(mode.error());
  if (!mode->empty() && *mode != "strict" && *mode != "lenient") {
    return fail(ErrorCode::kInvalidRequest, "mode must be strict or lenient", "mode");
  }
  key.mode = std::move(*mode);
  return {};
}

Status read_counts(const Fields& fields, store::Key& key) {
  if (fields.given("quota_tokens")) {
    const auto quota = fields.count("quota_tokens");
    if (!quota) return std::unexpected(quota.error());
    key.quota_tokens = *quota;
  }
  for (const auto& [field, into] :
       {std::pair{"rpm", &key.rpm}, {"tpm", &key.tpm}, {"max_parallel", &key.max_parallel}}) {
    if (!fields.given(field)) continue;
    const auto count = fields.count(field);
    if (!count) return std::unexpected(count.error());
    *into = count->value_or(0);
  }
  if (!fields.given("expires_at")) return {};
  const auto expires_at = fields.time("expires_at");
  if (!expires_at) return std::unexpected(expires_at.error());
  key.expires_at = *expires_at;
  return {};
}

constexpr Field kFields[] = {
    {"name", FieldKind::kText, "Unique among the keys of its owner.", true},
    {"quota_tokens", FieldKind::kCount, "Tokens in all; absent: unlimited."},
    {"quota_usd", FieldKind::kMoney, "Money in all; absent: unlimited."},
    {"budgets", FieldKind::kObject,
     "Money by day, week (from Monday) and month, UTC: {\"day\", \"week\", \"month\"}; what is "
     "absent is not limited."},
    {"rpm", FieldKind::kCount, "Requests a minute; 0: no limit."},
    {"tpm", FieldKind::kCount, "Tokens a minute; 0: no limit."},
    {"max_parallel", FieldKind::kCount, "Requests at once; 0: no limit."},
    {"models", FieldKind::kTexts, "Allowed models, or their beginnings with a *; empty: all."},
    {"allow_ips", FieldKind::kTexts, "Allowed addresses and networks; empty: all."},
    {"expires_at", FieldKind::kTime, "Absent: never."},
    {"mode", FieldKind::kText, "Of conversion: strict or lenient; absent: the configuration's."},
    {"team", FieldKind::kText,
     "Id or name of a team of its owner's, whose wallet pays within his budgets there; null: his "
     "own wallet does."},
};

const auto kChanges = [] {
  std::vector<Field> fields(std::begin(kFields), std::end(kFields));
  fields.front().required = false;
  fields.push_back({"enabled", FieldKind::kFlag, "Whether it works."});
  return fields;
}();

constexpr Field kRotation[] = {
    {"overlap_seconds", FieldKind::kCount,
     "How long the old key still works: up to 2592000, 86400 when absent."},
};

}  // namespace

std::span<const Field> new_key_fields() { return kFields; }
std::span<const Field> changed_key_fields() { return kChanges; }
std::span<const Field> rotation_fields() { return kRotation; }

Status read_limits(const Fields& fields, store::Key& key) {
  for (const auto read : {read_counts, read_budgets, read_models, read_addresses, read_mode}) {
    if (Status done = read(fields, key); !done) return done;
  }
  return read_money(fields, "quota_usd", key.quota_money);
}

void write_key(json::Writer& json, const store::Key& key) {
  json.member("id", key.id)
      .member("name", key.name)
      .member("prefix", key.prefix)
      .member("configured", key.configured)
      .member("enabled", key.enabled);
  if (key.quota_tokens) {
    json.member("quota_tokens", *key.quota_tokens);
  } else {
    json.null_member("quota_tokens");
  }
  json.member("used_tokens", key.used_tokens);
  write_money(json, "quota_usd", key.quota_money);
  json.member("used_usd", to_string(key.used_money)).key("budgets").begin_object();
  write_money(json, "day", key.budget_day);
  write_money(json, "week", key.budget_week);
  write_money(json, "month", key.budget_month);
  json.end_object();
  write_spent(json, key.spent);
  json.member("rpm", key.rpm).member("tpm", key.tpm).member("max_parallel", key.max_parallel);
  write_list(json, "models", key.models);
  write_list(json, "allow_ips", key.allow_ips);
  if (key.mode.empty()) {
    json.null_member("mode");
  } else {
    json.member("mode", key.mode);
  }
  if (key.expires_at) {
    json.member("expires_at", rfc3339_of_seconds(*key.expires_at));
  } else {
    json.null_member("expires_at");
  }
  write_payer(json, key);
  if (key.replaces_id != 0) {
    json.member("replaces", key.replaces_id);
  } else {
    json.null_member("replaces");
  }
  write_time(json, "last_used_at", key.last_used_at);
  json.member("created_at", rfc3339(key.created_at * 1'000'000));
}

Answer answer_key(int status, const store::Key& key, const std::string* user, const Secret* text) {
  Answer answer{.status = status, .body = {}};
  json::Writer json(answer.body);
  json.begin_object();
  write_key(json, key);
  if (user != nullptr) json.member("user", *user);
  if (text != nullptr) json.member("key", text->expose());
  json.end_object();
  answer.headers.emplace_back("etag", etag_of(key.version));
  return answer;
}

Answer answer_deleted(const store::Key& key) {
  Answer answer;
  json::Writer(answer.body)
      .begin_object()
      .member("id", key.id)
      .member("name", key.name)
      .member("deleted", true)
      .end_object();
  return answer;
}

}  // namespace sluice::admin
