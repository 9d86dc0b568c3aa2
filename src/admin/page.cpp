#include "admin/page.hpp"

#include <string>

#include "json/slices.hpp"
#include "json/writer.hpp"

namespace sluice::admin {

namespace {

constexpr Field kPage[] = {
    {"limit", FieldKind::kCount, "Entries of a page: 1 to 1000; all when absent."},
    {"cursor", FieldKind::kText, "next_cursor of the page before."},
};

}  // namespace

std::vector<Field> query_of(const Route& route) {
  std::vector<Field> fields(route.query.begin(), route.query.end());
  if (route.short_list) fields.insert(fields.end(), std::begin(kPage), std::end(kPage));
  return fields;
}

Status keep_page(const Query& query, Answer& answer) {
  const auto limit = query.limit();
  if (!limit) return std::unexpected(limit.error());
  const auto cursor = query.number("cursor");
  if (!cursor) return std::unexpected(cursor.error());
  if (*cursor == 0 && !query.given("limit")) return {};
  std::string kept;
  json::Writer json(kept);
  json.begin_object();
  json::Members members(answer.body);
  json::Member member;
  bool more = false;
  while (members.next(member)) {
    const std::string name = member.key.str();
    if (name == "next_cursor") continue;
    if (name != "data") {
      json.raw_member(name, member.value.raw());
      continue;
    }
    json.key("data").begin_array();
    json::Elements elements(member.value);
    json::Value element;
    for (int64_t at = 0; elements.next(element); ++at) {
      if (at < *cursor) continue;
      more = at >= *cursor + *limit;
      if (more) break;
      json.raw(element.raw());
    }
    json.end_array();
  }
  json.key("next_cursor");
  if (more) {
    json.string(std::to_string(*cursor + *limit));
  } else {
    json.null();
  }
  json.end_object();
  answer.body = std::move(kept);
  return {};
}

}  // namespace sluice::admin
