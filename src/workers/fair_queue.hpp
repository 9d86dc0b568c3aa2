// Those who wait in one class: fair across keys, the nearest deadline first within a key.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "base/clock.hpp"

namespace sluice::workers {

/// Who waits. Owned by its maker, who takes it out before it goes.
struct Waiting {
  int64_t key = 0;
  int64_t cost = 1;  // about what it will use, in tokens
  TimePoint since{};
  TimePoint until{};    // its patience
  uint64_t number = 0;  // in the order of arrival

 private:
  friend class FairQueue;
  bool queued_ = false;
};

/// Start-time fair queueing: a key's next turn begins where its last one ended, in tokens, but not
/// before the turns of now, so that a key which floods stands behind one that asks now and then,
/// and one that was silent has saved nothing up. Once nobody has come to wait for kLately, all
/// start anew.
///
/// Plain state: one thread at a time.
class FairQueue {
 public:
  static constexpr Duration kLately = std::chrono::seconds(30);

  void push(Waiting& waiting);
  /// It got a place, and its key pays for it.
  void served(Waiting& waiting);
  /// It gave up; nothing happens where it is not in the queue.
  void erase(Waiting& waiting);

  int64_t size() const { return size_; }
  /// How many are likely to be served before a newcomer of this key.
  int64_t ahead_of(int64_t key) const;
  /// Of who has waited longest; TimePoint::max() where nobody waits.
  TimePoint oldest() const;
  /// Who is served last of each key, and how many at least are likely to be served before.
  struct Last {
    Waiting* waiting;
    int64_t ahead;
  };
  std::vector<Last> lasts() const;

  /// Calls `each` in the order of turns, until it says that this was enough; a few of every key.
  /// The queue must not be changed meanwhile.
  template <typename Enough>
  bool walk(Enough each) const {
    for (const auto& [start, key] : turns_) {
      int left = kOfAKey;
      for (Waiting* waiting : flows_.at(key).waiting) {
        if (left-- == 0) break;
        if (each(*waiting)) return true;
      }
    }
    return false;
  }

 private:
  static constexpr int kOfAKey = 8;
  static constexpr size_t kMaxDebts = 1024;  // of keys that do not wait at present

  struct Sooner {
    bool operator()(const Waiting* a, const Waiting* b) const {
      return a->until != b->until ? a->until < b->until : a->number < b->number;
    }
  };
  struct Flow {
    int64_t start = 0;  // of its next turn
    std::set<Waiting*, Sooner> waiting;
  };

  void remove(Waiting& waiting, int64_t cost);
  void forget_debts();

  std::map<int64_t, Flow> flows_;                  // by key
  std::set<std::pair<int64_t, int64_t>> turns_;    // start and key, of those that wait
  std::set<std::pair<TimePoint, uint64_t>> ages_;  // since when, number
  int64_t time_ = 0;                               // start of the latest turn
  TimePoint last_{};                               // somebody came
  int64_t size_ = 0;
};

}  // namespace sluice::workers
