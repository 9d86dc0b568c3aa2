#include "mock/stats.hpp"

#include "json/writer.hpp"

namespace sluice::mock {

uint64_t Stats::begin() {
  std::lock_guard lock(mutex_);
  ++total_.requests;
  ++active_;
  return generation_;
}

uint64_t Stats::name(std::string_view model) {
  std::lock_guard lock(mutex_);
  return ++of(model).requests;
}

void Stats::end(Ended ended, Ending ending, uint64_t generation) {
  std::lock_guard lock(mutex_);
  --active_;
  if (generation != generation_) return;
  switch (ending) {
    case Ending::kFinished:
      count(ended.model, &Counts::finished);
      return keep(std::move(ended), "finished");
    case Ending::kReset:
      count(ended.model, &Counts::reset);
      return keep(std::move(ended), "reset");
    case Ending::kDropped:
      count(ended.model, &Counts::dropped);
      return keep(std::move(ended), "dropped");
  }
}

void Stats::abort(Ended ended, TimePoint at, int64_t wall_ns, uint64_t generation) {
  std::lock_guard lock(mutex_);
  --active_;
  if (generation != generation_) return;
  count(ended.model, &Counts::aborted);
  if (aborts_.size() == kMostAborts) aborts_.pop_front();
  aborts_.push_back({.id = ended.id,
                     .model = ended.model,
                     .at = at,
                     .wall_ns = wall_ns,
                     .events_sent = ended.events_sent});
  keep(std::move(ended), "aborted");
}

void Stats::keep(Ended ended, std::string_view how) {
  if (ended.model.empty()) return;
  if (endings_.size() == kMostEndings) endings_.pop_front();
  endings_.emplace_back(std::move(ended), how);
}

void Stats::count(std::string_view model, uint64_t Counts::* counter) {
  ++(total_.*counter);
  if (!model.empty()) ++(of(model).*counter);
}

void Stats::record(RecordedRequest request) {
  std::lock_guard lock(mutex_);
  if (requests_.size() == kMostRequests) requests_.pop_front();
  requests_.push_back(std::move(request));
}

void Stats::reset() {
  std::lock_guard lock(mutex_);
  ++generation_;
  total_ = {};
  models_.clear();
  aborts_.clear();
  requests_.clear();
  endings_.clear();
}

Stats::Counts& Stats::of(std::string_view model) {
  const auto found = models_.find(model);
  if (found != models_.end()) return found->second;
  // Names come from outside: beyond a number of them, they share one entry.
  if (models_.size() >= kMostModels) return models_["(others)"];
  return models_[std::string(model)];
}

std::string Stats::stats_json() const {
  const auto write_counts = [](json::Writer& json, const Counts& counts) {
    json.member("requests", counts.requests)
        .member("finished", counts.finished)
        .member("aborted", counts.aborted)
        .member("reset", counts.reset)
        .member("dropped", counts.dropped);
  };
  std::lock_guard lock(mutex_);
  uint64_t connections = 0;
  for (const auto& each : connections_) connections += each;
  std::string body;
  json::Writer json(body);
  json.begin_object();
  write_counts(json, total_);
  json.member("active", active_).member("connections", connections);
  json.key("aborts").begin_array();
  for (const Abort& abort : aborts_) {
    json.begin_object()
        .member("id", abort.id)
        .member("model", abort.model)
        .member("at_ns", abort.at.time_since_epoch().count())
        .member("wall_ns", abort.wall_ns)
        .member("events_sent", abort.events_sent)
        .end_object();
  }
  json.end_array().key("models").begin_object();
  for (const auto& [name, counts] : models_) {
    json.key(name).begin_object();
    write_counts(json, counts);
    json.end_object();
  }
  json.end_object().end_object();
  return body;
}

std::string Stats::endings_json() const {
  std::lock_guard lock(mutex_);
  std::string body;
  json::Writer json(body);
  json.begin_object().key("endings").begin_array();
  for (const auto& [ended, how] : endings_) {
    json.begin_object()
        .member("id", ended.id)
        .member("caller_id", ended.caller_id)
        .member("model", ended.model)
        .member("ended", how)
        .member("prompt_tokens", ended.prompt_tokens)
        .member("tokens_sent", ended.tokens_sent)
        .member("events_sent", ended.events_sent)
        .end_object();
  }
  json.end_array().end_object();
  return body;
}

std::string Stats::requests_json() const {
  std::lock_guard lock(mutex_);
  std::string body;
  json::Writer json(body);
  json.begin_object().key("requests").begin_array();
  for (const RecordedRequest& request : requests_) {
    json.begin_object()
        .member("id", request.id)
        .member("wall_ns", request.wall_ns)
        .member("method", request.method)
        .member("target", request.target)
        .member("model", request.model)
        .key("headers")
        .begin_array();
    for (const auto& [name, value] : request.headers) {
      json.begin_array().string(name).string(value).end_array();
    }
    json.end_array()
        .member("body", request.body)
        .member("body_bytes", request.body_bytes)
        .end_object();
  }
  json.end_array().end_object();
  return body;
}

}  // namespace sluice::mock
