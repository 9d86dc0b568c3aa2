#include "sim/engine.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace sluice::sim {
namespace {

constexpr std::array kGpus = std::to_array<Gpu>({
    {.kind = "h100",
     .name = "NVIDIA H100 80GB HBM3",
     .prefill_ms = 0.225,
     .step_ms = 12,
     .step_more_ms = 0.060,
     .max_tasks = 64,
     .kv_tokens = 400'000},
    {.kind = "a100",
     .name = "NVIDIA A100-SXM4-80GB",
     .prefill_ms = 0.425,
     .step_ms = 20,
     .step_more_ms = 0.100,
     .max_tasks = 40,
     .kv_tokens = 400'000},
    {.kind = "l40s",
     .name = "NVIDIA L40S",
     .prefill_ms = 0.825,
     .step_ms = 30,
     .step_more_ms = 0.150,
     .max_tasks = 20,
     .kv_tokens = 190'000},
});

size_t whole_blocks(const Job& job) {
  return std::min(job.prefix.size(), static_cast<size_t>(job.prompt / kBlockTokens));
}

}  // namespace

const Gpu* gpu_of(std::string_view kind) {
  const auto* const found = std::ranges::find(kGpus, kind, &Gpu::kind);
  return found == kGpus.end() ? nullptr : found;
}

void Engine::submit(const Job& job) { waiting_.push_back({.job = job}); }

bool Engine::admit(Sequence& sequence) {
  const Job& job = sequence.job;
  const int64_t context = job.prompt + sequence.generated;
  // The last token is read anew even if all of it is known: the next one comes of it.
  const auto most = std::min(whole_blocks(job), static_cast<size_t>((context - 1) / kBlockTokens));
  sequence.pinned = cache_.pin(job.prefix, most);
  sequence.own = context - static_cast<int64_t>(sequence.pinned) * kBlockTokens;
  if (!cache_.take(sequence.own)) {
    cache_.unpin(job.prefix.first(sequence.pinned));
    return false;
  }
  sequence.unread = sequence.own;
  sequence.admitted = ++admissions_;
  reused_tokens_ += static_cast<int64_t>(sequence.pinned) * kBlockTokens;
  return true;
}

void Engine::admit() {
  while (!waiting_.empty() && running_ < kMaxRunning && admit(waiting_.front())) {
    const size_t place = free_place();
    sequences_[place] = waiting_.front();
    waiting_.pop_front();
    reading_.push_back(place);
    ++running_;
  }
}

size_t Engine::free_place() {
  if (free_.empty()) {
    sequences_.emplace_back();
    return sequences_.size() - 1;
  }
  const size_t place = free_.back();
  free_.pop_back();
  return place;
}

std::optional<Duration> Engine::begin_step() {
  if (stepping_) return std::nullopt;
  make_room();
  admit();
  if (reading_.empty() && decoding_.empty()) return std::nullopt;
  int64_t tokens = 0;
  while (!reading_.empty() && tokens < kChunk) {
    Sequence& sequence = sequences_[reading_.front()];
    const int64_t part = std::min(sequence.unread, kChunk - tokens);
    sequence.unread -= part;
    tokens += part;
    if (sequence.unread > 0) break;
    read_.push_back(reading_.front());
    reading_.pop_front();
  }
  const double further = decoding_.empty() ? 0 : static_cast<double>(decoding_.size() - 1);
  const double ms =
      gpu_.step_ms + gpu_.step_more_ms * further + gpu_.prefill_ms * static_cast<double>(tokens);
  stepping_ = true;
  return Duration(std::llround(ms * slowness_ * 1e6));
}

void Engine::end_step(Outcome& outcome) {
  stepping_ = false;
  ++steps_;
  while (!decoding_.empty() && decoding_.begin()->first <= steps_) {
    const size_t place = decoding_.begin()->second;
    decoding_.erase(decoding_.begin());
    settle(sequences_[place]);
    outcome.finished.push_back(sequences_[place].job.id);
    release(sequences_[place]);
    free_.push_back(place);
  }
  for (const size_t place : read_) {
    Sequence& sequence = sequences_[place];
    const size_t whole = whole_blocks(sequence.job);
    cache_.add(sequence.job.prefix.subspan(sequence.pinned, whole - sequence.pinned));
    sequence.own -= static_cast<int64_t>(whole - sequence.pinned) * kBlockTokens;
    sequence.pinned = whole;
    sequence.counted_at = steps_;
    if (sequence.generated++ == 0) outcome.first.push_back(sequence.job.id);
    const int64_t left = sequence.job.output - sequence.generated;
    if (left > 0) {
      decoding_.emplace(steps_ + static_cast<uint64_t>(left), place);
      continue;
    }
    outcome.finished.push_back(sequence.job.id);
    release(sequence);
    free_.push_back(place);
  }
  read_.clear();
}

void Engine::settle(Sequence& sequence) const {
  const auto since = static_cast<int64_t>(steps_ - sequence.counted_at);
  sequence.generated += since;
  sequence.own += since;
  sequence.counted_at = steps_;
}

void Engine::release(Sequence& sequence) {
  cache_.give(sequence.own);
  cache_.unpin(sequence.job.prefix.first(sequence.pinned));
  --running_;
}

/// For the tokens that this step will generate; whoever was admitted last starts anew if there is
/// none.
void Engine::make_room() {
  while (!decoding_.empty() && !cache_.take(static_cast<int64_t>(decoding_.size()))) {
    const auto last = std::ranges::max_element(
        decoding_, {}, [&](const auto& entry) { return sequences_[entry.second].admitted; });
    const size_t place = last->second;
    decoding_.erase(last);
    Sequence& sequence = sequences_[place];
    settle(sequence);
    release(sequence);
    waiting_.push_front({.job = sequence.job, .generated = sequence.generated});
    free_.push_back(place);
    ++preemptions_;
  }
}

}  // namespace sluice::sim
