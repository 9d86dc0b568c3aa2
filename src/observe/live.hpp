// The requests that run now and the last ones that finished, for GET /api/live.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace sluice::observe {

enum class LiveState : uint8_t { kQueued, kConnecting, kWaiting, kStreaming, kDone };

/// What became of a request that an operator ended.
struct LiveEnded {
  Duration closed_after{};  // until its upstream's connection was closed
  int64_t charged = 0;      // nano-USD
  int64_t returned = 0;     // nano-USD of its lease that were not used
};

/// A request as the board can reach it. Used on the loop that made it.
class LiveOwner {
 public:
  using Told = std::move_only_function<void(const LiveEnded&)>;
  /// Ends the request; it goes on to its orderly end after this has returned. `told` runs on the
  /// same loop once it is settled.
  virtual void end(Told told) = 0;

 protected:
  ~LiveOwner() = default;
};

/// What is known of a request when it begins. Copied; what is too long is cut.
struct LiveStart {
  std::string_view id{};
  std::string_view route{};
  std::string_view dialect{};
  std::string_view model{};     // as the client asked
  std::string_view key_name{};  // the key's name, never the key
  std::string_view client{};    // address
  bool stream = false;
  LiveOwner* owner = nullptr;  // outlives the entry; null: nobody can end it
};

struct LiveSlot;
struct LiveRecord;
class LiveShard;

/// A request's own line on the board; when it is let go, the request moves to the finished
/// ones. Used on the loop that made it. The calls per event are a few relaxed stores; the
/// others take a lock that only a snapshot ever contends for.
class LiveEntry {
 public:
  LiveEntry() = default;
  LiveEntry(LiveEntry&& other) noexcept;
  LiveEntry& operator=(LiveEntry&& other) noexcept;
  ~LiveEntry();

  explicit operator bool() const { return slot_ != nullptr; }

  // Per event. On an empty entry they do nothing.
  void event(uint64_t bytes);
  void tokens_in(uint64_t total);
  void tokens_out(uint64_t total);
  /// Nano-USD so far.
  void cost(int64_t nanos);
  void first_token(Duration after_start);

  // Per request or attempt.
  void state(LiveState state);
  void model(std::string_view model);
  /// The key's name, never the key, and whose it is; 0: nobody's.
  void key(std::string_view name, int64_t user_id);
  void stream(bool stream);
  /// A further attempt goes to this provider, with this model name.
  void attempt(std::string_view provider, std::string_view upstream_model);
  /// The status that the client got; 499 when it left before it had one.
  void status(int status);
  void error(ErrorCode code);

  /// Moves the request to the finished ones now.
  void finish();

 private:
  friend class LiveShard;
  LiveEntry(LiveShard* shard, LiveSlot* slot) : shard_(shard), slot_(slot) {}

  LiveShard* shard_ = nullptr;
  LiveSlot* slot_ = nullptr;
};

/// One loop's part of the board.
class LiveShard {
 public:
  LiveShard();
  LiveShard(const LiveShard&) = delete;
  LiveShard& operator=(const LiveShard&) = delete;
  ~LiveShard();

  /// Called on the loop's thread. The shard must outlive the entry.
  LiveEntry begin(const LiveStart& start);

  /// Ends what runs under this id: several, where a client gives all its requests one id; with
  /// `user` only what is his. Returns how many, and calls `told` for each when it is settled.
  /// Called on the loop's thread.
  size_t end(std::string_view id, const std::function<void(const LiveEnded&)>& told,
             std::optional<int64_t> user = {});

 private:
  friend class LiveEntry;
  friend class LiveBoard;

  static constexpr size_t kSlab = 64;
  struct Slab;

  LiveSlot* take_slot();
  void finish(LiveSlot* slot);
  /// Appends copies, with `user` of what is his; returns how many run.
  size_t collect(std::vector<LiveRecord>& running, std::vector<LiveRecord>& recent,
                 std::optional<int64_t> user);

  std::mutex mutex_;
  std::vector<std::unique_ptr<Slab>> slabs_;  // grows with the most that ever ran at once
  std::vector<LiveSlot*> free_;
  std::unique_ptr<LiveRecord[]> recent_;  // a ring
  size_t recent_next_ = 0;
  size_t recent_size_ = 0;
};

/// The process's board. Thread-safe.
class LiveBoard {
 public:
  /// Finished requests that are kept.
  static constexpr size_t kRecent = 256;
  /// Running ones that a snapshot shows at most, the newest first.
  static constexpr size_t kMaxShown = 1000;

  /// A shard for a loop that starts; it lives as long as this object.
  LiveShard& add_loop();

  /// {"running_total":n,"running":[...],"recent":[...]}, newest first; of one user, or of all.
  /// Holds a loop's lock for a few microseconds at a time.
  std::string snapshot_json(std::optional<int64_t> user = {}) const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<LiveShard>> shards_;
};

}  // namespace sluice::observe
