// Who gets a request: filter, score, pick, reserve.
#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <utility>

#include "workers/fleet_state.hpp"

namespace sluice::workers {
namespace {

using config::Strategy;

constexpr size_t kMostBlocks = 256;
/// What a prediction that has lately been wrong is taken for, times itself.
constexpr double kDistrust = 1.5;

/// One number after another out of 64 random bits (SplitMix64).
class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t x = state_ += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
  }
  /// In [0, 1).
  double part() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  size_t below(size_t n) { return static_cast<size_t>(part() * static_cast<double>(n)); }

 private:
  uint64_t state_;
};

/// A prefix as the index keeps it: what one model has read is of no use to another.
class Blocks {
 public:
  Blocks(std::span<const uint64_t> prefix, std::string_view model)
      : size_(std::min(prefix.size(), kMostBlocks)) {
    const uint64_t salt = size_ > 0 ? std::hash<std::string_view>{}(model) : 0;
    for (size_t i = 0; i < size_; ++i) blocks_[i] = prefix[i] ^ salt;
  }
  std::span<const uint64_t> span() const { return {blocks_, size_}; }

 private:
  size_t size_;
  uint64_t blocks_[kMostBlocks];  // as many as `size_` are set
};

int64_t uncached(const Demand& demand, uint32_t blocks) {
  return std::max<int64_t>(demand.prompt_tokens - int64_t{blocks} * kPrefixBlockTokens, 0);
}

/// Who is full will be free again; who has failed, drains or takes no such length may be asked by
/// who is desperate; the others are as good as not there.
NoSlot why_none(const std::array<uint16_t, PickTerms::kReasons>& passed_over) {
  static_assert(static_cast<size_t>(Out::kCount) <= PickTerms::kReasons);
  const auto any = [&](Out out) { return passed_over[static_cast<size_t>(out)] > 0; };
  if (any(Out::kFull)) return NoSlot::kFull;
  for (const Out out : {Out::kStarting, Out::kDraining, Out::kTakesNone, Out::kUnhealthy,
                        Out::kTooLong, Out::kTried, Out::kFailed, Out::kDeclines}) {
    if (any(out)) return NoSlot::kUnavailable;
  }
  return NoSlot::kUnserved;
}

bool tried(const Demand& demand, std::string_view worker) {
  return std::ranges::find(demand.tried, worker) != demand.tried.end();
}

}  // namespace

Out Fleet::State::out(const Serving& serving, const Demand& demand, TimePoint now) const {
  const Worker& worker = *serving.worker;
  if (const Out out = worker.routable(now, options.ttl); out != Out::kNo) return out;
  // The one is the gateway's own estimate, the other whatever a client has written.
  if (!demand.any_length && serving.max_len > 0 &&
      demand.output_tokens > serving.max_len - demand.prompt_tokens) {
    return Out::kTooLong;
  }
  if (!demand.tried.empty() && tried(demand, worker.id)) return Out::kTried;
  if (!demand.desperate && !worker.breaker.lets_through(now)) return Out::kFailed;
  if (serving.declines && !demand.desperate && !serving.declines->lets_through(demand.route, now)) {
    return Out::kDeclines;
  }
  if (worker.limited && worker.ledger.active(k()) >= worker.max_tasks) return Out::kFull;
  return Out::kNo;
}

Backlog Fleet::State::backlog(const Serving& serving, double own_tokens) const {
  const Ledger& ledger = serving.worker->ledger;
  return {.prefill_tokens = ledger.unread(k()),
          .own_tokens = own_tokens,
          .decoding = ledger.decoding(k())};
}

Standing Fleet::State::standing(const Worker& worker, TimePoint now) const {
  Standing standing;
  if (worker.kv_total > 0) {
    standing.memory_total = worker.kv_total;
    standing.memory_free = std::max(worker.kv_total - worker.ledger.kv_used(k()), 0.0);
  } else {
    standing.memory_total = worker.vram_total;
    standing.memory_free = worker.vram_free;
  }
  standing.active = worker.ledger.active(k());
  standing.active_max = worker.max_tasks;
  standing.fallback = worker.fallback;
  standing.missed_beats = worker.missed_beats(now);
  standing.share = worker.share(now);
  return standing;
}

