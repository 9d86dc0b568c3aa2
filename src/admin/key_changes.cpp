// What is done to an API key, whoever asks: in the database, and in a gateway that runs.
#include <fmt/format.h>

#include <algorithm>

#include "accounts/key_ring.hpp"
#include "admin/key_fields.hpp"
#include "admin/person.hpp"
#include "base/clock.hpp"
#include "base/text.hpp"
#include "observe/log.hpp"

namespace sluice::admin {

namespace {

constexpr int64_t kOverlap = 86'400;  // seconds
constexpr int64_t kLongestOverlap = 30 * 86'400;

/// Puts a change into force where a gateway runs, and into its log.
void tell(const Call& call, std::string_view what, const store::Key& key, bool gone = false) {
  const Running& running = call.service.running();
  if (!running.key_changed) return;
  running.key_changed(key, gone);
  log::info(what, {{"id", key.id}, {"name", key.name}, {"by", call.request.who.actor()}});
}

/// Who is to pay for a key; as it was where nothing is said of it.
Status read_payer(const Call& call, store::Key& key) {
  if (!call.fields.given("team")) return {};
  key.payer_id = 0;
  key.payer_gone = false;
  if (!call.fields.has("team")) return {};
  const auto named = call.fields.required_text("team", kMaxName);
  if (!named) return std::unexpected(named.error());
  const auto teams = call.service.database().teams().teams_of(key.user_id);
  if (!teams) return std::unexpected(teams.error());
  const auto id = parse_u64(*named);
  for (const store::Team& team : *teams) {
    if (id ? team.id == static_cast<int64_t>(*id) : team.name == *named) key.payer_id = team.id;
  }
  if (key.payer_id != 0) return {};
  return fail(ErrorCode::kInvalidRequest, "The key's owner is a member of no such team.", "team");
}

std::optional<Money> left_of(const std::optional<Money>& quota, Money used) {
  if (!quota) return std::nullopt;
  return Money{std::max<int64_t>(0, checked_subtract(*quota, used).value_or(Money{}).nanos)};
}

}  // namespace

Result<Secret> make_text(store::Database& database, store::Key& key) {
  auto text = accounts::KeyRing::make_key();
  if (!text) return text;
  key.digest = accounts::KeyRing::digest_of(database.key_secret(), text->expose());
  key.prefix = text->expose().substr(0, 6);
  return text;
}

int64_t key_id_of(const Call& call) {
  const auto id = parse_u64(call.argument());
  return id && *id <= static_cast<uint64_t>(INT64_MAX) ? static_cast<int64_t>(*id) : 0;
}

Status check_editable(const store::Key& key) {
  if (!key.configured) return {};
  return fail(
      ErrorCode::kInvalidRequest,
      fmt::format("the key \"{}\" stands in the configuration file: change it there", key.name),
      "id");
}

Status check_version(const Call& call, const store::Key& key) {
  // A shell has read nothing before that it could be mistaken about.
  const std::string_view match = call.request.header("if-match");
  if (call.request.who.local() && match.empty()) return {};
  return check_match(match, key.version);
}

Result<MadeKey> make_key(const Call& call, store::Key key) {
  if (Status read = read_payer(call, key); !read) return std::unexpected(read.error());
  store::Database& database = call.service.database();
  auto text = make_text(database, key);
  if (!text) return std::unexpected(text.error());
  const std::lock_guard lock(call.service.key_changes());
  auto made = database.api_keys().add(key, kMostKeys);
  if (!made) return std::unexpected(made.error());
  tell(call, "a key was made", *made);
  return MadeKey{.key = std::move(*made), .text = std::move(*text)};
}

Result<store::Key> change_key(const Call& call, store::Key key) {
  if (Status editable = check_editable(key); !editable) return std::unexpected(editable.error());
  if (Status same = check_version(call, key); !same) return std::unexpected(same.error());
  call.before = answer_key(200, key).body;
  if (call.fields.given("name")) {
    auto name = call.fields.required_text("name", kMaxName);
    if (!name) return std::unexpected(name.error());
    key.name = std::move(*name);
  }
  if (Status read = read_limits(call.fields, key); !read) return std::unexpected(read.error());
  if (Status read = read_payer(call, key); !read) return std::unexpected(read.error());
  const auto enabled = call.fields.flag("enabled");
  if (!enabled) return std::unexpected(enabled.error());
  key.enabled = enabled->value_or(key.enabled);
  const std::lock_guard lock(call.service.key_changes());
  auto changed = call.service.database().api_keys().change(key);
  if (!changed) return changed;
  tell(call, "a key was changed", *changed);
  return changed;
}

Status delete_key(const Call& call, const store::Key& key) {
  if (Status editable = check_editable(key); !editable) return editable;
  call.before = answer_key(200, key).body;
  const std::lock_guard lock(call.service.key_changes());
  if (Status done = call.service.database().delete_key(key.id); !done) return done;
  tell(call, "a key was deleted", key, true);
  return {};
}

Result<MadeKey> rotate_key(const Call& call, const store::Key& key) {
  if (Status editable = check_editable(key); !editable) return std::unexpected(editable.error());
  const auto overlap = call.fields.count("overlap_seconds");
  if (!overlap) return std::unexpected(overlap.error());
  if (overlap->value_or(0) > kLongestOverlap) {
    return fail(ErrorCode::kInvalidRequest,
                fmt::format("overlap_seconds must be at most {}", kLongestOverlap),
                "overlap_seconds");
  }
  call.before = answer_key(200, key).body;
  store::Database& database = call.service.database();
  store::Key fresh = key;
  auto text = make_text(database, fresh);
  if (!text) return std::unexpected(text.error());
  if (key.quota_tokens) {
    fresh.quota_tokens = std::max<int64_t>(0, *key.quota_tokens - key.used_tokens);
  }
  fresh.quota_money = left_of(key.quota_money, key.used_money);
  const int64_t ends = wall_nanos() / 1'000'000'000 + overlap->value_or(kOverlap);
  const std::lock_guard lock(call.service.key_changes());
  auto done = database.api_keys().replace(key, ends, fresh, kMostKeys);
  if (!done) return std::unexpected(done.error());
  tell(call, "a key was replaced", done->old);
  tell(call, "a key was made", done->fresh);
  return MadeKey{.key = std::move(done->fresh), .text = std::move(*text)};
}

}  // namespace sluice::admin
