// Requests and what they cost: lists, and the story of one.
#include "admin/usage.hpp"

#include <algorithm>
#include <unordered_map>

#include "admin/csv.hpp"
#include "admin/price_lines.hpp"
#include "admin/wallet_view.hpp"
#include "base/clock.hpp"

namespace sluice::admin {

namespace {

/// Of users and teams: who made a request, and whose wallet paid for it.
struct Names {
  std::unordered_map<int64_t, std::string> users;
  std::unordered_map<int64_t, std::string> payers;  // by wallet

  static std::string_view of(const std::unordered_map<int64_t, std::string>& names, int64_t id) {
    const auto found = names.find(id);
    return found == names.end() ? std::string_view{} : found->second;
  }
};

Result<Names> all_names(store::Database& database) {
  const auto wallets = database.wallets();
  if (!wallets) return std::unexpected(wallets.error());
  Names names;
  for (const store::Wallet& wallet : *wallets) {
    names.users.emplace(wallet.user_id, wallet.user);
    names.payers.emplace(wallet.id, wallet.user);
  }
  return names;
}

/// Who asks, and who has paid for his requests.
Result<Names> own_names(const Call& call, std::span<const store::Settlement> rows) {
  Names names{.users = {{call.request.who.user_id, call.request.who.name}}, .payers = {}};
  for (const store::Settlement& row : rows) {
    const auto [known, fresh] = names.payers.try_emplace(row.wallet_id);
    if (!fresh || row.wallet_id == 0) continue;
    auto wallet = call.service.database().api_keys().wallet(row.wallet_id);
    if (!wallet) return std::unexpected(wallet.error());
    if (*wallet) known->second = std::move((*wallet)->user);
  }
  return names;
}

/// Milliseconds, to the microsecond.
double milliseconds(int64_t microseconds) { return static_cast<double>(microseconds) / 1000; }

/// What a request cost its provider is not for who paid for it.
enum class For : uint8_t { kUser, kAdministrator };

/// The members of a row, whose braces are the caller's.
void write_row(json::Writer& json, const store::Settlement& row, const Names& names, For whom) {
  json.member("id", row.id)
      .member("at", rfc3339(row.started_at * 1'000'000))
      .member("request_id", row.request_id)
      .member("key", row.key_name)
      .member("user", Names::of(names.users, row.user_id))
      .member("paid_by", Names::of(names.payers, row.wallet_id))
      .member("dialect", row.dialect)
      .member("model", row.requested_model)
      .member("upstream_model", row.upstream_model)
      .member("provider", row.provider)
      .member("worker", row.worker)
      .member("stream", row.stream)
      .member("status", row.status)
      .member("outcome", row.outcome)
      .member("attempts", row.attempts);
  write_counts(json, row.charged);
  json.member("basis", row.basis)
      .member("counted_input_tokens", row.counted_input)
      .member("counted_output_tokens", row.counted_output);
  if (row.reported) {
    json.member("reported_input_tokens", row.reported->total_input())
        .member("reported_output_tokens", row.reported->output);
  } else {
    json.null_member("reported_input_tokens").null_member("reported_output_tokens");
  }
  json.member("cost", to_string(row.cost)).member("price_id", row.price_id);
  if (whom == For::kAdministrator) json.member("upstream_cost", to_string(row.upstream_cost));
  if (row.ttft_us >= 0) {
    json.member("ttft_ms", milliseconds(row.ttft_us));
  } else {
    json.null_member("ttft_ms");
  }
  json.member("duration_ms", milliseconds(row.duration_us));
}

std::string row_of(const store::Settlement& row, const Names& names, For whom) {
  std::string text;
  json::Writer json(text);
  json.begin_object();
  write_row(json, row, names, whom);
  json.end_object();
  return text;
}

Result<Answer> list(const Call& call, store::Database::UsageFilter filter, For whom) {
  const auto limit = call.query.limit();
  if (!limit) return std::unexpected(limit.error());
  const auto csv = wants_csv(call.query);
  if (!csv) return std::unexpected(csv.error());
  auto cursor = call.query.text("cursor");
  if (!cursor) return std::unexpected(cursor.error());
  filter.before_id = std::move(*cursor);
  // One more than asked for tells whether there are more.
  filter.limit = *limit + 1;
  auto rows = call.service.database().usage(filter);
  if (!rows) return std::unexpected(rows.error());
  const auto names =
      whom == For::kAdministrator ? all_names(call.service.database()) : own_names(call, *rows);
  if (!names) return std::unexpected(names.error());
  const bool more = rows->size() > static_cast<size_t>(*limit);
  if (more) rows->resize(static_cast<size_t>(*limit));
  std::vector<std::string> lines;
  for (const store::Settlement& row : *rows) lines.push_back(row_of(row, *names, whom));
  if (*csv) {
    Answer answer = csv_answer(row_of({}, {}, whom), lines);
    if (more) answer.headers.emplace_back("x-next-cursor", rows->back().id);
    return answer;
  }
  Answer answer;
  json::Writer json(answer.body);
  json.begin_object().key("data").begin_array();
  for (const std::string& line : lines) json.raw(line);
  json.end_array().key("next_cursor");
  if (more) {
    json.string(rows->back().id);
  } else {
    json.null();
  }
  json.end_object();
  return answer;
}

Result<Answer> list_usage(const Call& call) {
  const auto zone = zone_of(call.query);
  if (!zone) return std::unexpected(zone.error());
  auto filter = filter_of(call.query, *zone);
  if (!filter) return std::unexpected(filter.error());
  return list(call, std::move(*filter), For::kAdministrator);
}

Result<Answer> list_own(const Call& call) {
  const auto zone = zone_of(call.query);
  if (!zone) return std::unexpected(zone.error());
  auto filter = own_filter_of(call, *zone);
  if (!filter) return std::unexpected(filter.error());
  return list(call, std::move(*filter), For::kUser);
}

Result<Answer> show(const Call& call, For whom) {
  if (Status good = check_text(call.argument(), "id", kMaxName); !good) {
    return std::unexpected(good.error());
  }
  const auto row = call.service.database().usage_row(call.argument());
  if (!row) return std::unexpected(row.error());
  const Principal& who = call.request.who;
  // As if another's were not there.
  if (!*row || (whom == For::kUser && (*row)->user_id != who.user_id)) {
    return fail(ErrorCode::kNotFound, "there is no usage row with this id");
  }
  const auto names = whom == For::kAdministrator ? all_names(call.service.database())
                                                 : own_names(call, std::span(&**row, 1));
  if (!names) return std::unexpected(names.error());
  Answer answer;
  json::Writer json(answer.body);
  json.begin_object();
  write_row(json, **row, *names, whom);
  if (Status priced = write_price_lines(json, **row, call.service.database()); !priced) {
    return std::unexpected(priced.error());
  }
  const auto entry = call.service.database().charge_of((*row)->id);
  if (!entry) return std::unexpected(entry.error());
  json.key("ledger_entry");
  if (*entry) {
    write_transaction(json, **entry);
  } else {
    json.null();
  }
  if (json::valid((*row)->decision)) {
    json.raw_member("decision", (*row)->decision);
  } else {
    json.null_member("decision");
  }
  json.end_object();
  return answer;
}

Result<Answer> show_usage(const Call& call) { return show(call, For::kAdministrator); }

Result<Answer> show_own(const Call& call) { return show(call, For::kUser); }

constexpr Field kFilter[] = {
    {"key", FieldKind::kText, "Name of a key."},
    {"user", FieldKind::kText, "Name of a user."},
    {"model", FieldKind::kText, "As it was asked for."},
    {"provider", FieldKind::kText, "Who answered."},
    {"from", FieldKind::kTime, "Inclusive."},
    {"to", FieldKind::kTime, "Exclusive."},
    {"tz", FieldKind::kText, "Time zone of from and to where they are dates; UTC when absent."},
    {"format", FieldKind::kText, "csv instead of JSON; x-next-cursor tells of another page."},
    {"limit", FieldKind::kCount, "Rows of a page: 1 to 1000, 50 when absent."},
    {"cursor", FieldKind::kText, "next_cursor of the page before."},
};

constexpr Field kOwnFilter[] = {
    {"key", FieldKind::kText, "Name of a key."},
    {"model", FieldKind::kText, "As it was asked for."},
    {"provider", FieldKind::kText, "Who answered."},
    {"from", FieldKind::kTime, "Inclusive."},
    {"to", FieldKind::kTime, "Exclusive."},
    {"tz", FieldKind::kText, "Time zone of from and to where they are dates; UTC when absent."},
    {"format", FieldKind::kText, "csv instead of JSON; x-next-cursor tells of another page."},
    {"limit", FieldKind::kCount, "Rows of a page: 1 to 1000, 50 when absent."},
    {"cursor", FieldKind::kText, "next_cursor of the page before."},
};

constexpr Route kRoutes[] = {
    {.method = "GET",
     .pattern = "/api/usage",
     .access = Access::kUser,
     .handle = list_own,
     .summary = "One's own requests and what they cost, newest first.",
     .query = kOwnFilter},
    {.method = "GET",
     .pattern = "/api/usage/{id}",
     .access = Access::kUser,
     .handle = show_own,
     .summary = "One of one's own requests: how its cost was computed, and why it went where it "
                "went."},
    {.method = "GET",
     .pattern = "/api/admin/usage",
     .handle = list_usage,
     .summary = "Requests and what they cost, newest first.",
     .query = kFilter},
    {.method = "GET",
     .pattern = "/api/admin/usage/{id}",
     .handle = show_usage,
     .summary = "One request: how its cost was computed, and why it went where it went."},
};

}  // namespace

void write_counts(json::Writer& json, const TokenCounts& counts) {
  json.member("input_tokens", counts.input)
      .member("cache_read_tokens", counts.cache_read)
      .member("cache_write_tokens", counts.cache_write)
      .member("output_tokens", counts.output)
      .member("reasoning_tokens", counts.reasoning);
}

Result<TimeZone> zone_of(const Query& query) {
  const auto name = query.text("tz");
  if (!name) return std::unexpected(name.error());
  return TimeZone::load(*name);
}

Result<store::Database::UsageFilter> filter_of(const Query& query, const TimeZone& zone) {
  store::Database::UsageFilter filter;
  const std::pair<std::string_view, std::string*> texts[] = {{"key", &filter.key_name},
                                                             {"user", &filter.user},
                                                             {"model", &filter.model},
                                                             {"provider", &filter.provider}};
  for (const auto& [name, into] : texts) {
    auto text = query.text(name, 256);
    if (!text) return std::unexpected(text.error());
    *into = std::move(*text);
  }
  const std::pair<std::string_view, int64_t*> times[] = {{"from", &filter.from},
                                                         {"to", &filter.to}};
  for (const auto& [name, into] : times) {
    const auto time = query.time(name, *into);
    if (!time) return std::unexpected(time.error());
    const auto text = query.text(name);
    const bool date = text && text->size() == 10 && text->find('-') == 4;
    *into = date ? zone.to_unix(*time / 1000) * 1000 : *time;
  }
  if (filter.from > filter.to) {
    return fail(ErrorCode::kInvalidRequest, "from is after to", "from");
  }
  return filter;
}

Result<store::Database::UsageFilter> own_filter_of(const Call& call, const TimeZone& zone) {
  auto filter = filter_of(call.query, zone);
  if (!filter) return filter;
  filter->user.clear();
  filter->user_id = call.request.who.user_id;
  return filter;
}

Result<bool> wants_csv(const Query& query) {
  const auto format = query.text("format");
  if (!format) return std::unexpected(format.error());
  if (!format->empty() && *format != "csv" && *format != "json") {
    return fail(ErrorCode::kInvalidRequest, "format must be json or csv", "format");
  }
  return *format == "csv";
}

Answer csv_answer(const std::string& header, const std::vector<std::string>& rows) {
  Answer answer;
  answer.body = csv_header(json::Value(header));
  for (const std::string& row : rows) answer.body += csv_line(json::Value(row));
  answer.headers.emplace_back("content-type", "text/csv; charset=utf-8");
  return answer;
}

std::span<const Route> usage_routes() { return kRoutes; }

}  // namespace sluice::admin
