// A dispatcher in virtual time, for its tests.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "workers/dispatcher.hpp"

namespace sluice::workers {

class Dispatch : public testing::Test {
 protected:
  static constexpr TimePoint kStart{std::chrono::hours(1)};

  Dispatch() : fleet_({.exploration = 0}), dispatcher_(fleet_, {}) {}

  void worker(const std::string& id, int slots, bool fallback = false,
              std::vector<std::string> models = {"m"}) {
    Heartbeat found;
    found.worker_id = id;
    found.supported = std::move(models);
    found.total_vram = 80;
    found.available_vram = 40;
    found.max_tasks = slots;
    found.is_fallback = fallback;
    found.endpoint = "http://127.0.0.1:1";
    fleet_.discovered(std::move(found), true, now_);
  }
  static Ask ask(std::string model = "m", int64_t key = 1,
                 config::Class urgency = config::Class::kDefault) {
    return {.model = std::move(model),
            .prompt_tokens = 100,
            .output_tokens = 100,
            .urgency = urgency,
            .key = key};
  }
  static Ask or_elsewhere(Ask ask) {
    ask.elsewhere = true;
    return ask;
  }

  Verdict::Kind kind_of(Ask ask) { return request(std::move(ask)).kind; }
  /// A slot that is granted at once runs; a ticket is kept by name.
  Verdict request(Ask ask, std::string name = {}) {
    if (name.empty()) name = fmt::format("#{}", ++unnamed_);
    Verdict verdict =
        dispatcher_.ask(std::move(ask), now_, [this, name] { called_.push_back(name); });
    if (verdict.kind == Verdict::kGranted) running_.push_back(std::move(verdict.slot));
    if (verdict.kind == Verdict::kQueued) tickets_[name] = verdict.ticket;
    return verdict;
  }
  void fill(int n, const std::string& model = "m") {
    for (int i = 0; i < n; ++i) ASSERT_EQ(kind_of(ask(model)), Verdict::kGranted);
  }
  /// The oldest that runs ends; what is granted thereby runs.
  void finish() {
    Slot slot = std::move(running_.front());
    running_.pop_front();
    slot.succeeded(now_);
    take_granted();
  }
  void take_granted() {
    for (; taken_ < called_.size(); ++taken_) {
      Slot slot = Dispatcher::take(*tickets_.at(called_[taken_]));
      if (slot) running_.push_back(std::move(slot));
      tickets_.erase(called_[taken_]);
    }
  }
  void pass(Duration time) { now_ += time; }
  QueueFigures figures(const std::string& model = "m") {
    for (QueueFigures& each : dispatcher_.figures(now_)) {
      if (each.model == model) return each;
    }
    return {};
  }
  /// Teaches that a place becomes free every `each`: with one slot, and one who always waits.
  void teach(Duration each, const Dispatcher::Options& options = {}) {
    constexpr auto kLong = std::chrono::hours(1);
    dispatcher_.use({.cloud = {.max_wait = {kLong, kLong, kLong}}, .queue = options.queue});
    fill(1);
    for (int i = 0; i < 10; ++i) {
      ASSERT_EQ(request(ask()).kind, Verdict::kQueued);
      pass(each);
      finish();
    }
    dispatcher_.use(options);
  }

  TimePoint now_ = kStart;
  Fleet fleet_;
  Dispatcher dispatcher_;
  std::deque<Slot> running_;
  std::map<std::string, TicketPtr> tickets_;
  std::vector<std::string> called_;  // in the order of the grants
  size_t taken_ = 0;
  int unnamed_ = 0;
};

}  // namespace sluice::workers
