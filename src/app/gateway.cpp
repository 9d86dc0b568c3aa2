#include "app/gateway.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <thread>

#include "admin/client.hpp"
#include "app/fleet_gauges.hpp"
#include "app/version.hpp"
#include "app/waiting_room.hpp"
#include "app/worker.hpp"
#include "http/database_url.hpp"
#include "net/socket.hpp"
#include "observe/log.hpp"
#include "relay/snapshot.hpp"

namespace sluice::app {

namespace {

constexpr auto kHousekeeping = std::chrono::minutes(1);
constexpr auto kVerifyEvery = std::chrono::hours(24);
constexpr auto kTryAgainAfter = std::chrono::milliseconds(500);
constexpr auto kTellAwayEvery = std::chrono::seconds(30);
// More that wait are refused.
constexpr size_t kMaxForeignLookups = 64;
// After the last deadline: for error frames on their way.
constexpr auto kLastWords = std::chrono::seconds(2);

/// SIGTERM, SIGINT and SIGHUP as numbers to wait for.
class Signals {
 public:
  Signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    fd_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  }
  ~Signals() { close(fd_); }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  /// The next signal; 0 when `until` passes, or `also` becomes readable, before one comes.
  int wait(TimePoint until, int also = -1) const {
    for (;;) {
      pollfd fds[2] = {{.fd = fd_, .events = POLLIN, .revents = 0},
                       {.fd = also, .events = POLLIN, .revents = 0}};
      int timeout = -1;
      if (until != TimePoint::max()) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now()).count();
        timeout = static_cast<int>(std::clamp<int64_t>(left, 0, 3'600'000));
      }
      const int ready = poll(fds, 2, timeout);
      signalfd_siginfo info{};
      if (ready > 0 && read(fd_, &info, sizeof info) == sizeof info) {
        return static_cast<int>(info.ssi_signo);
      }
      if (ready > 0 && (fds[1].revents & POLLIN) != 0) return 0;
      if (ready == 0 && until <= now()) return 0;
    }
  }

 private:
  int fd_;
};

}  // namespace

Gateway::Gateway(config::ConfigPtr config, config::LoadOptions options)
    : config_(std::move(config)),
      options_(std::move(options)),
      metrics_(kVersion, kBuildType),
      fleet_(workers::Fleet::options_of(*config_)),
      dispatcher_(fleet_, workers::Dispatcher::options_of(*config_)),
      blocking_(4),
      foreign_lookups_(2, kMaxForeignLookups),
      service_{.metrics = metrics_,
               .live = live_,
               .blocking = blocking_,
               .foreign_lookups = foreign_lookups_,
               .registry = registry_,
               .calibration = calibration_,
               .learned = learned_,
               .fleet = fleet_,
               .dispatcher = dispatcher_} {}

Gateway::~Gateway() { stop(); }

Result<net::TlsContextPtr> Gateway::make_tls(const config::Tls& tls) {
  if (!tls.enabled) return net::TlsContextPtr{};
  return net::TlsContext::server(tls.cert, tls.key);
}

void Gateway::start_log(const config::Logging& logging) {
  log::start({.level = static_cast<log::Level>(logging.level),
              .format = logging.format == config::LogFormat::kJson ? log::Format::kJson
                                                                   : log::Format::kText});
}

