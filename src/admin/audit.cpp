#include "admin/audit.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "json/slices.hpp"
#include "json/writer.hpp"

namespace sluice::admin {

namespace {

constexpr size_t kMaxSubject = 200;      // bytes
constexpr size_t kMaxState = 16 * 1024;  // bytes
constexpr int kMaxDepth = 16;

constexpr std::string_view kSecrets[] = {
    "key",          "code",          "codes",    "token",        "password",
    "old_password", "new_password",  "api_keys", "api_key",      "setup_token",
    "secret",       "refresh_token", "invite",   "password_hash"};

void copy(json::Writer& json, json::Value value, int depth) {
  if (depth > kMaxDepth) {
    json.null();
    return;
  }
  switch (value.kind()) {
    case json::Kind::kObject: {
      json.begin_object();
      json::Members members(value);
      for (json::Member each; members.next(each);) {
        const std::string name = each.key.str();
        json.key(name);
        if (std::ranges::find(kSecrets, name) != std::end(kSecrets) && !each.value.is_null()) {
          json.string("***");
        } else {
          copy(json, each.value, depth + 1);
        }
      }
      json.end_object();
      return;
    }
    case json::Kind::kArray: {
      json.begin_array();
      json::Elements elements(value.raw());
      for (json::Value each; elements.next(each);) copy(json, each, depth + 1);
      json.end_array();
      return;
    }
    default:
      json.raw(value.raw());
  }
}

/// The longest beginning that ends between two characters.
std::string cut(std::string_view text, size_t most) {
  if (text.size() <= most) return std::string(text);
  size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end));
}

store::AuditEntry entry_of(const Principal& who, std::string action, std::string_view subject) {
  store::AuditEntry entry;
  entry.actor = who.actor();
  entry.address = who.address;
  entry.action = std::move(action);
  entry.subject = cut(subject, kMaxSubject);
  return entry;
}

/// "time-id" of the last entry of the page before.
Status read_cursor(const Query& query, store::AuditFilter& filter) {
  const auto cursor = query.text("cursor");
  if (!cursor) return std::unexpected(cursor.error());
  if (cursor->empty()) return {};
  const size_t dash = cursor->find('-');
  const auto at = parse_u64(std::string_view(*cursor).substr(0, dash));
  const auto id = dash == std::string::npos ? std::nullopt
                                            : parse_u64(std::string_view(*cursor).substr(dash + 1));
  constexpr uint64_t kMost = INT64_MAX;
  if (!at || !id || *id == 0 || *at > kMost || *id > kMost) {
    return fail(ErrorCode::kInvalidRequest, "cursor must be the next_cursor of a page", "cursor");
  }
  filter.before_at = static_cast<int64_t>(*at);
  filter.before_id = static_cast<int64_t>(*id);
  return {};
}

Result<Answer> list_entries(const Call& call) {
  store::AuditFilter filter;
  auto actor = call.query.text("actor");
  if (!actor) return std::unexpected(actor.error());
  auto action = call.query.text("action", kMaxSubject);
  if (!action) return std::unexpected(action.error());
  auto subject = call.query.text(call.query.given("target") ? "target" : "subject", kMaxSubject);
  if (!subject) return std::unexpected(subject.error());
  const auto from = call.query.time("from", 0);
  if (!from) return std::unexpected(from.error());
  const auto to = call.query.time("to", INT64_MAX);
  if (!to) return std::unexpected(to.error());
  if (Status read = read_cursor(call.query, filter); !read) return std::unexpected(read.error());
  const auto limit = call.query.limit();
  if (!limit) return std::unexpected(limit.error());
  filter.actor = std::move(*actor);
  filter.action = std::move(*action);
  filter.subject = std::move(*subject);
  filter.from = *from;
  filter.to = *to;
  filter.limit = *limit + 1;
  auto entries = call.service.database().audit().entries(filter);
  if (!entries) return std::unexpected(entries.error());
  const bool more = entries->size() > static_cast<size_t>(*limit);
  if (more) entries->resize(static_cast<size_t>(*limit));
  Answer answer;
  json::Writer json(answer.body);
  json.begin_object().key("data").begin_array();
  for (const store::AuditEntry& each : *entries) {
    json.begin_object()
        .member("id", each.id)
        .member("at", rfc3339(each.at * 1'000'000))
        .member("actor", each.actor)
        .member("address", each.address)
        .member("action", each.action)
        .member("subject", each.subject)
        .raw_member("before", json::valid(each.before) ? each.before : "null")
        .raw_member("after", json::valid(each.after) ? each.after : "null")
        .end_object();
  }
  json.end_array().key("next_cursor");
  if (more) {
    json.string(fmt::format("{}-{}", entries->back().at, entries->back().id));
  } else {
    json.null();
  }
  json.end_object();
  return answer;
}

constexpr Field kPage[] = {
    {"limit", FieldKind::kCount, "Entries of a page: 1 to 1000, 50 when absent."},
    {"cursor", FieldKind::kText, "next_cursor of the page before."},
    {"actor", FieldKind::kText, "Who has made the change."},
    {"action", FieldKind::kText, "Method and route, such as PATCH /api/admin/users/{id}."},
    {"target", FieldKind::kText, "What the path named, such as an id."},
    {"subject", FieldKind::kText, "The same."},
    {"from", FieldKind::kTime, "Inclusive."},
    {"to", FieldKind::kTime, "Exclusive."},
};

constexpr Route kRoutes[] = {
    {.method = "GET",
     .pattern = "/api/admin/audit",
     .handle = list_entries,
     .summary = "Who has changed what, newest first.",
     .query = kPage},
};

}  // namespace

std::string without_secrets(std::string_view json) {
  if (!json::valid(json)) return {};
  std::string out;
  json::Writer writer(out);
  copy(writer, json::Value(json), 0);
  return out;
}

store::AuditEntry audit_entry(const Route& route, const Call& call, const Answer& answer) {
  std::string subject;
  for (const std::string& each : call.arguments) subject += (subject.empty() ? "" : "/") + each;
  // Who registers or logs in is the subject, and from then on himself.
  if (const auto name = call.fields.text("username", kMaxName); name && subject.empty()) {
    subject = *name;
  }
  store::AuditEntry entry =
      entry_of(call.request.who, fmt::format("{} {}", route.method, route.pattern), subject);
  entry.before = without_secrets(call.before);
  entry.after = without_secrets(answer.body);
  if (entry.before.size() > kMaxState) entry.before.clear();
  if (entry.after.size() > kMaxState) entry.after.clear();
  return entry;
}

store::AuditEntry audit_entry(const Principal& who, std::string action, std::string_view subject,
                              std::string_view after) {
  store::AuditEntry entry = entry_of(who, std::move(action), subject);
  entry.after = without_secrets(after);
  return entry;
}

store::AuditEntry failed_login(const Call& call) {
  return entry_of(call.request.who, "login refused",
                  call.fields.text("username", kMaxName).value_or(std::string()));
}

std::span<const Route> audit_routes() { return kRoutes; }

}  // namespace sluice::admin
