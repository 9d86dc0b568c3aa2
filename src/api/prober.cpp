#include "api/prober.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "api/probe_verdict.hpp"
#include "base/ids.hpp"
#include "json/writer.hpp"
#include "net/http_client.hpp"
#include "net/task_group.hpp"
#include "relay/headers.hpp"

namespace sluice::api {

namespace {

using admin::ProbeReport;
using admin::ProbeVerdict;

constexpr auto kLongest = std::chrono::seconds(20);
constexpr auto kLongestWithModel = std::chrono::seconds(60);
constexpr auto kLongestConnect = std::chrono::seconds(10);
constexpr auto kLongestAnswer = std::chrono::seconds(10);
constexpr auto kLongestAnswerWithModel = std::chrono::seconds(50);
constexpr size_t kMaxBody = size_t{4} << 20;

/// The smallest question that a model can be asked.
std::string question_of(const config::Provider& provider, dialect::Dialect dialect,
                        const std::string& model) {
  std::string body;
  json::Writer json(body);
  json.begin_object();
  if (dialect == dialect::Dialect::kGemini) {
    json.key("contents").begin_array().begin_object().member("role", "user").key("parts");
    json.begin_array().begin_object().member("text", "Hi").end_object().end_array();
    json.end_object().end_array();
    json.key("generationConfig").begin_object().member("maxOutputTokens", 1).end_object();
    json.end_object();
    return body;
  }
  // Reasoning models of OpenAI itself take the newer name only, and most others the older.
  const bool newer = provider.type == config::ProviderType::kOpenAi;
  json.member("model", model).member(newer ? "max_completion_tokens" : "max_tokens", 1);
  json.key("messages").begin_array().begin_object();
  json.member("role", "user").member("content", "Hi").end_object().end_array().end_object();
  return body;
}

dialect::Endpoint endpoint_of(dialect::Dialect dialect) {
  if (dialect == dialect::Dialect::kAnthropic) return dialect::Endpoint::kMessages;
  return dialect == dialect::Dialect::kGemini ? dialect::Endpoint::kGenerateContent
                                              : dialect::Endpoint::kChatCompletions;
}

std::optional<Duration> between(TimePoint from, TimePoint to) {
  if (from == TimePoint{} || to == TimePoint{}) return std::nullopt;
  return to - from;
}

}  // namespace

class Prober::Run {
 public:
  Run(net::BlockingPool& lookups, const config::Provider& provider, const std::string& model,
      const relay::Upstream& upstream)
      : provider_(provider),
        model_(model),
        upstream_(upstream),
        client_(loop_, lookups),
        scope_(loop_) {}

  ProbeReport go() {
    const auto to_the_end = [](Run& run) -> net::Task<void> {
      co_await run.ask_all();
      run.loop_.stop();
    };
    net::TaskGroup group;
    // The deadline is the loop's to keep.
    loop_.post([&] { group.spawn(to_the_end(*this)); });
    loop_.run();
    return std::move(report_);
  }

  /// Any thread, while go() has not returned.
  void cancel() {
    loop_.post([this] { scope_.cancel(net::CancelReason::kDraining); });
  }

 private:
  net::Task<void> ask_all() {
    const TimePoint begun = sluice::now();
    until_ = begun + (model_.empty() ? Duration(kLongest) : Duration(kLongestWithModel));
    report_.keys.resize(provider_.api_keys.size());
    if (provider_.api_keys.empty()) {
      report_.verdict = co_await ask(nullptr, true);
    }
    for (size_t i = 0; i < provider_.api_keys.size(); ++i) {
      const TimePoint now = sluice::now();
      if (now >= until_ || scope_.cancelled()) break;
      ProbeVerdict verdict = co_await ask(&provider_.api_keys[i], i == 0);
      report_.keys[i].total = sluice::now() - now;
      if (i == 0) report_.verdict = verdict;
      // Where nobody answers, the other keys are no better.
      const bool unanswered = verdict.status == 0;
      report_.keys[i].verdict = std::move(verdict);
      if (i == 0 && unanswered) break;
    }
    report_.times.total = sluice::now() - begun;
  }

  std::string head_of(const Secret* credential, const std::string& body) {
    if (model_.empty()) {
      std::string head = relay::model_list_head(upstream_, credential);
      note_asked(head);
      return head;
    }
    const http::RequestHead nobody;
    const std::string id = make_id("probe_");
    std::string head = relay::upstream_head({.client = nobody,
                                             .upstream = upstream_,
                                             .endpoint = endpoint_of(upstream_.dialect),
                                             .model = model_,
                                             .translated = true,
                                             .stream = false,
                                             .body_size = body.size(),
                                             .credential = credential,
                                             .request_id = id,
                                             .traceparent = {}});
    note_asked(head);
    return head;
  }

  /// Method and address, of a request line.
  void note_asked(std::string_view head) {
    const std::string_view line = head.substr(0, head.find(" HTTP/1.1"));
    const size_t blank = line.find(' ');
    const std::string_view path = line.substr(blank + 1);
    const std::string_view scheme = upstream_.origin.tls ? "https://" : "http://";
    report_.asked = path.starts_with('/') ? fmt::format("{} {}{}{}", line.substr(0, blank), scheme,
                                                        upstream_.host_header, path)
                                          : std::string(line);
  }

