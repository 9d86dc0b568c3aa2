// The part of the pump in which streams break off and are joined.
#include "relay/pump.hpp"

namespace sluice::relay {

bool Pump::join(dialect::EventVerdict& verdict) {
  if (verdict.has_content && !flowing_) {
    flowing_ = true;
    context_.visit.answering(last_arrival_);
    if (context_.slot != nullptr) context_.slot->first_token(last_arrival_);
  }
  if (verdict.error) return true;
  if (verdict.terminal) context_.resume->end();
  if (diverged()) return false;
  verdict.texts = context_.resume->fresh();
  verdict.has_content = !verdict.texts.empty() || verdict.finish;
  return true;
}

bool Pump::may_go_on(const PumpEnd& end) const {
  net::HttpCall& call = context_.call;
  return context_.resume != nullptr && context_.resume->possible() && !end.out_of_time &&
         !call.scope().cancelled() && !requested_ && !call.client_left();
}

PumpEnd Pump::break_off(PumpEnd end) {
  context_.charge.report(usage());
  if (context_.upstream != nullptr) context_.upstream->abort();
  end.kind = PumpEnd::kBroken;
  return end;
}

}  // namespace sluice::relay
