#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text.hpp"
#include "config/bind.hpp"
#include "config/fields.hpp"
#include "http/url.hpp"

namespace sluice::config {

namespace {

struct PlatformRow {
  Platform platform;
  std::string_view name;  // and the domain of its addresses
  std::string_view base_url;
};

// zread.ai publishes no address of an API.
constexpr PlatformRow kPlatforms[] = {
    {Platform::kZread, "zread.ai", ""},
    {Platform::kZai, "z.ai", "https://api.z.ai/api/paas/v4"},
};

const PlatformRow* by_name(std::string_view name) {
  const auto found = std::ranges::find(kPlatforms, name, &PlatformRow::name);
  return found == std::end(kPlatforms) ? nullptr : found;
}

const PlatformRow* by_address(const std::string& base_url) {
  const auto url = http::parse_url(base_url);
  if (!url) return nullptr;
  const std::string host = to_lower(url->host);
  for (const PlatformRow& row : kPlatforms) {
    if (host == row.name || host.ends_with("." + std::string(row.name))) return &row;
  }
  return nullptr;
}

void bind_platform(const Node& node, const std::string& path, Provider& provider,
                   Problems& problems) {
  const auto wrong = [&](std::string_view option, std::string what) {
    const Node& at_fault = at(node, option);
    if (!at_fault.bad) problems.error(at_fault.is_null() ? node.place : at_fault.place, what);
  };
  const std::string named = text(node, "platform");
  const PlatformRow* told = by_name(named);
  if (provider.type != ProviderType::kZai) {
    if (told != nullptr) wrong("platform", path + ".platform is for providers of type zai only");
    return;
  }
  const PlatformRow* found = by_address(provider.base_url);
  if (told != nullptr && found != nullptr && told != found) {
    return wrong("platform", fmt::format("{}.platform is {}, but its base_url is {}'s", path,
                                         told->name, found->name));
  }
  const PlatformRow& row = told != nullptr ? *told : found != nullptr ? *found : *by_name("z.ai");
  provider.platform = row.platform;
  if (!provider.base_url.empty()) return;
  provider.base_url = row.base_url;
  if (row.base_url.empty()) {
    wrong("base_url", fmt::format("{}: the platform {} needs a base_url", path, row.name));
  }
}

}  // namespace

void bind_zai(const Node& list, const Surroundings& surroundings, std::vector<Provider>& providers,
              Problems& problems) {
  for (size_t i = 0; i < providers.size(); ++i) {
    bind_platform(list.items[i], fmt::format("providers.{}", i), providers[i], problems);
  }
  const std::string token = surroundings.environment(kUpstreamToken).value_or("");
  if (token.empty()) return;
  if (!std::ranges::all_of(token, [](char c) { return c > 0x20 && c < 0x7F; })) {
    problems.warn("UPSTREAM_TOKEN is ignored: it may hold only visible ASCII characters");
    return;
  }
  // One token is one platform's, and no other platform gets to see it.
  const bool to_zai = std::ranges::any_of(providers, [](const Provider& each) {
    return each.type == ProviderType::kZai && each.platform == Platform::kZai;
  });
  const Platform platform = to_zai ? Platform::kZai : Platform::kZread;
  for (Provider& provider : providers) {
    if (provider.type != ProviderType::kZai || provider.platform != platform) continue;
    provider.api_keys.clear();
    provider.api_keys.emplace_back(token);
  }
}

}  // namespace sluice::config
