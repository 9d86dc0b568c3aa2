#include "admin/input.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "config/value.hpp"
#include "http/url.hpp"
#include "json/reader.hpp"

namespace sluice::admin {

namespace {

constexpr int64_t kLastSecond = 253'402'300'799;  // of the year 9999

std::unexpected<Error> wrong(std::string_view field, std::string_view what) {
  return fail(ErrorCode::kInvalidRequest, fmt::format("{} {}", field, what), std::string(field));
}

/// What a message may repeat of an unknown name.
std::string shown(std::string_view name) {
  return json::valid_utf8(name) ? std::string(name.substr(0, 60)) : std::string("?");
}

std::unexpected<Error> unknown(std::string_view what, std::string_view name,
                               std::span<const Field> known) {
  std::vector<std::string_view> names;
  for (const Field& field : known) names.push_back(field.name);
  const std::string_view best = nearest(name.substr(0, 64), names);
  return fail(ErrorCode::kInvalidRequest,
              fmt::format("there is no {} {}{}", what, shown(name),
                          best.empty() ? "" : fmt::format("; is {} meant?", best)),
              shown(name));
}

bool is_known(std::string_view name, std::span<const Field> known) {
  return std::ranges::find(known, name, &Field::name) != known.end();
}

std::optional<int64_t> checked_time(std::string_view text) {
  const auto seconds = config::parse_time(text);
  if (!seconds || *seconds < 0 || *seconds > kLastSecond) return std::nullopt;
  return seconds;
}

constexpr std::string_view kTimeForm =
    "must be a time such as 2027-01-31T00:00:00Z, a date, or Unix seconds";

}  // namespace

Status check_text(std::string_view text, std::string_view field, size_t most) {
  if (text.empty()) return wrong(field, "must not be empty");
  if (text.size() > most) return wrong(field, fmt::format("is longer than {} bytes", most));
  if (!json::valid_utf8(text)) return wrong(field, "is not UTF-8");
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 32 || c == 127; };
  if (std::ranges::any_of(text, is_control)) return wrong(field, "has control characters");
  if (trim(text) != text) return wrong(field, "has blanks at its ends");
  return {};
}

Result<Fields> Fields::parse(std::string_view body, std::span<const Field> known) {
  Fields fields;
  if (trim(body).empty()) body = "{}";
  if (!json::valid(body)) return fail(ErrorCode::kInvalidRequest, "the body is not valid JSON");
  json::Members members(body);
  json::Member member;
  while (members.next(member)) {
    std::string name = member.key.str();
    if (!is_known(name, known)) return unknown("field", name, known);
    for (const auto& [earlier, value] : fields.fields_) {
      if (earlier == name) return wrong(name, "stands there twice");
    }
    fields.fields_.emplace_back(std::move(name), member.value);
  }
  if (!members.complete()) {
    return fail(ErrorCode::kInvalidRequest, "the body must be a JSON object");
  }
  for (const Field& field : known) {
    if (field.required && !fields.has(field.name)) return wrong(field.name, "is missing");
  }
  return fields;
}

bool Fields::given(std::string_view name) const {
  return std::ranges::any_of(fields_, [&](const auto& each) { return each.first == name; });
}

std::string_view Fields::raw(std::string_view name) const { return find(name).raw(); }

json::Value Fields::find(std::string_view name) const {
  for (const auto& [key, value] : fields_) {
    if (key == name && !value.is_null()) return value;
  }
  return {};
}

Result<std::string> Fields::text(std::string_view name, size_t most) const {
  const json::Value value = find(name);
  if (!value.exists()) return std::string();
  auto text = value.as_string();
  if (!text) return wrong(name, "must be a string");
  if (Status good = check_text(*text, name, most); !good) return std::unexpected(good.error());
  return std::move(*text);
}

Result<std::string> Fields::required_text(std::string_view name, size_t most) const {
  if (!has(name)) return wrong(name, "is missing");
  return text(name, most);
}

Result<std::string> Fields::secret(std::string_view name, size_t most) const {
  if (!has(name)) return wrong(name, "is missing");
  auto text = find(name).as_string();
  if (!text) return wrong(name, "must be a string");
  if (text->empty() || text->size() > most) {
    return wrong(name, fmt::format("must have 1 to {} bytes", most));
  }
  return std::move(*text);
}