Status Gateway::start() {
  // One descriptor for the client and one for the upstream of every stream.
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  std::signal(SIGPIPE, SIG_IGN);
  // A file that may not grow is an error of that write, as a full disk is.
  std::signal(SIGXFSZ, SIG_IGN);

  std::unique_ptr<WaitingRoom> room;
  if (auto status = await_database(room); !status || stopped_early_) return status;
  if (auto status = listen(); !status) return status;
  for (const auto& worker : workers_) worker->start();
  if (watch_) watch_->start([this](const store::News& news) { return hear(news); });
  service_.phase = api::Phase::kServing;
  if (!room) say_port();
  room.reset();
  const config::ConfigPtr config = this->config();
  start_log(config->logging);
  for (const std::string& warning : config->warnings) log::warn(warning);
  log::info("listening", {{"host", config->server.host},
                          {"port", port_},
                          {"tls", config->server.tls.enabled},
                          {"loops", workers_.size()},
                          {"providers", config->providers.size()},
                          {"keys", config->keys.size()},
                          {"version", kVersion}});
  if (!admin_socket_problem_.empty()) {
    log::warn("commands cannot reach this gateway", {{"reason", admin_socket_problem_}});
  }
  say_how_many_streams_fit();
  effective_->tell_problems();
  if (const auto first = identity_->first_run(); first && *first) {
    log::info("nobody can log in yet: register on this machine, or with the setup token",
              {{"setup_token", identity_->setup_token()}});
  }
  return {};
}

void Gateway::say_port() const {
  std::printf("Starting server on :%u\n", unsigned{port_});
  std::fflush(stdout);
}

Status Gateway::await_database(std::unique_ptr<WaitingRoom>& room) {
  const Signals signals;
  for (TimePoint told{};;) {
    Status opened = open_database();
    const bool away = !opened && opened.error().code == ErrorCode::kLedgerUnavailable &&
                      http::is_database_server(config_->database_url.expose());
    if (opened && room) log::info("database_back");
    if (!away) return opened;
    close_database();
    if (!room) {
      auto tls = make_tls(config_->server.tls);
      if (!tls) return std::unexpected(std::move(tls.error()));
      room = std::make_unique<WaitingRoom>("the database server does not answer");
      const auto port = room->open(config_->server, std::move(*tls));
      if (!port) return std::unexpected(port.error());
      port_ = *port;
      say_port();
      start_log(config_->logging);
    }
    if (now() - told >= kTellAwayEvery) {
      told = now();
      log::error("database_away", {{"reason", opened.error().message},
                                   {"means", "the gateway waits for it, and serves nobody yet"}});
    }
    const int signal = signals.wait(now() + kTryAgainAfter);
    if (signal == 0 || signal == SIGHUP) continue;
    stopped_early_ = true;
    return {};
  }
}

void Gateway::close_database() {
  if (watch_) database_->changes()->on_carried({});
  service_.administration = nullptr;
  service_.authenticator = nullptr;
  service_.logins = nullptr;
  service_.database = nullptr;
  metrics_.ask_ledger({});
  metrics_.ask_workers({});
  watch_.reset();
  administration_.reset();
  admin_.reset();
  identity_.reset();
  effective_.reset();
  usage_keeper_.reset();
  database_.reset();
}

Status Gateway::open_database() {
  auto database = store::Database::open(admin::database_options(*config_));
  if (!database) return std::unexpected(std::move(database.error()));
  database_ = std::move(*database);
  service_.database = database_.get();
  if (store::Changes* const changes = database_->changes()) {
    watch_ = std::make_unique<ChangeWatch>(*changes);
    if (Status begun = watch_->begin(); !begun) return begun;
    changes->on_carried([this](const store::Carried& carried) {
      registry_.booked(carried);
      if (carried.uncertain) watch_->recheck(carried);
    });
  }
  metrics_.ask_ledger([this] {
    const store::Ledger& ledger = database_->ledger();
    const store::Ledger::Stats stats = ledger.stats();
    return observe::LedgerFigures{.lag = ledger.lag(),
                                  .settlements = stats.settlements,
                                  .groups = stats.groups,
                                  .failures = stats.failures,
                                  .dead_letters = stats.dead_letters,
                                  .waiting = stats.waiting + database_->uncarried()};
  });
  metrics_.ask_workers([this] { return fleet_figures(dispatcher_, targets_, now()); });
  verified_at_ = now();
  const auto factors = database_->factors();
  if (!factors) return std::unexpected(factors.error());
  std::vector<tokens::Calibration::Learned> learned;
  for (const store::Database::Factor& each : *factors) {
    learned.push_back({.model = each.model, .factor = each.factor, .samples = each.samples});
  }
  calibration_.restore(learned);
  usage_keeper_ = std::make_unique<UsageKeeper>(database_->rollups(), config_->usage.retention);
  if (Status opened = open_effective(); !opened) return opened;
  if (Status opened = open_identity(); !opened) return opened;
  admin_ = std::make_unique<admin::Service>(*database_, running());
  administration_ = std::make_unique<api::Administration>(*admin_);
  service_.administration = administration_.get();
  return {};
}

