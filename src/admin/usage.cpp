#include <algorithm>
#include <array>
#include <unordered_map>

#include "admin/input.hpp"
#include "admin/routes.hpp"
#include "base/clock.hpp"
#include "json/writer.hpp"

namespace sluice::admin {

namespace {

using Users = std::unordered_map<int64_t, std::string>;

Result<Users> users_of(store::Database& database) {
  const auto wallets = database.wallets();
  if (!wallets) return std::unexpected(wallets.error());
  Users users;
  for (const store::Wallet& wallet : *wallets) users.emplace(wallet.user_id, wallet.user);
  return users;
}

/// Milliseconds, to the microsecond.
double milliseconds(int64_t microseconds) { return static_cast<double>(microseconds) / 1000; }

void write_counts(json::Writer& json, const TokenCounts& counts) {
  json.member("input_tokens", counts.input)
      .member("cache_read_tokens", counts.cache_read)
      .member("cache_write_tokens", counts.cache_write)
      .member("output_tokens", counts.output)
      .member("reasoning_tokens", counts.reasoning);
}

enum class Detail : uint8_t { kRow, kStory };

void write_row(json::Writer& json, const store::Settlement& row, const Users& users,
               Detail detail) {
  const auto user = users.find(row.user_id);
  json.begin_object()
      .member("id", row.id)
      .member("at", rfc3339(row.started_at * 1'000'000))
      .member("request_id", row.request_id)
      .member("key", row.key_name)
      .member("user", user == users.end() ? "" : user->second)
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
  if (row.ttft_us >= 0) {
    json.member("ttft_ms", milliseconds(row.ttft_us));
  } else {
    json.null_member("ttft_ms");
  }
  json.member("duration_ms", milliseconds(row.duration_us));
  if (detail == Detail::kStory) {
    if (json::valid(row.decision)) {
      json.raw_member("decision", row.decision);
    } else {
      json.null_member("decision");
    }
  }
  json.end_object();
}

/// The parameters that lists and sums share.
Result<store::Database::UsageFilter> filter_of(const Query& query) {
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
  const auto from = query.time("from", 0);
  if (!from) return std::unexpected(from.error());
  const auto to = query.time("to", INT64_MAX);
  if (!to) return std::unexpected(to.error());
  if (*from > *to) return fail(ErrorCode::kInvalidRequest, "from is after to", "from");
  filter.from = *from;
  filter.to = *to;
  return filter;
}

Result<Answer> list_usage(const Call& call) {
  auto filter = filter_of(call.query);
  if (!filter) return std::unexpected(filter.error());
  const auto limit = call.query.limit();
  if (!limit) return std::unexpected(limit.error());
  auto cursor = call.query.text("cursor");
  if (!cursor) return std::unexpected(cursor.error());
  filter->before_id = std::move(*cursor);
  // One more than asked for tells whether there are more.
  filter->limit = *limit + 1;
  auto rows = call.service.database().usage(*filter);
  if (!rows) return std::unexpected(rows.error());
  const auto users = users_of(call.service.database());
  if (!users) return std::unexpected(users.error());
  const bool more = rows->size() > static_cast<size_t>(*limit);
  if (more) rows->resize(static_cast<size_t>(*limit));
  Answer answer;
  json::Writer json(answer.body);
  json.begin_object().key("data").begin_array();
  for (const store::Settlement& row : *rows) write_row(json, row, *users, Detail::kRow);
  json.end_array().key("next_cursor");
  if (more) {
    json.string(rows->back().id);
  } else {
    json.null();
  }
  json.end_object();
  return answer;
}

Result<Answer> show_usage(const Call& call) {
  if (Status good = check_text(call.argument(), "id", kMaxName); !good) {
    return std::unexpected(good.error());
  }
  const auto row = call.service.database().usage_row(call.argument());
  if (!row) return std::unexpected(row.error());
  if (!*row) return fail(ErrorCode::kNotFound, "there is no usage row with this id");
  const auto users = users_of(call.service.database());
  if (!users) return std::unexpected(users.error());
  Answer answer;
  json::Writer json(answer.body);
  write_row(json, **row, *users, Detail::kStory);
  return answer;
}

Result<Answer> summarize_usage(const Call& call) {
  const auto by = call.query.text("group_by");
  if (!by) return std::unexpected(by.error());
  constexpr std::array<std::string_view, 5> kGroups = {"day", "model", "key", "user", "provider"};
  if (std::ranges::find(kGroups, *by) == kGroups.end()) {
    return fail(ErrorCode::kInvalidRequest,
                "group_by must be one of day, model, key, user, provider", "group_by");
  }
  const auto filter = filter_of(call.query);
  if (!filter) return std::unexpected(filter.error());
  const auto sums = call.service.database().usage_summary(*by, *filter);
  if (!sums) return std::unexpected(sums.error());
  store::Database::UsageSum total;
  Answer answer;
  json::Writer json(answer.body);
  const auto write_sum = [&](const store::Database::UsageSum& sum) {
    json.member("requests", sum.requests);
    write_counts(json, sum.tokens);
    json.member("cost", to_string(sum.cost)).end_object();
  };
  json.begin_object().member("group_by", *by).key("data").begin_array();
  for (const store::Database::UsageSum& sum : *sums) {
    json.begin_object().member("group", sum.group);
    write_sum(sum);
    total.requests += sum.requests;
    total.tokens.input += sum.tokens.input;
    total.tokens.cache_read += sum.tokens.cache_read;
    total.tokens.cache_write += sum.tokens.cache_write;
    total.tokens.output += sum.tokens.output;
    total.tokens.reasoning += sum.tokens.reasoning;
    const auto cost = checked_add(total.cost, sum.cost);
    if (!cost) return fail(ErrorCode::kInternal, "the total does not fit into 64 bits");
    total.cost = *cost;
  }
  json.end_array().key("total").begin_object();
  write_sum(total);
  json.end_object();
  return answer;
}

constexpr Field kFilter[] = {
    {"key", FieldKind::kText, "Name of a key."},
    {"user", FieldKind::kText, "Name of a user."},
    {"model", FieldKind::kText, "As it was asked for."},
    {"provider", FieldKind::kText, "Who answered."},
    {"from", FieldKind::kTime, "Inclusive."},
    {"to", FieldKind::kTime, "Exclusive."},
    {"limit", FieldKind::kCount, "Rows of a page: 1 to 1000, 50 when absent."},
    {"cursor", FieldKind::kText, "next_cursor of the page before."},
};

constexpr Field kSummary[] = {
    {"group_by", FieldKind::kText, "day, model, key, user or provider.", true},
    {"key", FieldKind::kText, "Name of a key."},
    {"user", FieldKind::kText, "Name of a user."},
    {"model", FieldKind::kText, "As it was asked for."},
    {"provider", FieldKind::kText, "Who answered."},
    {"from", FieldKind::kTime, "Inclusive."},
    {"to", FieldKind::kTime, "Exclusive."},
};

constexpr Route kRoutes[] = {
    {.method = "GET",
     .pattern = "/api/admin/usage",
     .handle = list_usage,
     .summary = "Requests and what they cost, newest first.",
     .query = kFilter},
    {.method = "GET",
     .pattern = "/api/admin/usage/summary",
     .handle = summarize_usage,
     .summary = "Sums of usage.",
     .query = kSummary,
     .takes_long = true},
    {.method = "GET",
     .pattern = "/api/admin/usage/{id}",
     .handle = show_usage,
     .summary = "One request, and why it went where it went."},
};

}  // namespace

std::span<const Route> usage_routes() { return kRoutes; }

}  // namespace sluice::admin