Result<Money> Fields::money(std::string_view name) const {
  const json::Value value = find(name);
  if (!value.exists()) return wrong(name, "is missing");
  std::string text(value.raw());
  if (value.kind() == json::Kind::kString) {
    text = value.as_string().value_or("");
  } else if (value.kind() != json::Kind::kNumber) {
    return wrong(name, "must be a string such as \"2.50\"");
  }
  auto amount = parse_money(text);
  if (!amount) return wrong(name, "is none: " + amount.error().message);
  return amount;
}

Result<std::optional<int64_t>> Fields::count(std::string_view name) const {
  const json::Value value = find(name);
  if (!value.exists()) return std::nullopt;
  const auto number = value.as_int();
  if (!number || *number < 0 || *number > kMaxCount) {
    return wrong(name, fmt::format("must be a whole number from 0 to {}", kMaxCount));
  }
  return number;
}

Result<std::optional<bool>> Fields::flag(std::string_view name) const {
  const json::Value value = find(name);
  if (!value.exists()) return std::nullopt;
  const auto flag = value.as_bool();
  if (!flag) return wrong(name, "must be true or false");
  return flag;
}

Result<std::vector<std::string>> Fields::list(std::string_view name, size_t most,
                                              size_t most_items) const {
  std::vector<std::string> out;
  const json::Value value = find(name);
  if (!value.exists()) return out;
  if (value.kind() != json::Kind::kArray) return wrong(name, "must be a list of strings");
  json::Elements elements(value);
  json::Value element;
  while (elements.next(element)) {
    auto text = element.as_string();
    if (!text) return wrong(name, "must be a list of strings");
    if (Status good = check_text(*text, name, most); !good) return std::unexpected(good.error());
    if (out.size() == most_items) return wrong(name, fmt::format("has more than {}", most_items));
    out.push_back(std::move(*text));
  }
  return out;
}

Result<std::optional<int64_t>> Fields::time(std::string_view name) const {
  const json::Value value = find(name);
  if (!value.exists()) return std::nullopt;
  const auto seconds =
      checked_time(value.kind() == json::Kind::kNumber ? std::string(value.raw())
                                                       : value.as_string().value_or(""));
  if (!seconds) return wrong(name, kTimeForm);
  return seconds;
}

Result<Query> Query::parse(std::string_view query, std::span<const Field> known) {
  Query out;
  out.pairs_ = http::parse_query(query);
  // A filter that is left out because it cannot be read would show more than was asked for.
  size_t written = 0;
  for (std::string_view rest = query; !rest.empty();) {
    const size_t end = std::min(rest.find('&'), rest.size());
    if (end > 0) ++written;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (out.pairs_.size() != written) {
    return fail(ErrorCode::kInvalidRequest, "the query has a name or a value that cannot be read");
  }
  for (size_t i = 0; i < out.pairs_.size(); ++i) {
    const std::string& name = out.pairs_[i].first;
    if (!is_known(name, known)) return unknown("parameter", name, known);
    for (size_t k = 0; k < i; ++k) {
      if (out.pairs_[k].first == name) return wrong(name, "stands there twice");
    }
  }
  return out;
}

std::string_view Query::find(std::string_view name) const {
  for (const auto& [key, value] : pairs_) {
    if (key == name) return value;
  }
  return {};
}

Result<std::string> Query::text(std::string_view name, size_t most) const {
  const std::string_view value = find(name);
  if (value.empty()) return std::string();
  if (Status good = check_text(value, name, most); !good) return std::unexpected(good.error());
  return std::string(value);
}

Result<int> Query::limit() const {
  const std::string_view value = find("limit");
  if (value.empty()) return 50;
  const auto number = parse_u64(value);
  if (!number || *number < 1 || *number > kMaxPage) {
    return wrong("limit", fmt::format("must be a whole number from 1 to {}", kMaxPage));
  }
  return static_cast<int>(*number);
}

Result<int64_t> Query::time(std::string_view name, int64_t otherwise) const {
  const std::string_view value = find(name);
  if (value.empty()) return otherwise;
  const auto seconds = checked_time(value);
  if (!seconds) return wrong(name, kTimeForm);
  return *seconds * 1000;
}

Result<int64_t> Query::number(std::string_view name) const {
  const std::string_view value = find(name);
  if (value.empty()) return 0;
  const auto number = parse_u64(value);
  if (!number || *number == 0 || *number > static_cast<uint64_t>(INT64_MAX)) {
    return wrong(name, "must be a positive whole number");
  }
  return static_cast<int64_t>(*number);
}

}  // namespace sluice::admin
