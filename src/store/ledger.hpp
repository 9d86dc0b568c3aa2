// The seam between requests and what makes their settlement durable.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "store/records.hpp"

namespace sluice::store {

/// A settlement on its way to the disk and back: who handed it over frees it too, since what one
/// thread allocates and another frees costs both of them.
class Settling {
 public:
  explicit Settling(Settlement what) : settlement(std::move(what)) {}
  virtual ~Settling() = default;
  Settling(const Settling&) = delete;
  Settling& operator=(const Settling&) = delete;

  /// On the writer's thread, once the settlement has been committed.
  virtual void durable(std::unique_ptr<Settling> self) = 0;

  Settlement settlement;
};

/// Every function may be called from any thread and never blocks. What is handed over is written
/// by one writer in the order of arrival, in groups of whatever waits.
class Ledger {
 public:
  /// Counted since the start; `waiting` is now.
  struct Stats {
    uint64_t settlements = 0;   // committed
    uint64_t groups = 0;        // transactions that they were committed in
    uint64_t failures = 0;      // transactions that could not be written, and were tried again
    uint64_t dead_letters = 0;  // settlements that the tables refused; kept in dead_letters
    uint64_t waiting = 0;       // settlements
  };

  virtual ~Ledger() = default;

  /// Marks are queued, never awaited; a mark whose settlement follows in the same group is not
  /// written at all.
  virtual void opened(LeaseOpened mark) = 0;
  virtual void progress(LeaseProgress mark) = 0;

  /// A second settlement with the same id changes nothing and is as durable. While the database
  /// cannot be written it waits, and is tried again until it can: it is never dropped.
  virtual void settle(std::unique_ptr<Settling> settling) = 0;
  /// The same, for who does not want it back.
  void settle(Settlement settlement, std::move_only_function<void()> durable) {
    struct Told final : Settling {
      Told(Settlement what, std::move_only_function<void()> call)
          : Settling(std::move(what)), tell(std::move(call)) {}
      void durable(std::unique_ptr<Settling>) override {
        if (tell) tell();
      }
      std::move_only_function<void()> tell;
    };
    settle(std::make_unique<Told>(std::move(settlement), std::move(durable)));
  }

  /// False while the database cannot be written: nothing new may be admitted. Recovers by itself.
  virtual bool healthy() const = 0;
  /// Age of the oldest settlement that waits; zero when none does.
  virtual Duration lag() const = 0;
  virtual Stats stats() const { return {}; }
};

}  // namespace sluice::store
