// Which process of an engine this is: what is learned of one does not hold for the next.
#pragma once

#include <cmath>
#include <string>

#include "agent/engine.hpp"
#include "base/ids.hpp"

namespace sluice::agent {

class Incarnation {
 public:
  Incarnation() : boot_id_(random_hex(8)) {}

  const std::string& boot_id() const { return boot_id_; }

  /// Nobody listened: whoever listens next is another.
  void gone() { gone_ = seen_; }
  /// It has told these. True when it is another than before.
  bool saw(const Gauges& gauges) {
    // A start time is whole seconds or hundredths of them, and the same each time it is told.
    const bool younger =
        gauges.started_at && started_at_ && std::fabs(*gauges.started_at - *started_at_) > 0.5;
    const bool backwards = gauges.work && work_ && *gauges.work < *work_;
    const bool another = gone_ || younger || backwards;
    if (another) boot_id_ = random_hex(8);
    gone_ = false;
    seen_ = true;
    // What a page leaves out once is not forgotten.
    if (gauges.started_at || another) started_at_ = gauges.started_at;
    if (gauges.work || another) work_ = gauges.work;
    return another;
  }

 private:
  std::string boot_id_;
  bool seen_ = false;
  bool gone_ = false;
  std::optional<double> started_at_;
  std::optional<double> work_;
};

}  // namespace sluice::agent
