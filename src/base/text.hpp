// Small text helpers. ASCII only: nothing here depends on a locale.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice {

inline char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
std::string to_lower(std::string_view text);

bool iequals(std::string_view a, std::string_view b);
bool istarts_with(std::string_view text, std::string_view prefix);

/// Without leading and trailing spaces and tabs.
std::string_view trim(std::string_view text);

/// Whole text as a decimal number; nullopt on anything else, overflow included.
std::optional<uint64_t> parse_u64(std::string_view text);

/// Calls `each` with every piece of a comma-separated list, trimmed, empty ones left out.
template <typename Each>
void for_each_in_list(std::string_view list, Each each) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    const std::string_view piece = trim(list.substr(0, comma));
    if (!piece.empty()) each(piece);
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
  }
}

/// The candidate with the smallest edit distance to `word`, when that is close enough to be a
/// likely slip; else empty.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace sluice
