// Redemption codes, by administrators.
#include <fmt/format.h>

#include "admin/identity.hpp"
#include "admin/routes.hpp"
#include "base/clock.hpp"
#include "base/text.hpp"
#include "json/writer.hpp"
#include "observe/log.hpp"

namespace sluice::admin {

namespace {

constexpr int64_t kMostCodes = 1000;  // made at once
constexpr size_t kShownPrefix = 9;    // "code_" and four of 32 characters

void write_code(json::Writer& json, const store::Code& code, std::string_view text = {}) {
  const auto time = [&](std::string_view name, const std::optional<int64_t>& at) {
    if (at) {
      json.member(name, rfc3339(*at * 1'000'000));
    } else {
      json.null_member(name);
    }
  };
  json.begin_object().member("id", code.id).member("prefix", code.prefix);
  if (!text.empty()) json.member("code", text);
  json.member("amount", to_string(code.amount))
      .member("note", code.note)
      .member("created_by", code.created_by)
      .member("created_at", rfc3339(code.created_at * 1'000'000));
  time("expires_at", code.expires_at);
  time("redeemed_at", code.redeemed_at);
  if (code.redeemed_at) {
    json.member("redeemed_by", code.redeemed_by);
  } else {
    json.null_member("redeemed_by");
  }
  json.end_object();
}

Result<Answer> list(const Call& call) {
  const auto limit = call.query.limit();
  if (!limit) return std::unexpected(limit.error());
  const auto before = call.query.number("cursor");
  if (!before) return std::unexpected(before.error());
  auto codes = call.service.database().codes().codes(*before, *limit + 1);
  if (!codes) return std::unexpected(codes.error());
  const bool more = codes->size() > static_cast<size_t>(*limit);
  if (more) codes->resize(static_cast<size_t>(*limit));
  Answer answer;
  json::Writer json(answer.body);
  json.begin_object().key("data").begin_array();
  for (const store::Code& code : *codes) write_code(json, code);
  json.end_array().key("next_cursor");
  if (more) {
    json.string(std::to_string(codes->back().id));
  } else {
    json.null();
  }
  json.end_object();
  return answer;
}

/// What all codes of a request have in common.
Result<store::Code> wanted(const Call& call) {
  store::Code code;
  const auto amount = call.fields.money("amount");
  if (!amount) return std::unexpected(amount.error());
  if (amount->nanos <= 0) {
    return fail(ErrorCode::kInvalidRequest, "amount must be above 0", "amount");
  }
  code.amount = *amount;
  auto note = call.fields.text("note", kMaxReason);
  if (!note) return std::unexpected(note.error());
  code.note = std::move(*note);
  const auto expires_at = call.fields.time("expires_at");
  if (!expires_at) return std::unexpected(expires_at.error());
  if (*expires_at) {
    code.expires_at = **expires_at * 1000;
    if (*code.expires_at <= wall_nanos() / 1'000'000) {
      return fail(ErrorCode::kInvalidRequest, "expires_at has passed", "expires_at");
    }
  }
  code.created_by = call.request.who.actor();
  return code;
}

Result<Answer> make(const Call& call) {
  const auto code = wanted(call);
  if (!code) return std::unexpected(code.error());
  const auto asked = call.fields.count("count");
  if (!asked) return std::unexpected(asked.error());
  const int64_t count = asked->value_or(1);
  if (count < 1 || count > kMostCodes) {
    return fail(ErrorCode::kInvalidRequest, fmt::format("count must be from 1 to {}", kMostCodes),
                "count");
  }
  std::vector<store::Code> codes(static_cast<size_t>(count), *code);
  std::vector<std::string> texts;
  for (store::Code& each : codes) {
    auto text = call.service.identity().make_code("code_");
    if (!text) return std::unexpected(text.error());
    each.digest = std::move(text->second);
    each.prefix = text->first.substr(0, kShownPrefix);
    texts.push_back(std::move(text->first));
  }
  const auto made = call.service.database().codes().add_codes(codes);
  if (!made) return std::unexpected(made.error());
  log::info(
      "codes were made",
      {{"count", count}, {"amount", to_string(code->amount)}, {"by", call.request.who.actor()}});
  Answer answer{.status = 201, .body = {}};
  json::Writer json(answer.body);
  json.begin_object().key("data").begin_array();
  for (size_t i = 0; i < made->size(); ++i) write_code(json, (*made)[i], texts[i]);
  json.end_array().end_object();
  return answer;
}

Result<Answer> remove(const Call& call) {
  const auto id = parse_u64(call.argument());
  if (!id) return fail(ErrorCode::kNotFound, "There is no such code.");
  const auto number = static_cast<int64_t>(*id);
  const auto there = call.service.database().codes().codes(number + 1, 1);
  if (there && !there->empty() && there->front().id == number) {
    json::Writer json(call.before);
    write_code(json, there->front());
  }
  if (Status done = call.service.database().codes().delete_code(number); !done) {
    return std::unexpected(done.error());
  }
  log::info("a code was deleted", {{"id", number}, {"by", call.request.who.actor()}});
  Answer answer;
  json::Writer(answer.body)
      .begin_object()
      .member("id", number)
      .member("deleted", true)
      .end_object();
  return answer;
}

constexpr Field kPage[] = {
    {"limit", FieldKind::kCount, "Codes of a page: 1 to 1000, 50 when absent."},
    {"cursor", FieldKind::kText, "next_cursor of the page before."},
};

constexpr Field kNew[] = {
    {"amount", FieldKind::kMoney, "USD that each pays, above 0.", true},
    {"count", FieldKind::kCount, "How many: 1 to 1000, 1 when absent."},
    {"note", FieldKind::kText, "What they are for; who redeems one does not see it."},
    {"expires_at", FieldKind::kTime, "Absent: never."},
};

constexpr Route kRoutes[] = {
    {.method = "GET",
     .pattern = "/api/admin/codes",
     .handle = list,
     .summary = "Redemption codes, newest first, without their text.",
     .query = kPage,
     .logins = true},
    {.method = "POST",
     .pattern = "/api/admin/codes",
     .handle = make,
     .summary = "Makes redemption codes, whose text is shown once.",
     .body = kNew,
     .logins = true},
    {.method = "DELETE",
     .pattern = "/api/admin/codes/{id}",
     .handle = remove,
     .summary = "Deletes a code that nobody has redeemed.",
     .logins = true},
};

}  // namespace

std::span<const Route> code_routes() { return kRoutes; }

}  // namespace sluice::admin
