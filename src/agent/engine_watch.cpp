#include "agent/engine_watch.hpp"

#include <fmt/format.h>

#include <utility>

#include "observe/log.hpp"

namespace sluice::agent {

namespace {

using workers::WorkerState;

constexpr std::string_view kAccept =
    "accept: text/plain;version=0.0.4, application/json;q=0.9, */*;q=0.1\r\n";
constexpr size_t kMaxPageBytes = size_t{4} << 20;
// Models come and go without a restart.
constexpr auto kFactsEvery = std::chrono::seconds(5);
// An engine under load answers late; one that is silent for so long has a problem.
constexpr auto kSilence = std::chrono::seconds(15);

bool not_offered(int status) { return status == 404 || status == 405 || status == 501; }

}  // namespace

void EngineWatch::drain() {
  draining_ = true;
  look_.state = WorkerState::kDraining;
}

net::Task<Result<Answer>> EngineWatch::get(std::string_view path, net::Scope& scope) {
  std::string asked(path);
  for (;;) {
    Question question{.method = "GET",
                      .path = asked,
                      .fields = std::string(kAccept),
                      .body = {},
                      .limit = kMaxPageBytes};
    if (!plan_.engine_key.empty()) {
      question.fields += fmt::format("authorization: Bearer {}\r\n", plan_.engine_key.expose());
    }
    auto answer = co_await ask(client_, plan_.engine_site, std::move(question), scope);
    // Servers that mount a page with a slash at its end send there.
    const bool moved = answer && answer->status / 100 == 3 && !asked.ends_with('/');
    if (!moved) co_return answer;
    asked += '/';
  }
}

net::Task<void> EngineWatch::look(net::Scope& scope) {
  Look next = look_;
  const Status status = co_await look_at_engine(next, scope);
  if (scope.cancelled()) co_return;
  if (!status) unwell(next, status.error());
  next.gpus = co_await gpus_.read(scope);
  if (scope.cancelled()) co_return;
  next.engine = engine_;
  next.boot_id = incarnation_.boot_id();
  next.state = draining_ ? WorkerState::kDraining
               : ready_  ? WorkerState::kReady
                         : WorkerState::kStarting;
  say(next);
  look_ = std::move(next);
}

net::Task<Status> EngineWatch::look_at_engine(Look& look, net::Scope& scope) {
  if (engine_ == nullptr) {
    if (Status found = co_await find_out(scope); !found) co_return found;
  }
  if (!ready_ || sluice::now() - facts_at_ >= kFactsEvery) {
    if (Status fresh = co_await refresh(look, scope); !fresh) co_return fresh;
  }
  if (!ready_) co_return Status{};
  EngineView view{.facts = look.view.facts, .gauges = {}};
  const TimePoint at = sluice::now();
  for (const EnginePage& page : engine_->gauges) {
    const auto there = co_await read(page, view, scope);
    if (!there) co_return std::unexpected(there.error());
    if (!*there && &page == engine_->gauges.data()) {
      complain("the engine does not tell its load",
               fmt::format("{} is not there: {}", page.path, engine_->hint));
    }
  }
  heard_at_ = sluice::now();
  look.at = at;
  look.view = std::move(view);
  if (incarnation_.saw(look.view.gauges)) {
    log::info("the engine has been started anew");
    facts_at_ = {};
    was_good_ = false;
  }
  co_return Status{};
}

net::Task<Result<bool>> EngineWatch::read(const EnginePage& page, EngineView& view,
                                          net::Scope& scope) {
  const auto answer = co_await get(page.path, scope);
  if (!answer) co_return std::unexpected(answer.error());
  if (not_offered(answer->status)) co_return false;
  if (answer->status != 200) {
    complain("the engine does not tell all", fmt::format("{}: {}", page.path, answer->status));
    co_return true;
  }
  if (Status read = page.read(answer->body, view); !read) {
    complain("the engine is not understood", read.error().message);
  }
  co_return true;
}

net::Task<Status> EngineWatch::find_out(net::Scope& scope) {
  const auto metrics = co_await get("/metrics", scope);
  if (!metrics) co_return std::unexpected(metrics.error());
  if (metrics->status == 200) engine_ = engine_of_metrics(metrics->body);
  if (engine_ != nullptr) co_return Status{};
  const auto models = co_await get("/v1/models", scope);
  if (!models) co_return std::unexpected(models.error());
  if (models->status == 200) engine_ = engine_of_models(models->body);
  if (engine_ != nullptr) co_return Status{};
  // Without a model it has no owner of one.
  const auto version = co_await get("/api/version", scope);
  if (!version) co_return std::unexpected(version.error());
  if (version->status == 200) {
    engine_ = &kOllama;
  } else if (models->status == 200) {
    engine_ = &kOpenAi;
  } else {
    complain("which engine this is cannot be found out: say it with --engine",
             fmt::format("/metrics: {}, /v1/models: {}", metrics->status, models->status));
  }
  co_return Status{};
}

net::Task<Result<EngineWatch::Health>> EngineWatch::ask_health(net::Scope& scope) {
  if (engine_->health_once && was_good_) co_return Health::kGood;
  const auto health = co_await get(engine_->health, scope);
  if (!health) co_return std::unexpected(health.error());
  was_good_ = health->status == 200;
  if (was_good_) co_return Health::kGood;
  if (not_offered(health->status)) co_return Health::kUntold;
  complain("the engine takes no requests", fmt::format("{}: {}", engine_->health, health->status));
  co_return Health::kBad;
}

net::Task<Status> EngineWatch::refresh(Look& look, net::Scope& scope) {
  if (engine_ == nullptr) co_return Status{};
  const auto health = co_await ask_health(scope);
  if (!health) co_return std::unexpected(health.error());
  if (*health == Health::kBad) {
    ready_ = false;
    heard_at_ = sluice::now();
    look.at = heard_at_;
    look.view.gauges = {};
    co_return Status{};
  }
  // One that has no page for its health is well when it tells its models.
  bool well = *health == Health::kGood;
  // What is not told any more is forgotten.
  EngineView view;
  bool before = true;
  for (const EnginePage& page : engine_->facts) {
    if (page.instead && before) continue;
    const auto there = co_await read(page, view, scope);
    if (!there) co_return std::unexpected(there.error());
    before = *there;
    if (&page == engine_->facts.data()) well = well || *there;
  }
  look.view.facts = std::move(view.facts);
  facts_at_ = sluice::now();
  ready_ = well;
  co_return Status{};
}

void EngineWatch::unwell(Look& look, const Error& error) {
  const bool gone = error.code == ErrorCode::kUpstreamUnreachable ||
                    error.code == ErrorCode::kResolve || error.code == ErrorCode::kTls;
  if (gone) incarnation_.gone();
  if (!gone && sluice::now() - heard_at_ <= kSilence) return;
  if (ready_) complaints_.clear();
  complain("the engine does not answer", error.message);
  ready_ = false;
  was_good_ = false;
  facts_at_ = {};
  look.view.gauges = {};
  look.at = sluice::now();
  // Another one may come in its place.
  if (gone) engine_ = plan_.engine;
}

void EngineWatch::complain(std::string_view what, const std::string& why) {
  constexpr size_t kMost = 64;
  if (complaints_.size() == kMost) return;
  if (complaints_.insert(fmt::format("{}: {}", what, why)).second) {
    log::warn(what, {{"reason", why}});
  }
}

void EngineWatch::say(const Look& look) {
  if (look.state == look_.state) return;
  if (look.state == WorkerState::kReady) {
    const workers::Heartbeat beat = compose(plan_, look);
    log::info("the engine is ready", {{"engine", beat.engine},
                                      {"version", beat.engine_version},
                                      {"models", beat.models.size()},
                                      {"gpus", beat.gpus.size()}});
    if (!beat.max_tasks) {
      log::warn("the engine does not say how many requests it runs at once: give --max-tasks");
    }
  }
}

}  // namespace sluice::agent
