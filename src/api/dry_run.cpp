#include "api/dry_run.hpp"

#include <memory>
#include <utility>

#include "admin/effective_config.hpp"
#include "admin/input.hpp"
#include "admin/routing_rows.hpp"
#include "api/admin_routes.hpp"
#include "api/answer.hpp"
#include "api/dry_run_traffic.hpp"
#include "api/handler.hpp"
#include "dialect/prompt.hpp"
#include "dialect/request.hpp"
#include "json/slices.hpp"
#include "net/offload.hpp"
#include "relay/selection.hpp"
#include "workers/prefix_index.hpp"

namespace sluice::api {

namespace {

constexpr size_t kMaxBody = size_t{8} << 20;
constexpr size_t kMaxRoute = 64;
constexpr size_t kMaxClass = 32;
constexpr auto kPatience = std::chrono::seconds(30);
constexpr std::string_view kUsualRoute = "/v1/chat/completions";

using admin::FieldKind;

constexpr admin::Field kFields[] = {
    {.name = "model", .help = "as a client would name it"},
    {.name = "route", .help = "path; /v1/chat/completions when absent"},
    {.name = "class", .help = "interactive, default or bulk"},
    {.name = "prompt_tokens", .kind = FieldKind::kCount},
    {.name = "stream", .kind = FieldKind::kFlag},
    {.name = "key", .help = "as the key of this name may"},
    {.name = "request", .kind = FieldKind::kObject, .help = "a body as the route takes it"},
    {.name = "draft", .kind = FieldKind::kObject, .help = "{rules?, groups?}"},
    {.name = "traffic", .kind = FieldKind::kObject, .help = "{from?, to?, limit?}"},
};

/// A table that nobody uses; of its targets nothing is known.
struct Draft {
  route::TargetStates states;
  relay::SnapshotPtr snapshot;
};

Result<std::unique_ptr<Draft>> make_draft(const Service& service, const relay::Snapshot& live,
                                          json::Value text) {
  if (service.administration == nullptr) {
    return fail(ErrorCode::kNotFound, "this gateway has no database", "draft");
  }
  admin::EffectiveConfig* const effective = service.administration->service.running().effective;
  if (effective == nullptr) return fail(ErrorCode::kNotFound, "there is nothing to draft", "draft");
  const auto config = effective->try_out([&](admin::EffectiveConfig::Rows& rows) -> Status {
    const auto draft = admin::read_draft(text, rows);
    if (!draft) return std::unexpected(draft.error());
    admin::put_draft(*draft, rows);
    return {};
  });
  if (!config) return std::unexpected(config.error());
  auto draft = std::make_unique<Draft>();
  auto snapshot = relay::make_snapshot(*config, live.clients, 1, draft->states);
  if (!snapshot) return std::unexpected(snapshot.error());
  draft->snapshot = std::move(*snapshot);
  return draft;
}

/// On a thread that may block.
Result<std::string> answer_to(Service& service, const relay::SnapshotPtr& live,
                              const std::string& body) {
  const auto fields = admin::Fields::parse(body, kFields);
  if (!fields) return std::unexpected(fields.error());
  std::unique_ptr<Draft> draft;
  if (fields->has("draft")) {
    auto made = make_draft(service, *live, json::Value(fields->raw("draft")));
    if (!made) return std::unexpected(made.error());
    draft = std::move(*made);
  }
  const relay::Snapshot& table = draft ? *draft->snapshot : *live;
  if (fields->has("traffic")) {
    if (service.database == nullptr) {
      return fail(ErrorCode::kNotFound, "this gateway has no database", "traffic");
    }
    return explain_traffic(*service.database, service.dispatcher,
                           {.live = *live, .draft = draft ? &table : nullptr},
                           fields->raw("traffic"));
  }
  const auto hypothesis = read_hypothesis(body, table);
  if (!hypothesis) return std::unexpected(hypothesis.error());
  const auto explanation = relay::explain(table, service.dispatcher, *hypothesis, sluice::now());
  if (!explanation) return std::unexpected(explanation.error());
  return relay::to_json(*explanation, *hypothesis);
}

/// Of a request as a client would send it.
Status add_request(std::string_view body, relay::Hypothesis& out) {
  auto request = dialect::understand(out.endpoint, std::string(body));
  if (!request) return std::unexpected(std::move(request.error()));
  if (out.model.empty()) out.model = request->model;
  out.output_tokens = request->max_tokens.value_or(0);
  out.prompt_tokens =
      dialect::count_prompt(out.endpoint, request->body, tokens::facts_of(out.model));
  out.prefix = workers::prefix_blocks(request->body);
  return {};
}

}  // namespace

Result<relay::Hypothesis> read_hypothesis(std::string_view body, const relay::Snapshot& snapshot) {
  auto fields = admin::Fields::parse(body, kFields);
  if (!fields) return std::unexpected(std::move(fields.error()));
  relay::Hypothesis out;
  auto route = fields->text("route", kMaxRoute);
  if (!route) return std::unexpected(std::move(route.error()));
  const auto endpoint = inference_endpoint(route->empty() ? kUsualRoute : *route);
  if (!endpoint) {
    return fail(ErrorCode::kInvalidRequest,
                "route must be one of inference, such as " + std::string(kUsualRoute), "route");
  }
  out.endpoint = *endpoint;
  auto model = fields->text("model", dialect::kMaxModelBytes);
  if (!model) return std::unexpected(std::move(model.error()));
  out.model = std::move(*model);
  const json::Value request = json::Value(body)["request"];
  if (fields->has("request")) {
    if (Status added = add_request(request.raw(), out); !added) {
      return std::unexpected(std::move(added.error()));
    }
  }
  if (out.model.empty()) return fail(ErrorCode::kInvalidRequest, "model is missing", "model");
  auto prompt_tokens = fields->count("prompt_tokens");
  if (!prompt_tokens) return std::unexpected(std::move(prompt_tokens.error()));
  if (*prompt_tokens) out.prompt_tokens = **prompt_tokens;
  auto urgency = fields->text("class", kMaxClass);
  if (!urgency) return std::unexpected(std::move(urgency.error()));
  auto parsed = relay::parse_class("class", *urgency);
  if (!parsed) {
    return fail(ErrorCode::kInvalidRequest, "class must be interactive, default or bulk", "class");
  }
  out.urgency = *parsed;
  auto key = fields->text("key", admin::kMaxName);
  if (!key) return std::unexpected(std::move(key.error()));
  if (key->empty()) return out;
  const accounts::KeyRecord* record = snapshot.clients.keys.named(*key);
  if (record == nullptr) {
    return fail(ErrorCode::kInvalidRequest, "there is no key of this name", "key");
  }
  if (Status allowed = accounts::KeyRing::check_model(*record, out.model); !allowed) {
    return std::unexpected(std::move(allowed.error()));
  }
  return out;
}

net::Task<void> handle_dry_run(Service& service, relay::LoopContext& context, net::HttpCall& call) {
  if (call.head().method != "POST") co_return co_await answer_wrong_method(call, "POST");
  const relay::SnapshotPtr snapshot = context.snapshot;
  auto body = co_await call.read_body(kMaxBody);
  if (!body) {
    if (body.error().code == ErrorCode::kClientGone) co_return;
    co_return co_await answer_error(call, std::move(body.error()));
  }
  call.scope().set_deadline(call.loop().now() + kPatience);
  // Counting a long prompt and looking at thousands of workers takes longer than a loop has.
  std::move_only_function<Result<std::string>()> work =
      [&service, snapshot, body = std::move(*body)]() -> Result<std::string> {
    return answer_to(service, snapshot, body);
  };
  // What may ask the database keeps no name from being looked up.
  net::BlockingPool& pool =
      service.administration != nullptr ? service.administration->pool : service.blocking;
  auto answer = co_await net::offload<Result<std::string>>(pool, std::move(work), call.scope());
  if (!answer) {
    if (answer.error().code == ErrorCode::kClientGone) co_return;
    co_return co_await answer_error(call, std::move(answer.error()));
  }
  if (!*answer) co_return co_await answer_error(call, std::move(answer->error()));
  co_await answer_json(call, 200, std::move(**answer));
}

}  // namespace sluice::api