Standing Fleet::State::standing(const Choice& choice, const Demand& demand, Strategy strategy,
                                TimePoint now) const {
  const Serving& serving = *choice.serving;
  Standing all = standing(*serving.worker, now);
  all.speed = serving.speed.speed().prefill_tps;
  const int64_t own = uncached(demand, choice.blocks);
  if (choice.blocks > 0) {
    all.prefix_saved = static_cast<double>(demand.prompt_tokens - own) / all.speed;
  }
  if (strategy == Strategy::kPredicted) {
    all.predictable = true;
    all.predicted_ttft = serving.speed.predict_seconds(backlog(serving, static_cast<double>(own)));
    if (serving.speed.unreliable()) all.predicted_ttft *= kDistrust;
  }
  return all;
}

Strategy Fleet::State::prepare(std::vector<Choice>& from, const Demand& demand) {
  if (!demand.prefix.empty()) {
    numbers.clear();
    for (const Choice& choice : from) numbers.push_back(choice.serving->worker->number);
    counts.resize(numbers.size());
    prefixes.match(demand.prefix, numbers, counts);
    for (size_t i = 0; i < from.size(); ++i) from[i].blocks = counts[i];
  }
  if (demand.strategy != Strategy::kPredicted) return demand.strategy;
  // Only scores of one kind can be compared. One prediction that is wrong is distrusted; when most
  // are, none is gone by.
  const auto unreliable = std::ranges::count_if(
      from, [](const Choice& choice) { return choice.serving->speed.unreliable(); });
  return unreliable * 2 < std::ssize(from) ? Strategy::kPredicted : Strategy::kVram;
}

size_t Fleet::State::choose(const std::vector<Choice>& from, uint64_t random) const {
  if (from.size() == 1) return 0;
  Dice dice(random);
  float most_share = 0;
  float least_share = 1;
  for (const Choice& choice : from) {
    most_share = std::max(most_share, choice.share);
    least_share = std::min(least_share, choice.share);
  }
  // Who has just come or come back gets its share of what it would get otherwise.
  const bool gated = least_share < most_share;
  const bool explore = dice.part() < options.exploration;
  size_t best = from.size();
  uint32_t equals = 0;
  for (size_t i = 0; i < from.size(); ++i) {
    const Choice& choice = from[i];
    if (gated && dice.part() * most_share >= choice.share) continue;
    if (best != from.size() && !explore) {
      const Choice& held = from[best];
      if (choice.score < held.score) continue;
      if (choice.score > held.score) {
        equals = 0;
      } else {
        if (choice.active > held.active) continue;
        if (choice.active < held.active) equals = 0;
      }
    }
    // One of those that are as good as each other.
    if (++equals == 1 || dice.below(equals) == 0) best = i;
  }
  return best;
}

void Fleet::State::note_rivals(size_t chosen, const Demand& demand, Strategy strategy,
                               TimePoint now, PickTerms& terms) const {
  std::array<const Choice*, PickTerms::kRivals> best{};
  for (size_t i = 0; i < choices.size(); ++i) {
    const Choice* next = &choices[i];
    if (best.back() != nullptr && next->score <= best.back()->score) continue;
    if (i == chosen) continue;
    for (const Choice*& held : best) {
      if (held == nullptr || next->score > held->score) std::swap(next, held);
      if (next == nullptr) break;
    }
  }
  for (const Choice* choice : best) {
    if (choice == nullptr) break;
    const Standing seen = standing(*choice, demand, strategy, now);
    const Score terms_of = score(seen, strategy, options.weights);
    Rival& rival = terms.rivals[terms.rivals_size++];
    const std::string& id = choice->serving->worker->id;
    rival.name_size = static_cast<uint8_t>(std::min(id.size(), Rival::kLongestName));
    std::memcpy(rival.name.data(), id.data(), rival.name_size);
    rival.score = static_cast<float>(terms_of.total);
    rival.memory = static_cast<float>(terms_of.memory);
    rival.concurrency = static_cast<float>(terms_of.concurrency);
    rival.active = static_cast<float>(seen.active);
    rival.predicted_ttft = static_cast<float>(seen.predicted_ttft);
  }
}

std::string_view PickTerms::reason(size_t index) { return reason_of(static_cast<Out>(index)); }

