// The end of a request's money: what its row in the usage log says.
#include <algorithm>
#include <cmath>
#include <span>

#include "json/writer.hpp"
#include "relay/exchange.hpp"
#include "relay/explain.hpp"

namespace sluice::relay {

namespace {

// A decision names so many candidates and failures at most.
constexpr size_t kMaxNamed = 8;
constexpr size_t kUsualDecision = 768;

/// What is worth its bytes: a thousandth.
double rounded(double value) { return std::round(value * 1e3) / 1e3; }

/// Of a member of a group when one was picked.
void write_standing(json::Writer& json, const route::Standing& standing) {
  json.member("weight", standing.weight).member("active", standing.active);
  if (!standing.available) json.member("available", false);
  if (standing.share < 1) json.member("share", rounded(standing.share));
}

void write_pick(json::Writer& json, const workers::PickTerms& terms) {
  json.member("candidates", terms.candidates).member("active", rounded(terms.active));
  if (terms.predicted_ttft > 0) {
    json.member("predicted_ttft_ms", rounded(terms.predicted_ttft * 1e3));
  }
  workers::Score score = terms.score;
  for (double* term :
       {&score.total, &score.memory, &score.concurrency, &score.penalty, &score.prefix}) {
    *term = rounded(*term);
  }
  write_score(json, score);
  if (terms.rivals_size > 0) {
    json.key("rivals").begin_array();
    for (size_t i = 0; i < terms.rivals_size; ++i) {
      const workers::Rival& rival = terms.rivals[i];
      json.begin_object()
          .member("worker", rival.worker())
          .member("total", rounded(rival.score))
          .member("memory", rounded(rival.memory))
          .member("concurrency", rounded(rival.concurrency))
          .member("active", rounded(rival.active));
      if (rival.predicted_ttft > 0) {
        json.member("predicted_ttft_ms", rounded(rival.predicted_ttft * 1e3));
      }
      json.end_object();
    }
    json.end_array();
  }
  if (std::ranges::all_of(terms.passed_over, [](uint16_t count) { return count == 0; })) return;
  json.key("passed_over").begin_object();
  for (size_t i = 0; i < terms.passed_over.size(); ++i) {
    if (terms.passed_over[i] == 0) continue;
    json.member(workers::PickTerms::reason(i), terms.passed_over[i]);
  }
  json.end_object();
}

/// As in x-sluice-dropped: names with commas between them.
void write_dropped(json::Writer& json, std::string_view names) {
  json.key("dropped").begin_array();
  while (!names.empty()) {
    const size_t end = std::min(names.find(", "), names.size());
    json.string(names.substr(0, end));
    names.remove_prefix(std::min(end + 2, names.size()));
  }
  json.end_array();
}

}  // namespace

net::Task<Status> Exchange::settle(Outcome outcome) {
  const bool wait = !call_.scope().cancelled() && !call_.client_left();
  // What it may have to be counted from was kept for another attempt.
  if (resume_ && !request_.body.empty()) charge_.keep_prompt(request_);
  held_ = charge_.lease().money();
  co_return co_await charge_.settle(usage_row(outcome), wait, call_.scope(), upstream_price());
}

Outcome Exchange::outcome() const {
  Outcome outcome = Outcome::kUpstreamFailed;
  if (error_ == ErrorCode::kClientGone || call_.client_left()) outcome = Outcome::kClientGone;
  if (error_ == ErrorCode::kServerDraining) outcome = Outcome::kDrained;
  if (error_ == ErrorCode::kUpstreamTimeout) outcome = Outcome::kDeadline;
  if (error_ == ErrorCode::kInsufficientQuota) outcome = Outcome::kCut;
  if (!endings_.empty()) outcome = Outcome::kCancelled;
  return outcome;
}

net::Task<void> Exchange::settle_rest() {
  if (charge_.settled()) co_return;
  if (resume_ && !request_.body.empty()) charge_.keep_prompt(request_);
  held_ = charge_.lease().money();
  // Only an operator waits here: the client has its answer.
  co_await charge_.settle(usage_row(outcome()), !endings_.empty(), call_.scope(), upstream_price());
}

std::optional<accounts::Price> Exchange::upstream_price() const {
  const route::Target& target = selection_.target();
  const accounts::Price* price =
      snapshot_->clients.prices.upstream(target.name(), request_.model, target.model);
  return price != nullptr ? std::optional(*price) : std::nullopt;
}

store::Settlement Exchange::usage_row(Outcome outcome) const {
  const route::Target& target = selection_.target();
  const auto first = charge_.first_content();
  const auto micros = [](Duration duration) {
    return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  };
  const Duration took = sluice::now() - call_.started();
  store::Settlement row;
  row.request_id = request_id_;
  row.user_id = key_->user_id;
  row.key_name = key_->name;
  row.dialect = dialect::to_string(dialect_);
  row.requested_model = request_.model;
  row.upstream_model = target.model;
  row.provider = target.name();
  row.worker = selection_.worker();
  row.attempts = attempts_;
  row.outcome = to_string(outcome);
  // A whole answer begins when it is paid for.
  row.status = !call_.begun() && outcome == Outcome::kFinished ? 200 : call_.status();
  row.stream = request_.stream;
  if (first) row.ttft_us = micros(*first - call_.started());
  row.duration_us = micros(took);
  row.started_at = (wall_nanos() - took.count()) / 1'000'000;
  row.decision = decision();
  return row;
}

std::string Exchange::decision() const {
  std::string text;
  text.reserve(kUsualDecision);
  json::Writer json(text);
  const route::Plan& plan = selection_.plan();
  json.begin_object().member("rule", plan.rule).key("targets").begin_array();
  int64_t pick = 0;
  size_t named = 0;
  for (const route::Tier& tier : plan.tiers) {
    const auto standings =
        &tier == &selection_.tier() ? selection_.standings() : std::span<const route::Standing>();
    for (size_t i = 0; i < tier.targets.size(); ++i) {
      const route::Target& target = tier.targets[i];
      if (&target == &selection_.target()) pick = static_cast<int64_t>(named);
      if (named++ >= kMaxNamed) continue;
      json.begin_object().member("provider", target.name()).member("model", target.model);
      if (tier.group != nullptr) json.member("group", tier.name);
      if (i < standings.size()) write_standing(json, standings[i]);
      json.end_object();
    }
  }
  json.end_array().member("pick", pick);
  if (selection_.tier().group != nullptr || !selection_.worker().empty()) {
    json.member("strategy", to_string(selection_.tier().strategy));
  }
  if (!selection_.worker().empty()) {
    json.member("worker", selection_.worker());
    write_pick(json, selection_.pick_terms());
  }
  if (!failures_.empty()) {
    json.key("failed").begin_array();
    for (size_t i = 0; i < failures_.size() && i < kMaxNamed; ++i) {
      json.begin_object()
          .member("provider", failures_[i].provider)
          .member("worker", failures_[i].worker)
          .member("error", failures_[i].error)
          .member("status", failures_[i].status);
      if (failures_[i].delivered > 0) json.member("delivered", failures_[i].delivered);
      json.end_object();
    }
    json.end_array();
  }
  if (!charge_.dropped().empty()) write_dropped(json, charge_.dropped());
  const quota::Lease& lease = charge_.lease();
  if (lease.bounded()) {
    json.key("lease")
        .begin_object()
        .member("tokens", lease.tokens())
        .member("money", to_string(lease.money()))
        .member("grown", lease.grown())
        .end_object();
  }
  json.end_object();
  return text;
}

}  // namespace sluice::relay
