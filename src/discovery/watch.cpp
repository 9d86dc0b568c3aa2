#include "discovery/watch.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/ids.hpp"
#include "discovery/probe.hpp"
#include "discovery/verdict.hpp"
#include "observe/log.hpp"

namespace sluice::discovery {

namespace {

constexpr auto kLookAround = std::chrono::seconds(1);  // for what a reload has changed
constexpr auto kModelsEvery = std::chrono::minutes(1);

auto all_of(const config::Service& service) {
  return std::tie(service.name, service.host, service.port, service.protocol, service.health_check,
                  service.models, service.max_tasks);
}

/// A tenth more or less, so that checks that began together do not stay together.
Duration jittered(Duration pause) {
  const double part = static_cast<double>(random_u64() >> 11) * 0x1p-53;
  return std::chrono::duration_cast<Duration>(pause * (0.9 + 0.2 * part));
}

}  // namespace

struct Watch::Watched {
  Watched(net::Loop& loop, config::Service from)
      : service(std::move(from)), models(service.models), scope(loop) {}

  const config::Service service;
  Place place;
  std::vector<std::string> models;
  TimePoint models_again{};
  Verdict verdict;
  net::Scope scope;
};

net::Task<void> Watch::run(std::function<config::ConfigPtr()> config, net::Scope& scope) {
  loop_ = &scope.loop();
  do {
    if (auto current = config(); current != config_) adopt(std::move(current));
    if (source_) {
      scope.set_deadline(loop_->now() + config_->discovery.timeout);
      auto services = co_await source_->services(scope);
      if (services) {
        update(std::move(*services));
      } else if (!scope.cancelled()) {
        log::warn("services could not be looked for", {{"reason", services.error().message}});
      }
    }
    const Duration pause = std::min<Duration>(config_->discovery.interval, kLookAround);
    co_await net::Sleep(scope, loop_->now() + pause);
  } while (!scope.cancelled());
  for (const auto& [name, watched] : watched_) watched->scope.cancel(net::CancelReason::kDraining);
  net::Scope join(*loop_);
  co_await checks_.empty(join);
}

void Watch::adopt(config::ConfigPtr config) {
  config_ = std::move(config);
  auto source = make_source(config_->discovery);
  if (!source) {
    log::warn("services are not looked for", {{"reason", source.error().message}});
    source = std::make_unique<StaticSource>(std::vector<config::Service>());
  }
  source_ = std::move(*source);
}

void Watch::update(std::vector<config::Service> services) {
  std::vector<std::string> gone;
  for (const auto& [name, watched] : watched_) {
    const auto same = [&](const config::Service& each) {
      return all_of(each) == all_of(watched->service);
    };
    if (std::ranges::none_of(services, same)) gone.push_back(name);
  }
  for (const std::string& name : gone) end(name);
  for (config::Service& each : services) {
    if (!watched_.contains(each.name)) start(std::move(each));
  }
}

void Watch::start(config::Service service) {
  const std::string name = service.name;
  auto place = place_of(service);
  auto watched = std::make_shared<Watched>(*loop_, std::move(service));
  watched_.emplace(name, watched);
  if (!place) {
    log::warn("a service cannot be used", {{"service", name}, {"reason", place.error().message}});
    return;
  }
  watched->place = std::move(*place);
  checks_.spawn(watch(std::move(watched)));
}

void Watch::end(const std::string& name) {
  const auto found = watched_.find(name);
  found->second->scope.cancel(net::CancelReason::kRequested);
  watched_.erase(found);
  fleet_.forget(name, loop_->now());
  log::info("a service is gone", {{"service", name}});
}

net::Task<void> Watch::watch(std::shared_ptr<Watched> watched) {
  while (!watched->scope.cancelled()) {
    co_await check(*watched);
    const TimePoint next = loop_->now() + jittered(config_->discovery.interval);
    co_await net::Sleep(watched->scope, next);
  }
}

net::Task<void> Watch::check(Watched& watched) {
  const config::ConfigPtr config = config_;
  watched.scope.set_deadline(loop_->now() + config->discovery.timeout);
  const Status well = co_await ask_health(client_, watched.place, watched.scope);
  if (watched.scope.cancelled()) co_return;
  const bool changed = watched.verdict.add(well.has_value(), config->discovery.healthy_after,
                                           config->discovery.unhealthy_after);
  if (changed && well) {
    log::info("a service is well",
              {{"service", watched.service.name}, {"endpoint", watched.place.endpoint()}});
  } else if (changed) {
    log::warn("a service is not well", {{"service", watched.service.name},
                                        {"endpoint", watched.place.endpoint()},
                                        {"reason", well.error().message}});
  }
  if (well && watched.service.models.empty() && loop_->now() >= watched.models_again) {
    co_await learn_models(watched);
    if (watched.scope.cancelled()) co_return;
  }
  workers::Heartbeat found;
  found.worker_id = watched.service.name;
  found.endpoint = watched.place.endpoint();
  found.supported = watched.models;
  if (watched.service.max_tasks > 0) found.max_tasks = watched.service.max_tasks;
  fleet_.discovered(std::move(found), watched.verdict.healthy(), loop_->now());
}

net::Task<void> Watch::learn_models(Watched& watched) {
  const config::ConfigPtr config = config_;
  watched.scope.set_deadline(loop_->now() + config->discovery.timeout);
  auto models = co_await ask_models(client_, watched.place, config->workers.api_key, watched.scope);
  if (watched.scope.cancelled()) co_return;
  if (models && !models->empty()) {
    watched.models = std::move(*models);
    watched.models_again = loop_->now() + kModelsEvery;
  } else if (watched.models.empty()) {
    // Asked again with the next check: without models it is of no use.
    log::debug("a service tells no models",
               {{"service", watched.service.name},
                {"reason", models ? "its list is empty" : models.error().message}});
  }
}

}  // namespace sluice::discovery
