// The models that the scripted upstream lists. Answers do not depend on it: any name is answered.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace sluice::mock {

struct CatalogModel {
  enum Family : uint8_t { kAny, kOpenAi, kAnthropic, kGemini };
  std::string_view id;
  std::string_view display_name;
  int64_t created;  // seconds since the Unix epoch
  Family family;
  int64_t max_output = 0;  // tokens, with which Anthropic's list tells capabilities; 0: it does not

  bool is_of(Family wanted) const { return family == kAny || family == wanted; }
};

std::span<const CatalogModel> catalog();

/// The entry of that name. Every scripted name that can be read has one, listed or not.
std::optional<CatalogModel> find_model(std::string_view id);

}  // namespace sluice::mock
