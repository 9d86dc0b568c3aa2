#include "admin/provider_secrets.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "json/slices.hpp"
#include "json/writer.hpp"

namespace sluice::admin {

namespace {

/// Without blanks around them, and without empty ones.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of("\r\n"), text.size());
    const std::string_view line = trim(text.substr(0, end));
    if (!line.empty()) lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::unexpected<Error> unreadable(const Error& error, const char* field) {
  return fail(ErrorCode::kConfig, error.message, field);
}

}  // namespace

Result<std::vector<std::string>> ProviderSecrets::keys(const store::ProviderRow& row) const {
  std::vector<std::string> keys;
  for (const std::string_view line : lines_of(row.api_key)) {
    if (!crypto::Sealer::is_sealed(line)) {
      keys.emplace_back(line);
      continue;
    }
    const auto opened = sealer_.open(line);
    if (!opened) return unreadable(opened.error(), "api_keys");
    // Several were once sealed as one.
    for (const std::string_view each : lines_of(*opened)) keys.emplace_back(each);
  }
  return keys;
}

Result<ProviderSecrets::Headers> ProviderSecrets::headers(const store::ProviderRow& row) const {
  Headers headers;
  std::string text(trim(row.headers));
  if (text.empty()) return headers;
  if (crypto::Sealer::is_sealed(text)) {
    auto opened = sealer_.open(text);
    if (!opened) return unreadable(opened.error(), "headers");
    text = std::move(*opened);
  }
  json::Members members{std::string_view(text)};
  for (json::Member each; members.next(each);) {
    auto value = each.value.as_string();
    if (!value) break;
    headers.emplace_back(each.key.str(), std::move(*value));
  }
  if (!members.complete()) {
    return fail(ErrorCode::kConfig, "headers must be a JSON object of strings", "headers");
  }
  return headers;
}

Result<std::string> ProviderSecrets::sealed(const std::vector<std::string>& keys) const {
  std::string column;
  for (const std::string& each : keys) {
    auto line = sealer_.seal(each);
    if (!line) return line;
    column += (column.empty() ? "" : "\n") + *line;
  }
  return column;
}

Result<std::string> ProviderSecrets::sealed(const Headers& headers) const {
  if (headers.empty()) return std::string();
  std::string text;
  json::Writer json(text);
  json.begin_object();
  for (const auto& [name, value] : headers) json.member(name, value);
  json.end_object();
  return sealer_.seal(text);
}

Result<std::string> ProviderSecrets::hidden_keys(std::string_view column) const {
  std::string out;
  for (const std::string_view line : lines_of(column)) {
    auto hidden = crypto::Sealer::is_sealed(line) ? Result<std::string>(line) : sealer_.seal(line);
    if (!hidden) return hidden;
    out += (out.empty() ? "" : "\n") + *hidden;
  }
  return out;
}

Result<bool> ProviderSecrets::hide(store::ProviderRow& row) const {
  const auto plain = [](std::string_view line) { return !crypto::Sealer::is_sealed(line); };
  const bool keys = std::ranges::any_of(lines_of(row.api_key), plain);
  const bool headers = !trim(row.headers).empty() && plain(trim(row.headers));
  if (keys) {
    auto hidden = hidden_keys(row.api_key);
    if (!hidden) return std::unexpected(hidden.error());
    row.api_key = std::move(*hidden);
  }
  if (headers) {
    auto hidden = sealer_.seal(trim(row.headers));
    if (!hidden) return std::unexpected(hidden.error());
    row.headers = std::move(*hidden);
  }
  return keys || headers;
}

}  // namespace sluice::admin
