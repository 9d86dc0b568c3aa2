#include "observe/live.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/money.hpp"
#include "json/writer.hpp"

namespace sluice::observe {
namespace {

/// Text of a bounded length inside its owner.
template <size_t kSize>
class ShortText {
 public:
  void assign(std::string_view text) {
    size_ = static_cast<uint8_t>(text.copy(bytes_.data(), kSize));
  }
  std::string_view view() const { return {bytes_.data(), size_}; }

 private:
  static_assert(kSize <= 255);
  uint8_t size_ = 0;
  std::array<char, kSize> bytes_;
};

/// What changes per request or attempt: under the shard's lock.
struct LiveFacts {
  ShortText<64> id;
  ShortText<32> route;
  ShortText<12> dialect;
  ShortText<64> model;
  ShortText<64> upstream_model;
  ShortText<32> provider;
  ShortText<32> key_name;
  ShortText<46> client;
  int64_t user_id = 0;
  int64_t started_wall = 0;
  TimePoint started;
  uint16_t attempts = 0;
  uint16_t status = 0;
  ErrorCode error = ErrorCode::kInternal;
  bool failed = false;
  bool stream = false;
};

std::string_view to_string(LiveState state) {
  switch (state) {
    case LiveState::kQueued:
      return "queued";
    case LiveState::kConnecting:
      return "connecting";
    case LiveState::kWaiting:
      return "waiting";
    case LiveState::kStreaming:
      return "streaming";
    case LiveState::kDone:
      break;
  }
  return "done";
}

}  // namespace

/// A request that runs. What changes per event has one writer, its loop, and needs no lock.
struct LiveSlot {
  LiveFacts facts;
  bool in_use = false;
  LiveOwner* owner = nullptr;
  std::atomic<LiveState> state{LiveState::kConnecting};
  std::atomic<uint64_t> events{0};
  std::atomic<uint64_t> bytes{0};
  std::atomic<uint64_t> tokens_in{0};
  std::atomic<uint64_t> tokens_out{0};
  std::atomic<int64_t> cost{0};          // nano-USD
  std::atomic<int64_t> first_token{-1};  // ns after the start
};
static_assert(sizeof(LiveSlot) <= 512, "a live request's line has to stay small");

/// A copy of one, for a snapshot and for those that are finished.
struct LiveRecord {
  LiveFacts facts;
  LiveState state = LiveState::kDone;
  uint64_t events = 0;
  uint64_t bytes = 0;
  uint64_t tokens_in = 0;
  uint64_t tokens_out = 0;
  int64_t cost = 0;
  int64_t first_token = -1;
  TimePoint until;  // the end, or the time of the copy

