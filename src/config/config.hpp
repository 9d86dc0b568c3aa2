// The configuration as plain values, after parsing, substitution, environment and checks.
// options.cpp declares every option once; from that come parsing, errors, defaults and
// docs/config-reference.md.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/money.hpp"
#include "base/secret.hpp"

namespace sluice::config {

struct Tls {
  bool enabled = false;
  std::string cert;  // PEM file with the chain
  std::string key;   // PEM file
};

struct Cors {
  bool enabled = false;
  std::vector<std::string> allowed_origins;  // "*" allows any
};

struct Server {
  std::string host = "0.0.0.0";
  uint16_t port = 8080;  // 0: the kernel chooses one
  int threads = 0;       // 0: one event loop per core
  uint64_t max_body = 32 << 20;
  Duration drain_min = std::chrono::seconds(2);
  Duration drain_max = std::chrono::seconds(120);
  std::vector<std::string> trusted_proxies;  // CIDRs
  Tls tls;
  Cors cors;
  bool gzip = false;
};

/// Who may register an account.
enum class Registration : uint8_t { kOpen, kInvite, kClosed };

struct Auth {
  bool enabled = true;
  Secret admin_token;
  Secret jwt_secret;  // empty: kept in data_dir
  Duration jwt_expiry = std::chrono::hours(24);
  Registration registration = Registration::kOpen;
};

enum class ProviderType : uint8_t { kOpenAi, kAnthropic, kGemini, kZai, kOpenAiCompatible };

struct Timeouts {
  Duration connect = std::chrono::seconds(2);
  Duration first_token = std::chrono::seconds(60);
  Duration between_tokens = std::chrono::seconds(30);
  Duration total = std::chrono::seconds(600);
  bool first_token_given = false;  // by the operator, and not by default