Status Gateway::open_effective() {
  auto sealer = admin::EffectiveConfig::sealer_of(*config_);
  if (!sealer) return std::unexpected(std::move(sealer.error()));
  auto effective = admin::EffectiveConfig::open(database_->catalog(), std::move(*sealer), options_);
  if (!effective) return std::unexpected(std::move(effective.error()));
  effective_ = std::move(*effective);
  config_ = effective_->state()->config;
  effective_->on_change([this](const config::ConfigPtr& config, bool file_read) {
    return use_config(config, file_read);
  });
  return {};
}

Status Gateway::open_identity() {
  auto identity = admin::Identity::open(database_->identities(), database_->key_secret(),
                                        admin::Identity::options_of(*config_));
  if (!identity) return std::unexpected(std::move(identity.error()));
  identity_ = std::move(*identity);
  service_.authenticator = identity_.get();
  service_.logins = identity_.get();
  return {};
}

void Gateway::serve_admin_socket() {
  auto listener = net::listen_unix(admin::socket_path(*config_));
  if (!listener) {
    admin_socket_problem_ = listener.error().message;
    return;
  }
  admin_socket_ = std::move(listener->file);
  workers_.front()->serve_admin(listener->fd);
}

Result<relay::SnapshotPtr> Gateway::snapshot_of(const config::ConfigPtr& config, size_t loops) {
  auto clients = relay::load_clients(*config, *database_, registry_);
  if (!clients) return std::unexpected(std::move(clients.error()));
  return relay::make_snapshot(config, std::move(*clients), static_cast<int>(loops), targets_);
}

void Gateway::keep_house() {
  std::vector<store::Database::Factor> factors;
  for (tokens::Calibration::Learned& each : calibration_.take_changed()) {
    factors.push_back(
        {.model = std::move(each.model), .factor = each.factor, .samples = each.samples});
  }
  if (!factors.empty()) {
    if (const auto kept = database_->keep_factors(factors); !kept) {
      log::warn("learned token factors could not be kept", {{"reason", kept.error().message}});
    }
  }
  const auto used = registry_.take_used(now(), wall_nanos() / 1'000'000);
  if (const Status noted = database_->api_keys().note_used(used); !noted) {
    log::warn("when keys were used could not be kept", {{"reason", noted.error().message}});
  }
  if (const Status heard = identity_->refresh(); !heard) {
    log::warn("logins could not be looked after", {{"reason", heard.error().message}});
  }
  if (now() - verified_at_ < kVerifyEvery) return;
  verified_at_ = now();
  const auto differences = database_->verify();
  if (!differences) {
    log::error("the books could not be checked", {{"reason", differences.error().message}});
  } else if (differences->empty()) {
    log::info("the books are right");
  } else {
    for (const store::Database::Difference& each : *differences) {
      log::error("the books do not add up",
                 {{"of", each.what}, {"kept", each.kept}, {"recomputed", each.recomputed}});
    }
  }
}