  /// One request. `first`: its steps are told.
  net::Task<ProbeVerdict> ask(const Secret* credential, bool first) {
    const std::string body =
        model_.empty() ? std::string() : question_of(provider_, upstream_.dialect, model_);
    const std::string head = head_of(credential, body);
    for (bool fresh = first;; fresh = true) {
      net::ConnectSteps steps;
      bool sent = false;
      bool reused = false;
      auto verdict =
          co_await attempt(head, body, credential != nullptr, fresh, steps, sent, reused);
      if (first) note_steps(steps);
      if (verdict) co_return std::move(*verdict);
      // An idle connection may be closed just as it is taken.
      if (reused && !fresh && verdict.error().code == ErrorCode::kConnectionClosed) continue;
      if (scope_.cancelled()) {
        co_return ProbeVerdict{
            .status = 0, .problem = "stopped", .message = "the gateway ends", .said = {}};
      }
      co_return verdict_of(verdict.error(), upstream_, steps, sent);
    }
  }

  void note_steps(const net::ConnectSteps& steps) {
    admin::ProbeTimes& times = report_.times;
    times.resolve = between(steps.begun, steps.resolved);
    times.connect = between(steps.resolved, steps.connected);
    times.proxy = between(steps.connected, steps.tunnelled);
    times.tls =
        between(steps.tunnelled != TimePoint{} ? steps.tunnelled : steps.connected, steps.secured);
  }

  net::Task<Result<ProbeVerdict>> attempt(const std::string& head, const std::string& body,
                                          bool with_key, bool fresh, net::ConnectSteps& steps,
                                          bool& sent, bool& reused) {
    scope_.set_deadline(until_);
    auto connection = co_await client_.acquire(upstream_.origin, fresh, scope_, &steps);
    if (!connection) co_return std::unexpected(std::move(connection.error()));
    net::UpstreamConnection& open = **connection;
    reused = open.reused();
    const Duration patience =
        std::min(provider_.timeouts.first_answer(false),
                 model_.empty() ? Duration(kLongestAnswer) : Duration(kLongestAnswerWithModel));
    scope_.set_deadline(std::min(until_, sluice::now() + patience));
    auto status = co_await open.send(head, body, scope_);
    const TimePoint asked = sluice::now();
    sent = status.has_value();
    if (status) status = co_await open.read_head(model_.empty() ? "GET" : "POST", scope_);
    if (!status) co_return std::unexpected(std::move(status.error()));
    if (!report_.times.first_byte) report_.times.first_byte = sluice::now() - asked;
    const std::string location(open.head().fields.get("location"));
    scope_.set_deadline(std::min(until_, sluice::now() + patience));
    auto text = co_await read_body(open);
    if (!text) co_return std::unexpected(std::move(text.error()));
    ProbeVerdict verdict = verdict_of({.status = open.head().status,
                                       .location = location,
                                       .body = *text,
                                       .model = model_,
                                       .with_key = with_key},
                                      upstream_);
    if (verdict.ok() && model_.empty() && !report_.models) report_.models = models_in(*text);
    client_.release(upstream_.origin, std::move(*connection));
    co_return verdict;
  }

  net::Task<Result<std::string>> read_body(net::UpstreamConnection& connection) {
    std::string body;
    for (;;) {
      net::BodyPiece piece = co_await connection.next(scope_);
      for (; piece.kind == net::BodyPiece::kData; piece = connection.ready()) {
        body.append(piece.data);
        if (body.size() > kMaxBody) {
          co_return fail(ErrorCode::kProtocol, "the answer is longer than 4 MiB");
        }
      }
      if (piece.kind == net::BodyPiece::kNone) continue;
      if (piece.kind == net::BodyPiece::kEnd) co_return body;
      if (piece.kind == net::BodyPiece::kTimeout) co_return fail(ErrorCode::kTimeout, "timed out");
      if (piece.kind == net::BodyPiece::kCancelled) {
        co_return fail(ErrorCode::kClientGone, "cancelled");
      }
      co_return fail(ErrorCode::kProtocol, "the answer broke off");
    }
  }

  const config::Provider& provider_;
  const std::string& model_;
  const relay::Upstream& upstream_;
  net::Loop loop_;
  net::HttpClient client_;
  net::Scope scope_;
  TimePoint until_{};
  ProbeReport report_;
};

Result<ProbeReport> Prober::probe(const config::Provider& provider, const std::string& model) {
  auto upstream = relay::make_upstream(provider, 1, nullptr);
  if (!upstream) return std::unexpected(std::move(upstream.error()));
  // One connection is enough, and none is kept.
  auto own = std::make_unique<relay::Upstream>(**upstream);
  own->origin.connect_timeout = std::min<Duration>(own->origin.connect_timeout, kLongestConnect);
  own->origin.max_idle = own->origin.max_idle_per_host = 1;
  std::optional<Run> run;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return fail(ErrorCode::kServerDraining, "the gateway ends");
    try {
      if (!lookups_) lookups_ = std::make_unique<net::BlockingPool>(2);
      run.emplace(*lookups_, provider, model, *own);
    } catch (const std::system_error& error) {
      return fail(ErrorCode::kInternal, fmt::format("no event loop: {}", error.what()));
    }
    runs_.insert(&*run);
  }
  ProbeReport report = run->go();
  const std::lock_guard lock(mutex_);
  runs_.erase(&*run);
  return report;
}

void Prober::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  for (Run* each : runs_) each->cancel();
}

}  // namespace sluice::api