  LiveRecord() = default;
  LiveRecord(const LiveSlot& slot, TimePoint at)
      : facts(slot.facts),
        state(slot.state.load(std::memory_order_relaxed)),
        events(slot.events.load(std::memory_order_relaxed)),
        bytes(slot.bytes.load(std::memory_order_relaxed)),
        tokens_in(slot.tokens_in.load(std::memory_order_relaxed)),
        tokens_out(slot.tokens_out.load(std::memory_order_relaxed)),
        cost(slot.cost.load(std::memory_order_relaxed)),
        first_token(slot.first_token.load(std::memory_order_relaxed)),
        until(at) {}
};

struct LiveShard::Slab {
  std::array<LiveSlot, LiveShard::kSlab> slots;
};

namespace {

void store(std::atomic<uint64_t>& value, uint64_t to) {
  value.store(to, std::memory_order_relaxed);
}
void add(std::atomic<uint64_t>& value, uint64_t n) {
  store(value, value.load(std::memory_order_relaxed) + n);
}

void nullable(json::Writer& json, std::string_view name, std::string_view text) {
  if (text.empty()) {
    json.null_member(name);
  } else {
    json.member(name, text);
  }
}

void render(json::Writer& json, const LiveRecord& record) {
  const LiveFacts& facts = record.facts;
  json.begin_object()
      .member("id", facts.id.view())
      .member("started", rfc3339(facts.started_wall))
      .member("state", to_string(record.state))
      .member("route", facts.route.view())
      .member("dialect", facts.dialect.view());
  nullable(json, "model", facts.model.view());
  nullable(json, "upstream_model", facts.upstream_model.view());
  nullable(json, "provider", facts.provider.view());
  nullable(json, "key", facts.key_name.view());
  json.member("client", facts.client.view())
      .member("stream", facts.stream)
      .member("attempts", facts.attempts)
      .member("tokens_in", record.tokens_in)
      .member("tokens_out", record.tokens_out)
      .member("cost", sluice::to_string(Money{record.cost}))
      .member("events", record.events)
      .member("bytes", record.bytes)
      .member("duration_ms", seconds(record.until - facts.started) * 1e3);
  if (record.first_token < 0) {
    json.null_member("ttft_ms");
  } else {
    json.member("ttft_ms", static_cast<double>(record.first_token) / 1e6);
  }
  if (facts.status == 0) {
    json.null_member("status");
  } else {
    json.member("status", facts.status);
  }
  nullable(json, "error", facts.failed ? to_string(facts.error) : std::string_view{});
  json.end_object();
}

bool started_later(const LiveRecord& a, const LiveRecord& b) {
  return a.facts.started > b.facts.started;
}
bool ended_later(const LiveRecord& a, const LiveRecord& b) { return a.until > b.until; }

/// Sorts and cuts to the first `limit`.
void keep_first(std::vector<LiveRecord>& records, size_t limit,
                bool (*before)(const LiveRecord&, const LiveRecord&)) {
  const size_t kept = std::min(limit, records.size());
  const auto middle = records.begin() + static_cast<std::ptrdiff_t>(kept);
  std::partial_sort(records.begin(), middle, records.end(), before);
  records.resize(kept);
}

}  // namespace

LiveEntry::LiveEntry(LiveEntry&& other) noexcept
    : shard_(other.shard_), slot_(std::exchange(other.slot_, nullptr)) {}

LiveEntry& LiveEntry::operator=(LiveEntry&& other) noexcept {
  if (this != &other) {
    finish();
    shard_ = other.shard_;
    slot_ = std::exchange(other.slot_, nullptr);
  }
  return *this;
}

LiveEntry::~LiveEntry() { finish(); }

void LiveEntry::event(uint64_t bytes) {
  if (!slot_) return;
  add(slot_->events, 1);
  add(slot_->bytes, bytes);
}

void LiveEntry::tokens_in(uint64_t total) {
  if (slot_) store(slot_->tokens_in, total);
}

void LiveEntry::tokens_out(uint64_t total) {
  if (slot_) store(slot_->tokens_out, total);
}

void LiveEntry::cost(int64_t nanos) {
  if (slot_) slot_->cost.store(nanos, std::memory_order_relaxed);
}

void LiveEntry::first_token(Duration after_start) {
  if (slot_) slot_->first_token.store(after_start.count(), std::memory_order_relaxed);
}

void LiveEntry::state(LiveState state) {
  if (slot_) slot_->state.store(state, std::memory_order_relaxed);
}

void LiveEntry::model(std::string_view model) {
  if (!slot_) return;
  const std::lock_guard lock(shard_->mutex_);
  slot_->facts.model.assign(model);
}

void LiveEntry::key(std::string_view name, int64_t user_id) {
  if (!slot_) return;
  const std::lock_guard lock(shard_->mutex_);
  slot_->facts.key_name.assign(name);
  slot_->facts.user_id = user_id;
}

void LiveEntry::stream(bool stream) {
  if (!slot_) return;
  const std::lock_guard lock(shard_->mutex_);
  slot_->facts.stream = stream;
}

void LiveEntry::attempt(std::string_view provider, std::string_view upstream_model) {
  if (!slot_) return;
  const std::lock_guard lock(shard_->mutex_);
  slot_->facts.provider.assign(provider);
  slot_->facts.upstream_model.assign(upstream_model);
  ++slot_->facts.attempts;
}

void LiveEntry::status(int status) {
  if (!slot_) return;
  const std::lock_guard lock(shard_->mutex_);
  slot_->facts.status = static_cast<uint16_t>(status);
}

void LiveEntry::error(ErrorCode code) {
  if (!slot_) return;
  const std::lock_guard lock(shard_->mutex_);
  slot_->facts.error = code;
  slot_->facts.failed = true;
}

void LiveEntry::finish() {
  if (slot_) shard_->finish(std::exchange(slot_, nullptr));
}

LiveShard::LiveShard() : recent_(std::make_unique<LiveRecord[]>(LiveBoard::kRecent)) {}
LiveShard::~LiveShard() = default;

LiveSlot* LiveShard::take_slot() {
  if (free_.empty()) {
    Slab& slab = *slabs_.emplace_back(std::make_unique<Slab>());
    // Room for all slots, so that giving one back never allocates.
    free_.reserve(slabs_.size() * kSlab);
    for (LiveSlot& slot : slab.slots) free_.push_back(&slot);
  }
  LiveSlot* const slot = free_.back();
  free_.pop_back();
  return slot;
}

LiveEntry LiveShard::begin(const LiveStart& start) {
  const TimePoint at = now();
  const int64_t wall = wall_nanos();
  const std::lock_guard lock(mutex_);
  LiveSlot& slot = *take_slot();
  LiveFacts& facts = slot.facts;
  facts.id.assign(start.id);
  facts.route.assign(start.route);
  facts.dialect.assign(start.dialect);
  facts.model.assign(start.model);
  facts.upstream_model.assign({});
  facts.provider.assign({});
  facts.key_name.assign(start.key_name);
  facts.user_id = 0;
  facts.client.assign(start.client);
  facts.started_wall = wall;
  facts.started = at;
  facts.attempts = 0;
  facts.status = 0;
  facts.failed = false;
  facts.stream = start.stream;
  slot.state.store(LiveState::kConnecting, std::memory_order_relaxed);
  for (std::atomic<uint64_t>* value :
       {&slot.events, &slot.bytes, &slot.tokens_in, &slot.tokens_out}) {
    store(*value, 0);
  }
  slot.cost.store(0, std::memory_order_relaxed);
  slot.first_token.store(-1, std::memory_order_relaxed);
  slot.owner = start.owner;
  slot.in_use = true;
  return LiveEntry(this, &slot);
}

size_t LiveShard::end(std::string_view id, const std::function<void(const LiveEnded&)>& told,
                      std::optional<int64_t> user) {
  std::vector<LiveOwner*> owners;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& slab : slabs_) {
      for (const LiveSlot& slot : slab->slots) {
        if (slot.in_use && slot.owner != nullptr && slot.facts.id.view() == id &&
            slot.facts.user_id == user.value_or(slot.facts.user_id)) {
          owners.push_back(slot.owner);
        }
      }
    }
  }
  // On their own loop they cannot have ended meanwhile.
  for (LiveOwner* owner : owners) owner->end(told);
  return owners.size();
}