Status Gateway::listen() {
  const config::Server& server = config_->server;
  const int loops = server.threads > 0
                        ? server.threads
                        : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  auto snapshot = snapshot_of(config_, static_cast<size_t>(loops));
  if (!snapshot) return std::unexpected(snapshot.error());
  snapshot_ = *snapshot;
  auto tls = make_tls(server.tls);
  if (!tls) return std::unexpected(tls.error());
  tls_ = server.tls.enabled;
  if (port_ == 0) port_ = server.port;
  for (int i = 0; i < loops; ++i) {
    const auto fd = net::listen_on(server.host, port_);
    if (!fd) return std::unexpected(fd.error());
    // Port 0: the kernel chose for the first, the others follow.
    if (port_ == 0) port_ = net::local_port(*fd);
    auto worker =
        std::make_unique<Worker>(i, service_, *snapshot, metrics_.add_loop(), live_.add_loop());
    worker->serve(*fd, *tls);
    workers_.push_back(std::move(worker));
  }
  if (config_->metrics.enabled && config_->metrics.port != 0) {
    const auto fd = net::listen_on(server.host, config_->metrics.port);
    if (!fd) return std::unexpected(fd.error());
    workers_.front()->serve_metrics(*fd);
  }
  serve_admin_socket();
  return {};
}

int Gateway::run() {
  if (stopped_early_) {
    log::info("stopped");
    log::stop();
    return 0;
  }
  const Signals signals;
  for (;;) {
    const int signal = signals.wait(now() + kHousekeeping);
    if (signal == 0) {
      keep_house();
      continue;
    }
    if (signal == SIGHUP) {
      reload();
      continue;
    }
    drain();
    stop();
    log::info("stopped");
    log::stop();
    return 0;
  }
}

void Gateway::drain() {
  service_.phase = api::Phase::kDraining;
  const Signals signals;
  const TimePoint begun = now();
  log::info("draining", {{"live_requests", live_count()}});
  // What only asks whether somebody else works is not waited for.
  prober_.stop();
  const auto hurry = [&](TimePoint until, int also) {
    for (;;) {
      const int signal = signals.wait(until, also);
      if (signal == 0) return false;
      if (signal != SIGHUP) return true;
    }
  };
  // Load balancers see /ready turn to 503 before connections are refused.
  const bool at_once = hurry(begun + config()->server.drain_min, -1);
  const int drained = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  auto left = std::make_shared<std::atomic<size_t>>(workers_.size());
  for (const auto& worker : workers_) {
    worker->drain([left, drained] {
      if (--*left != 0) return;
      const uint64_t one = 1;
      [[maybe_unused]] const ssize_t written = write(drained, &one, sizeof one);
    });
  }
  if (!at_once) hurry(begun + config()->server.drain_max, drained);
  if (*left != 0) {
    log::warn("closing what still runs", {{"live_requests", live_count()}});
    for (const auto& worker : workers_) worker->cancel_all(net::CancelReason::kDraining);
    hurry(now() + kLastWords, drained);
  }
}

void Gateway::stop() {
  for (const auto& worker : workers_) worker->stop_and_join();
  if (!database_) return;
  // What is carried from now on is of no interest here.
  if (watch_) database_->changes()->on_carried({});
  watch_.reset();
  keep_house();
  // What they still do needs the database.
  service_.administration = nullptr;
  prober_.stop();
  administration_.reset();
  admin_socket_ = {};
  blocking_.finish();
  metrics_.ask_ledger({});
  metrics_.ask_workers({});
  usage_keeper_.reset();
  effective_.reset();
  // Writes what is queued.
  database_.reset();
}

int64_t Gateway::live_count() const {
  int64_t count = 0;
  for (const observe::LoopMetrics* loop : loop_metrics_) count += loop->live_requests.value();
  return count;
}

void Gateway::say_how_many_streams_fit() const {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  const uint64_t streams = files.rlim_cur > 200 ? (files.rlim_cur - 200) / 2 : 0;
  if (streams < 10'000) {
    log::warn("the descriptor limit bounds concurrent streams",
              {{"nofile", uint64_t{files.rlim_cur}}, {"streams", streams}});
  }
}

}  // namespace sluice::app
