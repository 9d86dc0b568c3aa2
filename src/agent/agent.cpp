#include "agent/agent.hpp"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <system_error>
#include <vector>

#include "agent/engine_watch.hpp"
#include "agent/gateway_link.hpp"
#include "agent/gpu_watch.hpp"
#include "net/descriptor.hpp"
#include "net/task_group.hpp"
#include "observe/log.hpp"

namespace sluice::agent {

namespace {

using net::Scope;
using net::Task;

// For the gateways to hear that the worker drains.
constexpr auto kLastWords = std::chrono::seconds(3);

/// SIGTERM and SIGINT, blocked before, as events of a loop.
class Signals final : private net::DescriptorWatch {
 public:
  Signals(net::Loop& loop, std::function<void()> on_signal)
      : descriptor_(loop, open()), on_signal_(std::move(on_signal)) {
    descriptor_.watch(this);
  }
  static void block() {
    const sigset_t set = both();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
  }

 private:
  static sigset_t both() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
  }
  static int open() {
    const sigset_t set = both();
    const int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) throw std::system_error(errno, std::generic_category(), "signals");
    return fd;
  }
  void on_hangup() override {}
  void on_readable() override {
    signalfd_siginfo info{};
    while (read(descriptor_.fd(), &info, sizeof info) == sizeof info) on_signal_();
  }

  net::Descriptor descriptor_;
  std::function<void()> on_signal_;
};

class Agent {
 public:
  explicit Agent(const Plan& plan)
      : plan_(plan),
        gpus_(plan.gpus),
        client_(loop_, resolving_),
        watch_(plan, client_, gpus_),
        watch_scope_(loop_),
        signals_(loop_, [this] { drain(); }) {
    for (const Site& site : plan.gateways) add_link(&site);
    if (plan.gateways.empty()) add_link(nullptr);
  }

  int run() {
    net::TaskGroup root;
    root.spawn(plan_.once ? tell_once() : tell_always());
    loop_.run();
    return status_;
  }
  bool stuck() const { return gpus_.stuck(); }

 private:
  struct Link {
    Link(const Plan& plan, const Site* site, net::HttpClient& client, const EngineWatch& watch,
         net::Loop& loop)
        : link(plan, site, client, watch), scope(loop) {}
    GatewayLink link;
    Scope scope;
  };

  void add_link(const Site* site) {
    links_.push_back(std::make_unique<Link>(plan_, site, client_, watch_, loop_));
  }

  Task<void> tell_once() {
    co_await watch_.look(watch_scope_);
    for (const auto& each : links_) {
      const bool told = !draining_ && co_await each->link.push(each->scope);
      if (!told) status_ = 1;
    }
    loop_.stop();
  }

  Task<void> tell_always() {
    co_await watch_.look(watch_scope_);
    net::TaskGroup watching;
    net::TaskGroup linked;
    watching.spawn(keep_looking());
    for (const auto& each : links_) linked.spawn(each->link.run(each->scope));
    Scope scope(loop_);
    co_await linked.empty(scope);
    watch_scope_.cancel(net::CancelReason::kRequested);
    hurry_scope_.cancel(net::CancelReason::kRequested);
    co_await watching.empty(scope);
    co_await hurrying_.empty(scope);
    loop_.stop();
  }

  Task<void> keep_looking() {
    while (!watch_scope_.cancelled()) {
      for (const auto& each : links_) each->link.looked();
      co_await net::Sleep(watch_scope_, loop_.now() + plan_.poll);
      if (watch_scope_.cancelled()) break;
      co_await watch_.look(watch_scope_);
    }
  }

  void drain() {
    const bool again = draining_;
    draining_ = true;
    watch_.drain();
    watch_scope_.cancel(net::CancelReason::kRequested);
    if (again || plan_.once) return give_up();
    log::info("draining");
    for (const auto& each : links_) each->link.drain();
    hurrying_.spawn(hurry());
  }

  Task<void> hurry() {
    co_await net::Sleep(hurry_scope_, loop_.now() + kLastWords);
    if (!hurry_scope_.cancelled()) give_up();
  }
  void give_up() {
    for (const auto& each : links_) each->scope.cancel(net::CancelReason::kRequested);
  }

  const Plan& plan_;
  net::BlockingPool resolving_{1};
  net::Loop loop_;
  GpuWatch gpus_;
  net::HttpClient client_;
  EngineWatch watch_;
  Scope watch_scope_;
  Scope hurry_scope_{loop_};
  net::TaskGroup hurrying_;
  std::vector<std::unique_ptr<Link>> links_;
  Signals signals_;
  bool draining_ = false;
  int status_ = 0;
};

}  // namespace

int run(const Options& options) {
  const auto plan = make_plan(options);
  if (!plan) {
    std::fprintf(stderr, "sluice agent: %s\n", plan.error().message.c_str());
    return 2;
  }
  Signals::block();
  std::signal(SIGPIPE, SIG_IGN);
  // The output belongs to the heartbeats when they are asked for.
  log::start({.level = log::Level::kInfo, .format = log::Format::kText, .fd = plan->print ? 2 : 1});
  log::info("agent started", {{"id", plan->id},
                              {"engine_url", plan->engine_site.url},
                              {"endpoint", plan->endpoint},
                              {"gateways", plan->gateways.size()}});
  if (plan->endpoint.empty() && !plan->gateways.empty()) {
    log::warn("without --endpoint the gateways show this worker and send it nothing");
  }
  auto agent = std::make_unique<Agent>(*plan);
  const int status = agent->run();
  log::info("stopped");
  log::stop();
  // A driver that hangs would keep its thread from being joined.
  if (agent->stuck()) std::_Exit(status);
  return status;
}

}  // namespace sluice::agent