void LiveShard::finish(LiveSlot* slot) {
  const TimePoint at = now();
  const std::lock_guard lock(mutex_);
  LiveRecord& record = recent_[recent_next_];
  record = LiveRecord(*slot, at);
  record.state = LiveState::kDone;
  recent_next_ = (recent_next_ + 1) % LiveBoard::kRecent;
  recent_size_ = std::min(recent_size_ + 1, LiveBoard::kRecent);
  slot->in_use = false;
  slot->owner = nullptr;
  free_.push_back(slot);
}

size_t LiveShard::collect(std::vector<LiveRecord>& running, std::vector<LiveRecord>& recent,
                          std::optional<int64_t> user) {
  const auto wanted = [&](const LiveFacts& facts) {
    return facts.user_id == user.value_or(facts.user_id);
  };
  size_t total = 0;
  std::unique_lock lock(mutex_);
  for (size_t i = 0; i < recent_size_; ++i) {
    if (wanted(recent_[i].facts)) recent.push_back(recent_[i]);
  }
  // One slab at a time: the loop that wants the lock waits for 64 copies at most.
  for (size_t i = 0; i < slabs_.size(); ++i) {
    const Slab& slab = *slabs_[i];
    const TimePoint at = now();
    for (const LiveSlot& slot : slab.slots) {
      if (!slot.in_use || !wanted(slot.facts)) continue;
      ++total;
      running.emplace_back(slot, at);
    }
    lock.unlock();
    if (running.size() > 2 * LiveBoard::kMaxShown) {
      keep_first(running, LiveBoard::kMaxShown, started_later);
    }
    lock.lock();
  }
  return total;
}

LiveShard& LiveBoard::add_loop() {
  const std::lock_guard lock(mutex_);
  return *shards_.emplace_back(std::make_unique<LiveShard>());
}

std::string LiveBoard::snapshot_json(std::optional<int64_t> user) const {
  std::vector<LiveRecord> running;
  std::vector<LiveRecord> recent;
  size_t total = 0;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& shard : shards_) total += shard->collect(running, recent, user);
  }
  keep_first(running, kMaxShown, started_later);
  keep_first(recent, kRecent, ended_later);

  std::string out;
  out.reserve((running.size() + recent.size()) * 512 + 64);
  json::Writer json(out);
  json.begin_object().member("running_total", total);
  json.key("running").begin_array();
  for (const LiveRecord& record : running) render(json, record);
  json.end_array().key("recent").begin_array();
  for (const LiveRecord& record : recent) render(json, record);
  json.end_array().end_object();
  return out;
}

}  // namespace sluice::observe