  /// How long to wait for the head of an answer. One that is not streamed comes only when all of
  /// it is generated, so the default for a first token would cut long ones off.
  Duration first_answer(bool stream) const {
    return stream || first_token_given ? first_token : total;
  }
};

struct Pool {
  int max_idle = 100;
  int max_idle_per_host = 10;
  Duration idle_timeout = std::chrono::seconds(90);
};

enum class LedgerDurability : uint8_t { kProcess, kPower };

struct Ledger {
  LedgerDurability durability = LedgerDurability::kProcess;
  std::string spool;  // {data_dir} replaced; of use only with a database server
};

/// Prices are per 1M tokens.
struct ModelPrice {
  Money input;
  Money output;
  Money cache_read;   // as `input` where it is not given
  Money cache_write;  // as `input` where it is not given
};

struct Billing {
  bool refuse_unpriced = false;
  std::optional<ModelPrice> default_price;  // of models without one
};

struct Usage {
  Duration retention{0};  // of single rows; 0: for ever
};

/// Request rate of every key that has none of its own.
struct Limiter {
  bool enabled = false;
  int64_t requests_per_minute = 60;
  int64_t burst = 10;
  // Of the whole gateway, requests a second; 0: no limit.
  double default_rate = 1000;  // over time
  double max_rate = 10'000;    // in any second
};

/// Where a provider of type zai lies.
enum class Platform : uint8_t { kZai, kZread };

/// How clients see what a model thinks before it answers.
enum class ReasoningDisplay : uint8_t {
  kShown,     // as their dialect shows it
  kStripped,  // not at all
  kInlined,   // in the text, between <think> and </think>
};

struct Provider {
  std::string name;
  ProviderType type = ProviderType::kOpenAi;
  std::string base_url;
  std::vector<Secret> api_keys;  // empty ones removed
  bool is_default = false;
  bool enabled = true;
  std::optional<bool> responses;  // has OpenAI's Responses; absent: as its type tells
  Platform platform = Platform::kZai;
  ReasoningDisplay reasoning = ReasoningDisplay::kShown;
  std::vector<std::string> models;                           // empty: any
  std::vector<std::pair<std::string, std::string>> headers;  // added to every request
  std::string ca_file;
  std::string proxy;
  Timeouts timeouts;
  Pool pool;
};

/// As a target: all workers that serve the model.
inline constexpr std::string_view kWorkersTarget = "workers";

struct Target {
  std::string name;   // a provider, a group, or kWorkersTarget
  std::string model;  // to send upstream; empty: as requested
};

/// How one of several is picked.
enum class Strategy : uint8_t {
  kRoundRobin,
  kRandom,
  kWeightedRoundRobin,  // smooth
  kLeastConnections,    // in relation to weight, or to speed among workers
  kVram,                // score of free memory and slots
  kPredicted,           // shortest predicted time to first token
};

/// What becomes of a stream that dies after its first byte.
enum class Resume : uint8_t {
  kNone,
  kRestart,   // asked anew; what was delivered is swallowed as long as it comes again
  kContinue,  // another is asked to go on from what was delivered
};

struct Member {
  Target target;  // a provider or kWorkersTarget
  int weight = 1;
};

/// Several targets under one name.
struct Group {
  std::string name;
  Strategy strategy = Strategy::kRoundRobin;
  bool keep_conversations = true;  // each with the member that has had it
  std::optional<Resume> resume;    // absent: Routing::resume
  std::vector<Member> members;
};

/// Of the terms of a worker's score.
struct ScoreWeights {
  double vram = 0.4;
  double concurrency = 0.3;
  double model = 0.2;
  double fallback = 0.1;
};

/// How urgent a request is; what a client's class header names.
enum class Class : uint8_t { kInteractive, kDefault, kBulk, kCount };

/// When a request for workers goes to a provider instead.
struct Cloud {
  bool allow = true;
  /// By Class: the longest that a request waits for a worker.
  std::array<Duration, static_cast<size_t>(Class::kCount)> max_wait = {
      std::chrono::seconds(2), std::chrono::seconds(10), std::chrono::seconds(60)};
};

/// Requests that wait for a worker.
struct Queue {
  int max = 1000;  // of a model and class
  std::string class_header = "x-sluice-class";
};

struct Rule {
  bool prefix = false;  // false: exact
  std::string pattern;  // without the trailing '*'
  Target target;
  int priority = 0;
};

struct Fallback {
  std::string from;  // a provider, a group, or kWorkersTarget
  std::vector<Target> to;
};

struct Retry {
  int attempts = 2;     // tries per target
  double budget = 0.2;  // share of requests that may be tried again
  Duration backoff = std::chrono::milliseconds(100);
  Duration max_wait = std::chrono::seconds(3);
};

/// When a breakpoint for Anthropic's prompt cache is set for a client that sets none.
enum class AutoCache : uint8_t { kOff, kToolsOrMultiturn, kAlways };

struct Routing {
  std::vector<Rule> rules;  // in the order in which they are tried
  std::vector<Group> groups;
  std::vector<Fallback> fallbacks;
  Retry retry;
  Resume resume = Resume::kNone;
  ScoreWeights weights;
  Cloud cloud;
  Queue queue;
  std::string scale_webhook;         // URL; empty: none
  bool drain_on_disconnect = false;  // let the upstream finish when the client has gone
  bool strict = false;               // refuse what conversion would lose
  bool show_upstream_model = false;  // in converted answers; else the name that was asked for
  bool spread_keys = false;          // over all requests; else one conversation keeps its key
  Duration keep_alive = std::chrono::seconds(15);  // 0: silent streams stay silent
  // Of converted requests.
  AutoCache auto_cache = AutoCache::kToolsOrMultiturn;
  bool repair_tools = false;
  bool prefer_forced_tool = false;
  bool expose_reasoning = true;
};

/// GPU workers that register by heartbeat.
struct Workers {
  Duration ttl = std::chrono::seconds(15);
  Duration cleanup_interval = std::chrono::seconds(5);
  Secret token;                    // of heartbeats; empty: none is asked for
  std::vector<std::string> allow;  // CIDRs from which an endpoint is accepted without a token
  Secret api_key;                  // sent to workers; empty: none
  Timeouts timeouts;               // of requests to workers
  int gateways = 1;                // that send requests to the same workers, this one included
};

/// Where other services are found.
enum class DiscoveryType : uint8_t { kStatic, kConsul, kKubernetes };

/// A worker that does not report itself: its health is asked.
struct Service {
  std::string name;
  std::string host;
  int port = 0;
  std::string protocol = "http";         // or https
  std::string health_check = "/health";  // path
  std::vector<std::string> models;       // empty: what its list of models tells
  int max_tasks = 0;                     // 0: any number
};

struct Discovery {
  bool enabled = true;
  DiscoveryType type = DiscoveryType::kStatic;
  std::vector<Service> services;
  Duration interval = std::chrono::seconds(5);  // between two checks
  Duration timeout = std::chrono::seconds(2);   // of one
  int healthy_after = 2;                        // checks in a row
  int unhealthy_after = 3;
};

/// Of images and documents at URLs that a client sends, for upstreams that do not fetch.
struct Fetch {
  bool enabled = true;
  std::vector<std::string> allow;  // addresses or CIDRs, although they are not public
  uint64_t max_size = 10 << 20;    // bytes of one
  Duration timeout = std::chrono::seconds(10);
  int max_per_request = 20;
};

struct Key {
  Secret key;
  std::string name;
  std::vector<std::string> models;      // empty: any; a trailing '*' makes a prefix
  std::vector<std::string> allow_ips;   // addresses or CIDRs; empty: any
  std::optional<int64_t> expires_at;    // Unix seconds
  std::optional<int64_t> quota_tokens;  // none: unlimited, as for the next four
  std::optional<Money> quota_usd;
  std::optional<Money> budget_day, budget_week, budget_month;
  int64_t rpm = 0;  // 0: no limit, as for the next two
  int64_t tpm = 0;
  int64_t max_parallel = 0;
  std::optional<bool> strict;  // as Routing::strict; absent: that holds
  std::string user;            // whose wallet pays; empty: nobody's
  std::string team;            // of the user's, which pays instead; empty: he does
};

struct Model {
  std::string name;
  std::optional<ModelPrice> price;
  int64_t context = 0;     // tokens; 0: the built-in table's
  int64_t max_output = 0;  // tokens; 0: the built-in table's
  /// Names and values as they stand there, in their order.
  std::vector<std::pair<std::string, std::string>> capabilities;
};

struct Metrics {
  bool enabled = true;
  uint16_t port = 0;  // 0: on the main port
  std::string path = "/metrics";
};

enum class LogLevel : uint8_t { kDebug, kInfo, kWarn, kError };
enum class LogFormat : uint8_t { kText, kJson };

struct Logging {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kText;
  bool content = false;
};

struct Config {
  Server server;
  Auth auth;
  std::string data_dir = "./data";
  Secret database_url;    // {data_dir} replaced
  int database_pool = 8;  // connections to a database server
  Secret secret_key;      // of secrets in the database; empty: kept in data_dir
  Ledger ledger;
  Billing billing;
  Usage usage;
  Limiter limiter;
  std::vector<Provider> providers;
  Routing routing;
  Workers workers;
  Discovery discovery;
  Fetch fetch;
  std::vector<Key> keys;
  std::vector<Model> models;
  Metrics metrics;
  Logging logging;

  /// What the operator should know and that is no error: options of the contract that this
  /// version accepts and does not act on yet, a wide-open gateway, and the like.
  std::vector<std::string> warnings;
};

using ConfigPtr = std::shared_ptr<const Config>;

}  // namespace sluice::config
