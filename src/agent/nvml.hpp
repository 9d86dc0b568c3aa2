// The GPUs of this machine, told by NVIDIA's management library. It is loaded at run time: where
// it is absent, so are the GPUs.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "workers/heartbeat.hpp"

namespace sluice::agent {

/// Which GPUs the engine uses.
class GpuChoice {
 public:
  /// "all"; or a list of indices, in PCI bus order, and of UUIDs or their beginnings
  /// ("GPU-8932f937") as in CUDA_VISIBLE_DEVICES: the first entry that is neither ends it, and an
  /// empty list is none.
  static GpuChoice of(std::string_view list);
  static GpuChoice all() { return GpuChoice(); }

  bool includes(unsigned index, std::string_view uuid) const;

 private:
  bool all_ = true;
  std::vector<unsigned> indices_;
  std::vector<std::string> uuids_;  // beginnings of
};

/// Blocking calls that may take milliseconds: one thread at a time, and never a loop's.
class Nvml {
 public:
  /// kNotFound when there is no such library, kIo when it has not what is needed or does not
  /// start, as without a driver.
  static Result<std::unique_ptr<Nvml>> load(const std::string& path);
  ~Nvml();
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;

  struct Reading {
    std::vector<workers::Gpu> gpus;
    std::string problem;  // why one is missing; empty: none is
  };
  /// kIo when they cannot be counted.
  Result<Reading> read(const GpuChoice& choice) const;

 private:
  struct Library;
  explicit Nvml(std::unique_ptr<Library> library);
  std::unique_ptr<Library> library_;
};

}  // namespace sluice::agent
