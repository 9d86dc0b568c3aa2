// Model names: which kind of provider a name tells, and the list that clients are shown.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "config/config.hpp"
#include "dialect/dialect.hpp"

namespace sluice::dialect {

/// The provider type that a model's name tells (gpt-4o: OpenAI; claude-sonnet-4-6: Anthropic);
/// nullopt for a name of no known family.
std::optional<config::ProviderType> detect_provider(std::string_view model);

/// The dialect that an upstream of that type is spoken to in.
Dialect dialect_of(config::ProviderType type);

struct ModelEntry {
  std::string id;
  std::string owned_by;        // the provider's name
  std::string display_name;    // empty: the id
  int64_t created = 0;         // Unix seconds
  int64_t context_window = 0;  // tokens; 0: unknown
  int64_t max_output = 0;      // tokens; 0: unknown
  /// What an Anthropic upstream says of them, as it is: valid JSON, or empty.
  std::string capabilities = {};
};

/// A part of a list that is told in pages.
struct ModelPage {
  std::span<const ModelEntry> models;
  bool has_more = false;  // in the direction of the page
};

/// What `query` asks for by Anthropic's `limit` (1 to 1000), `after_id` and `before_id`; without
/// them the whole, since OpenAI's clients ask for no second page. kInvalidRequest, with the
/// parameter in `param`.
Result<ModelPage> page_of(std::span<const ModelEntry> models, std::string_view query);

/// A list and one entry of it in the union of OpenAI's and Anthropic's shapes, which the official
/// SDKs of both accept.
std::string render_model_list(const ModelPage& page);
std::string render_model(const ModelEntry& model);

}  // namespace sluice::dialect
