// A ledger in memory, for tests of what hands settlements to it.
#pragma once

#include <utility>
#include <vector>

#include "store/ledger.hpp"

namespace sluice::store {

/// Used on one thread. Durable at once, unless `stuck`.
class TestLedger final : public Ledger {
 public:
  void opened(LeaseOpened mark) override { opens.push_back(std::move(mark)); }
  void progress(LeaseProgress mark) override {
    ++marks;
    last_mark = std::move(mark);
  }
  void settle(Settlement settlement, std::move_only_function<void()> durable) override {
    settlements.push_back(std::move(settlement));
    waiting.push_back(std::move(durable));
    if (!stuck) release();
  }
  bool healthy() const override { return sound; }
  Duration lag() const override { return Duration::zero(); }

  /// What was settled becomes durable.
  void release() {
    for (auto& each : std::exchange(waiting, {})) each();
  }

  bool stuck = false;
  bool sound = true;
  int marks = 0;
  LeaseProgress last_mark;
  std::vector<LeaseOpened> opens;
  std::vector<Settlement> settlements;
  std::vector<std::move_only_function<void()>> waiting;
};

}  // namespace sluice::store
