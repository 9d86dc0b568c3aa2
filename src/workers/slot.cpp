// What a request tells of its worker while it runs there, and when it has ended.
#include <algorithm>
#include <mutex>
#include <utility>

#include "base/ids.hpp"
#include "workers/fleet_state.hpp"

namespace sluice::workers {
namespace {

/// Answers of fewer tokens say little of how long one takes.
constexpr int64_t kEnoughTokens = 8;

Declines& declines_of(Serving& serving) {
  if (!serving.declines) serving.declines = std::make_unique<Declines>();
  return *serving.declines;
}

/// Of whether the worker serves the model.
void learned_nothing(Reservation& held) {
  if (held.serving->declines) held.serving->declines->gone(held.route, held.model_probe);
}

}  // namespace

Slot::Slot() = default;

Slot::Slot(std::unique_ptr<Reservation> reservation) : reservation_(std::move(reservation)) {}

Slot::~Slot() {
  if (reservation_) abandoned(now());
}

Slot::Slot(Slot&&) noexcept = default;

Slot& Slot::operator=(Slot&& other) noexcept {
  if (this == &other) return *this;
  if (reservation_) abandoned(now());
  reservation_ = std::move(other.reservation_);
  return *this;
}

std::string_view Slot::worker() const { return reservation_->worker->id; }

std::string_view Slot::endpoint() const { return *reservation_->endpoint; }

bool Slot::fallback() const { return reservation_->fallback; }
const PickTerms& Slot::terms() const { return reservation_->terms; }

void Slot::first_token(TimePoint at) {
  if (!reservation_ || reservation_->first_token) return;
  Reservation& held = *reservation_;
  held.first_token = at;
  const bool probe = std::exchange(held.probe, false);
  const bool model_probe = std::exchange(held.model_probe, false);
  {
    const std::lock_guard lock(held.fleet->mutex);
    // Others need not wait for the end of a long answer.
    if (probe) held.worker->breaker.succeeded(at, true);
    if (model_probe) held.serving->declines->answered(held.route, at, true);
    held.worker->ledger.read(held.request, at);
    held.serving->speed.learn_first_token(held.backlog, at - held.begun);
    held.decoding_then = held.worker->ledger.decoding(held.fleet->k());
  }
  if (probe || model_probe) held.fleet->told_free(at);
}

void Slot::generated(int64_t tokens) {
  if (!reservation_) return;
  Reservation& held = *reservation_;
  const int64_t more = tokens - held.request.generated;
  if (more <= 0) return;
  held.request.generated = tokens;
  held.worker->ledger.generated(more);
}

void Slot::succeeded(TimePoint at) {
  if (!reservation_) return;
  Reservation::end(std::move(reservation_), at, [&](Reservation& held) {
    held.worker->breaker.succeeded(at, held.probe);
    Declines* const declines = held.serving->declines.get();
    if (declines != nullptr) declines->answered(held.route, at, held.model_probe);
    const int64_t tokens = held.request.generated;
    if (!held.first_token || tokens < kEnoughTokens) return;
    const double decoding =
        (held.decoding_then + held.worker->ledger.decoding(held.fleet->k())) / 2;
    held.serving->speed.learn_token(decoding, (at - *held.first_token) / (tokens - 1));
  });
}

void Slot::failed(TimePoint at, bool refused) {
  if (!reservation_) return;
  Reservation::end(std::move(reservation_), at, [&](Reservation& held) {
    held.worker->breaker.failed(at, refused, random_u64(), held.probe);
    learned_nothing(held);
  });
}

void Slot::not_served(TimePoint at) {
  if (!reservation_) return;
  Reservation::end(std::move(reservation_), at, [&](Reservation& held) {
    held.worker->breaker.succeeded(at, held.probe);
    declines_of(*held.serving).not_served(held.route, at, random_u64(), held.model_probe);
  });
}

bool Slot::refused(TimePoint at) {
  if (!reservation_) return false;
  bool doubtful = false;
  Reservation::end(std::move(reservation_), at, [&](Reservation& held) {
    held.worker->breaker.succeeded(at, held.probe);
    doubtful = declines_of(*held.serving).refused(held.route, at, held.model_probe);
  });
  return doubtful;
}

void Slot::pushed_back(TimePoint at, Duration rest) {
  if (!reservation_) return;
  Reservation::end(std::move(reservation_), at, [&](Reservation& held) {
    held.worker->breaker.gone(held.probe);
    learned_nothing(held);
    held.worker->breaker.rest(at + std::clamp(rest, Duration(0), kMaxRest));
  });
}

void Slot::abandoned(TimePoint at) {
  if (!reservation_) return;
  Reservation::end(std::move(reservation_), at, [](Reservation& held) {
    held.worker->breaker.gone(held.probe);
    learned_nothing(held);
  });
}

}  // namespace sluice::workers
