#include "api/model_catalog.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "api/answer.hpp"
#include "config/value.hpp"
#include "dialect/chat/capabilities.hpp"
#include "json/slices.hpp"
#include "net/task_group.hpp"
#include "relay/caller.hpp"
#include "relay/headers.hpp"

namespace sluice::api {

namespace {

constexpr auto kKept = std::chrono::minutes(5);
constexpr auto kRetried = std::chrono::seconds(30);
// Coding agents wait three seconds for the list.
constexpr auto kFetchTime = std::chrono::milliseconds(2500);
constexpr auto kLearnEvery = std::chrono::hours(3);
constexpr auto kLearnRetry = std::chrono::minutes(10);
constexpr auto kLookAround = std::chrono::minutes(1);  // for providers that a reload has brought
constexpr size_t kMaxListBytes = 4 * 1024 * 1024;
constexpr size_t kMaxModels = 10'000;
constexpr size_t kMaxCapabilities = 8 * 1024;  // bytes of one model's
constexpr int64_t kLatest = 4'102'444'800;     // 2100; an upstream may say anything

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

/// Unix seconds: OpenAI's `created` or Anthropic's `created_at`; 0: unknown.
int64_t created(json::Value model) {
  auto at = model["created"].as_int();
  if (!at) at = config::parse_time(model["created_at"].as_string().value_or(""));
  return std::clamp<int64_t>(at.value_or(0), 0, kLatest);
}

std::string capabilities(json::Value model) {
  const json::Value told = model["capabilities"];
  const bool kept = told.kind() == json::Kind::kObject && told.raw().size() <= kMaxCapabilities;
  return std::string(kept ? told.raw() : std::string_view());
}

/// Whose list tells more than names.
bool tells_capabilities(const config::Provider& provider) {
  return provider.enabled && !provider.api_keys.empty() &&
         (provider.type == config::ProviderType::kAnthropic ||
          provider.type == config::ProviderType::kGemini);
}

void set_limits(dialect::ModelEntry& entry, const dialect::chat::Capabilities& known) {
  entry.context_window = known.context_window;
  entry.max_output = known.max_output;
}

bool wants_anthropic(const net::HttpCall& call) {
  return call.head().fields.has("anthropic-version");
}

}  // namespace

std::vector<ListedModel> parse_model_list(std::string_view body, std::string_view provider) {
  std::vector<ListedModel> entries;
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
        {.entry = {.id = std::move(*id),
                   .owned_by = std::string(provider),
                   .display_name =
                       each[gemini ? "displayName" : "display_name"].as_string().value_or(""),
                   .created = created(each),
                   .capabilities = capabilities(each)},
         .told = dialect::chat::read_told_capabilities(each)});
  }
  return entries;
}

net::Task<Result<std::string>> ModelCatalog::fetch(const relay::Upstream& upstream,
                                                   net::Scope& scope) {
  const std::string head =
      relay::model_list_head(upstream, relay::any_credential(upstream, context_.loop.now()));
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
  cached.entries.clear();
  relay::LearnedModels::Models learned;
  for (ListedModel& each :
       body ? parse_model_list(*body, provider.name) : std::vector<ListedModel>()) {
    auto known = dialect::chat::capabilities_of(provider.type, each.entry.id);
    each.told.apply(known);
    set_limits(each.entry, known);
    if (each.told != dialect::chat::ToldCapabilities()) {
      learned.emplace(each.entry.id, each.told);
    }
    cached.entries.push_back(std::move(each.entry));
  }
  // A list that cannot be had leaves in force what it has told before.
  if (!learned.empty()) context_.learned.learn(provider, std::move(learned));
  const TimePoint now = context_.loop.now();
  cached.until = now + (body ? Duration(kKept) : Duration(kRetried));
  cached.learn_again = now + (body ? Duration(kLearnEvery) : Duration(kLearnRetry));
  for (net::Event* each : std::exchange(cached.waiting, {})) each->set();
}

net::Task<void> ModelCatalog::keep_learning(net::Scope& scope, Duration first) {
  Duration pause = first;
  while (co_await net::Sleep(scope, context_.loop.now() + pause) == net::Outcome::kTimeout) {
    pause = kLookAround;
    const relay::SnapshotPtr snapshot = context_.snapshot;
    for (const auto& upstream : snapshot->upstreams) {
      if (!tells_capabilities(*upstream->provider) || scope.cancelled()) continue;
      const auto cached = cache_.find(cache_key(*upstream->provider));
      if (cached != cache_.end() &&
          (cached->second.asking || cached->second.learn_again > context_.loop.now())) {
        continue;
      }
      co_await refresh(*upstream, scope);
    }
  }
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
    if (!seen.insert(entry.id).second) return;
    const auto configured =
        std::ranges::find(snapshot->config->models, entry.id, &config::Model::name);
    if (configured != snapshot->config->models.end()) {
      if (configured->context > 0) entry.context_window = configured->context;
      if (configured->max_output > 0) entry.max_output = configured->max_output;
    }
    entries.push_back(std::move(entry));
  };
  for (const auto& listed : snapshot->routes.listed_models(route::kAllSpeakers)) {
    const auto upstream = std::ranges::find_if(snapshot->upstreams, [&](const auto& each) {
      return each->provider->name == listed.provider;
    });
    dialect::ModelEntry entry{.id = std::string(listed.model),
                              .owned_by = std::string(listed.provider),
                              .display_name = {}};
    if (upstream != snapshot->upstreams.end()) {
      const config::Provider& provider = *(*upstream)->provider;
      auto known = dialect::chat::capabilities_of(provider.type, entry.id);
      if (const auto told = context_.learned.find(provider, entry.id)) told->apply(known);
      set_limits(entry, known);
    }
    add(std::move(entry));
  }
  for (const auto& upstream : snapshot->upstreams) {
    const config::Provider& provider = *upstream->provider;
    if (!provider.enabled || !provider.models.empty()) continue;
    const auto cached = cache_.find(cache_key(provider));
    if (cached == cache_.end()) continue;
    for (const dialect::ModelEntry& entry : cached->second.entries) add(entry);
  }
  for (std::string& model : context_.dispatcher.fleet().models()) {
    add({.id = std::move(model),
         .owned_by = std::string(config::kWorkersTarget),
         .display_name = {}});
  }
  co_return entries;
}

net::Task<void> ModelCatalog::handle(net::HttpCall& call, std::string id) {
  const auto dialect =
      wants_anthropic(call) ? dialect::Dialect::kAnthropic : dialect::Dialect::kOpenAi;
  const relay::SnapshotPtr snapshot = context_.snapshot;
  const auto key = relay::authenticate(context_, *snapshot, call);
  if (!key) co_return co_await answer_error(call, dialect, key.error());
  Entries entries = co_await all();
  std::erase_if(entries, [&](const auto& entry) { return !(*key)->allows_model(entry.id); });
  if (id.empty()) {
    const auto page = dialect::page_of(entries, call.head().query());
    if (!page) co_return co_await answer_error(call, dialect, page.error());
    co_return co_await answer_json(call, dialect, dialect::render_model_list(*page));
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
