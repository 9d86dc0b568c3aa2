// What a provider may answer to a test of it: "STATUS MODEL", a line break, the body.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/probe_verdict.hpp"
#include "base/text.hpp"
#include "json/reader.hpp"

namespace {

using namespace sluice;

struct Upstreams {
  Upstreams() {
    for (const auto type : {config::ProviderType::kOpenAi, config::ProviderType::kAnthropic,
                            config::ProviderType::kGemini}) {
      auto& provider = providers.emplace_back(std::make_unique<config::Provider>());
      provider->name = "p";
      provider->type = type;
      provider->base_url = "http://127.0.0.1:1/v1";
      provider->api_keys = {Secret("sk-secret")};
      all.push_back(relay::make_upstream(*provider, 1, nullptr).value());
    }
  }
  std::vector<std::unique_ptr<config::Provider>> providers;
  std::vector<std::unique_ptr<const relay::Upstream>> all;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Upstreams upstreams;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t line = text.find('\n');
  if (line == std::string_view::npos) return 0;
  const std::string_view head = text.substr(0, line);
  const size_t blank = std::min(head.find(' '), head.size());
  const auto status = parse_u64(head.substr(0, blank));
  if (!status || *status < 200 || *status > 599) return 0;
  for (const auto& upstream : upstreams.all) {
    const auto verdict = api::verdict_of({.status = static_cast<int>(*status),
                                          .location = text.substr(line + 1),
                                          .body = text.substr(line + 1),
                                          .model = head.substr(std::min(blank + 1, head.size())),
                                          .with_key = true},
                                         *upstream);
    // One bounded line for people, without the key; who does not answer well does not pass.
    if (verdict.said.size() > 200 || verdict.said.contains('\n')) std::abort();
    if (verdict.said.contains("sk-secret") || !json::valid_utf8(verdict.said)) std::abort();
    if (verdict.ok() != (verdict.status < 300 && verdict.message.empty())) std::abort();
  }
  return 0;
}
