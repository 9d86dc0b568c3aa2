#include "api/model_catalog.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "api/answer.hpp"
#include "json/slices.hpp"
#include "net/task_group.hpp"
#include "relay/headers.hpp"

namespace sluice::api {

namespace {

constexpr auto kKept = std::chrono::minutes(5);
constexpr auto kRetried = std::chrono::seconds(30);
constexpr auto kFetchTime = std::chrono::seconds(5);
constexpr size_t kMaxListBytes = 4 * 1024 * 1024;
constexpr size_t kMaxModels = 10'000;
constexpr int64_t kLatest = 4'102'444'800;  // 2100; an upstream may say anything

constexpr std::string_view kGeminiPrefix = "models/";

/// Google lists models of all kinds, with what they are for.
bool generates(json::Value model) {
  const json::Value methods = model["supportedGenerationMethods"];
  if (!methods.exists()) return true;
  json::Elements elements(methods);
  json::Value method;
  while (elements.next(method)) {
    if (method.as_string() == "generateContent") return true;
  }
  return false;
}

bool wants_anthropic(const net::HttpCall& call) {
  return call.head().fields.has("anthropic-version");
}

}  // namespace

std::vector<dialect::ModelEntry> parse_model_list(std::string_view body,
                                                  std::string_view provider) {
  std::vector<dialect::ModelEntry> entries;
  if (!json::valid(body)) return entries;
  const json::Value whole(body);
  const bool gemini = whole["models"].exists();
  json::Elements list(whole[gemini ? "models" : "data"]);
  json::Value each;
  while (list.next(each) && entries.size() < kMaxModels) {
    if (gemini && !generates(each)) continue;
    auto id = each[gemini ? "name" : "id"].as_string();
    if (id && gemini && id->starts_with(kGeminiPrefix)) id->erase(0, kGeminiPrefix.size());
    if (!id || id->empty() || id->size() > 256) continue;
    entries.push_back(
        {.id = std::move(*id),
         .owned_by = std::string(provider),
         .display_name = each[gemini ? "displayName" : "display_name"].as_string().value_or(""),
         .created = std::clamp<int64_t>(each["created"].as_int().value_or(0), 0, kLatest)});
  }
  return entries;
}

net::Task<Result<std::string>> ModelCatalog::fetch(const relay::Upstream& upstream,
                                                   net::Scope& scope) {
  const auto choice = upstream.keys.pick(context_.loop.now());
  const std::string head = relay::model_list_head(
      upstream, choice ? &upstream.provider->api_keys[choice->index] : nullptr);
  auto connection = co_await context_.client.acquire(upstream.origin, true, scope);
  if (!connection) co_return std::unexpected(std::move(connection.error()));
  auto status = co_await (*connection)->send(head, {}, scope);
  if (status) status = co_await (*connection)->read_head("GET", scope);
  if (!status) co_return std::unexpected(std::move(status.error()));
  if ((*connection)->head().status != 200) {
    co_return fail(ErrorCode::kUpstreamError, "the upstream has no model list");
  }
  std::string body;
  for (;;) {
    net::BodyPiece piece = co_await (*connection)->next(scope);
    for (; piece.kind == net::BodyPiece::kData; piece = (*connection)->ready()) {
      body.append(piece.data);
      if (body.size() > kMaxListBytes) co_return fail(ErrorCode::kUpstreamError, "too long");
    }
    if (piece.kind == net::BodyPiece::kNone) continue;
    if (piece.kind != net::BodyPiece::kEnd) {
      co_return fail(ErrorCode::kUpstreamError, "the model list broke off");
    }
    break;
  }
  context_.client.release(upstream.origin, std::move(*connection));
  co_return body;
}

std::string ModelCatalog::cache_key(const config::Provider& provider) {
  return provider.name + " " + provider.base_url;
}

net::Task<void> ModelCatalog::refresh(const relay::Upstream& upstream, net::Scope& scope) {
  const config::Provider& provider = *upstream.provider;
  // Elements of an unordered_map stay where they are.
  Cached& cached = cache_[cache_key(provider)];
  if (cached.asking) {
    net::Event done;
    cached.waiting.push_back(&done);
    // Never past the deadline of who asks, so the event outlives its place on the list.
    co_await done.wait(scope);
    co_return;
  }
  cached.asking = true;
  scope.set_deadline(context_.loop.now() + kFetchTime);
  const auto body = co_await fetch(upstream, scope);
  cached.asking = false;
  cached.entries = body ? parse_model_list(*body, provider.name) : Entries{};
  cached.until = context_.loop.now() + (body ? Duration(kKept) : Duration(kRetried));
  for (net::Event* each : std::exchange(cached.waiting, {})) each->set();
}

net::Task<ModelCatalog::Entries> ModelCatalog::all() {
  const relay::SnapshotPtr snapshot = context_.snapshot;
  // All upstreams at once; a slow one costs its own deadline and nobody else's. The scopes are
  // not the client's: what is learned is kept though the client may leave.
  std::vector<std::unique_ptr<net::Scope>> scopes;
  net::TaskGroup group;
  const TimePoint now = context_.loop.now();
  for (const auto& upstream : snapshot->upstreams) {
    const config::Provider& provider = *upstream->provider;
    if (!provider.enabled || !provider.models.empty()) continue;
    const auto cached = cache_.find(cache_key(provider));
    if (cached != cache_.end() && cached->second.until > now) continue;
    scopes.push_back(std::make_unique<net::Scope>(context_.loop));
    group.spawn(refresh(*upstream, *scopes.back()));
  }
  net::Scope join(context_.loop);
  co_await group.empty(join);

  Entries entries;
  std::unordered_set<std::string> seen;
  const auto add = [&](dialect::ModelEntry entry) {
    if (seen.insert(entry.id).second) entries.push_back(std::move(entry));
  };
  for (const auto& listed : snapshot->routes.listed_models(route::kAllSpeakers)) {
    add({.id = std::string(listed.model),
         .owned_by = std::string(listed.provider),
         .display_name = {}});
  }
  for (const auto& upstream : snapshot->upstreams) {
    const config::Provider& provider = *upstream->provider;
    if (!provider.enabled || !provider.models.empty()) continue;
    const auto cached = cache_.find(cache_key(provider));
    if (cached == cache_.end()) continue;
    for (const dialect::ModelEntry& entry : cached->second.entries) add(entry);
  }
  co_return entries;
}

net::Task<void> ModelCatalog::handle(net::HttpCall& call, std::string id) {
  const auto dialect =
      wants_anthropic(call) ? dialect::Dialect::kAnthropic : dialect::Dialect::kOpenAi;
  const relay::SnapshotPtr snapshot = context_.snapshot;
  const auto key = snapshot->clients.keys.authenticate(
      relay::client_credential(call.head().fields),
      relay::client_of(call, snapshot->trusted_proxies), wall_nanos() / 1'000'000'000);
  if (!key) co_return co_await answer_error(call, dialect, key.error());
  Entries entries = co_await all();
  std::erase_if(entries, [&](const auto& entry) { return !(*key)->allows_model(entry.id); });
  if (id.empty()) {
    co_return co_await answer_json(call, dialect, dialect::render_model_list(entries));
  }
  for (const dialect::ModelEntry& entry : entries) {
    if (entry.id == id) co_return co_await answer_json(call, dialect, dialect::render_model(entry));
  }
  co_await answer_error(call, dialect,
                        Error{.code = ErrorCode::kModelNotFound,
                              .message = fmt::format("the model \"{}\" does not exist", id),
                              .param = "model"});
}

}  // namespace sluice::api