std::expected<Slot, NoSlot> Fleet::pick(const Demand& asked, TimePoint now, uint64_t random) {
  State& s = *state_;
  const Blocks blocks(asked.prefix, asked.model);
  Demand demand = asked;
  demand.prefix = blocks.span();
  demand.prompt_tokens = std::max<int64_t>(demand.prompt_tokens, 0);
  auto reservation = std::make_unique<Reservation>();
  {
    const std::lock_guard lock(s.mutex);
    s.at(now);
    const auto model = s.models.find(demand.model);
    if (model == s.models.end()) return std::unexpected(NoSlot::kUnserved);
    auto& passed_over = reservation->terms.passed_over;
    s.choices.clear();
    for (const std::shared_ptr<Serving>& serving : model->second[demand.fallback ? 1 : 0]) {
      const Out out = s.out(*serving, demand, now);
      if (out == Out::kNo) {
        s.choices.push_back({.serving = serving.get()});
      } else {
        ++passed_over[static_cast<size_t>(out)];
      }
    }
    if (s.choices.empty()) {
      return std::unexpected(why_none(passed_over));
    }
    const Strategy strategy = s.prepare(s.choices, demand);
    for (State::Choice& choice : s.choices) {
      const Standing standing = s.standing(choice, demand, strategy, now);
      choice.score = score(standing, strategy, s.options.weights).total;
      choice.active = standing.active;
      choice.share = static_cast<float>(standing.share);
    }
    const size_t chosen = s.choose(s.choices, random);
    const State::Choice& choice = s.choices[chosen];
    Serving& serving = *choice.serving;
    Worker& worker = *serving.worker;

    const Standing picked = s.standing(choice, demand, strategy, now);
    PickTerms& terms = reservation->terms;
    terms.score = score(picked, strategy, s.options.weights);
    terms.active = picked.active;
    terms.predicted_ttft = picked.predicted_ttft;
    terms.candidates = s.choices.size();
    s.note_rivals(chosen, demand, strategy, now, terms);
    reservation->fleet = &s;
    reservation->fallback = worker.fallback;
    reservation->endpoint = worker.endpoint;
    reservation->begun = now;
    reservation->request.prompt = uncached(demand, choice.blocks);
    reservation->backlog = s.backlog(serving, static_cast<double>(reservation->request.prompt));
    worker.ledger.begun(reservation->request, now);
    reservation->probe = worker.breaker.enter(now);
    reservation->route = demand.route;
    reservation->model_probe = serving.declines && serving.declines->enter(demand.route, now);
    if (!demand.prefix.empty()) s.prefixes.note(worker.number, demand.prefix);
    reservation->serving = serving.shared_from_this();
    reservation->worker = worker.shared_from_this();
    ++s.reservations;
  }
  return Slot(std::move(reservation));
}

std::vector<Candidate> Fleet::explain(const Demand& asked, TimePoint now) const {
  State& s = *state_;
  const Blocks blocks(asked.prefix, asked.model);
  Demand demand = asked;
  demand.prefix = blocks.span();
  demand.prompt_tokens = std::max<int64_t>(demand.prompt_tokens, 0);
  std::vector<Candidate> all;
  const std::lock_guard lock(s.mutex);
  std::vector<State::Choice> in;
  for (const auto& [id, worker] : s.workers) {
    const auto serving = std::ranges::find(worker->servings, demand.model, &Serving::id);
    Out out = Out::kNotServed;
    if (serving != worker->servings.end()) {
      out = worker->fallback == demand.fallback ? s.out(**serving, demand, now) : Out::kOtherTier;
    }
    if (out == Out::kNo) {
      in.push_back({.serving = serving->get()});
      continue;
    }
    Candidate& candidate = all.emplace_back();
    candidate.worker = id;
    candidate.out = reason_of(out);
    candidate.fallback = worker->fallback;
    candidate.standing = s.standing(*worker, now);
    candidate.score = score(candidate.standing, Strategy::kVram, s.options.weights);
  }
  const Strategy strategy = s.prepare(in, demand);
  std::vector<Candidate> best;
  for (const State::Choice& choice : in) {
    const Standing standing = s.standing(choice, demand, strategy, now);
    best.push_back({.worker = choice.serving->worker->id,
                    .out = {},
                    .fallback = choice.serving->worker->fallback,
                    .standing = standing,
                    .score = score(standing, strategy, s.options.weights),
                    .picked = false});
  }
  std::ranges::sort(best, std::greater{}, [](const Candidate& each) { return each.score.total; });
  if (!best.empty()) best.front().picked = true;
  best.insert(best.end(), std::make_move_iterator(all.begin()), std::make_move_iterator(all.end()));
  return best;
}

}  // namespace sluice::workers
