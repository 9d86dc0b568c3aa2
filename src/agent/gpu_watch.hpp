// The GPUs as they are now, asked off the loop.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/nvml.hpp"
#include "net/blocking_pool.hpp"
#include "net/scope.hpp"
#include "net/task.hpp"

namespace sluice::agent {

/// Loop thread only.
class GpuWatch {
 public:
  /// Loads the library that SLUICE_NVML_PATH names, else NVIDIA's own, and logs when it cannot be
  /// used. Blocks: at start only.
  explicit GpuWatch(GpuChoice choice);

  /// What was read now; what was read last where the driver does not answer in time.
  net::Task<std::vector<workers::Gpu>> read(net::Scope& scope);
  /// A call into the driver has not come back: the process can only be ended hard.
  bool stuck() const { return pending_ && *pending_; }

 private:
  GpuChoice choice_;
  std::shared_ptr<Nvml> nvml_;  // null: there are none
  std::vector<workers::Gpu> last_;
  std::string problem_;  // that was logged
  std::shared_ptr<bool> pending_;
  net::BlockingPool pool_{1, 4};
};

}  // namespace sluice::agent
