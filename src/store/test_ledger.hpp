// A ledger in memory, for tests of what hands settlements to it.
#pragma once

#include <memory>
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
  using Ledger::settle;
  void settle(std::unique_ptr<Settling> settling) override {
    settlements.push_back(settling->settlement);
    waiting.push_back(std::move(settling));
    if (!stuck) release();
  }
  bool healthy() const override { return sound; }
  Duration lag() const override { return Duration::zero(); }

  /// What was settled becomes durable.
  void release() {
    for (auto& each : std::exchange(waiting, {})) {
      Settling& settling = *each;
      settling.durable(std::move(each));
    }
  }

  bool stuck = false;
  bool sound = true;
  int marks = 0;
  LeaseProgress last_mark;
  std::vector<LeaseOpened> opens;
  std::vector<Settlement> settlements;
  std::vector<std::unique_ptr<Settling>> waiting;
};

}  // namespace sluice::store
